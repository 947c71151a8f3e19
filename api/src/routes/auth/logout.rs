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
