//! `GET /api/me`: who am I?

use axum::Json;

use crate::extract::SignedIn;
use crate::problem::ProblemBody;
use crate::views::UserView;

/// Who is signed in.
#[utoipa::path(
    get, path = "/api/me", operation_id = "read_me", tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "Who is signed in", body = UserView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(person: SignedIn) -> Json<UserView> {
    Json(UserView::from(&person.user))
}
