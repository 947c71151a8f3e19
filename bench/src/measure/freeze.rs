//! When a picture stands still: the time between one decoded picture and the next.

use std::time::{Duration, Instant};

use serde::Serialize;

/// A picture that stands longer is frozen: five frames of 30 a second are missing.
pub(crate) const FREEZE: Duration = Duration::from_millis(200);

/// Freezes of one or many pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Freezes {
    /// How many.
    pub(crate) count: u64,
    /// Together, over all that watched, in milliseconds.
    pub(crate) total_ms: f64,
    /// The longest one, in milliseconds.
    pub(crate) longest_ms: f64,
}

impl Freezes {
    pub(crate) fn add(&mut self, other: &Freezes) {
        self.count += other.count;
        self.total_ms += other.total_ms;
        self.longest_ms = self.longest_ms.max(other.longest_ms);
    }

    fn record(&mut self, stood: Duration) {
        if stood <= FREEZE {
            return;
        }
        let ms = stood.as_secs_f64() * 1_000.0;
        self.add(&Freezes {
            count: 1,
            total_ms: ms,
            longest_ms: ms,
        });
    }
}

/// One picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    last: Option<Instant>,
    freezes: Freezes,
}

impl Watch {
    /// A new picture. Only what is inside the window counts: `from` is its begin, none while it
    /// has not begun.
    pub(crate) fn picture(&mut self, now: Instant, from: Option<Instant>) {
        let last = self.last.replace(now);
        if let (Some(last), Some(from)) = (last, from) {
            self.freezes.record(now - last.max(from).min(now));
        }
    }

    /// What was counted, if the window ends at `end`.
    pub(crate) fn until(&self, end: Instant, from: Instant) -> Freezes {
        let mut freezes = self.freezes;
        if let Some(last) = self.last {
            freezes.record(end.saturating_duration_since(last.max(from)));
        }
        freezes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freeze_is_as_long_as_the_picture_stood_inside_the_window() {
        let from = Instant::now();
        let at = |ms| from + Duration::from_millis(ms);
        let mut watch = Watch::default();
        watch.picture(from - Duration::from_secs(5), None);
        watch.picture(at(100), Some(from));
        watch.picture(at(2_100), Some(from));
        watch.picture(at(2_300), Some(from));
        assert_eq!(
            watch.until(at(2_400), from),
            Freezes {
                count: 1,
                total_ms: 2_000.0,
                longest_ms: 2_000.0
            }
        );
        let longer = watch.until(at(5_300), from);
        assert_eq!((longer.count, longer.longest_ms), (2, 3_000.0));
        assert_eq!(Watch::default().until(at(9_000), from).count, 0);
    }
}
