//! `GET /api/keys`: the organisation's API keys, newest first.

use axum::Json;
use axum::extract::State;

use super::KeyView;
use crate::app::SharedApp;
use crate::extract::{Page, PageRequest, SignedIn};
use crate::problem::{Problem, ProblemBody};

/// Lists API keys.
#[utoipa::path(
    get, path = "/api/keys", operation_id = "list_keys", tag = "keys", security(("bearer" = [])),
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u16>, Query, description = "Items of a page, at most 200"),
    ),
    responses(
        (status = 200, description = "A page of keys", body = Page<KeyView>),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<SharedApp>,
    person: SignedIn,
    page: PageRequest,
) -> Result<Json<Page<KeyView>>, Problem> {
    person.must_own()?;
    let organisation = person.user.organisation;
    let rows = api_store::key::list(&app.store, organisation, &page.after, page.fetch()).await?;
    let (rows, next) = page.cut(rows, |key| (key.created_at_ms, key.id.to_string()));
    let items = rows.iter().map(KeyView::from).collect();
    Ok(Json(Page { items, next }))
}
