//! What one receiver's path carries, and what was planned with it.

use std::time::Instant;

use super::allocate::Plan;
use super::budget::Budget;
use super::estimate::{Estimator, FIRST_BPS};

/// When what was planned is this part of what leaves, what is too much stops at once and does not
/// wait for something smaller to begin: it would fill the queue before sound.
const MUCH_TOO_MUCH: f64 = 0.6;

/// A receiver's path.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) estimator: Estimator,
    budget: Budget,
    planned_bps: u64,
    tight: bool,
}

impl Path {
    /// Nothing is known of it.
    pub(crate) fn new(now: Instant) -> Self {
        Path {
            estimator: Estimator::new(now),
            budget: Budget::new(FIRST_BPS as u64),
            planned_bps: 0,
            tight: false,
        }
    }

    /// Whether somebody gets less than what is wanted.
    pub(crate) fn is_tight(&self) -> bool {
        self.tight
    }

    /// The estimate may be another one. True when it is time for another plan.
    pub(crate) fn follow(&mut self, now: Instant) -> bool {
        let before = self.budget.bps();
        let changed = self.budget.update(now, self.estimator.estimate_bps());
        let after = self.budget.bps();
        changed && (after < self.planned_bps || self.tight && after > before)
    }

    /// What may be planned with.
    pub(crate) fn budget_bps(&self) -> u64 {
        self.budget.bps()
    }

    /// A plan was made. True when much too much leaves.
    pub(crate) fn plan(&mut self, now: Instant, plan: &Plan) -> bool {
        self.planned_bps = plan.bps;
        self.tight = plan.bps < plan.wanted_bps;
        self.estimator.want(now, plan.wanted_bps);
        self.tight && (plan.bps as f64) < MUCH_TOO_MUCH * self.estimator.sent_bps(now)
    }
}
