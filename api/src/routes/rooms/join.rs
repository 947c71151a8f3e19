//! `POST /api/rooms/{id}/join`: who am I, may I; the answer is a grant and where to go with it.

use api_store::room::RoomRow;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sfu_protocol::ids::RoomId;
use uuid::Uuid;

use crate::admission::{self, Wish};
use crate::app::{App, SharedApp};
use crate::config::IceServer;
use crate::extract::{Id, JsonBody, MaybeCaller, Source};
use crate::problem::{Problem, ProblemBody};
use crate::views::{ParticipantRole, RecordingNotice};

/// Who wants to come.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct JoinRequest {
    /// The name shown, 1 to 80 characters. Needed for guests.
    #[schema(example = "Robin")]
    name: Option<String>,
    /// From the invite link: `/j/{token}`. Needed for guests.
    invite: Option<String>,
    /// From the answer of an earlier join, to be the same participant.
    rejoin: Option<String>,
    /// For API keys only: as what. Guest when absent.
    role: Option<ParticipantRole>,
}

/// The right to enter, and where.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct JoinAnswer {
    /// First message on the signalling WebSocket. Good for 10 minutes.
    grant: String,
    /// The signalling WebSocket.
    url: String,
    /// For `RTCPeerConnection`.
    ice_servers: Vec<IceServer>,
    participant_id: Uuid,
    role: ParticipantRole,
    /// The name as others will see it.
    name: String,
    /// Keep it: joining again with it keeps `participant_id`.
    rejoin: String,
    /// Set while the room is being recorded.
    #[schema(required)]
    recording: Option<RecordingNotice>,
    session_id: Uuid,
    title: String,
}

/// Gives the right to enter a room.
#[utoipa::path(
    post, path = "/api/rooms/{id}/join", operation_id = "join_room", tag = "rooms",
    security((), ("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The room")),
    request_body = JoinRequest,
    responses(
        (status = 200, description = "The right to enter", body = JoinAnswer),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn join(
    State(app): State<SharedApp>,
    MaybeCaller(caller): MaybeCaller,
    source: Source,
    Id(room): Id<RoomId>,
    JsonBody(request): JsonBody<JoinRequest>,
) -> Result<Json<JoinAnswer>, Problem> {
    app.lets_in()?;
    if caller.is_none() {
        source.as_stranger(&app).await?;
    }
    let wish = Wish {
        room,
        caller: caller.as_ref(),
        name: request.name.as_deref(),
        invite: request.invite.as_deref(),
        rejoin: request.rejoin.as_deref(),
        role: request.role.map(Into::into),
    };
    let (room, admitted) = admission::decide(&app, &wish).await?;
    let entry = admission::enter(&app, &room, admitted).await?;
    Ok(Json(JoinAnswer {
        grant: entry.grant,
        url: app.public_url.signalling(),
        ice_servers: app.ice_servers(entry.participant),
        participant_id: entry.participant.0,
        role: entry.role.into(),
        name: entry.name,
        rejoin: entry.rejoin,
        recording: notice(&app, &room).await?,
        session_id: entry.session.0,
        title: room.title,
    }))
}

async fn notice(app: &App, room: &RoomRow) -> Result<Option<RecordingNotice>, Problem> {
    let running =
        api_store::recording::running_in_room(&app.store, room.organisation, room.id).await?;
    Ok(running.as_ref().map(RecordingNotice::from))
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
