//! `POST /api/auth/register`: a new account with an organisation of its own, where that is open.

use api_store::user::InsertUserError;
use axum::Json;
use axum::extract::State;
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;

use crate::account::{self, NewAccount};
use crate::app::SharedApp;
use crate::config::Registration;
use crate::extract::{JsonBody, SameOrigin, Source};
use crate::problem::{Code, Problem, ProblemBody};
use crate::sign_in;
use crate::views::AuthAnswer;

/// A new account.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct RegisterRequest {
    /// The name shown, 1 to 80 characters.
    #[schema(example = "Ada Lovelace")]
    name: String,
    #[schema(example = "ada@example.org")]
    email: String,
    /// At least 8 characters.
    #[schema(example = "correct horse")]
    password: String,
}

/// Makes an account and signs in.
#[utoipa::path(
    post, path = "/api/auth/register", operation_id = "register", tag = "auth",
    request_body = RegisterRequest,
    responses(
        (status = 200, description = "Signed in", body = AuthAnswer),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn register(
    State(app): State<SharedApp>,
    _: SameOrigin,
    source: Source,
    JsonBody(request): JsonBody<RegisterRequest>,
) -> Result<(CookieJar, Json<AuthAnswer>), Problem> {
    if app.config.registration == Registration::Closed {
        return Err(Problem::of(Code::RegistrationClosed));
    }
    source.as_stranger(&app).await?;
    let account = NewAccount::check(&request.name, &request.email, &request.password)?;
    let owner = account::owner(&app, account).await?;
    let organisation = account::organisation_name(&owner.name);
    match api_store::user::insert_with_organisation(&app.store, &organisation, &owner).await {
        Ok(()) => sign_in::begin(&app, &owner).await,
        Err(InsertUserError::EmailTaken) => Err(Problem::of(Code::EmailTaken)),
        Err(InsertUserError::Store(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::config::{Config, SetupConfig};
    use crate::testing::{PASSWORD, TestApp};

    #[tokio::test]
    async fn registration_is_closed_unless_opened() {
        let test = TestApp::with(Config::default(), SetupConfig::default()).await;
        let body = json!({"name": "Ada", "email": "ada@example.org", "password": PASSWORD});
        let answer = test.post("/api/auth/register").json(&body).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.code(), "registration_closed");
    }

    #[tokio::test]
    async fn an_address_is_taken_in_any_writing() {
        let test = TestApp::open().await;
        test.register("ada@example.org").await;
        let body = json!({"name": "Eve", "email": " ADA@example.org", "password": PASSWORD});
        let answer = test.post("/api/auth/register").json(&body).send().await;
        assert_eq!(answer.code(), "email_taken");
    }
}
