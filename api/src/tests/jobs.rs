//! The jobs as they run: what waits is taken in before they end.

use std::time::Duration;

use api_store::event_cursor::Cursor;
use axum::http::StatusCode;
use serde_json::json;
use sfu_protocol::control::{NodeEvent, RoomEvent};
use sfu_protocol::media::MediaTime;
use sfu_protocol::recording::{RecorderCommand, RecordingStatus};
use tokio::sync::{mpsc, watch};

use crate::jobs;
use crate::testing::{TestApp, report, text, uninvited};

#[tokio::test]
async fn the_last_words_of_a_node_that_stops_are_heard_and_a_repeat_is_not() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, _) = test.room(&host).await;
    let (say, events) = mpsc::channel(8);
    let begin_us = 1_769_851_800_000_000;
    let event = |number: u64, event| NodeEvent {
        number,
        room,
        at: MediaTime(begin_us + number * 1_000_000),
        event,
    };
    for told in [
        event(1, RoomEvent::RoomOpened {}),
        event(2, uninvited(7)),
        event(3, RoomEvent::RoomClosed {}),
        event(2, uninvited(8)),
    ] {
        say.send(told).await.expect("room in the queue");
    }
    let (stop, stopped) = watch::channel(false);
    stop.send(true).expect("the job will listen");
    jobs::presence::run(test.app.clone(), events, stopped).await;
    let page = test
        .get("/api/sessions")
        .by(&host)
        .send()
        .await
        .expect(StatusCode::OK);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["items"][0]["participants"], 1);
    assert_eq!(page["items"][0]["ended_at"], "2026-01-31T09:30:03Z");
}

#[tokio::test]
async fn a_node_s_word_waits_for_the_database_as_long_as_the_office_is_open() {
    let test = TestApp::open().await;
    let (_, room, ..) = test.meeting().await;
    test.app.store.close().await;
    tokio::time::pause();
    let (say, events) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let job = tokio::spawn(jobs::presence::run(test.app.clone(), events, stopped));
    let told = NodeEvent {
        number: 100,
        room,
        at: MediaTime(u64::MAX),
        event: uninvited(7),
    };
    say.send(told).await.expect("the job listens");
    let failed = || test.app.metrics.node_events.with_label_values(&["failed"]);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(failed().get(), 0);
    stop.send(true).expect("the job listens");
    job.await.expect("ends well");
    assert_eq!(failed().get(), 1);
}

#[tokio::test]
async fn events_that_the_node_has_forgotten_are_counted_and_a_node_that_begins_anew_is_no_loss() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, _) = test.room(&host).await;
    let (say, events) = mpsc::channel(8);
    // Begun midway, a repeat, a hole of three, a node that counts from 1 again, a hole of one.
    for (at_us, number) in [70, 71, 71, 75, 1, 3].into_iter().enumerate() {
        let told = NodeEvent {
            number,
            room,
            at: MediaTime(at_us as u64),
            event: RoomEvent::RoomOpened {},
        };
        say.send(told).await.expect("room in the queue");
    }
    drop(say);
    let (_stop, stopped) = watch::channel(false);
    jobs::presence::run(test.app.clone(), events, stopped).await;
    let missed = test.app.metrics.node_events.with_label_values(&["missed"]);
    assert_eq!(missed.get(), 4);
}

#[tokio::test]
async fn reports_are_asked_for_at_the_start_and_taken_in_to_the_last() {
    let test = TestApp::open().await;
    let (host, _, recording) = test.recorded_meeting().await;
    let (say, reports) = mpsc::channel(8);
    for status in [RecordingStatus::Recording, RecordingStatus::Finishing] {
        say.send(report(&recording, status))
            .await
            .expect("room in the queue");
    }
    drop(say);
    let (_stop, stopped) = watch::channel(false);
    jobs::recordings::run(test.app.clone(), reports, stopped).await;
    let last = test
        .neighbours
        .commands
        .lock()
        .expect("whole")
        .last()
        .cloned();
    assert_eq!(last, Some(RecorderCommand::Report {}));
    let path = format!("/api/recordings/{}", text(&recording["id"]));
    let read = test
        .get(&path)
        .by(&host)
        .send()
        .await
        .expect(StatusCode::OK);
    assert_eq!(read["status"], "finishing");
}

#[tokio::test]
async fn who_was_let_in_while_the_room_emptied_finds_the_session_they_were_told() {
    let test = TestApp::open().await;
    let (host, room, _, first) = test.meeting().await;
    let emptied_us = u64::try_from(test.app.now_ms()).expect("after 1970") * 1_000 + 1;
    test.clock.advance(1_000);
    let back = test
        .join(room, Some(&host), json!({"rejoin": first["rejoin"]}))
        .await;
    let closed = NodeEvent {
        number: 100,
        room,
        at: MediaTime(emptied_us),
        event: RoomEvent::RoomClosed {},
    };
    let mut cursor = Cursor::default();
    jobs::presence::take(&test.app, &mut cursor, &closed)
        .await
        .expect("written");
    test.arrives(room, &back).await;
    let page = test
        .get("/api/sessions")
        .by(&host)
        .send()
        .await
        .expect(StatusCode::OK);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["items"][0]["id"], back["session_id"]);
    assert_eq!(page["items"][0]["ended_at"], json!(null));
}

#[tokio::test]
async fn what_is_told_late_of_an_ended_room_opens_no_session() {
    let test = TestApp::open().await;
    let (host, room, ..) = test.meeting().await;
    let end = test
        .post(&format!("/api/rooms/{room}/end"))
        .by(&host)
        .send()
        .await;
    end.expect(StatusCode::ACCEPTED);
    test.event(room, uninvited(7)).await;
    test.event(room, RoomEvent::RoomClosed {}).await;
    let page = test
        .get("/api/sessions")
        .by(&host)
        .send()
        .await
        .expect(StatusCode::OK);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["items"][0]["present"], 0);
}
