//! `GET /api/recordings/{id}`: how a recording stands, with its files.

use axum::Json;
use axum::extract::State;
use sfu_protocol::ids::RecordingId;

use crate::app::SharedApp;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::RecordingView;

/// Reads a recording.
#[utoipa::path(
    get, path = "/api/recordings/{id}", operation_id = "read_recording", tag = "recordings",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "The recording", body = RecordingView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RecordingId>,
) -> Result<Json<RecordingView>, Problem> {
    let recording = api_store::recording::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    Ok(Json(RecordingView::load(&app, &recording).await?))
}
