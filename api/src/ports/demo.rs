//! Synthetic participants, so that one person alone sees what a room is.

use async_trait::async_trait;
use sfu_protocol::ids::{ParticipantId, RoomId};

use super::Unavailable;

/// One synthetic participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoGuest {
    /// As whom.
    pub participant: ParticipantId,
    /// The name shown.
    pub name: String,
    /// The right to enter.
    pub grant: String,
}

/// Who shall come where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoMeeting {
    /// Which room.
    pub room: RoomId,
    /// The signalling WebSocket.
    pub url: String,
    /// Who comes.
    pub guests: Vec<DemoGuest>,
}

/// Brings synthetic participants into rooms.
#[async_trait]
pub trait Demo: Send + Sync {
    /// Begins to bring them in; they stay until the room ends or nobody else is there.
    ///
    /// # Errors
    /// When they cannot be brought in.
    async fn start(&self, meeting: DemoMeeting) -> Result<(), Unavailable>;
}
