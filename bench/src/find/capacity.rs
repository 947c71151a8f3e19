//! What a machine was found to hold, kept as a small file among a node's data.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::answer::Tried;
use crate::measure::machine::Machine;
use crate::media::Media;
use crate::report::now_utc;

/// What the file is called, in the data directory.
const FILE: &str = "capacity.json";

/// What is read of it at most: many times what is written.
const MAX_BYTES: u64 = 64 * 1024;

/// What a node holds, as it was measured where it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    scenario: String,
    /// What is counted, such as "meetings of 8 (720p)".
    shape: String,
    /// How many of them.
    holds: u16,
    /// Whether it may be more.
    at_least: bool,
    /// How many people take part in them.
    participants: usize,
    /// Of all cores, the simulated people's share included.
    machine_percent: f64,
    server_cores: f64,
    fps: u32,
    kbps: u32,
    machine: Machine,
    /// When, in UTC and as RFC 3339 has it.
    at: String,
    /// Of the program.
    version: String,
}

impl Capacity {
    /// The largest load that holds, here and now. `what`: a scenario and what was counted in it.
    pub(super) fn of(best: &Tried, at_least: bool, what: (String, String), media: &Media) -> Self {
        let (scenario, shape) = what;
        Capacity {
            scenario,
            shape,
            holds: best.load,
            at_least,
            participants: best.participants,
            machine_percent: best.machine_percent,
            server_cores: best.target_cores,
            fps: media.frames_per_second,
            kbps: media.largest_layer_bps / 1000,
            machine: Machine::here(),
            at: now_utc(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// How many people take part in what is held.
    pub fn participants(&self) -> usize {
        self.participants
    }

    /// What is held, when that was measured and by which version.
    pub fn words(&self) -> String {
        let date = self.at.split_once('T').map_or(&*self.at, |(date, _)| date);
        let at_least = if self.at_least { "at least " } else { "" };
        format!(
            "holds {at_least}{} {}, {} people, at {:.0} % CPU; measured on {date} by version {}",
            self.holds, self.shape, self.participants, self.machine_percent, self.version
        )
    }

    /// Why it is to be measured again; none while it is this machine's.
    pub fn outdated(&self) -> Option<String> {
        let here = Machine::here();
        let (then, now) = (self.machine.cores, here.cores);
        if then != now {
            return Some(format!(
                "this was with {then} cores, and now there are {now}"
            ));
        }
        let (then, now) = (&self.machine.cpu_model, &here.cpu_model);
        (then != now).then(|| format!("this was with {then}, and now it is {now}"))
    }

    /// What is kept in a data directory, if anything is.
    ///
    /// # Errors
    /// When there is a file and it says nothing that can be used.
    pub fn load(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        let file = match File::open(&path) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened,
        };
        let read = || -> anyhow::Result<Self> {
            let mut text = String::new();
            file?.take(MAX_BYTES).read_to_string(&mut text)?;
            Ok(serde_json::from_str(&text)?)
        };
        let unusable = || {
            format!(
                "{} says no capacity; `bench find --store` writes it again",
                path.display()
            )
        };
        read().map(Some).with_context(unusable)
    }

    /// Keeps it in a data directory: the file is the old one or the new one, never half of each.
    pub(super) fn store(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join(FILE);
        let write = || -> anyhow::Result<()> {
            let beside = path.with_extension("tmp");
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            // The name, too, is to be on disk.
            Ok(File::open(folder)?.sync_all()?)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }
}

/// Refuses, before anything is measured, a data directory in which nothing could be kept.
pub(super) fn check(folder: &Path) -> anyhow::Result<()> {
    let tried = tempfile::tempfile_in(folder).map(drop);
    tried.with_context(|| format!("no capacity can be kept in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Capacity {
        Capacity {
            scenario: "rooms".to_owned(),
            shape: "meetings of 8 (720p)".to_owned(),
            holds: 14,
            at_least: false,
            participants: 112,
            machine_percent: 70.2,
            server_cores: 1.25,
            fps: 30,
            kbps: 1_500,
            machine: Machine::here(),
            at: "2026-11-22T10:20:30Z".to_owned(),
            version: "1.2.3".to_owned(),
        }
    }

    #[test]
    fn what_is_stored_is_read_again_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        assert_eq!(Capacity::load(folder).expect("nothing"), None);
        check(folder).expect("it can be kept");
        for holds in [14, 3] {
            let capacity = Capacity { holds, ..example() };
            let path = capacity.store(folder).expect("stored");
            assert_eq!(path, folder.join("capacity.json"));
            assert_eq!(Capacity::load(folder).expect("read"), Some(capacity));
        }
        let files = fs::read_dir(folder).expect("a folder").count();
        assert_eq!(files, 1, "nothing is left beside it");
    }

    #[test]
    fn it_says_what_is_held_since_when_and_whether_the_machine_is_another_one() {
        let capacity = example();
        assert_eq!(
            capacity.words(),
            "holds 14 meetings of 8 (720p), 112 people, at 70 % CPU; measured on 2026-11-22 by version 1.2.3"
        );
        assert_eq!(capacity.outdated(), None);
        let cores = capacity.machine.cores;
        let mut other = capacity;
        other.machine.cores += 1;
        let why = other.outdated().expect("another machine");
        let expected = format!(
            "this was with {} cores, and now there are {cores}",
            cores + 1
        );
        assert_eq!(why, expected);
    }

    #[test]
    fn a_file_that_says_no_capacity_is_named_and_so_is_a_folder_that_takes_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        let whole = serde_json::to_string(&example()).expect("JSON");
        let half = &whole[..whole.len() / 2];
        let endless = " ".repeat(2 * MAX_BYTES as usize) + &whole;
        for text in ["", "null", "{}", half, &endless] {
            fs::write(&path, text).expect("written");
            let problem = Capacity::load(folder.path()).expect_err("unusable");
            let problem = format!("{problem:#}");
            assert!(problem.contains(FILE), "{problem}");
            assert!(!problem.contains('\n'), "{problem}");
        }
        let nowhere = folder.path().join("nowhere");
        for problem in [
            check(&nowhere).expect_err("no folder"),
            example().store(&nowhere).expect_err("no folder"),
        ] {
            assert!(problem.to_string().contains("nowhere"), "{problem}");
        }
    }
}
