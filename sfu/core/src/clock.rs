//! The node's media clock, derived from the time that is passed in.

use std::time::Instant;

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
}
