//! `GET /api/sessions/{id}`: one meeting, with who came and what was recorded.

use axum::Json;
use axum::extract::State;
use sfu_protocol::ids::SessionId;

use crate::app::SharedApp;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::SessionView;

/// Reads a session.
#[utoipa::path(
    get, path = "/api/sessions/{id}", operation_id = "read_session", tag = "sessions",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session")),
    responses(
        (status = 200, description = "The session", body = SessionView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Result<Json<SessionView>, Problem> {
    let session = api_store::session::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    Ok(Json(SessionView::load(&app, &session).await?))
}
