//! Two organisations: every endpoint that names a row, asked by a stranger who knows its id.

use axum::http::StatusCode;
use serde_json::json;

use crate::testing::{TestApp, text};

#[tokio::test]
async fn nothing_of_one_organisation_is_seen_or_moved_by_another() {
    let test = TestApp::open().await;
    let (host, room, recording) = test.recorded_meeting().await;
    let key = test
        .post("/api/keys")
        .by(&host)
        .json(&json!({"name": "ci"}))
        .send()
        .await;
    let key = key.expect(StatusCode::CREATED);
    let (recording, session) = (text(&recording["id"]), text(&recording["session_id"]));
    let key_id = text(&key["key"]["id"]);
    let stranger = test.register("stranger@example.org").await;
    let wishes = test.neighbours.wishes.lock().expect("whole").len();
    let commands = test.neighbours.commands.lock().expect("whole").len();

    let gets = [
        format!("/api/rooms/{room}"),
        format!("/api/recordings/{recording}"),
        format!("/api/sessions/{session}"),
    ];
    for path in &gets {
        let refused = test.get(path).by(&stranger).send().await;
        assert_eq!(refused.code(), "not_found", "{path}");
        test.get(path).by(&host).send().await.expect(StatusCode::OK);
    }
    let posts = [
        format!("/api/rooms/{room}/join"),
        format!("/api/rooms/{room}/end"),
        format!("/api/rooms/{room}/demo"),
        format!("/api/rooms/{room}/recordings"),
        format!("/api/recordings/{recording}/stop"),
    ];
    for path in &posts {
        let ask = test
            .post(path)
            .by(&stranger)
            .json(&json!({"participants": 1}));
        assert_eq!(ask.send().await.code(), "not_found", "{path}");
    }
    let refused = test
        .delete(&format!("/api/keys/{key_id}"))
        .by(&stranger)
        .send()
        .await;
    assert_eq!(refused.code(), "not_found");
    for path in ["/api/rooms", "/api/sessions", "/api/keys"] {
        let page = test
            .get(path)
            .by(&stranger)
            .send()
            .await
            .expect(StatusCode::OK);
        assert_eq!(page["items"], json!([]), "{path}");
    }
    assert_eq!(test.neighbours.wishes.lock().expect("whole").len(), wishes);
    assert_eq!(
        test.neighbours.commands.lock().expect("whole").len(),
        commands
    );
}

#[tokio::test]
async fn a_person_of_another_organisation_comes_as_a_guest_by_invite() {
    let test = TestApp::open().await;
    let (_, room, invite, _) = test.meeting().await;
    let stranger = test.register("stranger@example.org").await;
    let body = json!({"name": "Visitor", "invite": invite});
    let answer = test.join(room, Some(&stranger), body).await;
    assert_eq!(answer["role"], "guest");
}
