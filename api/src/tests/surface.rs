//! What every answer has, whatever was asked.

use axum::http::StatusCode;
use serde_json::json;

use crate::config::{Config, SetupConfig};
use crate::testing::{PASSWORD, TestApp};

#[tokio::test]
async fn every_answer_has_the_security_headers_and_a_request_id() {
    let test = TestApp::open().await;
    for path in [
        "/",
        "/api/setup",
        "/api/nothing",
        "/objects/x",
        "/sessions/some",
    ] {
        let answer = test.get(path).send().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src"), "{path}: {policy}");
    }
    let policy = test
        .get("/")
        .send()
        .await
        .header("content-security-policy")
        .to_owned();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(policy.contains("connect-src 'self' http://127.0.0.1:8080 ws://127.0.0.1:8080"));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_under_api_and_a_page_elsewhere() {
    let test = TestApp::open().await;
    assert_eq!(test.get("/api/nothing").send().await.code(), "not_found");
    assert_eq!(test.get("/api").send().await.code(), "not_found");
    assert_eq!(
        test.delete("/api/me").send().await.code(),
        "method_not_allowed"
    );
    let page = test.get("/rooms/some").send().await;
    assert!(
        page.header("content-type").starts_with("text/html"),
        "{}",
        page.status
    );
    assert_eq!(
        test.get("/assets/gone.js").send().await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_by_name() {
    let test = TestApp::open().await;
    let ask = || test.post("/api/auth/login");
    let json = |body: &str| {
        ask()
            .header("content-type", "application/json")
            .bytes(body.into())
    };
    assert_eq!(json("{").send().await.code(), "body_invalid");
    assert_eq!(json("{\"email\": 1}").send().await.code(), "body_invalid");
    assert_eq!(json("").send().await.code(), "body_invalid");
    assert_eq!(
        ask().bytes(b"email=x".to_vec()).send().await.code(),
        "body_not_json"
    );
    assert_eq!(
        json(&"x".repeat(70_000)).send().await.code(),
        "body_too_large"
    );
}

#[tokio::test]
async fn the_description_and_its_pages_are_served_without_the_network() {
    let test = TestApp::open().await;
    let description = test
        .get("/api/openapi.json")
        .send()
        .await
        .expect(StatusCode::OK);
    assert!(description["paths"]["/api/rooms/{id}/join"]["post"].is_object());
    let page = test.get("/api/docs/").send().await;
    let text = String::from_utf8_lossy(&page.body).into_owned();
    assert!(
        page.status.is_success() && !text.contains("https://"),
        "{text}"
    );
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_address() {
    let test = TestApp::open().await;
    let person = test.register("ada@example.org").await;
    let (room, _) = test.room(&person).await;
    test.get(&format!("/api/rooms/{room}"))
        .by(&person)
        .send()
        .await
        .expect(StatusCode::OK);
    let counted = test
        .app
        .metrics
        .requests_of("GET", "/api/rooms/{id}", "200");
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn the_first_owner_can_be_made_unattended_once() {
    let setup = SetupConfig {
        owner_email: Some("Owner@Example.org".to_owned()),
        owner_password: Some(PASSWORD.to_owned()),
        owner_name: None,
    };
    let test = TestApp::with(Config::default(), setup).await;
    let state = test.get("/api/setup").send().await.expect(StatusCode::OK);
    assert_eq!(state, json!({"needs_owner": false}));
    let answer = test
        .login("owner@example.org", PASSWORD)
        .await
        .expect(StatusCode::OK);
    assert_eq!(answer["user"]["role"], "owner");
    assert_eq!(answer["user"]["name"], "Owner");
}
