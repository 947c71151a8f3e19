//! A queue that is full does not grow, and shows in no slope: it shows in how much longer a round
//! trip takes than it did.

use std::time::{Duration, Instant};

/// Round trips that are longer by this than the shortest known.
const LONGER: Duration = Duration::from_millis(120);

/// The shortest of so long is how long one takes now.
const LATELY: Duration = Duration::from_millis(400);

/// The shortest of one to two such times is what it takes without a queue.
const USUALLY: Duration = Duration::from_secs(20);

/// The next time is looked at only so much later: the queue empties meanwhile.
const EVERY: Duration = Duration::from_millis(1_200);

/// So often it is called a queue; if it is still there, the path is another one.
const PATIENCE: u8 = 5;

/// The shortest round trip of a while.
#[derive(Debug, Clone, Copy)]
struct Shortest {
    since: Instant,
    round_trip: Duration,
    before: Duration,
}

impl Shortest {
    fn new(now: Instant, round_trip: Duration) -> Self {
        Shortest {
            since: now,
            round_trip,
            before: round_trip,
        }
    }

    /// True when a while is over.
    fn add(&mut self, now: Instant, round_trip: Duration, of: Duration) -> bool {
        let over = now.saturating_duration_since(self.since) >= of;
        if over {
            (self.since, self.before, self.round_trip) = (now, self.round_trip, round_trip);
        }
        self.round_trip = self.round_trip.min(round_trip);
        over
    }
}

/// What round trips say of the queue.
#[derive(Debug, Default)]
pub(super) struct Standing {
    usual: Option<Shortest>,
    lately: Option<Shortest>,
    told_at: Option<Instant>,
    told: u8,
}

impl Standing {
    /// A round trip was timed. True when there is a queue that does not go away.
    pub(super) fn add(&mut self, now: Instant, round_trip: Duration) -> bool {
        let usual = self.usual.get_or_insert(Shortest::new(now, round_trip));
        usual.add(now, round_trip, USUALLY);
        let shortest = usual.round_trip.min(usual.before);
        let lately = self.lately.get_or_insert(Shortest::new(now, round_trip));
        if !lately.add(now, round_trip, LATELY) {
            return false;
        }
        if lately.before <= shortest + LONGER {
            self.told = 0;
            return false;
        }
        let waits = |at| now.saturating_duration_since(at) < EVERY;
        if self.told_at.is_some_and(waits) {
            return false;
        }
        if self.told >= PATIENCE {
            *self = Standing::default();
            return false;
        }
        (self.told, self.told_at) = (self.told + 1, Some(now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a queue is told of, with a round trip every 50 ms.
    fn told(round_trips_ms: impl Iterator<Item = u64>) -> usize {
        let mut standing = Standing::default();
        let mut now = crate::testing::start();
        let told = round_trips_ms.filter(|ms| {
            now += Duration::from_millis(50);
            standing.add(now, Duration::from_millis(*ms))
        });
        told.count()
    }

    #[test]
    fn a_queue_that_stands_is_told_of_and_jitter_is_none() {
        let steady = || std::iter::repeat_n(50, 100);
        let full = steady().chain(std::iter::repeat_n(350, 60));
        assert!((2..=3).contains(&told(full)));
        let jitter = (0..1_000).map(|place| 50 + (place * 97) % 300);
        assert_eq!(told(jitter), 0);
    }

    #[test]
    fn a_path_that_became_longer_is_soon_taken_for_what_it_is() {
        let longer = std::iter::repeat_n(50, 100).chain(std::iter::repeat_n(350, 2_000));
        assert_eq!(told(longer), usize::from(PATIENCE));
    }
}
