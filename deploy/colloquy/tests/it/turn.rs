//! A relay under load, small: `colloquy bench run turn` does the same at full size.

use serde_json::Value;

use crate::program::Place;

fn run(place: &Place, more: &[&str]) -> (Value, String) {
    let arguments = [&["bench", "run", "turn", "--json"], more].concat();
    let output = place.run(&arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (report, said)
}

#[test]
fn every_payload_through_a_spawned_relay_is_received_or_lost_once() {
    let place = Place::new();
    let (report, said) = run(&place, &["--spawn", "--allocations=3", "--seconds=1"]);
    let count = |of: &Value, name: &str| {
        let count = of[name].as_u64();
        count.unwrap_or_else(|| panic!("{name}: {said}"))
    };
    assert_eq!(count(&report, "sent"), 3 * 50, "{report}");
    assert!(count(&report, "received") > 0, "{report}");
    assert_eq!(count(&report, "foreign"), 0, "{report}");
    let came = count(&report, "reached_peer");
    assert!(came >= count(&report, "received"), "{report}");
    let each = report["each"].as_array().expect("one for each allocation");
    assert_eq!(each.len(), 3, "{report}");
    for one in each.iter().chain([&report]) {
        let found = count(one, "received") + count(one, "lost");
        assert_eq!(count(one, "sent"), found, "{report}");
    }
    let memory_mb = report["relay_used"]["memory_mb"].as_f64();
    assert!(memory_mb > Some(0.0), "{report}");
    assert_eq!(report["failures"], serde_json::json!([]), "{report}");
}

#[test]
fn a_relay_that_is_not_there_or_refuses_is_told_of_in_one_line() {
    let place = Place::new();
    let nobody = format!("turn:udp:127.0.0.1:{}", place.turn_port);
    let guess = ["--target", nobody.as_str(), "--turn-secret=guessed"];
    let (_, said) = run(&place, &guess);
    assert!(said.contains("no relay listens on"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let serving = place.serve();
    let (_, said) = run(&place, &guess);
    assert!(said.contains("wrong credentials"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");
}
