//! The office was killed while a meeting was on, and opens again.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sfu_protocol::control::ControlRequest;
use sfu_protocol::recording::{RecorderCommand, RecordingStatus};

use crate::jobs::{reconcile, removals};
use crate::testing::{Person, TestApp, report, text};

/// Longer than any grant and than an arrival is waited for.
const LONG_MS: i64 = 3_600_000;

async fn session(test: &TestApp, host: &Person, id: &Value) -> Value {
    let path = format!("/api/sessions/{}", text(id));
    let asked = test.get(&path).by(host).send().await;
    asked.expect(StatusCode::OK)
}

#[tokio::test]
async fn a_long_meeting_and_its_recording_are_not_over_because_the_office_opens_before_people_are_back()
 {
    let test = TestApp::open().await;
    let (_, _, recording) = test.recorded_meeting().await;
    test.report(report(&recording, RecordingStatus::Recording))
        .await;
    test.clock.advance(LONG_MS);
    let test = test.again().await;
    reconcile::round(&test.app).await.expect("a round");
    let host = test
        .login("host@example.org", crate::testing::PASSWORD)
        .await
        .person();
    let now = session(&test, &host, &recording["session_id"]).await;
    assert_eq!(now["ended_at"], Value::Null);
    assert!(test.neighbours.commands.lock().expect("whole").is_empty());
    test.clock.advance(120_001);
    reconcile::round(&test.app).await.expect("a round");
    let now = session(&test, &host, &recording["session_id"]).await;
    assert_ne!(now["ended_at"], Value::Null);
}

#[tokio::test]
async fn a_recording_that_no_recorder_had_on_disk_yet_is_asked_for_again() {
    let test = TestApp::open().await;
    let (_, _, recording) = test.recorded_meeting().await;
    let asked = test.neighbours.commands.lock().expect("whole").clone();
    let test = test.again().await;
    reconcile::round(&test.app).await.expect("a round");
    assert_eq!(*test.neighbours.commands.lock().expect("whole"), asked);
    test.report(report(&recording, RecordingStatus::Recording))
        .await;
    reconcile::round(&test.app).await.expect("a round");
    assert_eq!(test.neighbours.commands.lock().expect("whole").len(), 1);
}

#[tokio::test]
async fn who_does_not_come_back_left_when_the_office_opened_again() {
    let test = TestApp::open().await;
    let (_, room, invite, first) = test.meeting().await;
    test.clock.advance(1_000);
    let guest = json!({"name": "Robin", "invite": invite});
    let guest = test.join(room, None, guest).await;
    test.arrives(room, &guest).await;
    test.clock.advance(9_000);
    let test = test.again().await;
    let host = test
        .login("host@example.org", crate::testing::PASSWORD)
        .await
        .person();
    let back = text(&first["participant_id"]).parse().expect("an id");
    test.neighbours.rooms.lock().expect("whole").push(room);
    test.neighbours.present.lock().expect("whole").push(back);
    for (advance_ms, left_at) in [
        (120_000, Value::Null),
        (1, json!("2026-01-31T09:30:10Z")),
        (1, json!("2026-01-31T09:30:10Z")),
    ] {
        test.clock.advance(advance_ms);
        reconcile::round(&test.app).await.expect("a round");
        let now = session(&test, &host, &first["session_id"]).await;
        let left: Vec<_> = now["participants"]
            .as_array()
            .expect("people")
            .iter()
            .map(|who| who["left_at"].clone())
            .collect();
        assert_eq!(left, [Value::Null, left_at]);
    }
}

#[tokio::test]
async fn who_comes_back_while_the_node_is_asked_who_is_there_has_not_left() {
    let test = TestApp::open().await;
    let (_, room, _, first) = test.meeting().await;
    test.clock.advance(1_000);
    let test = test.again().await;
    let host = test
        .login("host@example.org", crate::testing::PASSWORD)
        .await
        .person();
    test.clock.advance(120_001);
    let back = text(&first["participant_id"]).parse().expect("an id");
    test.neighbours.rooms.lock().expect("whole").push(room);
    test.neighbours.arriving.lock().expect("whole").push(back);
    reconcile::round(&test.app).await.expect("a round");
    let now = session(&test, &host, &first["session_id"]).await;
    assert_eq!(now["participants"][0]["left_at"], Value::Null);
}

async fn stopped_before_the_kill(status: RecordingStatus) {
    let test = TestApp::open().await;
    let (host, _, recording) = test.recorded_meeting().await;
    test.report(report(&recording, status)).await;
    let id = text(&recording["id"]);
    let stop = test.post(&format!("/api/recordings/{id}/stop")).by(&host);
    stop.send().await.expect(StatusCode::OK);
    let test = test.again().await;
    let stop = RecorderCommand::Stop {
        recording: id.parse().expect("an id"),
    };
    for rounds in 1..3 {
        reconcile::round(&test.app).await.expect("a round");
        let asked = test.neighbours.commands.lock().expect("whole").clone();
        assert_eq!(asked, vec![stop.clone(); rounds], "{status:?}");
    }
    test.report(report(&recording, RecordingStatus::Finishing))
        .await;
    reconcile::round(&test.app).await.expect("a round");
    assert_eq!(test.neighbours.commands.lock().expect("whole").len(), 2);
}

#[tokio::test]
async fn what_a_host_stopped_is_stopped_until_the_recorder_has_it_on_disk_and_never_begun_again() {
    for status in [RecordingStatus::Starting, RecordingStatus::Recording] {
        stopped_before_the_kill(status).await;
    }
}

#[tokio::test]
async fn the_grant_of_who_was_sent_out_stays_dead_in_a_node_that_begins_anew() {
    let test = TestApp::open().await;
    let (_, room, invite, _) = test.meeting().await;
    let guest = json!({"name": "Robin", "invite": invite});
    let guest = test.join(room, None, guest).await;
    test.arrives(room, &guest).await;
    let participant = text(&guest["participant_id"]).parse().expect("an id");
    let left = sfu_protocol::control::RoomEvent::ParticipantLeft {
        participant,
        reason: sfu_protocol::signal::LeaveReason::Removed,
    };
    test.event(room, left).await;
    test.clock.advance(1_000);
    let test = test.again().await;
    removals::tell(&test.app).await.expect("told");
    let wish = ControlRequest::RemoveParticipant { room, participant };
    assert_eq!(*test.neighbours.wishes.lock().expect("whole"), [wish]);
    test.neighbours.away.store(true, Ordering::SeqCst);
    removals::tell(&test.app).await.expect("asked in vain");
    test.neighbours.away.store(false, Ordering::SeqCst);
    test.clock.advance(600_001);
    removals::tell(&test.app).await.expect("nothing to tell");
    assert_eq!(test.neighbours.wishes.lock().expect("whole").len(), 1);
}
