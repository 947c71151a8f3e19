//! `POST /api/auth/logout`: ends the sign-in of the cookie; its access tokens die with it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum_extra::extract::cookie::CookieJar;

use crate::app::SharedApp;
use crate::extract::SameOrigin;
use crate::problem::{Problem, ProblemBody};
use crate::sign_in;

/// Signs out. Without a sign-in there is nothing to do, and that is no fault.
#[utoipa::path(
    post, path = "/api/auth/logout", operation_id = "logout", tag = "auth",
    responses(
        (status = 204, description = "Signed out"),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn logout(
    State(app): State<SharedApp>,
    _: SameOrigin,
    headers: HeaderMap,
) -> Result<(StatusCode, CookieJar), Problem> {
    let jar = sign_in::end(&app, &headers).await?;
    Ok((StatusCode::NO_CONTENT, jar))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::TestApp;

    #[tokio::test]
    async fn signing_out_ends_the_cookie_and_the_access_token_at_once() {
        let test = TestApp::open().await;
        let person = test.register("ada@example.org").await;
        let out = test
            .post("/api/auth/logout")
            .cookie(&person.cookie)
            .send()
            .await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
        assert!(
            out.header("set-cookie").contains("Max-Age=0"),
            "{}",
            out.header("set-cookie")
        );
        assert_eq!(
            test.get("/api/me").by(&person).send().await.code(),
            "unauthenticated"
        );
        let refresh = test
            .post("/api/auth/refresh")
            .cookie(&person.cookie)
            .send()
            .await;
        assert_eq!(refresh.code(), "refresh_invalid");
        let nobody = test.post("/api/auth/logout").send().await;
        assert_eq!(nobody.status, StatusCode::NO_CONTENT);
    }
}
