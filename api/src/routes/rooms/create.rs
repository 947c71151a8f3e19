//! `POST /api/rooms`: a new room with its invite link.

use api_store::invite::InviteRow;
use api_store::room::RoomRow;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sfu_protocol::ids::RoomId;

use crate::app::{App, SharedApp};
use crate::check::Check;
use crate::extract::{Caller, IdempotencyKey, JsonBody};
use crate::idempotency;
use crate::problem::{Problem, ProblemBody};
use crate::tokens;
use crate::views::RoomView;

/// What a room is called when nobody names it.
const UNTITLED: &str = "Meeting";

/// A new room.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct RoomRequest {
    /// 1 to 80 characters.
    #[schema(example = "Weekly")]
    title: Option<String>,
}

/// Makes a room.
#[utoipa::path(
    post, path = "/api/rooms", operation_id = "create_room", tag = "rooms", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats with the same key get the first answer")),
    request_body = RoomRequest,
    responses(
        (status = 201, description = "The room", body = RoomView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<SharedApp>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(request): JsonBody<RoomRequest>,
) -> Result<Response, Problem> {
    let mut check = Check::default();
    let title = request.title.as_deref().unwrap_or(UNTITLED);
    let title = check.name("title", title);
    check.done()?;
    let what = format!("create room {title}");
    idempotency::once(&app, &caller, &key, &what, async {
        let room = make(&app, &caller, title).await?;
        Ok((StatusCode::CREATED, RoomView::load(&app, &room).await?))
    })
    .await
}

async fn make(app: &App, caller: &Caller, title: String) -> Result<RoomRow, Problem> {
    let room = RoomRow {
        id: RoomId(app.new_id()),
        organisation: caller.organisation(),
        title,
        created_by: match caller {
            Caller::Person(person) => Some(person.user.id),
            Caller::Server(_) => None,
        },
        created_at_ms: app.now_ms(),
        ended_at_ms: None,
    };
    let (invite, token_hash) = fresh_invite(app, &room);
    api_store::room::insert(&app.store, &room).await?;
    api_store::invite::insert(&app.store, &invite, &token_hash).await?;
    Ok(room)
}

/// A new invite to a room, and the hash of its token.
pub(super) fn fresh_invite(app: &App, room: &RoomRow) -> (InviteRow, String) {
    let invite = InviteRow {
        id: app.new_id(),
        organisation: room.organisation,
        room: room.id,
        created_at_ms: app.now_ms(),
    };
    let token = tokens::invite::token(&app.keys.invite, invite.id);
    (invite, tokens::hash(&token))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::{TestApp, text};

    #[tokio::test]
    async fn a_room_is_idle_and_has_a_link_for_guests() {
        let test = TestApp::open().await;
        let person = test.register("ada@example.org").await;
        let room = test
            .post("/api/rooms")
            .by(&person)
            .send()
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(
            (&room["title"], &room["status"]),
            (&json!("Meeting"), &json!("idle"))
        );
        assert_eq!(room["created_at"], "2026-01-31T09:30:00Z");
        assert_eq!(room["session_id"], json!(null));
        let link = text(&room["invite_url"]);
        let token = link
            .strip_prefix("http://127.0.0.1:8080/j/")
            .expect("a link of ours");
        assert_eq!(token.len(), 43);
        let again = test
            .get(&format!("/api/rooms/{}", text(&room["id"])))
            .by(&person);
        assert_eq!(
            again.send().await.expect(StatusCode::OK)["invite_url"],
            room["invite_url"]
        );
    }

    #[tokio::test]
    async fn a_title_that_cannot_be_shown_is_refused() {
        let test = TestApp::open().await;
        let person = test.register("ada@example.org").await;
        for title in ["", "a\u{0}b", &"x".repeat(81)] {
            let ask = test
                .post("/api/rooms")
                .by(&person)
                .json(&json!({"title": title}));
            assert_eq!(ask.send().await.code(), "invalid", "{title:?}");
        }
    }

    #[tokio::test]
    async fn a_repeat_with_the_same_key_gets_the_same_room() {
        let test = TestApp::open().await;
        let person = test.register("ada@example.org").await;
        let ask = |key: &str, title: &str| {
            let ask = test
                .post("/api/rooms")
                .by(&person)
                .header("idempotency-key", key);
            ask.json(&json!({"title": title})).send()
        };
        let first = ask("k1", "Monday").await;
        let repeat = ask("k1", "Monday").await;
        assert_eq!((first.status, &first.body), (repeat.status, &repeat.body));
        assert_eq!(ask("k1", "Tuesday").await.code(), "idempotency_key_reused");
        assert_ne!(ask("k2", "Monday").await.body, first.body);
        assert_eq!(ask("", "Monday").await.code(), "idempotency_key_invalid");
        assert_eq!(
            ask(&"k".repeat(129), "Monday").await.code(),
            "idempotency_key_invalid"
        );
        let rooms = test
            .get("/api/rooms")
            .by(&person)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(rooms["items"].as_array().map(Vec::len), Some(2));
        test.clock.advance(24 * 60 * 60 * 1_000 + 1);
        let person = test
            .login("ada@example.org", crate::testing::PASSWORD)
            .await
            .person();
        let ask = test
            .post("/api/rooms")
            .by(&person)
            .header("idempotency-key", "k1");
        let later = ask.json(&json!({"title": "Monday"})).send().await;
        assert_ne!(later.expect(StatusCode::CREATED)["id"], first.json()["id"]);
    }

    #[tokio::test]
    async fn of_requests_with_one_key_at_once_one_is_carried_out() {
        let test = TestApp::open().await;
        let person = test.register("ada@example.org").await;
        let ask = || {
            test.post("/api/rooms")
                .by(&person)
                .header("idempotency-key", "k")
                .send()
        };
        let answers = tokio::join!(ask(), ask(), ask());
        for answer in [answers.0, answers.1, answers.2] {
            let waits = answer.status == StatusCode::CONFLICT;
            assert!(
                waits || answer.status == StatusCode::CREATED,
                "{}",
                answer.status
            );
        }
        let rooms = test
            .get("/api/rooms")
            .by(&person)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(rooms["items"].as_array().map(Vec::len), Some(1));
    }
}
