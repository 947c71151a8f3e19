//! Whether the recorder's disk takes recordings, looked at now and then, and at once when a
//! recording finds that it does not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use prometheus::IntGaugeVec;

use crate::config::Config;
use crate::trouble;

/// How often the disk is looked at while nobody asks.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Recordings can be begun and written, or in words why not.
pub type Condition = Result<(), String>;

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No new recording is begun.
    NearlyFull,
    /// What is recorded waits, up to what the node holds back.
    NotWritten,
    /// The system does not say how much is free.
    Unknown,
}

impl Problem {
    const ALL: [Problem; 3] = [Problem::NearlyFull, Problem::NotWritten, Problem::Unknown];

    fn name(self) -> &'static str {
        match self {
            Problem::NearlyFull => "nearly_full",
            Problem::NotWritten => "not_written",
            Problem::Unknown => "unknown",
        }
    }

    /// Shows the disk's problem, and that it has no other.
    pub(crate) fn show(found: Option<Problem>, gauges: &IntGaugeVec) {
        for problem in Problem::ALL {
            let now = i64::from(found == Some(problem));
            gauges.with_label_values(&[problem.name()]).set(now);
        }
    }
}

/// Has the disk looked at before its time.
#[derive(Debug, Clone, Default)]
pub(crate) struct LookAgain(Arc<Notify>);

impl LookAgain {
    pub(crate) fn now(&self) {
        self.0.notify_one();
    }
}

/// Looks until nobody listens.
pub(crate) async fn watch_disk(
    config: Arc<Config>,
    look_again: LookAgain,
    condition: watch::Sender<Condition>,
    gauges: IntGaugeVec,
) {
    loop {
        let looked_at = config.clone();
        let looked = tokio::task::spawn_blocking(move || look(&looked_at));
        if let Ok(found) = looked.await {
            let problem = found.as_ref().err().map(|(problem, _)| *problem);
            Problem::show(problem, &gauges);
            let found = found.map_err(|(_, words)| words);
            condition.send_if_modified(|known| {
                let news = *known != found;
                *known = found;
                news
            });
        }
        tokio::select! {
            () = tokio::time::sleep(LOOKED_AT_EVERY) => {}
            () = look_again.0.notified() => {}
            () = condition.closed() => return,
        }
    }
}

/// The problem of the disk, and it in words.
fn look(config: &Config) -> Result<(), (Problem, String)> {
    let dir = &config.spool_dir;
    if let Err(error) = trouble::probe(dir) {
        let words = trouble::disk_words(trouble::reason(&error));
        let words = format!(
            "tapes cannot be written: {words} ({}: {error})",
            dir.display()
        );
        return Err((Problem::NotWritten, words));
    }
    let free =
        trouble::free_bytes(dir).map_err(|error| (Problem::Unknown, unknown(dir, &error)))?;
    if free < config.min_free_bytes {
        let words = format!(
            "new recordings are refused: {} has {} MB free, less than recorder.min_free_bytes ({} MB)",
            dir.display(),
            free / 1_000_000,
            config.min_free_bytes / 1_000_000
        );
        return Err((Problem::NearlyFull, words));
    }
    Ok(())
}

fn unknown(dir: &Path, error: &std::io::Error) -> String {
    format!("the free space of {} is not known: {error}", dir.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_fit_nearly_full_or_not_written_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = Config {
            spool_dir: dir.path().to_owned(),
            min_free_bytes: 0,
            ..Config::default()
        };
        assert_eq!(look(&config), Ok(()));
        config.min_free_bytes = u64::MAX;
        let (problem, words) = look(&config).expect_err("nobody has so much");
        assert_eq!(problem, Problem::NearlyFull);
        assert!(words.contains("recorder.min_free_bytes"), "{words}");
        // A file where the folder should be: nothing can be written below it.
        config.spool_dir = dir.path().join("file");
        std::fs::write(&config.spool_dir, b"").expect("writes");
        let (problem, words) = look(&config).expect_err("no folder");
        assert_eq!(problem, Problem::NotWritten);
        assert!(words.starts_with("tapes cannot be written"), "{words}");
    }

    #[test]
    fn only_the_problem_that_the_disk_has_now_is_counted() {
        let metrics = crate::metrics::Metrics::register(&prometheus::Registry::new());
        let gauges = metrics.expect("a registry of its own").disk_problem;
        let cases = [
            (Some(Problem::NearlyFull), [1, 0, 0]),
            (Some(Problem::NotWritten), [0, 1, 0]),
            (None, [0, 0, 0]),
        ];
        for (found, shown) in cases {
            Problem::show(found, &gauges);
            let now = Problem::ALL.map(|it| gauges.with_label_values(&[it.name()]).get());
            assert_eq!(now, shown, "{found:?}");
        }
    }
}
