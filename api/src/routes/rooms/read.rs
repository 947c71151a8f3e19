//! `GET /api/rooms/{id}`: one room.

use axum::Json;
use axum::extract::State;

use crate::app::SharedApp;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::RoomView;

/// Reads a room.
#[utoipa::path(
    get, path = "/api/rooms/{id}", operation_id = "read_room", tag = "rooms", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The room")),
    responses(
        (status = 200, description = "The room", body = RoomView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<sfu_protocol::ids::RoomId>,
) -> Result<Json<RoomView>, Problem> {
    let room = api_store::room::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    Ok(Json(RoomView::load(&app, &room).await?))
}
