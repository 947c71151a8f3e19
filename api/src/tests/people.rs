//! Members: people of the organisation who lead nothing but the rooms they made.

use api_store::user::{UserRole, UserRow};
use axum::http::StatusCode;
use serde_json::json;
use sfu_protocol::ids::UserId;

use crate::testing::{PASSWORD, Person, TestApp, text};

async fn member(test: &TestApp, of: &serde_json::Value) -> Person {
    let row = UserRow {
        id: UserId(test.app.new_id()),
        organisation: test.grant(of).organisation,
        email: "member@example.org".to_owned(),
        name: "Mel".to_owned(),
        role: UserRole::Member,
        password_hash: test.app.passwords.hash(PASSWORD).await.expect("a turn"),
        created_at_ms: test.app.now_ms(),
    };
    api_store::user::insert(&test.app.store, &row)
        .await
        .expect("inserts");
    test.login("member@example.org", PASSWORD).await.person()
}

#[tokio::test]
async fn a_member_sees_and_enters_rooms_and_hosts_only_their_own() {
    let test = TestApp::open().await;
    let (host, room, _, answer) = test.meeting().await;
    let member = member(&test, &answer).await;
    let path = format!("/api/rooms/{room}");
    test.get(&path)
        .by(&member)
        .send()
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        test.join(room, Some(&member), json!({})).await["role"],
        "member"
    );
    for action in ["end", "demo", "recordings"] {
        let ask = test.post(&format!("{path}/{action}")).by(&member);
        let refused = ask.json(&json!({"participants": 1})).send().await;
        assert_eq!(refused.code(), "not_allowed", "{action}");
    }
    let recording = test
        .post(&format!("{path}/recordings"))
        .by(&host)
        .send()
        .await;
    let id = text(&recording.expect(StatusCode::CREATED)["id"]).to_owned();
    let stop = test
        .post(&format!("/api/recordings/{id}/stop"))
        .by(&member)
        .send()
        .await;
    assert_eq!(stop.code(), "not_allowed");
    for ask in [
        test.get("/api/keys"),
        test.post("/api/keys").json(&json!({"name": "k"})),
    ] {
        assert_eq!(ask.by(&member).send().await.code(), "not_allowed");
    }
    let (own, _) = test.room(&member).await;
    assert_eq!(
        test.join(own, Some(&member), json!({})).await["role"],
        "host"
    );
    assert_eq!(test.join(own, Some(&host), json!({})).await["role"], "host");
}
