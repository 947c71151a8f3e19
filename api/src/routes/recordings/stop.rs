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
        // The recorder has the wish in memory only while its disk is full; from the books it is
        // repeated. One that cannot be written is told all the same, and refused here: the
        // recording ends now, and whoever asked knows to ask again.
        let now_ms = app.now_ms();
        let noted = api_store::recording::ask_stop(&app.store, organisation, id, now_ms).await;
        app.recorders.send(RecorderCommand::Stop { recording: id }).await.map_err(|error| {
            tracing::error!(recording = %id, %error, "no recorder takes the end of a recording");
            Problem::of(Code::RecorderUnavailable)
        })?;
        noted?;
    }
    Ok(Json(RecordingView::load(&app, &recording).await?))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use axum::http::StatusCode;
    use sfu_protocol::recording::{RecorderCommand, RecordingStatus};

    use crate::testing::{TestApp, report, text};

    #[tokio::test]
    async fn the_host_stops_and_stopping_again_changes_nothing() {
        let test = TestApp::open().await;
        let (host, _, recording) = test.recorded_meeting().await;
        let id = text(&recording["id"]);
        let path = format!("/api/recordings/{id}/stop");
        assert_eq!(test.post(&path).send().await.code(), "unauthenticated");
        test.post(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
        let stop = RecorderCommand::Stop {
            recording: id.parse().expect("an id"),
        };
        let commands = || test.neighbours.commands.lock().expect("whole").clone();
        assert_eq!(commands().last(), Some(&stop));
        let sent = commands().len();
        test.report(report(&recording, RecordingStatus::Finishing))
            .await;
        let again = test
            .post(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(again["status"], "finishing");
        assert_eq!(commands().len(), sent);
    }

    #[tokio::test]
    async fn without_a_recorder_stopping_is_refused_and_can_be_tried_again() {
        let test = TestApp::open().await;
        let (host, _, recording) = test.recorded_meeting().await;
        let path = format!("/api/recordings/{}/stop", text(&recording["id"]));
        test.neighbours.away.store(true, Ordering::SeqCst);
        assert_eq!(
            test.post(&path).by(&host).send().await.code(),
            "recorder_unavailable"
        );
        test.neighbours.away.store(false, Ordering::SeqCst);
        test.post(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
    }
}
