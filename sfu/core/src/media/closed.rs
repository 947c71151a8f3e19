//! Numbers that were left out of a stream, and how many of them lie behind another: what comes
//! after closes up, what comes late finds its place. One bit for each of the last numbers,
//! however many of them were left out.

/// Numbers that are remembered. What lies further back has no place any more: more than a second
/// of the largest stream that the policer lets through.
pub(super) const REMEMBERED: u64 = 1_024;

const WORDS: usize = (REMEMBERED / 64) as usize;

/// Which of the last numbers were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed {
    newest: u64,
    bits: [u64; WORDS],
    total: u64,
}

impl Closed {
    /// None yet, in numbers that begin here.
    pub(super) fn since(first: u64) -> Self {
        Closed {
            newest: first,
            bits: [0; WORDS],
            total: 0,
        }
    }

    /// Notes that numbers go up to here.
    pub(super) fn reach(&mut self, number: u64) {
        if number.saturating_sub(self.newest) >= REMEMBERED {
            self.bits = [0; WORDS];
        } else {
            for passed in self.newest + 1..=number {
                let (word, bit) = place(passed);
                self.bits[word] &= !bit;
            }
        }
        self.newest = self.newest.max(number);
    }

    /// Leaves a number out: the newest, or one after it.
    pub(super) fn close(&mut self, number: u64) {
        self.reach(number);
        if !self.holds(number) {
            let (word, bit) = place(number);
            self.bits[word] |= bit;
            self.total += 1;
        }
    }

    /// How many numbers before this one were left out. None when it was left out itself, or
    /// nobody remembers.
    pub(super) fn before(&self, number: u64) -> Option<u64> {
        if number >= self.newest {
            let itself = number == self.newest && self.holds(number);
            return (!itself).then_some(self.total);
        }
        if self.newest - number >= REMEMBERED || self.holds(number) {
            return None;
        }
        let after = (number + 1..=self.newest).filter(|later| self.holds(*later));
        Some(self.total - after.count() as u64)
    }

    fn holds(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.bits[word] & bit != 0
    }
}

fn place(number: u64) -> (usize, u64) {
    let at = number % REMEMBERED;
    ((at / 64) as usize, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn however_many_were_left_out_what_comes_late_finds_its_place() {
        let mut closed = Closed::since(10);
        // Two of three are left out, for long.
        for number in 10..10_000 {
            match number % 3 {
                0 => closed.reach(number),
                _ => closed.close(number),
            }
        }
        let left_out_before = |number: u64| number - 10 - (number - 10).div_ceil(3) + 1;
        assert_eq!(closed.before(9_999), Some(left_out_before(9_999)));
        assert_eq!(closed.before(9_000), Some(left_out_before(9_000)));
        assert_eq!(closed.before(9_001), None, "left out itself");
        assert_eq!(closed.before(9_999 - REMEMBERED), None, "forgotten");
    }

    proptest! {
        #[test]
        fn it_counts_as_a_set_does(
            steps in prop::collection::vec((0..900u64, any::<bool>()), 1..80),
            late in 0..3_000u64,
        ) {
            let mut closed = Closed::since(5);
            let mut left_out = BTreeSet::new();
            let mut number = 5;
            for (step, close) in steps {
                number += step;
                if close {
                    closed.close(number);
                    left_out.insert(number);
                } else {
                    closed.reach(number);
                }
            }
            prop_assert_eq!(closed.before(number + 1), Some(left_out.len() as u64));
            let asked = number.saturating_sub(late);
            let expected = (number - asked < REMEMBERED && !left_out.contains(&asked))
                .then(|| left_out.range(..asked).count() as u64);
            prop_assert_eq!(closed.before(asked), expected);
        }
    }
}
