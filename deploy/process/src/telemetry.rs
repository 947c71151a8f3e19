//! Decides how log lines look and which are written.
//!
//! Lines go to standard error, so that what a program prints for its caller stays clean. No
//! personal data at `info`: names and addresses of people appear at `debug` at the earliest.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// The `[log]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which lines: a level, or directives as in `info,sfu=debug`. Default: `info`, but of the
    /// transport library errors only, for its warnings are about what clients send, as many as
    /// they like.
    pub filter: String,
    /// `pretty` for a person, `json` for a collector.
    pub format: Format,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One readable line.
    Pretty,
    /// One JSON object.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            filter: "info,str0m=error".to_owned(),
            format: Format::Pretty,
        }
    }
}

/// Why logging cannot start.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// `log.filter` is no list of directives.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody has set a subscriber before.
    #[error("logging was started twice")]
    Twice,
}

/// Starts logging for the whole process. Call once.
pub fn init(config: &Config) -> Result<(), TelemetryError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&config.filter)?)
        .with_writer(std::io::stderr);
    let set = match config.format {
        Format::Pretty => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    set.map_err(|_| TelemetryError::Twice)
}

/// Reads `log.filter`; strict, because a directive that is silently dropped costs the very lines
/// that somebody wants to see.
pub fn filter(directives: &str) -> Result<EnvFilter, TelemetryError> {
    Ok(EnvFilter::builder().parse(directives)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_not_ignored() {
        assert!(filter("info,sfu=debug").is_ok());
        assert!(filter("info,sfu=loudest").is_err());
    }
}
