//! Decides how log lines look and which are written.
//!
//! Lines go to standard error, so that what a program prints for its caller stays clean. No
//! personal data at `info`: names and addresses of people appear at `debug` at the earliest.
//!
//! Each place in the program writes so many lines and no more (`quota`), whoever causes them.

mod quota;

use std::io::{self, IsTerminal};
use std::time::Duration;

use prometheus::IntCounter;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use quota::Quota;

/// How often the log says how many lines it lacks.
const ADMITTED_EVERY: Duration = Duration::from_secs(60);

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

/// Starts logging for the whole process. Call once. Answers the count of lines that one place in
/// the program wrote too many, and that were left out: a figure of the process.
pub fn init(config: &Config) -> Result<IntCounter, TelemetryError> {
    let left_out = IntCounter::new(
        "colloquy_log_lines_left_out_total",
        "Log lines left out because one place in the program wrote too many.",
    )
    .expect("a valid name");
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match config.format {
        Format::Pretty => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let set = tracing_subscriber::registry()
        .with(filter(&config.filter)?)
        .with(Quota::new(left_out.clone()))
        .with(lines)
        .try_init();
    set.map_err(|_| TelemetryError::Twice)?;
    Ok(left_out)
}

/// Says in the log what the log lacks, as long as it is polled.
pub async fn admit(left_out: IntCounter) {
    let mut told = 0;
    loop {
        tokio::time::sleep(ADMITTED_EVERY).await;
        let lines = left_out.get() - told;
        if lines > 0 {
            told += lines;
            tracing::warn!(
                lines,
                "lines are left out: one place wrote too many of a kind"
            );
        }
    }
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
