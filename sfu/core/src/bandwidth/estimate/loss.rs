//! What loss says of the path. Some paths lose a part of whatever they carry; that is no reason to
//! send less. A path that is full loses more, the more is sent. Which of both it is shows over
//! windows in which different rates were sent: the likeliest pair of a constant loss and a limit
//! is looked for, and in doubt there is no limit.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A window is at least so long.
const WINDOW: Duration = Duration::from_millis(250);

/// And has at least so many packets: fewer say nothing of loss.
const FEWEST: u32 = 20;

/// A window that does not fill within this is forgotten.
const STALE: Duration = Duration::from_secs(5);

/// Windows that are looked at.
const WINDOWS: usize = 10;

/// How much an older window counts beside the next.
const FADES: f64 = 0.85;

/// Less loss than this everywhere asks for nothing.
pub(super) const QUIET: f64 = 0.03;

/// Losses that a path may have of itself.
const CONSTANT: [f64; 9] = [0.0005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.14, 0.18, 0.25];

/// A path may lose this of itself, and more where it carries less: what is lost of a high rate is
/// more often a queue that is full.
const MOST_CONSTANT: f64 = 0.12;
const MOST_CONSTANT_BPS: f64 = 120_000.0;

/// Limits that are tried, in parts of the highest rate that was sent.
const LIMITS: [f64; 10] = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92, 0.97];

/// How much likelier a limit has to be than none, in the logarithm, and more for each packet.
const DOUBT: f64 = 8.0;
const DOUBT_OF_EACH: f64 = 0.01;

#[derive(Debug, Clone, Copy)]
struct Window {
    bps: f64,
    packets: f64,
    lost: f64,
}

/// What was lost lately.
#[derive(Debug, Default)]
pub(super) struct Losses {
    windows: VecDeque<Window>,
    /// The last one. It is weighed once the next is over: what only came out of order has come by
    /// then.
    closed: Option<Window>,
    open_since: Option<Instant>,
    bytes: u64,
    packets: u32,
    lost: u32,
}

impl Losses {
    /// A packet of which feedback speaks.
    pub(super) fn add(&mut self, bytes: usize, came: bool) {
        self.bytes += bytes as u64;
        self.packets += 1;
        self.lost += u32::from(!came);
    }

    /// A packet that was said to be missing came after all.
    pub(super) fn came_late(&mut self) {
        match self.closed.as_mut().filter(|closed| closed.lost >= 1.0) {
            Some(closed) => closed.lost -= 1.0,
            None => self.lost = self.lost.saturating_sub(1),
        }
    }

    /// How much the path carries at most, if what was told by now says that.
    pub(super) fn limit(&mut self, now: Instant) -> Option<f64> {
        let since = *self.open_since.get_or_insert(now);
        let open_for = now.saturating_duration_since(since);
        if open_for < WINDOW || (self.packets < FEWEST && open_for < STALE) {
            return None;
        }
        let window = Window {
            bps: self.bytes as f64 * 8.0 / open_for.as_secs_f64(),
            packets: f64::from(self.packets),
            lost: f64::from(self.lost),
        };
        let counts = self.packets >= FEWEST;
        self.open_since = Some(now);
        (self.bytes, self.packets, self.lost) = (0, 0, 0);
        let closed = match counts {
            true => self.closed.replace(window),
            false => self.closed.take(),
        };
        self.weigh(closed?)
    }

    /// A window in which so many packets were sent at this rate, and so many of them lost.
    pub(super) fn weigh_window(&mut self, bps: f64, packets: f64, lost: f64) -> Option<f64> {
        let counts = packets >= f64::from(FEWEST);
        let window = Window { bps, packets, lost };
        counts.then(|| self.weigh(window))?
    }

