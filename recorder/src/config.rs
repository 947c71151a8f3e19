//! Settings of a recorder.

use std::path::PathBuf;
use std::time::Duration;

use recorder_core::layout::Canvas;
use serde::{Deserialize, Serialize};

/// Settings of a recorder, the section `[recorder]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where tapes are written first. On a disk of its own a full object store cannot hurt them.
    pub spool_dir: PathBuf,
    /// The object store's directory.
    pub objects_dir: PathBuf,
    /// Tapes are fsynced at least this often; what arrived since can be lost with the machine's
    /// power, and is asked of the node again when only the recorder fails.
    pub fsync_interval_ms: u64,
    /// With less free space than this in the spool, a new recording is refused; running ones go on.
    pub min_free_bytes: u64,
    /// A recording found unfinished at start ends when nobody comes back to its room for this long.
    pub resume_wait_ms: u64,
    /// A recording that was asked to end waits this long for the rest from its node.
    pub stop_wait_ms: u64,
    /// Width of the composed picture in pixels, even.
    pub width: u32,
    /// Height of the composed picture in pixels, even.
    pub height: u32,
    /// Pictures a second in the composed file.
    pub fps: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            spool_dir: PathBuf::from("data/spool"),
            objects_dir: PathBuf::from("data/objects"),
            fsync_interval_ms: 150,
            min_free_bytes: 256 * 1024 * 1024,
            resume_wait_ms: 15_000,
            stop_wait_ms: 10_000,
            width: Canvas::HD.width,
            height: Canvas::HD.height,
            fps: 25,
        }
    }
}

/// A setting is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("recorder.{setting} must be {range}")]
pub struct ConfigFault {
    /// Which.
    pub setting: &'static str,
    /// What it may be.
    pub range: &'static str,
}

impl Config {
    /// Refuses what cannot work.
    pub fn check(&self) -> Result<(), ConfigFault> {
        let side = |side: u32| (128..=3840).contains(&side) && side.is_multiple_of(2);
        let rules = [
            (
                "fsync_interval_ms",
                "10 to 200",
                (10..=200).contains(&self.fsync_interval_ms),
            ),
            (
                "stop_wait_ms",
                "100 to 120000",
                (100..=120_000).contains(&self.stop_wait_ms),
            ),
            (
                "resume_wait_ms",
                "at most 600000",
                self.resume_wait_ms <= 600_000,
            ),
            ("width", "an even number from 128 to 3840", side(self.width)),
            (
                "height",
                "an even number from 128 to 3840",
                side(self.height),
            ),
            ("fps", "5 to 60", (5..=60).contains(&self.fps)),
        ];
        match rules.into_iter().find(|(_, _, holds)| !holds) {
            Some((setting, range, _)) => Err(ConfigFault { setting, range }),
            None => Ok(()),
        }
    }

    pub(crate) fn canvas(&self) -> Canvas {
        Canvas {
            width: self.width,
            height: self.height,
        }
    }

    pub(crate) fn fsync_interval(&self) -> Duration {
        Duration::from_millis(self.fsync_interval_ms)
    }

    pub(crate) fn resume_wait(&self) -> Duration {
        Duration::from_millis(self.resume_wait_ms)
    }

    pub(crate) fn stop_wait(&self) -> Duration {
        Duration::from_millis(self.stop_wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_each_setting_out_of_range_is_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let wrong = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().expect_err("out of range").setting
        };
        assert_eq!(
            wrong(|config| config.fsync_interval_ms = 201),
            "fsync_interval_ms"
        );
        assert_eq!(wrong(|config| config.stop_wait_ms = 0), "stop_wait_ms");
        assert_eq!(
            wrong(|config| config.resume_wait_ms = 600_001),
            "resume_wait_ms"
        );
        assert_eq!(wrong(|config| config.width = 641), "width");
        assert_eq!(wrong(|config| config.height = 0), "height");
        assert_eq!(wrong(|config| config.fps = 61), "fps");
    }
}
