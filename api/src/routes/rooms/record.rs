//! `POST /api/rooms/{id}/recordings`: begins to record the meeting that is on.

use api_store::recording::{InsertRecordingError, RecordingRow};
use api_store::room::RoomRow;
use api_store::session::SessionRow;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sfu_protocol::ids::{RecordingId, RoomId};
use sfu_protocol::recording::{RecorderCommand, RecordingStatus};

use crate::app::{App, SharedApp};
use crate::extract::{Caller, Id, IdempotencyKey};
use crate::idempotency;
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::RecordingView;

/// Begins to record a room. Every participant is told.
#[utoipa::path(
    post, path = "/api/rooms/{id}/recordings", operation_id = "start_recording", tag = "recordings",
    security(("bearer" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The room"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key get the first answer"),
    ),
    responses(
        (status = 201, description = "The recording", body = RecordingView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn record(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RoomId>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let room = api_store::room::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    caller.must_host(&room)?;
    let what = format!("record room {id}");
    idempotency::once(&app, &caller, &key, &what, async {
        let recording = start(&app, &caller, &room).await?;
        Ok((
            StatusCode::CREATED,
            RecordingView::load(&app, &recording).await?,
        ))
    })
    .await
}

async fn start(app: &App, caller: &Caller, room: &RoomRow) -> Result<RecordingRow, Problem> {
    let session = api_store::session::latest_of_room(&app.store, room.organisation, room.id)
        .await?
        .filter(|session| session.ended_at_ms.is_none())
        .ok_or(Code::RoomNotLive)?;
    let mut recording = fresh(app, caller, &session);
    match api_store::recording::insert(&app.store, &recording).await {
        Ok(()) => {}
        Err(InsertRecordingError::Running) => return Err(Problem::of(Code::RecordingRunning)),
        Err(InsertRecordingError::Store(error)) => return Err(error.into()),
    }
    let command = RecorderCommand::Start {
        recording: recording.id,
        room: room.id,
        session: session.id,
        title: room.title.clone(),
        started_by: recording.started_by.clone(),
    };
    if let Err(error) = app.recorders.send(command).await {
        tracing::error!(recording = %recording.id, %error, "no recorder takes a recording");
        recording.status = RecordingStatus::Failed;
        recording.problem = Some("No recorder could be reached.".to_owned());
        api_store::recording::update(&app.store, &recording, &[]).await?;
        return Err(Problem::of(Code::RecorderUnavailable));
    }
    Ok(recording)
}

fn fresh(app: &App, caller: &Caller, session: &SessionRow) -> RecordingRow {
    RecordingRow {
        id: RecordingId(app.new_id()),
        organisation: session.organisation,
        room: session.room,
        session: session.id,
        status: RecordingStatus::Starting,
        started_by: caller.name().to_owned(),
        created_at_ms: app.now_ms(),
        started_at_ms: None,
        ended_at_ms: None,
        progress_percent: None,
        problem: None,
        health: None,
    }
}
