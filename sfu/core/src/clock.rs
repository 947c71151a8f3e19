//! The node's media clock, derived from the time that is passed in.

use std::time::{Duration, Instant};

use sfu_protocol::media::MediaTime;

/// Where the media clock stood when the process started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaClock {
    pub(crate) origin: Instant,
    pub(crate) origin_unix_us: u64,
}

impl MediaClock {
    /// The media time of a moment; moments before the origin are the origin.
    pub(crate) fn at(&self, now: Instant) -> MediaTime {
        let since = now.saturating_duration_since(self.origin).as_micros();
        MediaTime(self.origin_unix_us.saturating_add(since as u64))
    }

    /// The moment of a media time that another shard told, never after `now`.
    pub(crate) fn moment(&self, at: MediaTime, now: Instant) -> Instant {
        let since_us = at.0.saturating_sub(self.origin_unix_us);
        let moment = self.origin.checked_add(Duration::from_micros(since_us));
        moment.map_or(now, |moment| moment.min(now))
    }
}
