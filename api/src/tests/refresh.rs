//! Refresh tokens: every interleaving of two devices and a thief.

use axum::http::StatusCode;

use crate::testing::{Answer, Person, TestApp};
use crate::tokens::refresh::GRACE_MS;

async fn refresh(test: &TestApp, cookie: &str) -> Answer {
    test.post("/api/auth/refresh").cookie(cookie).send().await
}

async fn me(test: &TestApp, person: &Person) -> StatusCode {
    test.get("/api/me").by(person).send().await.status
}

#[tokio::test]
async fn each_use_gives_a_new_token_and_the_cookie_is_locked_away() {
    let test = TestApp::open().await;
    let first = test.register("ada@example.org").await;
    let answer = refresh(&test, &first.cookie).await;
    let set = answer.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/api/auth"] {
        assert!(set.contains(part), "{set}");
    }
    let second = answer.person();
    assert_ne!(first.cookie, second.cookie);
    assert_eq!(me(&test, &second).await, StatusCode::OK);
}

#[tokio::test]
async fn a_repeat_within_the_grace_gets_the_same_successor_and_later_ends_the_sign_in() {
    let test = TestApp::open().await;
    let first = test.register("ada@example.org").await;
    let second = refresh(&test, &first.cookie).await.person();
    test.clock.advance(GRACE_MS);
    let again = refresh(&test, &first.cookie).await.person();
    assert_eq!(again.cookie, second.cookie);
    test.clock.advance(1);
    assert_eq!(
        refresh(&test, &first.cookie).await.code(),
        "refresh_invalid"
    );
    assert_eq!(
        refresh(&test, &second.cookie).await.code(),
        "refresh_invalid"
    );
    assert_eq!(me(&test, &second).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_end_with_the_same_token() {
    let test = TestApp::open().await;
    let first = test.register("ada@example.org").await;
    let (a, b) = tokio::join!(refresh(&test, &first.cookie), refresh(&test, &first.cookie));
    let (a, b) = (a.person(), b.person());
    assert_eq!(a.cookie, b.cookie);
    test.clock.advance(GRACE_MS * 2);
    refresh(&test, &a.cookie).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn every_order_of_a_thief_and_the_owner_ends_with_nobody_signed_in() {
    for thief_first in [true, false] {
        let test = TestApp::open().await;
        let stolen = test.register("ada@example.org").await.cookie;
        let winner = refresh(&test, &stolen).await.person();
        test.clock.advance(GRACE_MS + 1);
        // Whoever is second shows the old token; whoever was first keeps using theirs.
        let order = if thief_first {
            [&stolen, &winner.cookie]
        } else {
            [&winner.cookie, &stolen]
        };
        let mut last = Vec::new();
        for cookie in order {
            last.push(refresh(&test, cookie).await.status);
        }
        assert!(last.contains(&StatusCode::UNAUTHORIZED), "{last:?}");
        assert_eq!(me(&test, &winner).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn reuse_on_one_device_leaves_another_sign_in_alone() {
    let test = TestApp::open().await;
    let phone = test.register("ada@example.org").await;
    let laptop = test
        .login("ada@example.org", crate::testing::PASSWORD)
        .await
        .person();
    refresh(&test, &phone.cookie).await.expect(StatusCode::OK);
    test.clock.advance(GRACE_MS + 1);
    assert_eq!(
        refresh(&test, &phone.cookie).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(me(&test, &laptop).await, StatusCode::OK);
}

#[tokio::test]
async fn an_expired_or_invented_token_is_refused() {
    let test = TestApp::open().await;
    let person = test.register("ada@example.org").await;
    assert_eq!(refresh(&test, "invented").await.code(), "refresh_invalid");
    assert_eq!(
        test.post("/api/auth/refresh").send().await.code(),
        "refresh_invalid"
    );
    test.clock
        .advance(crate::tokens::refresh::REFRESH_LIFETIME_MS);
    assert_eq!(
        refresh(&test, &person.cookie).await.code(),
        "refresh_invalid"
    );
}

#[tokio::test]
async fn another_site_cannot_use_the_cookie() {
    let test = TestApp::open().await;
    let person = test.register("ada@example.org").await;
    for path in [
        "/api/auth/refresh",
        "/api/auth/logout",
        "/api/auth/login",
        "/api/setup",
    ] {
        let ask = test
            .post(path)
            .cookie(&person.cookie)
            .header("origin", "https://evil.example");
        assert_eq!(ask.send().await.code(), "origin_refused", "{path}");
    }
    let own = test.post("/api/auth/refresh").cookie(&person.cookie);
    own.header("origin", "http://127.0.0.1:8080")
        .send()
        .await
        .expect(StatusCode::OK);
}
