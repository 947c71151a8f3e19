//! `POST /api/rooms/{id}/end`: ends a meeting for all.

use axum::extract::State;
use axum::http::StatusCode;
use sfu_protocol::control::ControlRequest;
use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::ByeReason;

use crate::app::SharedApp;
use crate::closing;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};

/// Ends a meeting for all. Nobody can enter the room afterwards.
#[utoipa::path(
    post, path = "/api/rooms/{id}/end", operation_id = "end_room", tag = "rooms", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The room")),
    responses(
        (status = 202, description = "It ends"),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<StatusCode, Problem> {
    let room = api_store::room::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    caller.must_host(&room)?;
    api_store::room::end(&app.store, room.organisation, id, app.now_ms()).await?;
    let wish = ControlRequest::CloseRoom {
        room: id,
        reason: ByeReason::Ended,
    };
    if let Err(error) = app.nodes.control(wish).await {
        // The wish is in the books: the reconciling job asks again.
        tracing::warn!(room = %id, %error, "a room is to be closed, but its node does not answer");
    }
    closing::close_latest(&app, &room, app.now_ms()).await?;
    Ok(StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use axum::http::StatusCode;
    use serde_json::json;
    use sfu_protocol::control::ControlRequest;
    use sfu_protocol::recording::RecorderCommand;
    use sfu_protocol::signal::ByeReason;

    use crate::jobs::reconcile;
    use crate::testing::{TestApp, text};

    #[tokio::test]
    async fn ending_closes_the_room_its_session_and_its_recording() {
        let test = TestApp::open().await;
        let (host, room, recording) = test.recorded_meeting().await;
        test.clock.advance(5_000);
        let end = test
            .post(&format!("/api/rooms/{room}/end"))
            .by(&host)
            .send()
            .await;
        end.expect(StatusCode::ACCEPTED);
        let wish = ControlRequest::CloseRoom {
            room,
            reason: ByeReason::Ended,
        };
        assert_eq!(*test.neighbours.wishes.lock().expect("whole"), [wish]);
        let id = text(&recording["id"]).parse().expect("an id");
        let last = test
            .neighbours
            .commands
            .lock()
            .expect("whole")
            .last()
            .cloned();
        assert_eq!(last, Some(RecorderCommand::Stop { recording: id }));
        let path = format!("/api/sessions/{}", text(&recording["session_id"]));
        let session = test
            .get(&path)
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(session["ended_at"], "2026-01-31T09:30:05Z");
        assert_eq!(
            session["participants"][0]["left_at"],
            "2026-01-31T09:30:05Z"
        );
    }

    #[tokio::test]
    async fn a_guest_cannot_end() {
        let test = TestApp::open().await;
        let (_, room, invite, _) = test.meeting().await;
        let guest = test
            .join(room, None, json!({"name": "Robin", "invite": invite}))
            .await;
        let path = format!("/api/rooms/{room}/end");
        assert_eq!(test.post(&path).send().await.code(), "unauthenticated");
        for name in ["grant", "rejoin"] {
            let refused = test.post(&path).bearer(text(&guest[name])).send().await;
            assert_eq!(refused.code(), "unauthenticated", "{name}");
        }
        assert!(test.neighbours.wishes.lock().expect("whole").is_empty());
    }

    #[tokio::test]
    async fn a_node_that_is_away_is_asked_again() {
        let test = TestApp::open().await;
        let (host, room, ..) = test.meeting().await;
        test.neighbours.away.store(true, Ordering::SeqCst);
        let end = test
            .post(&format!("/api/rooms/{room}/end"))
            .by(&host)
            .send()
            .await;
        end.expect(StatusCode::ACCEPTED);
        test.neighbours.away.store(false, Ordering::SeqCst);
        test.neighbours.rooms.lock().expect("whole").push(room);
        reconcile::round(&test.app).await.expect("a round");
        let wish = ControlRequest::CloseRoom {
            room,
            reason: ByeReason::Ended,
        };
        assert_eq!(*test.neighbours.wishes.lock().expect("whole"), [wish]);
    }
}
