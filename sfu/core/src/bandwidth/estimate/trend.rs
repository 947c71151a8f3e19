//! Whether the queue on the path grows: the slope of the delay over the last groups, held against
//! a threshold that adapts to what is usual (draft-ietf-rmcat-gcc-02, sections 5.3 and 5.4, with
//! the slope of a least-squares line in place of the Kalman filter).

use std::collections::VecDeque;

use super::groups::Step;

/// Groups that the line goes through.
const WINDOW: usize = 20;

/// And at least so many: a queue that fills at once is full before the window is.
const FEWEST: usize = 6;

/// How much of the delay before stays in the smoothed one.
const SMOOTHING: f64 = 0.9;

/// A slope is held against the threshold times this, times the number of groups.
const GAIN: f64 = 4.0;

/// More groups make it no surer.
const SUREST: f64 = 60.0;

/// How fast the threshold follows what is above and what is below it, per millisecond.
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;

const FIRST_THRESHOLD: f64 = 12.5;
const LEAST_THRESHOLD: f64 = 6.0;
const MOST_THRESHOLD: f64 = 600.0;

/// What exceeds the threshold by more is a sudden change, which it does not adapt to.
const SUDDEN: f64 = 15.0;

/// The threshold adapts over at most so much time at once.
const LONGEST_STEP_MS: f64 = 100.0;

/// The queue has grown for so long before it is called overuse.
const OVER_FOR_MS: f64 = 10.0;

/// How the path is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue stays as it is.
    #[default]
    Normal,
    /// It grows.
    Over,
    /// It empties.
    Under,
}

/// The delay of the last groups.
#[derive(Debug)]
pub(super) struct Trend {
    /// When a group had come, and how late it was, smoothed; both in ms since the first.
    points: VecDeque<(f64, f64)>,
    first_at: Option<i64>,
    late_ms: f64,
    smoothed_ms: f64,
    groups: f64,
    slope: f64,
    threshold: f64,
    adapted_at: Option<i64>,
    over_for_ms: Option<f64>,
    over_groups: u32,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Trend {
            points: VecDeque::new(),
            first_at: None,
            late_ms: 0.0,
            smoothed_ms: 0.0,
            groups: 0.0,
            slope: 0.0,
            threshold: FIRST_THRESHOLD,
            adapted_at: None,
            over_for_ms: None,
            over_groups: 0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    /// How the path is used, as of the last group.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Begins anew with what is usual.
    pub(super) fn begin_anew(&mut self) {
        *self = Trend {
            threshold: self.threshold,
            ..Trend::default()
        };
    }

    /// A group is complete.
    pub(super) fn add(&mut self, step: Step) -> Usage {
        let first = *self.first_at.get_or_insert(step.at);
        let to_ms = |us: i64| us as f64 / 1_000.0;
        let sent_ms = to_ms(step.sent);
        self.groups = (self.groups + 1.0).min(1_000.0);
        self.late_ms += to_ms(step.arrival) - sent_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.late_ms;
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        let at = to_ms(step.at.saturating_sub(first));
        self.points.push_back((at, self.smoothed_ms));
        let slope_before = self.slope;
        if self.points.len() >= FEWEST {
            self.slope = slope(&self.points).unwrap_or(self.slope);
        }
        self.judge(sent_ms, slope_before, step.at);
        self.usage
    }

    fn judge(&mut self, sent_ms: f64, slope_before: f64, at: i64) {
        if self.groups < 2.0 {
            return;
        }
        let trend = self.groups.min(SUREST) * self.slope * GAIN;
        if trend > self.threshold {
            let so_far = self
                .over_for_ms
                .map_or(sent_ms / 2.0, |so_far| so_far + sent_ms);
            self.over_for_ms = Some(so_far);
            self.over_groups += 1;
            if so_far > OVER_FOR_MS && self.over_groups > 1 && self.slope >= slope_before {
                (self.over_for_ms, self.over_groups) = (Some(0.0), 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_for_ms, self.over_groups) = (None, 0);
            self.usage = match trend < -self.threshold {
                true => Usage::Under,
                false => Usage::Normal,
            };
        }
        self.adapt(trend.abs(), at);
    }

    fn adapt(&mut self, trend: f64, at: i64) {
        let since = at.saturating_sub(self.adapted_at.unwrap_or(at)).max(0);
        self.adapted_at = Some(at);
        if trend > self.threshold + SUDDEN {
            return;
        }
        let follow = if trend < self.threshold { DOWN } else { UP };
        let since_ms = (since as f64 / 1_000.0).min(LONGEST_STEP_MS);
        let adapted = self.threshold + follow * (trend - self.threshold) * since_ms;
        self.threshold = adapted.clamp(LEAST_THRESHOLD, MOST_THRESHOLD);
    }
}

/// The slope of the line through the points that misses them least. `None`: they are all at one
/// time.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (rise, run) = points.iter().fold((0.0, 0.0), |(rise, run), (x, y)| {
        let x = x - mean_x;
        (rise + x * (y - mean_y), run + x * x)
    });
    (run > 0.0).then(|| rise / run)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups sent every 20 ms, each so many µs later than the one before.
    fn usage_after(groups: i64, later: impl Fn(i64) -> i64) -> Vec<Usage> {
        let mut trend = Trend::default();
        let mut at = 0;
        let judge = |place| {
            let arrival = 20_000 + later(place);
            at += arrival;
            trend.add(Step {
                sent: 20_000,
                arrival,
                at,
            })
        };
        (0..groups).map(judge).collect()
    }

    #[test]
    fn a_queue_that_grows_is_overuse_within_half_a_second() {
        let usage = usage_after(25, |_| 4_000);
        assert!(usage.contains(&Usage::Over), "{usage:?}");
    }

    #[test]
    fn a_queue_that_empties_is_underuse() {
        let usage = usage_after(60, |place| if place < 30 { 3_000 } else { -3_000 });
        assert_eq!(usage.last(), Some(&Usage::Under));
    }

    #[test]
    fn jitter_and_a_receivers_clock_that_runs_wrong_are_neither() {
        // 5 ms to and fro; half a thousandth fast.
        let cases: [fn(i64) -> i64; 3] = [
            |place| if place % 2 == 0 { 5_000 } else { -5_000 },
            |_| 10,
            |_| -10,
        ];
        for later in cases {
            let usage = usage_after(500, later);
            assert!(usage.iter().all(|usage| *usage == Usage::Normal));
        }
    }

    #[test]
    fn what_is_usual_raises_the_threshold() {
        // Slow waves, as of somebody else's traffic: overuse at first, usual later.
        let wave = |place: i64| if place / 10 % 2 == 0 { 700 } else { -700 };
        let usage = usage_after(2_000, wave);
        let over = |range: &[Usage]| range.iter().filter(|usage| **usage == Usage::Over).count();
        let (early, late) = (over(&usage[..1_000]), over(&usage[1_000..]));
        assert!(late <= early, "{early} {late}");
    }
}
