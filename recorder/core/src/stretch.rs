//! Stretches of a recording's time: unions, differences, and what frames cover.

use serde::{Deserialize, Serialize};

/// From one moment to another, in microseconds from the recording's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stretch {
    /// The first moment.
    pub from_us: i64,
    /// The moment after the last.
    pub to_us: i64,
}

impl Stretch {
    /// A stretch.
    pub fn new(from_us: i64, to_us: i64) -> Self {
        Stretch { from_us, to_us }
    }

    /// How long it is.
    pub fn length_us(self) -> i64 {
        self.to_us.saturating_sub(self.from_us)
    }

    fn is_empty(self) -> bool {
        self.to_us <= self.from_us
    }
}

/// Sorted, without overlaps and without empty ones.
pub fn union(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.retain(|stretch| !stretch.is_empty());
    stretches.sort_unstable();
    let mut joined: Vec<Stretch> = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        match joined.last_mut() {
            Some(last) if stretch.from_us <= last.to_us => {
                last.to_us = last.to_us.max(stretch.to_us);
            }
            _ => joined.push(stretch),
        }
    }
    joined
}

/// What of `whole` is not in `parts`. Both as [`union`] leaves them.
pub fn without(whole: &[Stretch], parts: &[Stretch]) -> Vec<Stretch> {
    let mut left = Vec::new();
    for stretch in whole {
        let mut from_us = stretch.from_us;
        for part in parts {
            if part.to_us <= from_us || part.from_us >= stretch.to_us {
                continue;
            }
            left.push(Stretch::new(from_us, part.from_us));
            from_us = part.to_us;
        }
        left.push(Stretch::new(from_us, stretch.to_us));
    }
    left.retain(|stretch| !stretch.is_empty());
    left
}

/// Cut to what lies between 0 and `end_us`.
pub fn clipped(stretches: Vec<Stretch>, end_us: i64) -> Vec<Stretch> {
    let clip = |stretch: Stretch| {
        Stretch::new(
            stretch.from_us.clamp(0, end_us),
            stretch.to_us.clamp(0, end_us),
        )
    };
    union(stretches.into_iter().map(clip).collect())
}

/// Whether a moment lies in one of them.
pub fn contains(stretches: &[Stretch], at_us: i64) -> bool {
    stretches
        .iter()
        .any(|stretch| (stretch.from_us..stretch.to_us).contains(&at_us))
}

/// Whether any of them has a moment in common with `one`.
pub fn meets(stretches: &[Stretch], one: Stretch) -> bool {
    stretches
        .iter()
        .any(|stretch| stretch.from_us < one.to_us && one.from_us < stretch.to_us)
}

/// Collects when frames were there: a stretch goes on while the next frame comes in time.
#[derive(Debug, Clone)]
pub struct Coverage {
    patience_us: i64,
    stretches: Vec<Stretch>,
}

/// Each frame covers at least this much: one at 25 frames a second.
const FRAME_US: i64 = 40_000;

impl Coverage {
    /// Two frames further apart than this have a hole between them.
    pub fn new(patience_us: i64) -> Self {
        Coverage {
            patience_us,
            stretches: Vec::new(),
        }
    }

    /// Notes the next frame.
    pub fn frame(&mut self, at_us: i64) {
        let to_us = at_us.saturating_add(FRAME_US);
        match self.stretches.last_mut() {
            Some(last) if at_us.saturating_sub(last.to_us) <= self.patience_us => {
                last.to_us = last.to_us.max(to_us);
            }
            _ => self.stretches.push(Stretch::new(at_us, to_us)),
        }
    }

    /// When frames were there.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(i64, i64)]) -> Vec<Stretch> {
        pairs
            .iter()
            .map(|(from, to)| Stretch::new(*from, *to))
            .collect()
    }

    #[test]
    fn unions_join_what_touches_and_drop_what_is_empty() {
        let joined = union(list(&[(5, 9), (0, 3), (3, 4), (8, 12), (20, 20), (30, 25)]));
        assert_eq!(joined, list(&[(0, 4), (5, 12)]));
    }

    #[test]
    fn differences_leave_what_is_not_covered() {
        type Pairs = &'static [(i64, i64)];
        let cases: [(Pairs, Pairs); 5] = [
            (&[], &[(0, 10)]),
            (&[(0, 10)], &[]),
            (&[(2, 4), (6, 7)], &[(0, 2), (4, 6), (7, 10)]),
            (&[(-5, 3), (9, 20)], &[(3, 9)]),
            (&[(20, 30)], &[(0, 10)]),
        ];
        for (parts, left) in cases {
            assert_eq!(
                without(&list(&[(0, 10)]), &list(parts)),
                list(left),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn stretches_that_only_touch_do_not_meet() {
        let others = list(&[(0, 5), (9, 12)]);
        for (one, met) in [((5, 9), false), ((4, 6), true), ((10, 11), true)] {
            assert_eq!(meets(&others, Stretch::new(one.0, one.1)), met, "{one:?}");
        }
    }

    #[test]
    fn clipping_keeps_what_lies_in_the_recording() {
        assert_eq!(
            clipped(list(&[(-5, 3), (8, 99), (100, 200)]), 50),
            list(&[(0, 3), (8, 50)])
        );
    }

    #[test]
    fn coverage_breaks_where_frames_stay_away() {
        let mut coverage = Coverage::new(1_000_000);
        for at_us in [0, 500_000, 1_400_000, 3_000_000] {
            coverage.frame(at_us);
        }
        assert_eq!(
            coverage.stretches(),
            list(&[(0, 1_440_000), (3_000_000, 3_040_000)])
        );
    }
}
