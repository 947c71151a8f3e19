//! What a stop does to those who are there: SIGTERM in the middle of a recorded meeting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::{Value, json};
use sfu_client::driver::Options;
use sfu_protocol::signal::ByeReason;

use crate::meeting::{demo_meeting, owned_place, sign_in, text};
use crate::program::{Serving, until};
use crate::serving::STOP_WITHIN;
use crate::visitor::Visitor;

/// How long is recorded before the stop.
const RECORDED: Duration = Duration::from_secs(3);

/// How many participants the room has, by its session.
fn here(serving: &Serving, token: Option<&str>, session: &str) -> usize {
    let path = format!("/api/sessions/{session}");
    let now = serving.call("GET", &path, token, &Value::Null);
    now["participants"].as_array().map_or(0, Vec::len)
}

/// A WebSocket that never says a word: the node waits for it for as long as it waits for anybody.
fn silent_websocket(serving: &Serving) -> TcpStream {
    let mut stream = TcpStream::connect(serving.address()).expect("it listens");
    let request = "GET /rtc HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"HTTP/1.1 101");
    stream
}

fn assert_clean((status, took): (ExitStatus, Duration)) {
    assert!(status.success(), "{status}");
    assert!(took < STOP_WITHIN, "{took:?}");
}

#[test]
fn a_stop_in_a_recorded_meeting_refuses_newcomers_says_goodbye_and_loses_no_recording() {
    let place = owned_place();
    let serving = place.serve();
    let token = sign_in(&serving);
    let token = Some(token.as_str());
    let (room, session) = demo_meeting(&serving, token);
    let join = format!("/api/rooms/{room}/join");
    let entered = serving.call("POST", &join, token, &json!({}));
    let person = Visitor::comes(&entered, Options::default());
    until("the third", || {
        (here(&serving, token, &session) == 3).then_some(())
    });
    let recordings = format!("/api/rooms/{room}/recordings");
    let begun = serving.call("POST", &recordings, token, &json!({}));
    let recording = format!("/api/recordings/{}", text(&begun["id"]));
    let stands = |serving: &Serving, token, status: &str| {
        let now = serving.call("GET", &recording, token, &Value::Null);
        assert_ne!(now["status"], "failed", "{now}");
        (now["status"] == status).then_some(now)
    };
    until("the recorder", || stands(&serving, token, "recording"));
    std::thread::sleep(RECORDED);

    let _silent = silent_websocket(&serving);
    let stop = serving.ask_to_stop();
    until("the refusal", || {
        let answer = serving.answer("POST", &join, token, "{}");
        answer.contains(" 503 ").then(|| {
            assert!(answer.contains("\"code\":\"stopping\""), "{answer}");
            assert!(answer.contains("retry-after: 3"), "{answer}");
        })
    });
    assert_clean(serving.ended(stop));
    let report = person.stays();
    assert_eq!(report.bye, Some(ByeReason::Draining));

    let again = place.serve();
    let token = sign_in(&again);
    let token = Some(token.as_str());
    let rejoin = json!({ "rejoin": entered["rejoin"] });
    let back = again.call("POST", &join, token, &rejoin);
    assert_eq!(back["participant_id"], entered["participant_id"]);
    let person = Visitor::comes(&back, Options::default());
    let ready = until("the files", || stands(&again, token, "ready"));
    let recorded_ms = ready["health"]["duration_ms"].as_u64();
    let least_ms = RECORDED.as_millis() as u64 - 500;
    assert!(recorded_ms.is_some_and(|ms| ms >= least_ms), "{ready}");
    let verified = place.run(&["recording", "verify", &text(&ready["id"])]);
    assert!(verified.status.success(), "{verified:?}");
    assert_clean(again.terminate());
    let report = person.stays();
    assert_eq!(report.bye, Some(ByeReason::Draining));
    assert!(report.connected_after.is_some());
}
