//! The nodes, where rooms live.

use async_trait::async_trait;
use sfu_protocol::control::{ControlReply, ControlRequest};

use super::Unavailable;

/// The nodes, where rooms live.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Asks the node that has the room, or every node.
    ///
    /// # Errors
    /// When it cannot be reached. A wish is kept and asked again later.
    async fn control(&self, request: ControlRequest) -> Result<ControlReply, Unavailable>;
}
