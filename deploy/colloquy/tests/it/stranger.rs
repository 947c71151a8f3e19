//! A WebRTC client that was written by others (aiortc) publishes and views with one request each.

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use sfu_client::driver::Options;

use crate::meeting::{owned_place, sign_in, text};
use crate::program::{Serving, until};
use crate::visitor::Visitor;

/// The picture that the stranger publishes: its size, and its colour as luma and two differences.
const SIZE: [u64; 2] = [320, 240];
const RED: [u64; 3] = [81, 90, 240];

/// How far a colour may be off after its way through a codec.
const COLOUR_ERROR: u64 = 6;

const CIPHERS: [&str; 2] = ["SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM"];
const COUNTER_MODE: &str = "SRTP_AES128_CM_SHA1_80";

/// Where `deploy/setup.sh test` puts a Python that knows aiortc.
fn python() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let python = target.with_file_name("stranger").join("bin/python");
    assert!(
        python.exists(),
        "{} is missing: deploy/setup.sh test makes it",
        python.display()
    );
    python
}

/// The client, and what it tells, one line each.
struct Stranger {
    child: Child,
    input: Option<ChildStdin>,
    told: Lines<BufReader<ChildStdout>>,
}

impl Stranger {
    fn comes(what: &str, url: &str, grant: &str, more: &[&str]) -> Stranger {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stranger/stranger.py");
        let mut child = Command::new(python())
            .args([script, what, url])
            .args(more)
            .env("COLLOQUY_GRANT", grant)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be started");
        Stranger {
            input: child.stdin.take(),
            told: BufReader::new(child.stdout.take().expect("piped")).lines(),
            child,
        }
    }

    /// What it tells next.
    #[track_caller]
    fn tells(&mut self) -> Value {
        let line = self.told.next();
        let line = line.expect("it has not ended: see above what it said");
        serde_json::from_str(&line.expect("text")).expect("JSON")
    }

    /// Lets it end: it leaves as it should.
    #[track_caller]
    fn leaves(mut self) {
        drop(self.input.take());
        assert_eq!(self.tells(), json!({ "ended": 200 }));
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets somebody into a room, as anybody who has signed in.
fn join(serving: &Serving, token: &str, room: &str, name: &str) -> Value {
    let path = format!("/api/rooms/{room}/join");
    serving.call("POST", &path, Some(token), &json!({ "name": name }))
}

#[track_caller]
fn assert_seen(seen: &Value) {
    assert_eq!(seen["size"], json!(SIZE), "{seen}");
    for (plane, expected) in RED.into_iter().enumerate() {
        let value = seen["colour"][plane].as_u64().expect("a value");
        assert!(value.abs_diff(expected) <= COLOUR_ERROR, "{seen}");
    }
}

/// One publishes, one views, and somebody with a WebSocket sees the same picture. Answers the
/// ciphers of both.
fn meeting(more: &[&str]) -> [String; 2] {
    let place = owned_place();
    let serving = place.serve();
    let token = sign_in(&serving);
    let room = serving.call(
        "POST",
        "/api/rooms",
        Some(&token),
        &json!({ "title": "Stage" }),
    );
    let room = text(&room["id"]);
    let visitor = Options {
        publish: Vec::new(),
        ..Options::default()
    };
    let visitor = Visitor::comes(&join(&serving, &token, &room, "Vera"), visitor);
    let comes = |what: &str, door: &str, name: &str| {
        let grant = text(&join(&serving, &token, &room, name)["grant"]);
        let url = format!("http://{}/{door}/{room}", serving.address());
        Stranger::comes(what, &url, &grant, more)
    };
    let mut publisher = comes("publish", "whip", "Camera");
    let published = publisher.tells();
    let mut viewer = comes("view", "whep", "Screen");
    let viewed = viewer.tells();
    assert_seen(&viewer.tells());
    viewer.leaves();
    publisher.leaves();
    until("the end of both", || {
        (serving.metric("colloquy_sfu_participants") == 1.0).then_some(())
    });
    let report = visitor.leaves();
    assert!(report.first_picture_after.is_some(), "{report:?}");
    assert_eq!(serving.metric("colloquy_sfu_posted"), 0.0);
    assert_eq!(serving.metric("colloquy_sfu_caught_panics_total"), 0.0);
    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");
    [&published["cipher"], &viewed["cipher"]].map(text)
}

#[test]
fn a_client_of_others_publishes_and_another_views_what_a_participant_sees_too() {
    for cipher in meeting(&[]) {
        assert!(CIPHERS.contains(&cipher.as_str()), "{cipher}");
    }
}

#[test]
fn a_client_that_knows_only_the_oldest_cipher_publishes_and_views() {
    assert_eq!(meeting(&["--counter-mode"]), [COUNTER_MODE; 2]);
}