    fn weigh(&mut self, window: Window) -> Option<f64> {
        if self.windows.len() == WINDOWS {
            self.windows.pop_front();
        }
        self.windows.push_back(window);
        // Only what is lost now is a reason to send less now.
        if window.lost <= QUIET * window.packets {
            return None;
        }
        let highest = self
            .windows
            .iter()
            .map(|window| window.bps)
            .fold(0.0, f64::max);
        let (without, _) = self.likeliest(f64::INFINITY)?;
        let tried = LIMITS.iter().filter_map(|part| {
            let limit = part * highest;
            Some((self.likeliest(limit)?.0, limit))
        });
        let packets: f64 = self
            .weighted()
            .map(|(weight, window)| weight * window.packets)
            .sum();
        let (likelihood, limit) = tried.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let is_sure = likelihood > without + DOUBT + DOUBT_OF_EACH * packets;
        // Who sends less already has nothing to gain.
        (is_sure && limit < window.bps).then_some(limit)
    }

    /// The logarithm of how likely all of it is under a limit, with the constant loss that fits
    /// best.
    fn likeliest(&self, limit: f64) -> Option<(f64, f64)> {
        let highest = self
            .windows
            .iter()
            .map(|window| window.bps)
            .fold(0.0, f64::max);
        let most = MOST_CONSTANT + MOST_CONSTANT_BPS / limit.min(highest).max(1.0);
        let constants = CONSTANT.iter().filter(|constant| **constant <= most);
        constants
            .map(|&constant| (self.likelihood(limit, constant), constant))
            .max_by(|a, b| a.0.total_cmp(&b.0))
    }

    fn likelihood(&self, limit: f64, constant: f64) -> f64 {
        let of_window = |(weight, window): (f64, &Window)| {
            let full = (1.0 - limit / window.bps.max(1.0)).max(0.0);
            let loss = (constant + (1.0 - constant) * full).clamp(1e-4, 0.999);
            let came = window.packets - window.lost;
            weight * (window.lost * loss.ln() + came * (1.0 - loss).ln())
        };
        self.weighted().map(of_window).sum()
    }

    fn weighted(&self) -> impl Iterator<Item = (f64, &Window)> {
        let newest_first = self.windows.iter().rev();
        newest_first.scan(1.0, |weight, window| {
            let counts = *weight;
            *weight *= FADES;
            Some((counts, window))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows of a rate in kbit/s and a loss in percent, each with 100 packets.
    fn limit_kbps(windows: &[(f64, f64)]) -> Option<f64> {
        let mut losses = Losses::default();
        let mut limit = None;
        for &(kbps, percent) in windows {
            limit = losses.weigh_window(kbps * 1_000.0, 100.0, percent);
        }
        limit.map(|bps| bps / 1_000.0)
    }

    #[test]
    fn constant_loss_is_no_limit_whatever_is_sent() {
        for percent in [1.0, 2.0, 5.0, 8.0, 10.0] {
            for rates in [
                [1_500.0; 4],
                [200.0; 4],
                [300.0, 1_500.0, 600.0, 1_500.0],
                [4_000.0; 4],
            ] {
                let windows = rates.map(|kbps| (kbps, percent));
                assert_eq!(limit_kbps(&windows), None, "{percent} % of {rates:?}");
            }
        }
    }

    #[test]
    fn loss_that_grows_with_what_is_sent_is_a_limit() {
        // What a path of 1 Mbit/s without a queue loses.
        let lost = |kbps: f64| (kbps, (100.0 * (1.0 - 1_000.0 / kbps)).max(0.0));
        let cases = [
            vec![lost(500.0), lost(2_000.0)],
            vec![lost(600.0), lost(600.0), lost(1_600.0), lost(1_600.0)],
            vec![lost(2_500.0), lost(2_500.0)],
        ];
        for windows in cases {
            let limit = limit_kbps(&windows);
            assert!(
                limit.is_some_and(|kbps| (600.0..1_500.0).contains(&kbps)),
                "{limit:?} {windows:?}"
            );
        }
    }

    #[test]
    fn what_is_not_lost_any_more_asks_for_nothing() {
        assert_eq!(
            limit_kbps(&[(500.0, 0.0), (2_000.0, 50.0), (500.0, 0.0)]),
            None
        );
    }

    #[test]
    fn a_few_packets_say_nothing() {
        let t0 = crate::testing::start();
        let mut losses = Losses::default();
        for step in 0..100 {
            losses.add(1_000, false);
            let limit = losses.limit(t0 + Duration::from_millis(400 * step));
            assert_eq!(limit, None, "{step}");
        }
    }
}
