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
    name: String,
    email: String,
    /// At least 8 characters.
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
