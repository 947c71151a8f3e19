//! `POST /api/rooms/{id}/end`: ends a meeting for all.

use axum::extract::State;
use axum::http::StatusCode;
use sfu_protocol::control::ControlRequest;
use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::ByeReason;

use crate::app::SharedApp;
use crate::closing;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};

/// Ends a meeting for all. Nobody can enter the room afterwards.
#[utoipa::path(
    post, path = "/api/rooms/{id}/end", operation_id = "end_room", tag = "rooms", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The room")),
    responses(
        (status = 202, description = "It ends"),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<StatusCode, Problem> {
    let room = api_store::room::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    caller.must_host(&room)?;
    api_store::room::end(&app.store, room.organisation, id, app.now_ms()).await?;
    let wish = ControlRequest::CloseRoom {
        room: id,
        reason: ByeReason::Ended,
    };
    if let Err(error) = app.nodes.control(wish).await {
        // The wish is in the books: the reconciling job asks again.
        tracing::warn!(room = %id, %error, "a room is to be closed, but its node does not answer");
    }
    closing::close_latest(&app, &room, app.now_ms()).await?;
    Ok(StatusCode::ACCEPTED)
}
