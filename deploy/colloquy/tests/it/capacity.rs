//! What `bench find --store` found is kept and told, and nothing else depends on it.

use serde_json::{Value, json};

use crate::bench::find;
use crate::program::Place;

const FIGURE: &str = "colloquy_node_capacity_participants";

/// Puts a file where the answer is kept.
fn keep(place: &Place, text: &str) {
    let folder = place.folder.path().join("data");
    std::fs::create_dir_all(&folder).expect("a data directory");
    std::fs::write(folder.join("capacity.json"), text).expect("written");
}

/// As it is written, with this machine's processor.
fn measured_with(cores: usize) -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").expect("a kernel's words");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "));
    let capacity = json!({
        "scenario": "rooms",
        "shape": "meetings of 8 (720p, simulcast of 3)",
        "holds": 14,
        "at_least": true,
        "participants": 112,
        "machine_percent": 70.4,
        "server_cores": 1.2,
        "fps": 30,
        "kbps": 1500,
        "machine": {
            "cpu_model": model.expect("a processor's name"),
            "cores": cores,
            "kernel": "Linux 6.1",
            "memory_bytes": 8_000_000_000_u64,
        },
        "at": "2026-11-22T10:20:30Z",
        "version": "1.2.3",
    });
    capacity.to_string()
}

/// What `doctor` says of it, which finds nothing else to complain of.
#[track_caller]
fn doctor(place: &Place) -> String {
    let output = place.run(&["doctor"]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let mut lines = said.lines().filter(|line| line.contains("capacity: "));
    lines.next().expect("a line").to_owned()
}

#[test]
fn the_capacity_of_a_node_is_a_line_of_doctor_and_a_metric_until_the_machine_is_another_one() {
    let place = Place::new();
    assert_eq!(
        doctor(&place),
        "note     capacity: not measured; `bench find --spawn --store` does"
    );
    let holds = "capacity: holds at least 14 meetings of 8 (720p, simulcast of 3), 112 people, at 70 % CPU; \
                 measured on 2026-11-22 by version 1.2.3";
    let cores = std::thread::available_parallelism().expect("cores").get();
    keep(&place, &measured_with(cores));
    assert_eq!(doctor(&place), format!("ok       {holds}"));
    let serving = place.serve();
    assert_eq!(serving.metric(FIGURE), 112.0);
    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");

    let more = cores + 1;
    keep(&place, &measured_with(more));
    let again = format!("this was with {more} cores, and now there are {cores}: measure it again");
    assert_eq!(doctor(&place), format!("note     {holds}; {again}"));
}

#[test]
fn a_capacity_that_cannot_be_read_is_said_and_stops_no_start() {
    let place = Place::new();
    keep(&place, "{\"holds\":");
    let line = doctor(&place);
    assert!(line.starts_with("note     capacity: "), "{line}");
    assert!(line.contains("capacity.json"), "{line}");
    let serving = place.serve();
    let scrape = serving.get("/metrics");
    assert!(!scrape.contains(FIGURE), "{scrape}");
    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");
    // It is killed when the log has said so.
    place.start(&["serve"]).says("capacity.json");
}

#[test]
fn find_keeps_what_holds_and_nothing_where_nothing_does() {
    let place = Place::new();
    let answer = find(&place, &["--store"]);
    let file = place.folder.path().join("data").join("capacity.json");
    let kept = std::fs::read_to_string(file).map(|text| serde_json::from_str(&text));
    println!("figure: {}", answer["words"]);
    // A machine that others use may hold nothing.
    let Ok(kept) = kept else {
        assert_eq!(answer["holds"], 0, "{answer}");
        return;
    };
    let kept: Value = kept.expect("JSON");
    for name in ["scenario", "holds", "at_least", "participants"] {
        assert_eq!(kept[name], answer[name], "{kept}");
    }
    let line = doctor(&place);
    assert!(
        line.starts_with("ok       capacity: holds at least 1 "),
        "{line}"
    );
}
