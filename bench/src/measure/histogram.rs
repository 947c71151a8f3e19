//! Durations in buckets that are never wider than 1/32 of what they hold.

use std::time::Duration;

use serde::Serialize;

/// Bits that are kept of a value: 5 bits make a bucket at most 3.2 % wide.
const KEPT_BITS: u32 = 5;

/// Values below this have a bucket each.
const EXACT_BELOW: u64 = 1 << KEPT_BITS;

/// Enough for every u64.
const BUCKETS: usize = ((64 - KEPT_BITS as usize) + 1) << KEPT_BITS;

/// A histogram of microseconds. Its size does not grow with what it holds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

/// A histogram in a line, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: vec![0; BUCKETS],
            total: 0,
            largest: 0,
        }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, value: Duration) {
        self.record_us(whole_us(value));
    }

    pub(crate) fn record_us(&mut self, value: u64) {
        self.counts[bucket_of(value)] += 1;
        self.total += 1;
        self.largest = self.largest.max(value);
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.largest = self.largest.max(other.largest);
    }

    /// The value that `share` (0 to 1) of all do not exceed, rounded up to its bucket's end. 0
    /// when there are none.
    fn quantile_us(&self, share: f64) -> u64 {
        let wanted = (share * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return last_of(bucket).min(self.largest);
            }
        }
        self.largest
    }

    /// Each bucket that holds something: its end in milliseconds, and how much it holds.
    pub(crate) fn buckets_ms(&self) -> Vec<(f64, u64)> {
        let full = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        full.map(|(bucket, count)| (last_of(bucket) as f64 / 1000.0, *count))
            .collect()
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let ms = |us: u64| us as f64 / 1000.0;
        Percentiles {
            p50: ms(self.quantile_us(0.50)),
            p95: ms(self.quantile_us(0.95)),
            p99: ms(self.quantile_us(0.99)),
            max: ms(self.largest),
        }
    }
}

fn bucket_of(value: u64) -> usize {
    if value < EXACT_BELOW {
        return value as usize;
    }
    let shift = value.ilog2() - KEPT_BITS;
    let kept = (value >> shift) - EXACT_BELOW;
    (((u64::from(shift) + 1) << KEPT_BITS) + kept) as usize
}

fn last_of(bucket: usize) -> u64 {
    let (row, column) = ((bucket as u64) >> KEPT_BITS, bucket as u64 % EXACT_BELOW);
    match row.checked_sub(1) {
        None => column,
        Some(shift) => {
            let after = u128::from(EXACT_BELOW + column + 1) << shift;
            u64::try_from(after - 1).unwrap_or(u64::MAX)
        }
    }
}

/// Microseconds, as far as they can be counted.
pub(crate) fn whole_us(value: Duration) -> u64 {
    u64::try_from(value.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_bucket_and_the_bucket_is_narrow() {
        let around = (0..64).flat_map(|bit| {
            let one = 1u64 << bit;
            [one - 1, one, one + 1, one + one / 3]
        });
        for value in around.chain([u64::MAX]) {
            let bucket = bucket_of(value);
            assert!(bucket < BUCKETS, "{value}");
            assert!(last_of(bucket) >= value, "{value}");
            assert!(last_of(bucket) - value <= value / 32, "{value}");
            assert!(bucket == 0 || last_of(bucket - 1) < value, "{value}");
        }
    }

    #[test]
    fn quantiles_of_a_known_series_are_within_a_bucket() {
        let mut halves = [Histogram::default(), Histogram::default()];
        for value in 1..=1000u64 {
            halves[(value % 2) as usize].record_us(value * 1000);
        }
        let [mut all, other] = halves;
        all.merge(&other);
        let percentiles = all.percentiles();
        for (got, exact) in [
            (percentiles.p50, 500.0),
            (percentiles.p95, 950.0),
            (percentiles.p99, 990.0),
        ] {
            assert!((exact..=exact * 1.04).contains(&got), "{got} for {exact}");
        }
        assert_eq!(percentiles.max, 1000.0);
        let buckets = all.buckets_ms();
        assert_eq!(buckets.iter().map(|(_, count)| count).sum::<u64>(), 1000);
        assert!(buckets.is_sorted_by(|one, next| one.0 < next.0));
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }
}
