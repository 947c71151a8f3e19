//! `POST /api/keys`: a new API key. Its secret is shown this once.

use api_store::key::KeyRow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::KeyView;
use crate::app::SharedApp;
use crate::check::Check;
use crate::extract::{JsonBody, KEY_PREFIX, SignedIn};
use crate::problem::{Code, Problem, ProblemBody};
use crate::{random, tokens};

/// Most living keys of one organisation; one more is refused.
const MAX_KEYS: i64 = 50;

/// Characters of the secret that are shown in lists.
const PREFIX_CHARS: usize = KEY_PREFIX.len() + 4;

/// A new key.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct KeyRequest {
    /// What it is for, 1 to 80 characters.
    #[schema(example = "Build server")]
    name: String,
}

/// A new key with its secret.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct KeyCreated {
    key: KeyView,
    /// Show it as `Authorization: Bearer`. It cannot be shown again.
    secret: String,
}

/// Makes an API key.
#[utoipa::path(
    post, path = "/api/keys", operation_id = "create_key", tag = "keys", security(("bearer" = [])),
    request_body = KeyRequest,
    responses(
        (status = 201, description = "The key", body = KeyCreated),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<SharedApp>,
    person: SignedIn,
    JsonBody(request): JsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<KeyCreated>), Problem> {
    person.must_own()?;
    let mut check = Check::default();
    let name = check.name("name", &request.name);
    check.done()?;
    let secret = format!("{KEY_PREFIX}{}", random::secret());
    let row = KeyRow {
        id: app.new_id(),
        organisation: person.user.organisation,
        name,
        prefix: secret.chars().take(PREFIX_CHARS).collect(),
        created_by: person.user.id,
        created_at_ms: app.now_ms(),
        last_used_at_ms: None,
    };
    if !api_store::key::insert(&app.store, &row, &tokens::hash(&secret), MAX_KEYS).await? {
        return Err(Problem::of(Code::KeyLimit));
    }
    tracing::info!(key = %row.id, user = %person.user.id, "an API key is made");
    let key = KeyView::from(&row);
    Ok((StatusCode::CREATED, Json(KeyCreated { key, secret })))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::{TestApp, text};

    #[tokio::test]
    async fn a_key_is_shown_once_and_opens_until_it_is_deleted() {
        let test = TestApp::open().await;
        let owner = test.register("ada@example.org").await;
        let made = test
            .post("/api/keys")
            .by(&owner)
            .json(&json!({"name": "site"}))
            .send()
            .await;
        let made = made.expect(StatusCode::CREATED);
        let secret = text(&made["secret"]);
        assert!(
            secret.starts_with("colloquy_") && secret.starts_with(text(&made["key"]["prefix"]))
        );
        let room = test
            .post("/api/rooms")
            .bearer(secret)
            .send()
            .await
            .expect(StatusCode::CREATED);
        let path = format!("/api/rooms/{}", text(&room["id"]));
        test.get(&path)
            .by(&owner)
            .send()
            .await
            .expect(StatusCode::OK);
        let listed = test.get("/api/keys").by(&owner).send().await;
        assert!(!String::from_utf8_lossy(&listed.body).contains(secret));
        assert_eq!(
            listed.json()["items"][0]["last_used_at"],
            "2026-01-31T09:30:00Z"
        );
        let gone = test
            .delete(&format!("/api/keys/{}", text(&made["key"]["id"])))
            .by(&owner);
        assert_eq!(gone.send().await.status, StatusCode::NO_CONTENT);
        assert_eq!(
            test.get(&path).bearer(secret).send().await.code(),
            "unauthenticated"
        );
    }

    #[tokio::test]
    async fn a_key_makes_no_keys_and_there_is_a_bound() {
        let test = TestApp::open().await;
        let owner = test.register("ada@example.org").await;
        let make = || {
            test.post("/api/keys")
                .by(&owner)
                .json(&json!({"name": "k"}))
                .send()
        };
        let first = make().await.expect(StatusCode::CREATED);
        let by_key = test.post("/api/keys").bearer(text(&first["secret"]));
        assert_eq!(
            by_key.json(&json!({"name": "k"})).send().await.code(),
            "not_allowed"
        );
        for _ in 1..super::MAX_KEYS {
            make().await.expect(StatusCode::CREATED);
        }
        assert_eq!(make().await.code(), "key_limit");
    }
}
