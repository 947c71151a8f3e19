//! What a person must mend before the program can start: one line, exit code 2.

use deploy_process::config::ConfigError;
use thiserror::Error;

/// The exit code of a start that was refused.
pub(crate) const EXIT_REFUSED: u8 = 2;

/// Why the start is refused, in words that name what to change.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Refusal(String);

impl Refusal {
    /// A refusal in these words.
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

impl From<ConfigError> for Refusal {
    fn from(fault: ConfigError) -> Self {
        Self(fault.to_string())
    }
}
