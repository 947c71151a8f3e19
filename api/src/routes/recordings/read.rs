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

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;
    use sfu_protocol::recording::{FileKind, RecordedFile, RecordingHealth, RecordingStatus};

    use crate::testing::{TestApp, report, text};

    #[tokio::test]
    async fn a_recording_goes_from_starting_to_ready_with_files_that_open() {
        let test = TestApp::open().await;
        let (host, _, recording) = test.recorded_meeting().await;
        let path = format!("/api/recordings/{}", text(&recording["id"]));
        let read = || async {
            test.get(&path)
                .by(&host)
                .send()
                .await
                .expect(StatusCode::OK)
        };

        let mut running = report(&recording, RecordingStatus::Recording);
        running.started_at_ms = Some(1_769_851_801_000);
        assert!(test.report(running).await);
        assert_eq!(read().await["started_at"], "2026-01-31T09:30:01Z");

        let mut finishing = report(&recording, RecordingStatus::Finishing);
        finishing.progress_percent = Some(40);
        finishing.ended_at_ms = Some(1_769_851_821_000);
        assert!(test.report(finishing).await);
        assert_eq!(read().await["progress_percent"], 40);

        std::fs::create_dir_all(test.folder.path().join("recordings")).expect("a folder");
        std::fs::write(test.folder.path().join("recordings/a.mp4"), b"film").expect("a file");
        let mut ready = report(&recording, RecordingStatus::Ready);
        ready.health = Some(RecordingHealth {
            duration_ms: 20_000,
            ..Default::default()
        });
        ready.files = vec![RecordedFile {
            kind: FileKind::Composed,
            key: "recordings/a.mp4".to_owned(),
            content_type: "video/mp4".to_owned(),
            bytes: 4,
            sha256: "ab".to_owned(),
            track: None,
            name: None,
        }];
        assert!(test.report(ready).await);
        assert!(
            test.report(report(&recording, RecordingStatus::Finishing))
                .await
        );
        let done = read().await;
        assert_eq!(
            (&done["status"], &done["progress_percent"]),
            (&json!("ready"), &json!(null))
        );
        assert_eq!(done["health"]["duration_ms"], 20_000);
        assert_eq!(done["ended_at"], "2026-01-31T09:30:21Z");
        let file = &done["files"][0];
        assert_eq!(
            (&file["kind"], &file["bytes"], &file["sha256"]),
            (&json!("composed"), &json!(4), &json!("ab"))
        );
        let link = text(&file["url"])
            .strip_prefix("http://127.0.0.1:8080")
            .expect("our own");
        assert_eq!(&test.get(link).send().await.body[..], b"film");
    }

    #[tokio::test]
    async fn a_failed_recording_says_why_and_an_unknown_one_is_nobodys() {
        let test = TestApp::open().await;
        let (host, _, recording) = test.recorded_meeting().await;
        let mut failed = report(&recording, RecordingStatus::Failed);
        failed.problem = Some("The disk is full.".to_owned());
        assert!(test.report(failed).await);
        let path = format!("/api/recordings/{}", text(&recording["id"]));
        let read = test
            .get(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            (&read["status"], &read["problem"]),
            (&json!("failed"), &json!("The disk is full."))
        );
        let stranger = report(&recording, RecordingStatus::Ready);
        let id = sfu_protocol::ids::RecordingId(uuid::Uuid::from_u128(1));
        let unknown = sfu_protocol::recording::RecorderReport {
            recording: id,
            ..stranger
        };
        assert!(!test.report(unknown).await);
        assert_eq!(test.get(&path).send().await.code(), "unauthenticated");
    }
}
