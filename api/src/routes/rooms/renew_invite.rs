//! `POST /api/rooms/{id}/invite/renew`: a new invite link; the old one opens nothing any more.

use axum::Json;
use axum::extract::State;
use sfu_protocol::ids::RoomId;

use super::create::fresh_invite;
use crate::app::SharedApp;
use crate::extract::{Caller, Id};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::RoomView;

/// Makes a new invite link and ends the old one. Who is in the room stays, but a guest who leaves
/// comes back only by the new link.
#[utoipa::path(
    post, path = "/api/rooms/{id}/invite/renew", operation_id = "renew_invite", tag = "rooms", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The room")),
    responses(
        (status = 200, description = "The room with its new link", body = RoomView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn renew(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<Json<RoomView>, Problem> {
    let room = api_store::room::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    caller.must_host(&room)?;
    if room.ended_at_ms.is_some() {
        return Err(Problem::of(Code::RoomEnded));
    }
    let (invite, token_hash) = fresh_invite(&app, &room);
    api_store::invite::renew(&app.store, &invite, &token_hash).await?;
    Ok(Json(RoomView::load(&app, &room).await?))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::{TestApp, text};

    #[tokio::test]
    async fn the_new_link_opens_and_the_old_one_does_not() {
        let test = TestApp::open().await;
        let (host, room, old, _) = test.meeting().await;
        let path = format!("/api/rooms/{room}/invite/renew");
        let renewed = test.post(&path).by(&host).send().await;
        let renewed = renewed.expect(StatusCode::OK);
        let link = text(&renewed["invite_url"]);
        let (_, new) = link.rsplit_once("/j/").expect("a token");
        assert_ne!(new, old);
        let guest = |invite: &str| json!({"name": "Robin", "invite": invite});
        let refused = test.ask_join(room, None, guest(&old)).await;
        assert_eq!(refused.code(), "invite_invalid");
        let told = test.get(&format!("/api/invites/{old}")).send().await;
        assert_eq!(told.code(), "invite_invalid");
        test.join(room, None, guest(new)).await;
        let read = test.get(&format!("/api/rooms/{room}")).by(&host).send();
        assert_eq!(read.await.expect(StatusCode::OK)["invite_url"], link);
    }

    #[tokio::test]
    async fn only_a_host_renews_and_only_while_the_room_is_there() {
        let test = TestApp::open().await;
        let (host, room, ..) = test.meeting().await;
        let path = format!("/api/rooms/{room}/invite/renew");
        assert_eq!(test.post(&path).send().await.code(), "unauthenticated");
        let stranger = test.register("eve@example.org").await;
        let refused = test.post(&path).by(&stranger).send().await;
        assert_eq!(refused.code(), "not_found");
        let end = test.post(&format!("/api/rooms/{room}/end")).by(&host);
        end.send().await.expect(StatusCode::ACCEPTED);
        let late = test.post(&path).by(&host).send().await;
        assert_eq!(late.code(), "room_ended");
    }
}
