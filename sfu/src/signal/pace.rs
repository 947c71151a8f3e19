//! How fast one WebSocket is read once its grant was good. Whoever says more is not told so: it is
//! read more slowly, and TCP holds it back. Reading what nobody will heed costs a core otherwise,
//! and those who speak with measure wait for it.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes a second: the largest offer in a second.
const BYTES_PER_SECOND: u32 = 256 * 1024;

/// Bytes that may come at once: an offer of a large room with all that is said beside it.
const BURST_BYTES: u32 = 512 * 1024;

/// What reading a message costs at least.
const LEAST_BYTES: u32 = 1024;

/// The pace of one WebSocket.
#[derive(Debug)]
pub(super) struct Pace {
    /// When everything that was read is paid for.
    paid_at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Pace { paid_at: now }
    }

    /// A message of so many bytes was read.
    pub(super) fn read(&mut self, bytes: usize, now: Instant) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).max(LEAST_BYTES);
        self.paid_at = self.paid_at.max(now) + time_of(bytes);
    }

    /// When the next may be read; none when it may be now.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let at = self.paid_at.checked_sub(time_of(BURST_BYTES))?;
        (at > now).then_some(at)
    }
}

fn time_of(bytes: u32) -> Duration {
    Duration::from_secs(1) * bytes / BYTES_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many messages of so many bytes are read in so many seconds.
    fn read(bytes: usize, seconds: u64) -> usize {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let (mut now, mut count) = (start, 0);
        while now < start + Duration::from_secs(seconds) {
            match pace.waits_until(now) {
                Some(at) => now = at,
                None => {
                    pace.read(bytes, now);
                    count += 1;
                }
            }
        }
        count
    }

    #[test]
    fn a_flood_is_read_at_the_pace_and_one_burst_more() {
        assert_eq!(read(256 * 1024, 10), 2 + 10);
        assert_eq!(read(30, 10), 512 + 10 * 256);
    }

    #[test]
    fn who_speaks_with_measure_never_waits() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for message in 0..2_000_u32 {
            let now = start + Duration::from_millis(10) * message;
            assert_eq!(pace.waits_until(now), None, "{message}");
            pace.read(2_000, now);
        }
        // The largest offer every two seconds, as often as a shard takes one.
        let mut pace = Pace::new(start);
        for offer in 0..100 {
            let now = start + Duration::from_secs(2) * offer;
            assert_eq!(pace.waits_until(now), None, "{offer}");
            pace.read(256 * 1024, now);
        }
    }
}
