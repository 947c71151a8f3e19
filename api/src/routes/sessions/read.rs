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

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;
    use sfu_protocol::control::RoomEvent;
    use sfu_protocol::signal::LeaveReason;

    use crate::jobs::reconcile;
    use crate::testing::{TestApp, text, uninvited};

    #[tokio::test]
    async fn a_session_tells_who_came_and_went_and_what_was_recorded() {
        let test = TestApp::open().await;
        let (host, room, recording) = test.recorded_meeting().await;
        test.clock.advance(1_000);
        test.event(room, uninvited(7)).await;
        test.clock.advance(1_000);
        let participant = sfu_protocol::ids::ParticipantId(uuid::Uuid::from_u128(7));
        let reason = LeaveReason::Left;
        test.event(
            room,
            RoomEvent::ParticipantLeft {
                participant,
                reason,
            },
        )
        .await;
        test.clock.advance(1_000);
        test.event(room, RoomEvent::RoomClosed {}).await;
        let path = format!("/api/sessions/{}", text(&recording["session_id"]));
        let session = test
            .get(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(session["ended_at"], "2026-01-31T09:30:03Z");
        assert_eq!(session["recordings"][0]["id"], recording["id"]);
        let people = session["participants"].as_array().expect("people");
        let times: Vec<_> = people
            .iter()
            .map(|p| (&p["name"], &p["role"], &p["left_at"]))
            .collect();
        let expected = [
            (
                &json!("Ada"),
                &json!("host"),
                &json!("2026-01-31T09:30:03Z"),
            ),
            (
                &json!("Robin"),
                &json!("guest"),
                &json!("2026-01-31T09:30:02Z"),
            ),
        ];
        assert_eq!(times, expected);
    }

    #[tokio::test]
    async fn a_session_whose_room_is_on_no_node_is_closed_after_a_while() {
        let test = TestApp::open().await;
        let (host, room, _, answer) = test.meeting().await;
        let path = format!("/api/sessions/{}", text(&answer["session_id"]));
        let ended = || async {
            test.get(&path)
                .by(&host)
                .send()
                .await
                .expect(StatusCode::OK)["ended_at"]
                .clone()
        };
        test.clock.advance(120_000);
        reconcile::round(&test.app).await.expect("a round");
        assert_eq!(
            ended().await,
            json!(null),
            "somebody may be on their way back"
        );
        test.clock.advance(1);
        test.neighbours.rooms.lock().expect("whole").push(room);
        reconcile::round(&test.app).await.expect("a round");
        assert_eq!(ended().await, json!(null), "the node has the room");
        test.neighbours.rooms.lock().expect("whole").clear();
        reconcile::round(&test.app).await.expect("a round");
        assert_eq!(ended().await, "2026-01-31T09:32:00.001Z");
    }

    #[tokio::test]
    async fn a_recording_that_no_recorder_finishes_is_given_up_after_its_session() {
        let test = TestApp::open().await;
        let (host, room, recording) = test.recorded_meeting().await;
        test.clock.advance(1_000);
        test.event(room, RoomEvent::RoomClosed {}).await;
        test.clock.advance(10 * 60_000 + 1);
        reconcile::round(&test.app).await.expect("a round");
        let host_again = test
            .login("host@example.org", crate::testing::PASSWORD)
            .await
            .person();
        let path = format!("/api/recordings/{}", text(&recording["id"]));
        let read = test
            .get(&path)
            .by(&host_again)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(read["status"], "failed");
        let _ = host;
    }
}
