//! `GET /api/rooms`: the organisation's rooms, newest first.

use axum::Json;
use axum::extract::State;

use crate::app::SharedApp;
use crate::extract::{Caller, Page, PageRequest};
use crate::problem::{Problem, ProblemBody};
use crate::views::RoomView;

/// Lists rooms.
#[utoipa::path(
    get, path = "/api/rooms", operation_id = "list_rooms", tag = "rooms", security(("bearer" = [])),
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u16>, Query, description = "Items of a page, at most 200"),
    ),
    responses(
        (status = 200, description = "A page of rooms", body = Page<RoomView>),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<SharedApp>,
    caller: Caller,
    page: PageRequest,
) -> Result<Json<Page<RoomView>>, Problem> {
    let organisation = caller.organisation();
    let rows = api_store::room::list(&app.store, organisation, &page.after, page.fetch()).await?;
    let (rows, next) = page.cut(rows, |room| (room.created_at_ms, room.id.to_string()));
    let mut items = Vec::with_capacity(rows.len());
    for room in &rows {
        items.push(RoomView::load(&app, room).await?);
    }
    Ok(Json(Page { items, next }))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::{TestApp, text};

    #[tokio::test]
    async fn pages_follow_the_cursor_newest_first() {
        let test = TestApp::open().await;
        let person = test.register("ada@example.org").await;
        let mut made = Vec::new();
        for _ in 0..3 {
            test.clock.advance(1_000);
            made.insert(0, test.room(&person).await.0.to_string());
        }
        let mut seen = Vec::new();
        let mut path = "/api/rooms?limit=2".to_owned();
        loop {
            let page = test
                .get(&path)
                .by(&person)
                .send()
                .await
                .expect(StatusCode::OK);
            let items = page["items"].as_array().expect("items").clone();
            seen.extend(items.iter().map(|room| text(&room["id"]).to_owned()));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/api/rooms?limit=2&after={next}");
        }
        assert_eq!(seen, made);
        let wrong = test.get("/api/rooms?after=x").by(&person).send().await;
        assert_eq!(wrong.code(), "cursor_invalid");
    }
}
