//! The node's media clock: the wall clock as it stood at the start, advanced by the monotonic
//! clock since, so that it never jumps.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sfu_protocol::media::MediaTime;

/// The one clock of all shards of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaClock {
    pub(crate) origin: Instant,
    pub(crate) origin_unix_us: u64,
}

impl MediaClock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        MediaClock {
            origin: Instant::now(),
            origin_unix_us: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn now(&self) -> MediaTime {
        let elapsed_us = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        MediaTime(self.origin_unix_us.saturating_add(elapsed_us))
    }
}
