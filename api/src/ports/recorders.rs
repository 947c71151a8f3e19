//! The recorders.

use async_trait::async_trait;
use sfu_protocol::recording::RecorderCommand;

use super::Unavailable;

/// The recorders.
#[async_trait]
pub trait Recorders: Send + Sync {
    /// Hands a command over. What comes of it arrives as a report.
    ///
    /// # Errors
    /// When no recorder takes it.
    async fn send(&self, command: RecorderCommand) -> Result<(), Unavailable>;
}
