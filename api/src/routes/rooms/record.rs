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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use axum::http::StatusCode;
    use serde_json::json;
    use sfu_protocol::recording::RecorderCommand;

    use crate::testing::{TestApp, text};

    #[tokio::test]
    async fn the_host_records_and_whoever_comes_later_is_told_before_entering() {
        let test = TestApp::open().await;
        let (host, room, invite, _) = test.meeting().await;
        let path = format!("/api/rooms/{room}/recordings");
        let recording = test
            .post(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(
            (&recording["status"], &recording["started_by"]),
            (&json!("starting"), &json!("Ada"))
        );
        let command = RecorderCommand::Start {
            recording: text(&recording["id"]).parse().expect("an id"),
            room,
            session: text(&recording["session_id"]).parse().expect("an id"),
            title: "Monday".to_owned(),
            started_by: "Ada".to_owned(),
        };
        assert_eq!(*test.neighbours.commands.lock().expect("whole"), [command]);
        let told = test
            .get(&format!("/api/invites/{invite}"))
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(told["recording"]["started_by"], "Ada");
        assert_eq!(
            (&told["participants"], &told["status"]),
            (&json!(1), &json!("live"))
        );
        let guest = test
            .join(room, None, json!({"name": "Robin", "invite": invite}))
            .await;
        assert_eq!(guest["recording"]["recording_id"], recording["id"]);
    }

    #[tokio::test]
    async fn a_guest_cannot_record_and_an_empty_room_is_not_recorded() {
        let test = TestApp::open().await;
        let host = test.register("ada@example.org").await;
        let (room, invite) = test.room(&host).await;
        let path = format!("/api/rooms/{room}/recordings");
        assert_eq!(
            test.post(&path).by(&host).send().await.code(),
            "room_not_live"
        );
        let guest = test
            .join(room, None, json!({"name": "Robin", "invite": invite}))
            .await;
        assert_eq!(test.post(&path).send().await.code(), "unauthenticated");
        let refused = test.post(&path).bearer(text(&guest["grant"])).send().await;
        assert_eq!(refused.code(), "unauthenticated");
        assert!(test.neighbours.commands.lock().expect("whole").is_empty());
    }

    #[tokio::test]
    async fn a_room_is_recorded_once_at_a_time_and_a_repeat_with_the_key_is_no_second() {
        let test = TestApp::open().await;
        let (host, room, ..) = test.meeting().await;
        let path = format!("/api/rooms/{room}/recordings");
        let ask = || {
            test.post(&path)
                .by(&host)
                .header("idempotency-key", "k")
                .send()
        };
        let first = ask().await.expect(StatusCode::CREATED);
        assert_eq!(ask().await.expect(StatusCode::CREATED)["id"], first["id"]);
        assert_eq!(
            test.post(&path).by(&host).send().await.code(),
            "recording_running"
        );
        assert_eq!(test.neighbours.commands.lock().expect("whole").len(), 1);
    }

    #[tokio::test]
    async fn without_a_recorder_the_recording_fails_and_can_be_tried_again() {
        let test = TestApp::open().await;
        let (host, room, ..) = test.meeting().await;
        let path = format!("/api/rooms/{room}/recordings");
        let ask = || {
            test.post(&path)
                .by(&host)
                .header("idempotency-key", "k")
                .send()
        };
        test.neighbours.away.store(true, Ordering::SeqCst);
        assert_eq!(ask().await.code(), "recorder_unavailable");
        test.neighbours.away.store(false, Ordering::SeqCst);
        ask().await.expect(StatusCode::CREATED);
    }
}
