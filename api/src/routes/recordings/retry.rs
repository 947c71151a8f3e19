//! `POST /api/recordings/{id}/retry`: has the files of a failed recording made again from its tapes.

use api_store::recording::RecordingRow;
use axum::Json;
use axum::extract::State;
use sfu_protocol::ids::RecordingId;
use sfu_protocol::recording::{RecorderCommand, RecordingStatus};

use crate::app::{App, SharedApp};
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::RecordingView;

/// Tries a failed recording again: its tapes are kept until its files are made. One that has not
/// failed is answered as it is.
#[utoipa::path(
    post, path = "/api/recordings/{id}/retry", operation_id = "retry_recording", tag = "recordings",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "The recording", body = RecordingView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn retry(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RecordingId>,
) -> Result<Json<RecordingView>, Problem> {
    let organisation = caller.organisation();
    let mut recording = api_store::recording::find(&app.store, organisation, id)
        .await?
        .ok_or(Code::NotFound)?;
    let room = api_store::room::find(&app.store, organisation, recording.room)
        .await?
        .ok_or(Code::NotFound)?;
    caller.must_host(&room)?;
    if recording.status == RecordingStatus::Failed {
        recording = begin(&app, recording).await?;
    }
    Ok(Json(RecordingView::load(&app, &recording).await?))
}

/// The row is written before the recorder is asked: its answer may come at once.
async fn begin(app: &App, failed: RecordingRow) -> Result<RecordingRow, Problem> {
    let finishing = RecordingRow {
        status: RecordingStatus::Finishing,
        progress_percent: None,
        problem: None,
        ..failed.clone()
    };
    api_store::recording::update(&app.store, &finishing, &[]).await?;
    // A recorder that is told to stop what has failed makes the files from the tapes it kept.
    let command = RecorderCommand::Stop {
        recording: failed.id,
    };
    if let Err(error) = app.recorders.send(command).await {
        tracing::error!(recording = %failed.id, %error, "no recorder tries a recording again");
        api_store::recording::update(&app.store, &failed, &[]).await?;
        return Err(Problem::of(Code::RecorderUnavailable));
    }
    Ok(finishing)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use axum::http::StatusCode;
    use serde_json::{Value, json};
    use sfu_protocol::recording::{RecorderCommand, RecordingStatus};

    use crate::testing::{Person, TestApp, report, text};

    /// A recording that failed: its host, its answer, the path to try it again.
    async fn failed(test: &TestApp) -> (Person, Value, String) {
        let (host, _, recording) = test.recorded_meeting().await;
        let mut failed = report(&recording, RecordingStatus::Failed);
        failed.problem = Some("The film could not be made.".to_owned());
        assert!(test.report(failed).await);
        let path = format!("/api/recordings/{}/retry", text(&recording["id"]));
        (host, recording, path)
    }

    #[tokio::test]
    async fn a_failed_recording_is_asked_for_again_and_can_become_ready() {
        let test = TestApp::open().await;
        let (host, recording, path) = failed(&test).await;
        let commands = || test.neighbours.commands.lock().expect("whole").clone();
        let sent = commands().len();
        assert_eq!(test.post(&path).send().await.code(), "unauthenticated");
        let again = test.post(&path).by(&host).send().await;
        let again = again.expect(StatusCode::OK);
        assert_eq!(
            (&again["status"], &again["problem"]),
            (&json!("finishing"), &json!(null))
        );
        let stop = RecorderCommand::Stop {
            recording: text(&recording["id"]).parse().expect("an id"),
        };
        assert_eq!(commands()[sent..], [stop]);
        // Asking twice changes nothing.
        test.post(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(commands().len(), sent + 1);
        for status in [RecordingStatus::Recording, RecordingStatus::Ready] {
            assert!(test.report(report(&recording, status)).await);
        }
        let ready = test.post(&path).by(&host).send().await;
        assert_eq!(ready.expect(StatusCode::OK)["status"], "ready");
        assert_eq!(commands().len(), sent + 1);
    }

    #[tokio::test]
    async fn without_a_recorder_it_stays_failed_and_says_why() {
        let test = TestApp::open().await;
        let (host, recording, path) = failed(&test).await;
        test.neighbours.away.store(true, Ordering::SeqCst);
        let refused = test.post(&path).by(&host).send().await;
        assert_eq!(refused.code(), "recorder_unavailable");
        let read = format!("/api/recordings/{}", text(&recording["id"]));
        let read = test.get(&read).by(&host).send().await;
        let read = read.expect(StatusCode::OK);
        assert_eq!(
            (&read["status"], &read["problem"]),
            (&json!("failed"), &json!("The film could not be made."))
        );
    }
}
