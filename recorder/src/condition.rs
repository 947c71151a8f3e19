//! Whether the recorder's disk takes recordings, looked at now and then, and at once when a
//! recording finds that it does not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::trouble;

/// How often the disk is looked at while nobody asks.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Recordings can be begun and written, or in words why not.
pub type Condition = Result<(), String>;

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
) {
    loop {
        let looked_at = config.clone();
        let looked = tokio::task::spawn_blocking(move || look(&looked_at));
        if let Ok(found) = looked.await {
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

fn look(config: &Config) -> Condition {
    let dir = &config.spool_dir;
    if let Err(error) = trouble::probe(dir) {
        let words = trouble::disk_words(trouble::reason(&error));
        return Err(format!(
            "tapes cannot be written: {words} ({}: {error})",
            dir.display()
        ));
    }
    let free = trouble::free_bytes(dir).map_err(|error| unknown(dir, &error))?;
    if free < config.min_free_bytes {
        return Err(format!(
            "new recordings are refused: {} has {} MB free, less than recorder.min_free_bytes ({} MB)",
            dir.display(),
            free / 1_000_000,
            config.min_free_bytes / 1_000_000
        ));
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
        let problem = look(&config).expect_err("nobody has so much");
        assert!(problem.contains("recorder.min_free_bytes"), "{problem}");
        // A file where the folder should be: nothing can be written below it.
        config.spool_dir = dir.path().join("file");
        std::fs::write(&config.spool_dir, b"").expect("writes");
        let problem = look(&config).expect_err("no folder");
        assert!(problem.starts_with("tapes cannot be written"), "{problem}");
    }
}
