//! What a guest is told before entering.

use serde::Serialize;
use uuid::Uuid;

use super::{RecordingNotice, RoomStatus};

/// What a guest is told before entering.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Invite)]
pub(crate) struct InviteView {
    pub(crate) room_id: Uuid,
    pub(crate) title: String,
    pub(crate) status: RoomStatus,
    /// Set while the room is being recorded: by whom and since when.
    #[schema(required)]
    pub(crate) recording: Option<RecordingNotice>,
    /// How many are in the room now.
    pub(crate) participants: u32,
}
