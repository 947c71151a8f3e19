//! Estimate -> steady budget: down at once, up late and in steps worth having, so that layers do
//! not follow every breath of the estimate.

use std::time::{Duration, Instant};

/// So much of the estimate is planned with. The rest is for what is sent again, and for what an
/// encoder brings beyond its mean.
const PLANNED: f64 = 0.95;

/// A rise of less than this is not worth another plan.
const WORTH: f64 = 1.05;

/// A rise has to last so long.
const LASTS: Duration = Duration::from_millis(600);

/// After a fall that cost somebody something nothing rises for so long, and twice as long when the
/// budget fell soon after it rose, to the longest.
const HOLD: Duration = Duration::from_secs(2);
const LONGEST_HOLD: Duration = Duration::from_secs(8);

/// A fall so soon after a rise says that the rise was wrong.
const SOON: Duration = Duration::from_secs(6);

/// A fall of less is a breath: what comes in bursts is no longer there when it would be acted on.
const BREATH: f64 = 0.97;

/// What may be planned with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    bps: u64,
    rises_since: Option<Instant>,
    /// The least that the estimate was since then.
    risen_to: u64,
    rose_at: Option<Instant>,
    held_until: Option<Instant>,
    hold: Duration,
}

impl Budget {
    /// Begins with an estimate as it is.
    pub(crate) fn new(estimate_bps: u64) -> Self {
        Budget {
            bps: planned(estimate_bps),
            rises_since: None,
            risen_to: 0,
            rose_at: None,
            held_until: None,
            hold: HOLD,
        }
    }

    /// What may be planned with.
    pub(crate) fn bps(&self) -> u64 {
        self.bps
    }

    /// The estimate is another one. True when the budget changed.
    pub(crate) fn update(&mut self, now: Instant, estimate_bps: u64) -> bool {
        let planned = planned(estimate_bps);
        if (planned as f64) < BREATH * self.bps as f64 {
            self.fall(now, planned);
            return true;
        }
        if (planned as f64) < WORTH * self.bps as f64 {
            self.rises_since = None;
            return false;
        }
        if self.held_until.is_some_and(|until| now < until) {
            return false;
        }
        match self.rises_since {
            None => (self.rises_since, self.risen_to) = (Some(now), planned),
            Some(_) => self.risen_to = self.risen_to.min(planned),
        }
        // Before the first fall nothing speaks against it.
        let lasted =
            self.held_until.is_none() || self.rises_since.is_some_and(|since| now >= since + LASTS);
        if lasted {
            self.bps = self.risen_to;
            (self.rises_since, self.rose_at) = (None, Some(now));
        }
        lasted
    }

    fn fall(&mut self, now: Instant, to: u64) {
        let since_rise = self.rose_at.map(|at| now.saturating_duration_since(at));
        self.hold = match since_rise {
            Some(since) if since < SOON => (2 * self.hold).min(LONGEST_HOLD),
            // Falls that follow each other are one.
            _ if self.held_until.is_some_and(|until| now < until) => self.hold,
            _ => HOLD,
        };
        (self.rises_since, self.rose_at) = (None, None);
        self.held_until = Some(now + self.hold);
        self.bps = to;
    }
}

fn planned(estimate_bps: u64) -> u64 {
    (estimate_bps as f64 * PLANNED) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The budget in kbit/s after each estimate in kbit/s, one every 100 ms.
    fn budgets(estimates_kbps: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut now = crate::testing::start();
        let mut budget: Option<Budget> = None;
        let follow = |kbps: u64| {
            now += Duration::from_millis(100);
            let budget = budget.get_or_insert(Budget::new(kbps * 1_000));
            budget.update(now, kbps * 1_000);
            budget.bps() / 1_000
        };
        estimates_kbps.into_iter().map(follow).collect()
    }

    /// How often it changes.
    fn changes(budgets: &[u64]) -> usize {
        budgets.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    #[test]
    fn a_fall_is_followed_at_once_and_a_rise_once_it_lasted() {
        let estimates = [1_000; 5].into_iter().chain([500; 50]).chain([2_000; 20]);
        let budgets = budgets(estimates);
        assert_eq!((budgets[4], budgets[5]), (950, 475));
        let rose = budgets
            .iter()
            .rposition(|kbps| *kbps == 475)
            .expect("it fell");
        assert_eq!(rose, 60, "600 ms after the estimate rose");
        assert_eq!(budgets.last(), Some(&1_900));
    }

    #[test]
    fn after_a_fall_it_holds_for_two_seconds() {
        let budgets = budgets([1_000; 5].into_iter().chain([500]).chain([1_000; 40]));
        let rose = budgets
            .iter()
            .rposition(|kbps| *kbps == 475)
            .expect("it fell");
        assert!((30..34).contains(&rose), "{rose}");
    }

    #[test]
    fn a_path_that_flaps_makes_few_changes() {
        // Two seconds of much, one of little, for a minute: twenty times up and down.
        let estimates = (0..600).map(|step| if step % 30 < 20 { 2_000 } else { 500 });
        let budgets = budgets(estimates);
        assert!(changes(&budgets) <= 16, "{}", changes(&budgets));
    }

    #[test]
    fn before_the_first_fall_a_rise_is_followed_at_once() {
        assert_eq!(budgets([1_000, 2_000, 4_000]), [950, 1_900, 3_800]);
    }

    #[test]
    fn breaths_change_nothing() {
        let estimates = (0..200).map(|step| 1_000 + (step * 37) % 40);
        assert_eq!(changes(&budgets(estimates)), 0);
    }
}
