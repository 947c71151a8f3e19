//! `GET /api/setup`: is the first owner still to be made?

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};

/// How far the deployment's setup is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SetupState {
    /// True: open the setup link that the server printed.
    needs_owner: bool,
}

/// Whether the first owner is still to be made.
#[utoipa::path(
    get, path = "/api/setup", operation_id = "read_setup", tag = "setup",
    responses(
        (status = 200, description = "How far the setup is", body = SetupState),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(State(app): State<SharedApp>) -> Result<Json<SetupState>, Problem> {
    let needs_owner = api_store::setup::is_open(&app.store).await?;
    Ok(Json(SetupState { needs_owner }))
}
