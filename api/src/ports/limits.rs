//! How often somebody may try.

use async_trait::async_trait;

/// Come back after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("wait {wait_ms} ms")]
pub struct Wait {
    /// How long.
    pub wait_ms: i64,
}

/// What is counted. Each has its own bound, in the adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Budget {
    /// Wrong passwords for one account, by its address.
    AccountAttempts,
    /// Wrong passwords and setup tokens from one network source.
    SourceAttempts,
    /// Requests of people who are not signed in, from one network source.
    Strangers,
    /// Places given to people who show the same invite and had none before.
    InvitePlaces,
    /// Places given to the same signed-in person who had none before.
    PersonPlaces,
}

/// Counts tries.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Counts one try at `now_ms`, before its outcome is known, so that tries made at the same
    /// time count too.
    ///
    /// # Errors
    /// When the bound is reached: how long to wait. The refused try is not counted.
    async fn attempt(&self, budget: Budget, who: &str, now_ms: i64) -> Result<(), Wait>;

    /// The try was a good one: takes back what counting it cost.
    async fn succeeded(&self, budget: Budget, who: &str);
}
