//! `POST /api/auth/login`: address and password for a sign-in.
//!
//! An address without an account is answered in the same words, after the same work, and counted
//! in the same way (OWASP ASVS 5.0.0, 6.3.8).

use axum::Json;
use axum::extract::State;
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;

use crate::app::{App, SharedApp};
use crate::check::normalised_email;
use crate::extract::{JsonBody, SameOrigin, Source};
use crate::passwords::MAX_PASSWORD_BYTES;
use crate::ports::{Budget, Wait};
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::AuthAnswer;
use crate::{sign_in, tokens};

/// Who signs in.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct LoginRequest {
    email: String,
    password: String,
}

/// Signs in.
#[utoipa::path(
    post, path = "/api/auth/login", operation_id = "login", tag = "auth",
    request_body = LoginRequest,
    responses(
        (status = 200, description = "Signed in", body = AuthAnswer),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn login(
    State(app): State<SharedApp>,
    _: SameOrigin,
    source: Source,
    JsonBody(request): JsonBody<LoginRequest>,
) -> Result<(CookieJar, Json<AuthAnswer>), Problem> {
    let email = normalised_email(&request.email);
    // Addresses are counted by hash: they are personal, and their length is the caller's choice.
    let account = tokens::hash(&email);
    count(&app, &account, &source).await?;
    let found = api_store::user::find_by_email(&app.store, &email).await?;
    let hash = found.as_ref().map(|user| user.password_hash.as_str());
    let short_enough = request.password.len() <= MAX_PASSWORD_BYTES;
    let password = if short_enough {
        request.password.as_str()
    } else {
        ""
    };
    let fits = app.passwords.verify(password, hash).await? && short_enough;
    let Some(user) = found.filter(|_| fits) else {
        app.metrics.sign_ins.with_label_values(&["refused"]).inc();
        return Err(Problem::of(Code::CredentialsWrong));
    };
    app.limits
        .succeeded(Budget::AccountAttempts, &account)
        .await;
    app.limits
        .succeeded(Budget::SourceAttempts, &source.0)
        .await;
    app.metrics.sign_ins.with_label_values(&["accepted"]).inc();
    sign_in::begin(&app, &user).await
}

async fn count(app: &App, account: &str, source: &Source) -> Result<(), Problem> {
    let now_ms = app.now_ms();
    let tries = [
        (Budget::SourceAttempts, source.0.as_str()),
        (Budget::AccountAttempts, account),
    ];
    for (budget, who) in tries {
        app.limits
            .attempt(budget, who, now_ms)
            .await
            .map_err(|Wait { wait_ms }| {
                app.metrics.sign_ins.with_label_values(&["limited"]).inc();
                Problem::retry_after(Code::TooManyAttempts, wait_ms)
            })?;
    }
    Ok(())
}
