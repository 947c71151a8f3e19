//! A slowly changing offset between two clocks, from noisy samples.

/// Two clocks drift apart at most this fast, in parts per million. Whatever changes faster is
/// the network.
const MAX_DRIFT_PPM: i128 = 300;

/// Reports on each side that a median is taken over.
const MEDIAN_HALF: usize = 4;

/// `y = x + offset(x)`: straight between knots, level beyond the first and the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fit {
    /// `(x_us, offset_us)`, rising in x, at least one.
    knots: Vec<(i64, i64)>,
}

impl Fit {
    /// Through the smallest offsets: for arrivals, which are late by the network but never
    /// early. The lower envelope whose slope is a possible drift.
    pub(crate) fn lower(mut samples: Vec<(i64, i64)>) -> Option<Fit> {
        samples.sort_unstable();
        samples.dedup_by_key(|(x, _)| *x);
        for at in 1..samples.len() {
            let bound = drifted(samples[at - 1], samples[at].0);
            samples[at].1 = samples[at].1.min(bound);
        }
        for at in (1..samples.len()).rev() {
            let bound = drifted(samples[at], samples[at - 1].0);
            samples[at - 1].1 = samples[at - 1].1.min(bound);
        }
        (!samples.is_empty()).then_some(Fit { knots: samples })
    }

    /// Through the middle: for sender reports, which are off to both sides.
    pub(crate) fn middle(mut samples: Vec<(i64, i64)>) -> Option<Fit> {
        samples.sort_unstable();
        samples.dedup_by_key(|(x, _)| *x);
        let knots: Vec<(i64, i64)> = (0..samples.len())
            .map(|at| {
                // The same count on both sides, so that a drift does not bend the ends.
                let half = MEDIAN_HALF.min(at).min(samples.len() - 1 - at);
                let mut near: Vec<i64> = samples[at - half..=at + half]
                    .iter()
                    .map(|(_, offset)| *offset)
                    .collect();
                near.sort_unstable();
                (samples[at].0, near[half])
            })
            .collect();
        (!knots.is_empty()).then_some(Fit { knots })
    }

    /// The other clock's time.
    pub(crate) fn at(&self, x: i64) -> i64 {
        x.saturating_add(self.offset(x))
    }

    fn offset(&self, x: i64) -> i64 {
        let after = self.knots.partition_point(|(knot, _)| *knot <= x);
        let Some(&(x1, y1)) = self.knots.get(after) else {
            return self.knots[self.knots.len() - 1].1;
        };
        let Some(&(x0, y0)) = after
            .checked_sub(1)
            .and_then(|before| self.knots.get(before))
        else {
            return y1;
        };
        let part = i128::from(x) - i128::from(x0);
        let whole = i128::from(x1) - i128::from(x0);
        let step = (i128::from(y1) - i128::from(y0)) * part / whole;
        clamp(i128::from(y0) + step)
    }
}

/// The largest offset at `x` that a drift from `from` allows.
fn drifted(from: (i64, i64), x: i64) -> i64 {
    let distance = (i128::from(x) - i128::from(from.0)).abs();
    clamp(i128::from(from.1) + distance * MAX_DRIFT_PPM / 1_000_000)
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_fit_follows_a_drift_and_ignores_a_slow_network() {
        // 200 ppm of drift; for a minute the network is 300 ms slower.
        let samples = (0..600i64)
            .map(|second| {
                let slow = if (200..260).contains(&second) {
                    300_000
                } else {
                    0
                };
                (second * 1_000_000, 50_000 + second * 200 + slow)
            })
            .collect();
        let fit = Fit::lower(samples).expect("samples");
        for second in [0, 100, 230, 599] {
            let error = fit.offset(second * 1_000_000) - (50_000 + second * 200);
            assert!((0..=8_000).contains(&error), "{second} s: {error} us");
        }
    }

    #[test]
    fn the_middle_fit_ignores_one_false_report_and_follows_a_drift_to_the_ends() {
        let mut samples: Vec<(i64, i64)> = (0..20)
            .map(|at| (at * 1_000_000, 7_000_000 + at * 100))
            .collect();
        samples[9].1 = 90_000_000;
        let fit = Fit::middle(samples).expect("samples");
        for at in [0, 9, 19] {
            let error = fit.offset(at * 1_000_000) - (7_000_000 + at * 100);
            assert!(error.abs() <= 200, "{at}: {error}");
        }
    }

    #[test]
    fn between_knots_it_is_straight_and_beyond_them_level() {
        let fit = Fit {
            knots: vec![(0, 10), (100, 20)],
        };
        let offsets: Vec<i64> = [-5, 0, 50, 100, 900].map(|x| fit.offset(x)).to_vec();
        assert_eq!(offsets, [10, 10, 15, 20, 20]);
        assert_eq!(Fit::lower(vec![]), None);
        assert_eq!(Fit::middle(vec![]), None);
    }

    #[test]
    fn extreme_numbers_are_survived() {
        let wild = vec![(i64::MIN, i64::MAX), (0, i64::MIN), (i64::MAX, i64::MAX)];
        for fit in [Fit::lower(wild.clone()), Fit::middle(wild)] {
            let fit = fit.expect("samples");
            for x in [i64::MIN, -1, 0, 1, i64::MAX] {
                fit.at(x);
            }
        }
    }
}
