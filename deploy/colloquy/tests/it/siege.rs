//! A live room under attack, small: `colloquy bench siege` does the same at full size.

use serde_json::Value;

use crate::program::Place;
use crate::strict::is_strict;

/// Longest time without the picture or the voice of another: as promised, and on a machine that
/// others use. A stream that dies in a flood is silent through the next, too.
const LONGEST_GAP_MS: [u64; 2] = [2_000, 6_000];

#[test]
fn floods_of_datagrams_messages_and_requests_end_nobodys_session() {
    let place = Place::new();
    let output = place.run(&[
        "bench",
        "siege",
        "--spawn",
        "--no-forging",
        "--json",
        "--people=3",
        "--datagrams=10000",
        "--per-second=4000",
        "--messages=1000",
        "--messages-per-second=400",
        "--requests=100",
        "--loiterers=100",
        "--traitors=4",
        "--joins=10",
        "--seconds=5",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let outcome: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let [promised_ms, anywhere_ms] = LONGEST_GAP_MS;
    let most_ms = if is_strict() {
        promised_ms
    } else {
        anywhere_ms
    };
    let parts = ["first flood", "second flood", "joins"].map(|name| {
        let mut parts = outcome["parts"].as_array().into_iter().flatten();
        parts.find(|part| part["name"] == name).expect("each part")
    });
    for part in parts {
        let gap_ms = part["longest_gap_ms"].as_u64().expect("a figure");
        println!("figure: {}: longest gap {gap_ms} ms", part["name"]);
        assert!(gap_ms <= most_ms, "{outcome}");
        for what in ["foreign_frames", "panics", "not_taken"] {
            assert_eq!(part[what], 0, "{what}: {outcome}");
        }
        // On a machine that others use, packets are lost for want of a core as well.
        if is_strict() {
            for what in ["packets_lost", "broken_pictures"] {
                assert_eq!(part[what], 0, "{what}: {outcome}");
            }
        }
        assert_eq!(part["ended"], serde_json::json!([]), "{outcome}");
        assert!(part["packets"].as_u64() > Some(0), "{outcome}");
    }
    for flood in &parts[..2] {
        assert_eq!(flood["datagrams"], 10_000, "{outcome}");
        assert_eq!(flood["messages"], 1_000, "{outcome}");
        assert_eq!(flood["http"]["500"], Value::Null, "{outcome}");
        for what in ["resident_anon_after", "resident_file_after"] {
            assert!(flood[what].as_u64() > Some(0), "{what}: {outcome}");
        }
    }
    assert_eq!(parts[2]["joined"], 10, "{outcome}");
}

/// How much slower media may be than beside another server under the same attack is a figure of a
/// machine that does nothing else: here it is printed.
#[test]
fn a_participant_who_does_everything_hostile_at_once_ends_nobodys_session() {
    let place = Place::new();
    let output = place.run(&[
        "bench",
        "siege",
        "--spawn",
        "--insider",
        "--json",
        "--people=3",
        "--attack=all",
        "--rounds=1",
        "--turn-seconds=2",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let verdict: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let phase = |at: &str| {
        let mut phases = verdict["phases"].as_array().into_iter().flatten();
        phases.find(|phase| phase["at"] == at).expect("each phase")
    };
    let (attacked, control) = (phase("this"), phase("another"));
    let p99 = |phase: &Value| phase["latency"]["p99"].clone();
    println!(
        "figure: p99 under an insider {} ms, beside one {} ms",
        p99(attacked),
        p99(control)
    );
    assert_eq!(attacked["ended"], serde_json::json!([]), "{verdict}");
    assert_eq!(attacked["panics"], 0, "{verdict}");
    assert!(attacked["packets"].as_u64() > Some(0), "{verdict}");
    for what in ["rtcp", "media", "messages"] {
        assert!(attacked["sent"][what].as_u64() > Some(0), "{verdict}");
    }
    for what in ["datagram feedback", "datagram untried"] {
        assert!(attacked["refused"][what].as_u64() > Some(0), "{verdict}");
    }
    // On a machine that others use, packets are lost for want of a core as well.
    if is_strict() {
        assert_eq!(attacked["lost"], 0, "{verdict}");
    }
}
