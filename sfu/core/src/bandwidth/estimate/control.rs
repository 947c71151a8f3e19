//! The rate that follows from how the path is used: it grows while nothing speaks against it,
//! slower where the path was full before, and falls below what arrives when the queue grows
//! (draft-ietf-rmcat-gcc-02, section 5.5).

use std::time::{Duration, Instant};

use super::trend::Usage;
use super::{FIRST_BPS, LEAST_BPS, MOST_BPS};

/// What stays of the rate that arrives when the queue grows: it empties meanwhile.
pub(super) const BACK_OFF: f64 = 0.85;

/// What stays of it where the sender is not what fills the path.
const EASE: f64 = 0.7;

/// How fast the rate grows while the path's end is not known, each second.
const GROWTH: f64 = 1.08;

/// It grows to at most this beyond what arrives: more would be a guess.
pub(super) const BEYOND_ACKED: f64 = 1.5;
const BEYOND_ACKED_BPS: f64 = 10_000.0;

/// Near the path's end it grows by a packet in each round trip and this.
const RESPONSE: Duration = Duration::from_millis(100);
const PACKET_BITS: f64 = 9_600.0;
const LEAST_GROWTH_BPS: f64 = 4_000.0;

/// Time that passed at once, at most.
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// It falls again after a round trip, within these bounds.
const SOONEST: Duration = Duration::from_millis(10);
const LATEST: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

/// Where the path's end was when it was met.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    bps: Option<f64>,
    /// The square of how much it differs, in parts of the rate.
    spread: f64,
}

impl End {
    /// How much the newest says of it.
    const WEIGHT: f64 = 0.05;
    /// In kbit/s, of the variance.
    const LEAST_SPREAD: f64 = 0.4;
    const MOST_SPREAD: f64 = 2.5;

    fn met(&mut self, bps: f64) {
        let kbps = bps / 1_000.0;
        let before = self.bps.map(|bps| bps / 1_000.0);
        let mean = before.map_or(kbps, |mean| mean + Self::WEIGHT * (kbps - mean));
        let error = kbps - mean;
        let spread =
            (1.0 - Self::WEIGHT) * self.spread + Self::WEIGHT * error * error / mean.max(1.0);
        self.spread = spread.clamp(Self::LEAST_SPREAD, Self::MOST_SPREAD);
        self.bps = Some(1_000.0 * mean);
    }

    /// From where to where it may be.
    fn range(&self) -> Option<(f64, f64)> {
        let kbps = self.bps? / 1_000.0;
        let differs = 3.0 * (self.spread * kbps).sqrt();
        Some((1_000.0 * (kbps - differs), 1_000.0 * (kbps + differs)))
    }
}

/// The rate.
#[derive(Debug)]
pub(super) struct Control {
    bps: f64,
    state: State,
    end: End,
    changed_at: Instant,
    fell_at: Option<Instant>,
}

impl Control {
    pub(super) fn new(now: Instant) -> Self {
        Control {
            bps: FIRST_BPS,
            state: State::Hold,
            end: End::default(),
            changed_at: now,
            fell_at: None,
        }
    }

    pub(super) fn bps(&self) -> f64 {
        self.bps
    }

    pub(super) fn fell_at(&self) -> Option<Instant> {
        self.fell_at
    }

