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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestApp;

    #[tokio::test]
    async fn nobody_and_other_tokens_of_ours_are_refused() {
        let test = TestApp::open().await;
        let (host, room, _, answer) = test.meeting().await;
        let _ = (host, room);
        let nobody = test.get("/api/me").send().await;
        assert_eq!(nobody.code(), "unauthenticated");
        assert_eq!(nobody.header("www-authenticate"), "Bearer");
        for name in ["grant", "rejoin"] {
            let token = crate::testing::text(&answer[name]);
            let refused = test.get("/api/me").bearer(token).send().await;
            assert_eq!(refused.code(), "unauthenticated", "{name}");
        }
        for header in ["Basic YTpi", "Bearer", "Bearer ", "nonsense"] {
            let refused = test
                .get("/api/me")
                .header("authorization", header)
                .send()
                .await;
            assert_eq!(refused.code(), "unauthenticated", "{header}");
        }
        let guest = test.post("/api/rooms").json(&json!({})).send().await;
        assert_eq!(guest.code(), "unauthenticated");
    }
}
