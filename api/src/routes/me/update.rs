//! `PATCH /api/me`: another name, another password.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::app::{App, SharedApp};
use crate::check::Check;
use crate::extract::{JsonBody, SignedIn};
use crate::passwords::MAX_PASSWORD_BYTES;
use crate::ports::{Budget, Wait};
use crate::problem::{Code, Problem, ProblemBody};
use crate::tokens;
use crate::views::UserView;

/// What shall change; an absent field stays.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct MeUpdate {
    /// The name shown, 1 to 80 characters.
    #[schema(example = "Ada Lovelace")]
    name: Option<String>,
    /// At least 8 characters. Every other sign-in of the person ends.
    new_password: Option<String>,
    /// Needed with `new_password`.
    current_password: Option<String>,
}

/// Changes who is signed in.
#[utoipa::path(
    patch, path = "/api/me", operation_id = "update_me", tag = "me", security(("bearer" = [])),
    request_body = MeUpdate,
    responses(
        (status = 200, description = "As it is now", body = UserView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update(
    State(app): State<SharedApp>,
    mut person: SignedIn,
    JsonBody(request): JsonBody<MeUpdate>,
) -> Result<Json<UserView>, Problem> {
    let mut check = Check::default();
    if let Some(name) = &request.name {
        person.user.name = check.name("name", name);
    }
    if let Some(password) = &request.new_password {
        check.password("new_password", password);
        if request.current_password.is_none() {
            check.refuse(
                "current_password",
                "needed to change the password".to_owned(),
            );
        }
    }
    check.done()?;
    if let Some(password) = &request.new_password {
        let current = request.current_password.as_deref().unwrap_or_default();
        must_know(&app, &person, current).await?;
        person.user.password_hash = app.passwords.hash(password).await?;
    }
    let user = &person.user;
    let (name, hash) = (&user.name, &user.password_hash);
    api_store::user::update(&app.store, user.organisation, user.id, name, hash).await?;
    if request.new_password.is_some() {
        let (store, now_ms) = (&app.store, app.now_ms());
        let (organisation, id) = (user.organisation, user.id);
        api_store::refresh::revoke_others(store, organisation, id, person.family, now_ms).await?;
    }
    Ok(Json(UserView::from(user)))
}

/// Refuses who does not know the current password. Counted like a sign-in.
async fn must_know(app: &App, person: &SignedIn, password: &str) -> Result<(), Problem> {
    let account = tokens::hash(&person.user.email);
    let counted = app
        .limits
        .attempt(Budget::AccountAttempts, &account, app.now_ms())
        .await;
    counted.map_err(|Wait { wait_ms }| Problem::retry_after(Code::TooManyAttempts, wait_ms))?;
    let bounded = if password.len() <= MAX_PASSWORD_BYTES {
        password
    } else {
        ""
    };
    if !app
        .passwords
        .verify(bounded, Some(&person.user.password_hash))
        .await?
    {
        return Err(Problem::of(Code::CredentialsWrong));
    }
    app.limits
        .succeeded(Budget::AccountAttempts, &account)
        .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::{PASSWORD, TestApp};

    #[tokio::test]
    async fn a_new_name_is_shown_at_once_and_a_bad_one_is_refused() {
        let test = TestApp::open().await;
        let person = test.register("ada@example.org").await;
        let named = test
            .patch("/api/me")
            .by(&person)
            .json(&json!({"name": " Countess "}));
        assert_eq!(
            named.send().await.expect(StatusCode::OK)["name"],
            "Countess"
        );
        let me = test
            .get("/api/me")
            .by(&person)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(me["name"], "Countess");
        let bad = test
            .patch("/api/me")
            .by(&person)
            .json(&json!({"name": ""}))
            .send()
            .await;
        assert_eq!(bad.code(), "invalid");
    }

    #[tokio::test]
    async fn a_new_password_needs_the_old_one_and_ends_every_other_sign_in() {
        let test = TestApp::open().await;
        let here = test.register("ada@example.org").await;
        let elsewhere = test.login("ada@example.org", PASSWORD).await.person();
        let change = |current: &str| {
            let body = json!({"new_password": "battery staple", "current_password": current});
            test.patch("/api/me").by(&here).json(&body).send()
        };
        assert_eq!(change("wrong horse").await.code(), "credentials_wrong");
        let without = json!({"new_password": "battery staple"});
        let without = test.patch("/api/me").by(&here).json(&without).send().await;
        assert_eq!(without.code(), "invalid");
        change(PASSWORD).await.expect(StatusCode::OK);
        test.get("/api/me")
            .by(&here)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(
            test.get("/api/me").by(&elsewhere).send().await.code(),
            "unauthenticated"
        );
        assert_eq!(
            test.login("ada@example.org", PASSWORD).await.code(),
            "credentials_wrong"
        );
        test.login("ada@example.org", "battery staple")
            .await
            .expect(StatusCode::OK);
    }
}