    /// What arrived, and how the path was used meanwhile. True when the rate fell.
    pub(super) fn update(
        &mut self,
        now: Instant,
        usage: Usage,
        acked: Option<f64>,
        round_trip: Duration,
    ) -> bool {
        let beyond = self.end.range().zip(acked);
        if beyond.is_some_and(|((_, most), acked)| acked > most) {
            self.end = End::default();
        }
        match (usage, self.state) {
            (Usage::Over, _) => return self.fall(now, acked, round_trip),
            (Usage::Under, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => {
                self.state = State::Increase;
                self.changed_at = now;
            }
            (Usage::Normal, State::Increase) => self.grow(now, acked, round_trip),
        }
        false
    }

    fn grow(&mut self, now: Instant, acked: Option<f64>, round_trip: Duration) {
        let passed = now.saturating_duration_since(self.changed_at);
        let passed = passed.min(LONGEST_STEP).as_secs_f64();
        self.changed_at = now;
        let grown = match self.end.bps {
            Some(_) => {
                let response = (round_trip + RESPONSE).as_secs_f64();
                self.bps + passed * (PACKET_BITS / response).max(LEAST_GROWTH_BPS)
            }
            None => self.bps * GROWTH.powf(passed),
        };
        let limit = acked.map_or(self.bps, |acked| BEYOND_ACKED * acked + BEYOND_ACKED_BPS);
        if self.bps < limit {
            self.set(grown.min(limit));
        }
    }

    fn fall(&mut self, now: Instant, acked: Option<f64>, round_trip: Duration) -> bool {
        self.state = State::Hold;
        let again = self.may_fall(now, round_trip);
        // Nothing is known of what arrives: half is a guess on the safe side.
        let arrives = acked.unwrap_or(self.bps / 2.0);
        if !again && arrives > self.bps / 2.0 {
            return false;
        }
        let mut target = BACK_OFF * arrives;
        if let (true, Some(end)) = (target > self.bps, self.end.bps) {
            target = BACK_OFF * end;
        }
        if self.end.range().is_some_and(|(least, _)| arrives < least) {
            self.end = End::default();
        }
        if acked.is_some() {
            self.end.met(arrives);
        }
        self.changed_at = now;
        self.fell_at = Some(now);
        let falls = target < self.bps;
        if falls {
            self.set(target);
        }
        falls
    }

    fn may_fall(&self, now: Instant, round_trip: Duration) -> bool {
        let fell_for = self.fell_at.map(|at| now.saturating_duration_since(at));
        fell_for.is_none_or(|passed| passed >= round_trip.clamp(SOONEST, LATEST))
    }

    /// The queue seems to grow, though far less is sent than the rate: step by step, and not below
    /// what arrives while a burst, a keyframe, is on its way. True when the rate fell.
    pub(super) fn ease(&mut self, now: Instant, acked: Option<f64>, round_trip: Duration) -> bool {
        let arrives = BACK_OFF * acked.unwrap_or(0.0);
        let target = arrives.max(EASE * self.bps);
        let falls = target < self.bps && self.may_fall(now, round_trip);
        if falls {
            self.cut(now, target);
        }
        falls
    }

    /// Something else says that the path carries no more.
    pub(super) fn cut(&mut self, now: Instant, bps: f64) {
        if bps < self.bps {
            self.set(bps);
            self.state = State::Hold;
            self.changed_at = now;
            self.fell_at = Some(now);
        }
    }

    /// Something else proves that the path carries so much.
    pub(super) fn raise(&mut self, now: Instant, bps: f64) {
        if bps > self.bps {
            self.set(bps);
            self.changed_at = now;
        }
    }

    fn set(&mut self, bps: f64) {
        self.bps = bps.clamp(LEAST_BPS, MOST_BPS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_grows_by_a_twelfth_a_second_and_not_beyond_what_arrives() {
        let t0 = crate::testing::start();
        let mut control = Control::new(t0);
        control.cut(t0, 1_000_000.0);
        for step in 0..=50 {
            control.update(t0 + ms(step * 100), Usage::Normal, Some(1e6), ROUND_TRIP);
        }
        assert!(
            (1.4e6..1.48e6).contains(&control.bps()),
            "{}",
            control.bps()
        );
        for step in 51..200 {
            control.update(t0 + ms(step * 100), Usage::Normal, Some(1e6), ROUND_TRIP);
        }
        assert!(
            (1.5e6..1.52e6).contains(&control.bps()),
            "{}",
            control.bps()
        );
        control.update(t0 + ms(20_000), Usage::Normal, Some(1e4), ROUND_TRIP);
        assert!(
            control.bps() > 1.5e6,
            "who sends little proves nothing against it"
        );
    }

    #[test]
    fn it_falls_below_what_arrives_and_grows_slowly_where_it_met_the_end() {
        let t0 = crate::testing::start();
        let mut control = Control::new(t0);
        assert!(control.update(t0, Usage::Over, Some(1e6), ROUND_TRIP));
        assert_eq!(control.bps(), 850_000.0);
        assert!(
            !control.update(t0 + ms(20), Usage::Over, Some(8e5), ROUND_TRIP),
            "a round trip"
        );
        assert!(control.update(t0 + ms(60), Usage::Over, Some(8e5), ROUND_TRIP));
        for step in 0..=20 {
            let now = t0 + ms(100 + step * 100);
            control.update(now, Usage::Normal, Some(680_000.0), ROUND_TRIP);
        }
        let grew = control.bps() - 680_000.0;
        assert!((100_000.0..140_000.0).contains(&grew), "{grew}");
    }

    #[test]
    fn overuse_never_raises_it_and_its_bounds_hold() {
        let t0 = crate::testing::start();
        let mut control = Control::new(t0);
        control.cut(t0, 200_000.0);
        assert!(!control.update(t0 + ms(500), Usage::Over, Some(1e6), ROUND_TRIP));
        assert_eq!(control.bps(), 200_000.0);
        control.update(t0 + ms(999), Usage::Over, Some(0.0), ROUND_TRIP);
        assert_eq!(control.bps(), LEAST_BPS);
        control.raise(t0 + ms(999), 1e12);
        assert_eq!(control.bps(), MOST_BPS);
    }

    #[test]
    fn who_sends_little_eases_and_not_below_what_arrives() {
        let t0 = crate::testing::start();
        for (acked, falls_to) in [
            (None, Some(0.7)),
            (Some(0.1), Some(0.7)),
            (Some(1.0), Some(0.85)),
            (Some(1.2), None),
        ] {
            let mut control = Control::new(t0);
            let before = control.bps();
            let fell = control.ease(t0, acked.map(|part| part * before), ROUND_TRIP);
            assert_eq!(fell, falls_to.is_some(), "{acked:?}");
            let expected = falls_to.unwrap_or(1.0) * before;
            assert!((control.bps() - expected).abs() < 1.0, "{acked:?}");
        }
    }
}
