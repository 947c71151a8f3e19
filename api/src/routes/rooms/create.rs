//! `POST /api/rooms`: a new room with its invite link.

use api_store::invite::InviteRow;
use api_store::room::RoomRow;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sfu_protocol::ids::RoomId;

use crate::app::{App, SharedApp};
use crate::check::Check;
use crate::extract::{Caller, IdempotencyKey, JsonBody};
use crate::idempotency;
use crate::problem::{Problem, ProblemBody};
use crate::tokens;
use crate::views::RoomView;

/// What a room is called when nobody names it.
const UNTITLED: &str = "Meeting";

/// A new room.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct RoomRequest {
    /// 1 to 80 characters.
    title: Option<String>,
}

/// Makes a room.
#[utoipa::path(
    post, path = "/api/rooms", operation_id = "create_room", tag = "rooms", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key get the first answer")),
    request_body = RoomRequest,
    responses(
        (status = 201, description = "The room", body = RoomView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<SharedApp>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(request): JsonBody<RoomRequest>,
) -> Result<Response, Problem> {
    let mut check = Check::default();
    let title = request.title.as_deref().unwrap_or(UNTITLED);
    let title = check.name("title", title);
    check.done()?;
    let what = format!("create room {title}");
    idempotency::once(&app, &caller, &key, &what, async {
        let room = make(&app, &caller, title).await?;
        Ok((StatusCode::CREATED, RoomView::load(&app, &room).await?))
    })
    .await
}

async fn make(app: &App, caller: &Caller, title: String) -> Result<RoomRow, Problem> {
    let room = RoomRow {
        id: RoomId(app.new_id()),
        organisation: caller.organisation(),
        title,
        created_by: match caller {
            Caller::Person(person) => Some(person.user.id),
            Caller::Server(_) => None,
        },
        created_at_ms: app.now_ms(),
        ended_at_ms: None,
    };
    let invite = InviteRow {
        id: app.new_id(),
        organisation: room.organisation,
        room: room.id,
        created_at_ms: room.created_at_ms,
    };
    let token = tokens::invite::token(&app.keys.invite, invite.id);
    api_store::room::insert(&app.store, &room).await?;
    api_store::invite::insert(&app.store, &invite, &tokens::hash(&token)).await?;
    Ok(room)
}
