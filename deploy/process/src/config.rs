//! Decides what a setting is: the default, unless `colloquy.toml` says otherwise, unless the
//! environment does, unless a flag does.
//!
//! The settings are an ordinary struct with `#[serde(default, deny_unknown_fields)]` on every
//! section. In the environment the setting `section.key` is called `COLLOQUY__SECTION__KEY`; a
//! secret may instead be the content of the file named by `COLLOQUY__SECTION__KEY_FILE`. What
//! cannot be used is one line that names the setting and where it came from.

mod node;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use node::{Node, Origin};

/// What the names of our settings begin with in the environment.
const ENVIRONMENT_PREFIX: &str = "COLLOQUY__";
/// Between two parts of a setting's name in the environment.
const ENVIRONMENT_SEPARATOR: &str = "__";
/// Marks a setting whose value is in a file.
const FILE_SUFFIX: &str = "_file";
/// The file that is read when none is named; it may be missing.
pub const DEFAULT_FILE: &str = "colloquy.toml";
/// What `config print` shows for a secret that is set.
pub const REDACTED: &str = "(set)";

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file named by the operator, which must exist. Without one: [`DEFAULT_FILE`], if there.
    pub file: Option<PathBuf>,
    /// The environment. Other programs' variables in it are passed over.
    pub environment: Vec<(String, String)>,
    /// Settings given as flags: the setting's dotted name and its value.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The process's own environment and these choices. A variable of ours that is not UTF-8 is
    /// read with replacement characters, so that it is refused by its name and not passed over.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let environment = std::env::vars_os()
            .map(|(name, value)| {
                let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
                (text(name), text(value))
            })
            .collect();
        Self {
            file,
            environment,
            flags,
        }
    }
}

/// Why settings cannot be used. The text is one line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// A setting that is well formed and still cannot be used.
    pub fn new(setting: &str, problem: impl std::fmt::Display) -> Self {
        Self::one_line(&format!("{setting}: {problem}"))
    }

    fn one_line(text: &str) -> Self {
        Self(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Reads the settings. `secrets` are the dotted names that may be given as `_FILE`.
pub fn load<T: DeserializeOwned>(sources: &Sources, secrets: &[&str]) -> Result<T, ConfigError> {
    let mut settings = Node::empty();
    if let Some((path, text)) = read_file(sources.file.as_deref())? {
        settings.merge(parse_file(&path, &text)?);
    }
    // Sorted, so that the same environment always gives the same complaint.
    let mut environment: Vec<_> = sources.environment.iter().collect();
    environment.sort();
    for (name, value) in environment {
        let Some(path) = setting_of(name) else {
            continue;
        };
        let (path, value) = follow_file(name, path, value, secrets)?;
        let origin = Origin::Environment(name.clone());
        settings
            .set(&path, Node::text(value, origin))
            .map_err(|problem| ConfigError::one_line(&format!("{name}: {problem}")))?;
    }
    for (name, value) in &sources.flags {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        let flag = Node::text(value.clone(), Origin::Flag(name.clone()));
        settings
            .set(&path, flag)
            .map_err(|problem| ConfigError::new(name, problem))?;
    }
    T::deserialize(settings).map_err(|fault| ConfigError::one_line(&fault.to_string()))
}

/// The settings in force as TOML, each secret that is set replaced by [`REDACTED`].
pub fn print<T: Serialize>(settings: &T, secrets: &[&str]) -> Result<String, ConfigError> {
    let unwritable = |fault: toml::ser::Error| ConfigError::one_line(&fault.to_string());
    let mut table = toml::Table::try_from(settings).map_err(unwritable)?;
    for secret in secrets {
        redact(&mut table, secret);
    }
    toml::to_string_pretty(&table).map_err(unwritable)
}

fn redact(table: &mut toml::Table, secret: &str) {
    match secret.split_once('.') {
        Some((section, rest)) => {
            if let Some(toml::Value::Table(inner)) = table.get_mut(section) {
                redact(inner, rest);
            }
        }
        None => {
            if let Some(value) = table.get_mut(secret) {
                *value = toml::Value::String(REDACTED.to_owned());
            }
        }
    }
}

fn read_file(named: Option<&Path>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(fault) if named.is_none() && fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(ConfigError::new(&path.display().to_string(), fault)),
    }
}

fn parse_file(path: &Path, text: &str) -> Result<Node, ConfigError> {
    let file = path.display().to_string();
    let table: toml::Table = toml::from_str(text).map_err(|fault| {
        let line = fault
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        ConfigError::new(&format!("{file} line {line}"), fault.message())
    })?;
    Ok(Node::from_toml(
        toml::Value::Table(table),
        &Origin::File(file),
    ))
}

/// `COLLOQUY__HTTP__LISTEN` is `["http", "listen"]`; other programs' variables are nothing.
fn setting_of(variable: &str) -> Option<Vec<String>> {
    let name = variable.strip_prefix(ENVIRONMENT_PREFIX)?;
    let parts = name.split(ENVIRONMENT_SEPARATOR);
    Some(parts.map(str::to_ascii_lowercase).collect())
}

/// Replaces `database.url_file` by `database.url` and the file's content, when that is a secret.
fn follow_file(
    variable: &str,
    mut path: Vec<String>,
    value: &str,
    secrets: &[&str],
) -> Result<(Vec<String>, String), ConfigError> {
    let dotted = path.join(".");
    let Some(secret) = dotted.strip_suffix(FILE_SUFFIX) else {
        return Ok((path, value.to_owned()));
    };
    if !secrets.contains(&secret) {
        return Ok((path, value.to_owned()));
    }
    let content = std::fs::read_to_string(value)
        .map_err(|fault| ConfigError::new(variable, format!("{value}: {fault}")))?;
    if let Some(last) = path.last_mut() {
        last.truncate(last.len() - FILE_SUFFIX.len());
    }
    // Editors and `echo` end a file with a line break; no secret of ours ends with one.
    Ok((path, content.trim_end_matches(['\r', '\n']).to_owned()))
}
