use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Place, Serving, until};

pub(crate) const EMAIL: &str = "olga@example.org";
pub(crate) const PASSWORD: &str = "a long enough passphrase";

/// How long is recorded: a few pictures and beeps of each participant.
const RECORDED: Duration = Duration::from_secs(6);

/// A place with an owner who can sign in.
pub(crate) fn owned_place() -> Place {
    let mut place = Place::new();
    place.set("SETUP__OWNER_EMAIL", EMAIL);
    place.set("SETUP__OWNER_PASSWORD", PASSWORD);
    place
}

pub(crate) fn sign_in(serving: &Serving) -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = serving.call("POST", "/api/auth/login", None, &body);
    text(&answer["access_token"])
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// What ffprobe says about a file, as JSON.
pub(crate) fn probed(file: &std::path::Path) -> Value {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-of",
            "json",
            "-show_streams",
            "-show_format",
        ])
        .arg(file)
        .output()
        .expect("ffprobe is installed by deploy/setup.sh");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Opens a room, lets two synthetic people in, and answers the room and its session.
pub(crate) fn demo_meeting(serving: &Serving, token: Option<&str>) -> (String, String) {
    let room = serving.call("POST", "/api/rooms", token, &json!({ "title": "Demo" }));
    let room = text(&room["id"]);
    let people = json!({ "participants": 2 });
    serving.call("POST", &format!("/api/rooms/{room}/demo"), token, &people);
    let session = until("both participants", || {
        let now = serving.call("GET", &format!("/api/rooms/{room}"), token, &Value::Null);
        let session = now["session_id"].as_str()?.to_owned();
        let now = serving.call(
            "GET",
            &format!("/api/sessions/{session}"),
            token,
            &Value::Null,
        );
        (now["participants"].as_array()?.len() == 2).then_some(session)
    });
    (room, session)
}

/// Records a room for a while, ends the meeting, and answers the recording when it is ready.
fn record(serving: &Serving, token: Option<&str>, room: &str) -> Value {
    let begun = serving.call(
        "POST",
        &format!("/api/rooms/{room}/recordings"),
        token,
        &json!({}),
    );
    let recording = format!("/api/recordings/{}", text(&begun["id"]));
    let stands = |status: &str| {
        let now = serving.call("GET", &recording, token, &Value::Null);
        assert_ne!(now["status"], "failed", "{now}");
        (now["status"] == status).then_some(now)
    };
    until("the recorder", || stands("recording"));
    std::thread::sleep(RECORDED);
    serving.call("POST", &format!("/api/rooms/{room}/end"), token, &json!({}));
    until("the files", || stands("ready"))
}

/// One picture and one sound, as long as the recording's own health says.
#[track_caller]
fn assert_film(film: &std::path::Path, health: &Value) {
    let seen = probed(film);
    let streams = seen["streams"].as_array().expect("streams");
    let mut codecs: Vec<_> = streams.iter().map(|s| text(&s["codec_name"])).collect();
    codecs.sort();
    assert_eq!(codecs, ["aac", "h264"]);
    let duration_s: f64 = text(&seen["format"]["duration"]).parse().expect("a number");
    let health_s = health["duration_ms"].as_f64().expect("a duration") / 1_000.0;
    assert!(
        (duration_s - health_s).abs() < 0.3,
        "{duration_s} s in the film, {health_s} s recorded"
    );
    assert!(duration_s > RECORDED.as_secs_f64() - 0.5, "{duration_s}");
}

#[test]
fn a_demo_meeting_is_recorded_into_a_film_that_is_there_after_a_restart() {
    let place = owned_place();
    let serving = place.serve();
    let token = sign_in(&serving);
    let token = Some(token.as_str());
    let (room, session) = demo_meeting(&serving, token);
    let ready = record(&serving, token, &room);

    let files = ready["files"].as_array().expect("files");
    let count = |kind: &str| files.iter().filter(|file| file["kind"] == kind).count();
    assert_eq!(
        (count("composed"), count("track"), count("manifest")),
        (1, 4, 1),
        "{ready}"
    );
    let film = files.iter().find(|file| file["kind"] == "composed");
    assert_film(
        &fetch(&place, &serving, film.expect("counted above")),
        &ready["health"],
    );
    let verified = place.run(&["recording", "verify", &text(&ready["id"])]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success(), "{said}");

    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");
    let again = place.serve();
    let token = sign_in(&again);
    let path = format!("/api/sessions/{session}");
    let session = again.call("GET", &path, Some(&token), &Value::Null);
    let kept = session["recordings"][0]["files"].as_array().expect("files");
    let hashes = |files: &[Value]| -> Vec<String> {
        files.iter().map(|file| text(&file["sha256"])).collect()
    };
    assert_eq!(hashes(kept), hashes(files));
}

/// A file as a browser gets it, by its signed link.
fn fetch(place: &Place, serving: &Serving, file: &Value) -> std::path::PathBuf {
    let url = text(&file["url"]);
    let path = &url[url.find("/objects/").expect("a link to an object")..];
    let bytes = serving.download("GET", path, None, "");
    assert_eq!(Some(bytes.len() as u64), file["bytes"].as_u64());
    let target = place.folder.path().join("film.mp4");
    std::fs::write(&target, bytes).expect("written");
    target
}
