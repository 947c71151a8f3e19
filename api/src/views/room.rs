//! A room.

use api_store::room::RoomRow;
use api_store::session::SessionRow;
use serde::Serialize;
use uuid::Uuid;

use super::Timestamp;
use crate::app::App;
use crate::problem::Problem;

/// How a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoomStatus {
    /// Nobody is there; anyone who may can come.
    Idle,
    /// A meeting is on.
    Live,
    /// A host ended it for all; nobody can come.
    Ended,
}

/// A room.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Room)]
pub(crate) struct RoomView {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) created_at: Timestamp,
    /// Give it to guests. Null when the invite was withdrawn.
    #[schema(required)]
    pub(crate) invite_url: Option<String>,
    pub(crate) status: RoomStatus,
    /// The meeting that is on, or else the last one.
    #[schema(required)]
    pub(crate) session_id: Option<Uuid>,
}

impl RoomStatus {
    /// How a room stands, by its row and its latest session.
    pub(crate) fn of(room: &RoomRow, session: Option<&SessionRow>) -> RoomStatus {
        let on = session.is_some_and(|session| {
            session.started_at_ms.is_some() && session.ended_at_ms.is_none()
        });
        match (room.ended_at_ms, on) {
            (Some(_), _) => RoomStatus::Ended,
            (None, true) => RoomStatus::Live,
            (None, false) => RoomStatus::Idle,
        }
    }
}

impl RoomView {
    /// Loads what belongs to a room and shows it.
    pub(crate) async fn load(app: &App, room: &RoomRow) -> Result<RoomView, Problem> {
        let store = &app.store;
        let invite = api_store::invite::of_room(store, room.organisation, room.id).await?;
        let session = api_store::session::latest_of_room(store, room.organisation, room.id).await?;
        Ok(RoomView {
            id: room.id.0,
            title: room.title.clone(),
            created_at: Timestamp(room.created_at_ms),
            invite_url: invite.map(|invite| app.invite_url(invite.id)),
            status: RoomStatus::of(room, session.as_ref()),
            session_id: session.map(|session| session.id.0),
        })
    }
}
