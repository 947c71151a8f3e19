//! `POST /api/recordings/{id}/stop`: ends a recording and has its files made.

use axum::Json;
use axum::extract::State;
use sfu_protocol::ids::RecordingId;
use sfu_protocol::recording::{RecorderCommand, RecordingStatus};

use crate::app::SharedApp;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::RecordingView;

/// Ends a recording. One that has ended is answered as it is.
#[utoipa::path(
    post, path = "/api/recordings/{id}/stop", operation_id = "stop_recording", tag = "recordings",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "The recording", body = RecordingView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn stop(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RecordingId>,
) -> Result<Json<RecordingView>, Problem> {
    let organisation = caller.organisation();
    let recording = api_store::recording::find(&app.store, organisation, id)
        .await?
        .ok_or(Code::NotFound)?;
    let room = api_store::room::find(&app.store, organisation, recording.room)
        .await?
        .ok_or(Code::NotFound)?;
    caller.must_host(&room)?;
    let runs = matches!(
        recording.status,
        RecordingStatus::Starting | RecordingStatus::Recording
    );
    if runs {
        app.recorders.send(RecorderCommand::Stop { recording: id }).await.map_err(|error| {
            tracing::error!(recording = %id, %error, "no recorder takes the end of a recording");
            Problem::of(Code::RecorderUnavailable)
        })?;
    }
    Ok(Json(RecordingView::load(&app, &recording).await?))
}
