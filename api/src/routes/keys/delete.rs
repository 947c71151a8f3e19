//! `DELETE /api/keys/{id}`: ends an API key at once.

use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use crate::app::SharedApp;
use crate::extract::{Id, SignedIn};
use crate::problem::{Code, Problem, ProblemBody};

/// Ends an API key.
#[utoipa::path(
    delete, path = "/api/keys/{id}", operation_id = "delete_key", tag = "keys", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The key")),
    responses(
        (status = 204, description = "It opens nothing any more"),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(
    State(app): State<SharedApp>,
    person: SignedIn,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, Problem> {
    person.must_own()?;
    let organisation = person.user.organisation;
    if !api_store::key::revoke(&app.store, organisation, id, app.now_ms()).await? {
        return Err(Problem::of(Code::NotFound));
    }
    tracing::info!(key = %id, user = %person.user.id, "an API key is ended");
    Ok(StatusCode::NO_CONTENT)
}
