//! `POST /api/setup`: makes the first owner, by the one-time link that the server printed.

use api_store::setup::CompleteSetupError;
use axum::Json;
use axum::extract::State;
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;

use crate::account::{self, NewAccount};
use crate::app::SharedApp;
use crate::extract::{JsonBody, SameOrigin, Source};
use crate::ports::{Budget, Wait};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::AuthAnswer;
use crate::{sign_in, tokens};

/// The first owner.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct SetupRequest {
    /// From the setup link: `/setup#token=...`.
    token: String,
    /// The name shown, 1 to 80 characters.
    #[schema(example = "Ada Lovelace")]
    name: String,
    #[schema(example = "ada@example.org")]
    email: String,
    /// At least 8 characters.
    #[schema(example = "correct horse")]
    password: String,
}

/// Makes the first owner and signs them in.
#[utoipa::path(
    post, path = "/api/setup", operation_id = "complete_setup", tag = "setup",
    request_body = SetupRequest,
    responses(
        (status = 200, description = "Signed in", body = AuthAnswer),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn complete(
    State(app): State<SharedApp>,
    _: SameOrigin,
    source: Source,
    JsonBody(request): JsonBody<SetupRequest>,
) -> Result<(CookieJar, Json<AuthAnswer>), Problem> {
    let counted = app
        .limits
        .attempt(Budget::SourceAttempts, &source.0, app.now_ms())
        .await;
    counted.map_err(|Wait { wait_ms }| Problem::retry_after(Code::TooManyAttempts, wait_ms))?;
    if !api_store::setup::is_open(&app.store).await? {
        return Err(Problem::of(Code::SetupClosed));
    }
    if !tokens::setup::is_token(&app.keys.setup, &request.token) {
        return Err(Problem::of(Code::SetupTokenInvalid));
    }
    app.limits
        .succeeded(Budget::SourceAttempts, &source.0)
        .await;
    let account = NewAccount::check(&request.name, &request.email, &request.password)?;
    let owner = account::owner(&app, account).await?;
    let organisation = account::organisation_name(&owner.name);
    match api_store::setup::complete(&app.store, &organisation, &owner).await {
        Ok(()) => {}
        Err(CompleteSetupError::AlreadyDone) => return Err(Problem::of(Code::SetupClosed)),
        Err(CompleteSetupError::Store(error)) => return Err(error.into()),
    }
    tracing::info!(user = %owner.id, "the first owner is made; the setup link is of no use now");
    sign_in::begin(&app, &owner).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use crate::config::{Config, SetupConfig};
    use crate::testing::{PASSWORD, TestApp};

    async fn fresh() -> (TestApp, String) {
        let test = TestApp::with(Config::default(), SetupConfig::default()).await;
        let url = test.app.setup_url();
        let token = url
            .strip_prefix("http://127.0.0.1:8080/setup#token=")
            .expect("a link");
        let token = token.to_owned();
        (test, token)
    }

    fn body(token: &str) -> Value {
        json!({"token": token, "name": "Ada", "email": "ada@example.org", "password": PASSWORD})
    }

    #[tokio::test]
    async fn the_printed_link_makes_the_first_owner_once() {
        let (test, token) = fresh().await;
        let state = test.get("/api/setup").send().await.expect(StatusCode::OK);
        assert_eq!(state, json!({"needs_owner": true}));
        let owner = test
            .post("/api/setup")
            .json(&body(&token))
            .send()
            .await
            .person();
        let me = test
            .get("/api/me")
            .by(&owner)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(me["role"], "owner");
        let again = test.post("/api/setup").json(&body(&token)).send().await;
        assert_eq!(again.code(), "setup_closed");
        let state = test.get("/api/setup").send().await.expect(StatusCode::OK);
        assert_eq!(state, json!({"needs_owner": false}));
    }

    #[tokio::test]
    async fn a_guessed_token_makes_nobody_and_guessing_is_slowed() {
        let (test, token) = fresh().await;
        for _ in 0..20 {
            let guess = test.post("/api/setup").json(&body("guess")).send().await;
            assert_eq!(guess.code(), "setup_token_invalid");
        }
        let slowed = test.post("/api/setup").json(&body(&token)).send().await;
        assert_eq!(slowed.code(), "too_many_attempts");
        assert_eq!(slowed.header("retry-after"), "1");
        test.clock.advance(1_000);
        test.post("/api/setup")
            .json(&body(&token))
            .send()
            .await
            .expect(StatusCode::OK);
    }

    #[tokio::test]
    async fn every_wrong_field_is_named() {
        let (test, token) = fresh().await;
        let body = json!({"token": token, "name": "", "email": "x", "password": "short"});
        let answer = test.post("/api/setup").json(&body).send().await;
        assert_eq!(answer.code(), "invalid");
        assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(3));
    }
}
