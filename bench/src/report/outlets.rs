//! Where a report goes: a table on the terminal, and JSON and a page where they were asked for.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

/// Instead of a file: standard output.
const STANDARD_OUTPUT: &str = "-";

/// The flags of everything that reports.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Outlets {
    /// Writes one JSON object into this file; without a file, or with `-`, to standard output
    /// instead of the table.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STANDARD_OUTPUT)]
    json: Option<PathBuf>,
    /// Writes one page with drawings, that needs nothing beside it, into this file; `-` is
    /// standard output.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Outlets {
    /// Refuses, before anything is measured, what could not be written after it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let files = [&self.json, &self.html];
        let at_once = files.iter().filter(|file| is_standard_output(file)).count();
        anyhow::ensure!(
            at_once < 2,
            "--json and --html cannot both go to standard output"
        );
        for file in files.into_iter().flatten() {
            if file.as_os_str() == STANDARD_OUTPUT {
                continue;
            }
            let folder = file
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            anyhow::ensure!(folder.is_dir(), "there is no folder {}", folder.display());
            anyhow::ensure!(!file.is_dir(), "{} is a folder, not a file", file.display());
        }
        Ok(())
    }

    /// Whether a page was asked for.
    pub(crate) fn want_a_page(&self) -> bool {
        self.html.is_some()
    }

    /// Whether standard output is another program's to read, who wants no words beside it.
    pub(crate) fn are_quiet(&self) -> bool {
        is_standard_output(&self.json) || is_standard_output(&self.html)
    }

    /// Writes what was asked for.
    pub(crate) fn write(
        &self,
        json: &impl Serialize,
        html: impl FnOnce() -> String,
        table: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        if let Some(file) = &self.json {
            write_to(file, &(serde_json::to_string(json)? + "\n"))?;
        }
        if let Some(file) = &self.html {
            write_to(file, &html())?;
        }
        if !self.are_quiet() {
            write_to(Path::new(STANDARD_OUTPUT), &table())?;
        }
        Ok(())
    }
}

fn is_standard_output(file: &Option<PathBuf>) -> bool {
    file.as_ref()
        .is_some_and(|file| file.as_os_str() == STANDARD_OUTPUT)
}

fn write_to(file: &Path, text: &str) -> anyhow::Result<()> {
    match file.as_os_str() == STANDARD_OUTPUT {
        true => std::io::stdout()
            .write_all(text.as_bytes())
            .context("standard output cannot be written"),
        false => {
            fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(json: Option<&str>, html: Option<&str>) -> Outlets {
        Outlets {
            json: json.map(PathBuf::from),
            html: html.map(PathBuf::from),
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused_before_anything_is_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().to_str().expect("a name");
        for (outlets, word) in [
            (to(Some("-"), Some("-")), "both"),
            (to(Some("/no/such/folder/f"), None), "/no/such/folder"),
            (to(None, Some(folder)), "a folder, not a file"),
        ] {
            let problem = outlets.check().expect_err(word).to_string();
            assert!(problem.contains(word), "{problem}");
        }
        assert!(to(Some("-"), Some("page.html")).check().is_ok());
    }

    #[test]
    fn files_are_written_and_only_standard_output_makes_it_quiet() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        let outlets = Outlets {
            json: Some(file("a.json")),
            html: Some(file("a.html")),
        };
        assert!(outlets.check().is_ok() && !outlets.are_quiet());
        outlets
            .write(&[1, 2], || "<p>".to_owned(), String::new)
            .expect("written");
        assert_eq!(fs::read_to_string(file("a.json")).expect("read"), "[1,2]\n");
        assert_eq!(fs::read_to_string(file("a.html")).expect("read"), "<p>");
        assert!(to(Some("-"), None).are_quiet() && to(None, Some("-")).are_quiet());
    }
}
