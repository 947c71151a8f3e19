use std::time::Duration;

use crate::program::Place;

/// What an operator is promised for a stop.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn the_first_start_prints_the_setup_link_and_a_stop_is_clean() {
    let place = Place::new();
    let serving = place.serve();
    assert!(serving.line.contains("/setup#token="), "{}", serving.line);
    let ready = serving.get("/readyz");
    assert!(ready.contains(" 200 OK"), "{ready}");
    for dependency in ["database", "media", "recorder"] {
        assert!(ready.contains(dependency), "{ready}");
    }
    assert!(serving.get("/healthz").contains(" 200 OK"));
    assert!(
        serving
            .get("/metrics")
            .contains("process_resident_memory_bytes")
    );
    assert!(serving.get("/api/setup").contains("\"needs_owner\":true"));

    let second = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(
        said.contains("in use by another colloquy process"),
        "{said}"
    );

    let (status, took) = serving.terminate();
    assert!(status.success(), "{status}");
    assert!(took < STOP_WITHIN, "{took:?}");
}

#[test]
fn an_owner_from_the_settings_needs_no_setup_link() {
    let mut place = Place::new();
    place.set("SETUP__OWNER_EMAIL", "olga@example.org");
    place.set("SETUP__OWNER_PASSWORD", "a long enough passphrase");
    let serving = place.serve();
    assert!(!serving.line.contains("setup"), "{}", serving.line);
    assert!(serving.get("/api/setup").contains("\"needs_owner\":false"));
    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");
}

#[test]
fn doctor_makes_no_database_where_there_is_none() {
    let mut place = Place::new();
    let file = place.folder.path().join("typo.db");
    let url = |mode: &str| format!("sqlite://{}?mode={mode}", file.display());
    for (mode, answer) in [
        ("rwc", "ok       database\n"),
        ("rw", "PROBLEM  database: "),
    ] {
        place.set("DATABASE__URL", &url(mode));
        let said = place.run(&["doctor"]).stdout;
        let said = String::from_utf8(said).expect("UTF-8");
        assert!(said.contains(answer), "{said}");
        assert!(!file.exists(), "{said}");
    }
}

#[test]
fn doctor_says_whether_the_database_that_was_left_behind_is_whole() {
    let place = Place::new();
    let said = |arguments: &[&str]| {
        let output = place.run(arguments);
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let whole = |said: &str| said.lines().any(|line| line == "ok       database");
    assert!(whole(&said(&["doctor"])), "there is none yet");
    place.run(&["migrate"]);
    assert!(whole(&said(&["doctor"])));
    let file = place.folder.path().join("data").join("colloquy.db");
    let mut bytes = std::fs::read(&file).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0xa5);
    std::fs::write(&file, bytes).expect("writes");
    let damaged = said(&["doctor"]);
    assert!(damaged.contains("PROBLEM  database: "), "{damaged}");
}
