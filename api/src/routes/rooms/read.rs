//! `GET /api/rooms/{id}`: one room.

use axum::Json;
use axum::extract::State;

use crate::app::SharedApp;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::RoomView;

/// Reads a room.
#[utoipa::path(
    get, path = "/api/rooms/{id}", operation_id = "read_room", tag = "rooms", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The room")),
    responses(
        (status = 200, description = "The room", body = RoomView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<sfu_protocol::ids::RoomId>,
) -> Result<Json<RoomView>, Problem> {
    let room = api_store::room::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    Ok(Json(RoomView::load(&app, &room).await?))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;
    use sfu_protocol::control::RoomEvent;

    use crate::testing::TestApp;

    #[tokio::test]
    async fn a_room_goes_from_idle_to_live_to_idle_and_ends() {
        let test = TestApp::open().await;
        let host = test.register("ada@example.org").await;
        let (room, _) = test.room(&host).await;
        let path = format!("/api/rooms/{room}");
        let status = || async {
            test.get(&path)
                .by(&host)
                .send()
                .await
                .expect(StatusCode::OK)["status"]
                .clone()
        };
        let answer = test.join(room, Some(&host), json!({})).await;
        assert_eq!(status().await, "idle", "a grant is not yet a person");
        test.arrives(room, &answer).await;
        assert_eq!(status().await, "live");
        test.clock.advance(1);
        test.event(room, RoomEvent::RoomClosed {}).await;
        assert_eq!(status().await, "idle");
        test.post(&format!("{path}/end"))
            .by(&host)
            .send()
            .await
            .expect(StatusCode::ACCEPTED);
        assert_eq!(status().await, "ended");
    }

    #[tokio::test]
    async fn what_is_no_id_names_nothing() {
        let test = TestApp::open().await;
        let host = test.register("ada@example.org").await;
        for id in ["x", "00000000-0000-0000-0000-000000000000", "1;drop"] {
            let answer = test.get(&format!("/api/rooms/{id}")).by(&host).send().await;
            assert_eq!(answer.code(), "not_found", "{id}");
        }
    }
}
