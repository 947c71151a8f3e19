//! `POST /api/auth/refresh`: a fresh access token for the refresh cookie, which is rotated.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum_extra::extract::cookie::CookieJar;

use crate::app::SharedApp;
use crate::extract::SameOrigin;
use crate::problem::{Problem, ProblemBody};
use crate::sign_in;
use crate::views::AuthAnswer;

/// Renews the sign-in of the cookie.
#[utoipa::path(
    post, path = "/api/auth/refresh", operation_id = "refresh", tag = "auth",
    responses(
        (status = 200, description = "Signed in", body = AuthAnswer),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn refresh(
    State(app): State<SharedApp>,
    _: SameOrigin,
    headers: HeaderMap,
) -> Result<(CookieJar, Json<AuthAnswer>), Problem> {
    sign_in::renew(&app, &headers).await
}
