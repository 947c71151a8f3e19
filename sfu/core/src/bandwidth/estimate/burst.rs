//! What leaves at once, as a keyframe does, waits before the path's narrowest place and is gone
//! again soon: a queue that says nothing of what the path carries.

use std::time::{Duration, Instant};

/// How long after its last packet has come a burst may still be told of.
const TOLD_WITHIN: Duration = Duration::from_millis(200);

/// What of all that left would wait, if the path carries what is estimated.
#[derive(Debug, Default)]
pub(super) struct Burst {
    /// When the last of it is through.
    through_at: Option<Instant>,
    /// The same of what is worth the name.
    burst_until: Option<Instant>,
}

/// What waits for less is no burst: a picture of a small layer.
const LEAST: Duration = Duration::from_millis(60);

/// A queue that takes longer is one, wherever it comes from.
const LONGEST: Duration = Duration::from_secs(1);

impl Burst {
    /// So much left, on a path of this rate.
    pub(super) fn left(&mut self, now: Instant, bytes: usize, bps: f64) {
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / bps.max(1.0)).min(LONGEST);
        let begins = self.through_at.map_or(now, |at| at.max(now));
        let through_at = (begins + takes).min(now + LONGEST);
        self.through_at = Some(through_at);
        if through_at >= now + LEAST {
            self.burst_until = Some(through_at);
        }
    }

    /// Whether what feedback tells now may be of a burst.
    pub(super) fn is_on_its_way(&self, now: Instant, round_trip: Duration) -> bool {
        let late = TOLD_WITHIN + round_trip.min(LONGEST);
        self.burst_until.is_some_and(|until| now < until + late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_at_once_is_a_burst_until_it_is_through_and_told_of() {
        let t0 = crate::testing::start();
        let at = |ms| t0 + Duration::from_millis(ms);
        let round_trip = Duration::from_millis(50);
        let mut burst = Burst::default();
        // A packet of 1,000 bytes takes 20 ms: as many as there is room for.
        for packet in 0..100 {
            burst.left(at(packet * 20), 1_000, 400_000.0);
            assert!(
                !burst.is_on_its_way(at(packet * 20), round_trip),
                "{packet}"
            );
        }
        // A keyframe: 300 ms of the path.
        (0..15).for_each(|_| burst.left(at(3_000), 1_000, 400_000.0));
        assert!(burst.is_on_its_way(at(3_000), round_trip));
        assert!(burst.is_on_its_way(at(3_500), round_trip));
        assert!(!burst.is_on_its_way(at(3_600), round_trip));
    }

    #[test]
    fn a_flood_is_a_burst_for_no_longer_than_its_bound() {
        let t0 = crate::testing::start();
        let mut burst = Burst::default();
        (0..10_000).for_each(|_| burst.left(t0, 1_500, 30_000.0));
        let end = t0 + LONGEST + TOLD_WITHIN + LONGEST;
        assert!(!burst.is_on_its_way(end, Duration::from_secs(60)));
    }
}
