//! `GET /api/sessions`: the organisation's meetings, newest first.

use axum::Json;
use axum::extract::State;

use crate::app::SharedApp;
use crate::extract::{Caller, Page, PageRequest};
use crate::problem::{Problem, ProblemBody};
use crate::views::SessionSummary;

/// Lists sessions to which somebody came.
#[utoipa::path(
    get, path = "/api/sessions", operation_id = "list_sessions", tag = "sessions", security(("bearer" = [])),
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u16>, Query, description = "Items of a page, at most 200"),
    ),
    responses(
        (status = 200, description = "A page of sessions", body = Page<SessionSummary>),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<SharedApp>,
    caller: Caller,
    page: PageRequest,
) -> Result<Json<Page<SessionSummary>>, Problem> {
    let organisation = caller.organisation();
    let rows =
        api_store::session::list(&app.store, organisation, &page.after, page.fetch()).await?;
    let place = |row: &api_store::session::SessionRow| {
        (row.started_at_ms.unwrap_or_default(), row.id.to_string())
    };
    let (rows, next) = page.cut(rows, place);
    let mut items = Vec::with_capacity(rows.len());
    for session in &rows {
        items.push(SessionSummary::load(&app, session).await?);
    }
    Ok(Json(Page { items, next }))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::TestApp;

    #[tokio::test]
    async fn meetings_to_which_somebody_came_are_listed_with_their_counts() {
        let test = TestApp::open().await;
        let (host, room, recording) = test.recorded_meeting().await;
        let (empty, _) = test.room(&host).await;
        test.join(empty, Some(&host), json!({})).await;
        let page = test
            .get("/api/sessions")
            .by(&host)
            .send()
            .await
            .expect(StatusCode::OK);
        let expected = json!({"items": [{
            "id": recording["session_id"], "room_id": room.to_string(), "title": "Monday",
            "started_at": "2026-01-31T09:30:00Z", "ended_at": null,
            "participants": 1, "present": 1, "recordings": ["starting"],
        }], "next": null});
        assert_eq!(page, expected);
    }
}
