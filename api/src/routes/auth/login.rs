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
    #[schema(example = "ada@example.org")]
    email: String,
    #[schema(example = "correct horse")]
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

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::{PASSWORD, TestApp};

    #[tokio::test]
    async fn the_right_password_signs_in_whatever_the_case_of_the_address() {
        let test = TestApp::open().await;
        test.register("ada@example.org").await;
        let answer = test.login("Ada@Example.org ", PASSWORD).await;
        let person = answer.person();
        assert_eq!(answer.json()["expires_at"], "2026-01-31T09:40:00Z");
        assert_eq!(answer.header("cache-control"), "no-store");
        test.get("/api/me")
            .by(&person)
            .send()
            .await
            .expect(StatusCode::OK);
        test.clock.advance(10 * 60_000);
        assert_eq!(
            test.get("/api/me").by(&person).send().await.code(),
            "unauthenticated"
        );
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
        let test = TestApp::open().await;
        test.register("ada@example.org").await;
        let wrong = test.login("ada@example.org", "wrong horse").await;
        let unknown = test.login("eve@example.org", "wrong horse").await;
        assert_eq!(wrong.code(), "credentials_wrong");
        assert_eq!(wrong.body, unknown.body);
        assert_eq!(wrong.status, unknown.status);
    }

    #[tokio::test]
    async fn guessing_is_slowed_for_accounts_that_exist_and_that_do_not() {
        for email in ["ada@example.org", "nobody@example.org"] {
            let test = TestApp::open().await;
            test.register("ada@example.org").await;
            for _ in 0..5 {
                assert_eq!(
                    test.login(email, "wrong horse").await.code(),
                    "credentials_wrong"
                );
            }
            assert_eq!(
                test.login(email, PASSWORD).await.code(),
                "too_many_attempts"
            );
        }
    }

    #[tokio::test]
    async fn a_good_sign_in_clears_the_wrong_ones() {
        let test = TestApp::open().await;
        test.register("ada@example.org").await;
        for _ in 0..3 {
            for _ in 0..4 {
                test.login("ada@example.org", "wrong horse").await;
            }
            test.login("ada@example.org", PASSWORD)
                .await
                .expect(StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn a_password_of_a_megabyte_is_refused_before_it_is_hashed() {
        let test = TestApp::open().await;
        test.register("ada@example.org").await;
        let long = "x".repeat(60_000);
        assert_eq!(
            test.login("ada@example.org", &long).await.code(),
            "credentials_wrong"
        );
    }
}
