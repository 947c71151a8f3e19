//! A relay under load, small: `colloquy bench run turn` does the same at full size.

use std::net::{Ipv4Addr, UdpSocket};

use serde_json::{Value, json};

use crate::meeting::{owned_place, sign_in, text};
use crate::program::{Place, Serving};
use crate::tls_front::TlsFront;

fn run(place: &Place, more: &[&str]) -> (Value, String) {
    let arguments = [&["bench", "run", "turn", "--json"], more].concat();
    let output = place.run(&arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (report, said)
}

/// Three allocations of 50 payloads each.
#[track_caller]
fn assert_each_is_received_or_lost_once(report: &Value, said: &str) {
    let count = |of: &Value, name: &str| {
        let count = of[name].as_u64();
        count.unwrap_or_else(|| panic!("{name}: {said}"))
    };
    assert_eq!(count(report, "sent"), 3 * 50, "{report}");
    assert!(count(report, "received") > 0, "{report}");
    assert_eq!(count(report, "foreign"), 0, "{report}");
    let came = count(report, "reached_peer");
    assert!(came >= count(report, "received"), "{report}");
    let each = report["each"].as_array().expect("one for each allocation");
    assert_eq!(each.len(), 3, "{report}");
    for one in each.iter().chain([report]) {
        let found = count(one, "received") + count(one, "lost");
        assert_eq!(count(one, "sent"), found, "{report}");
    }
    assert_eq!(report["failures"], json!([]), "{report}");
}

#[test]
fn every_payload_through_a_spawned_relay_is_received_or_lost_once() {
    let place = Place::new();
    let (report, said) = run(&place, &["--spawn", "--allocations=3", "--seconds=1"]);
    assert_each_is_received_or_lost_once(&report, &said);
    let memory_mb = report["relay_used"]["memory_mb"].as_f64();
    assert!(memory_mb > Some(0.0), "{report}");
}

/// User name and password for the relay, as the owner is told in a room.
fn credential(serving: &Serving) -> (String, String) {
    let token = sign_in(serving);
    let title = json!({ "title": "Relayed" });
    let room = serving.call("POST", "/api/rooms", Some(&token), &title);
    let join = format!("/api/rooms/{}/join", text(&room["id"]));
    let joined = serving.call("POST", &join, Some(&token), &json!({}));
    let relay = &joined["ice_servers"][0];
    (text(&relay["username"]), text(&relay["credential"]))
}

#[test]
fn every_payload_over_tls_is_received_or_lost_once_and_a_stranger_gets_none() {
    let mut place = owned_place();
    // Free again, for the peer.
    let peer = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let peer = peer.expect("a free port");
    place.set("TURN__FURTHER_PEERS", &peer.to_string());
    let serving = place.serve();
    let (user, password) = credential(&serving);
    let front = TlsFront::before((Ipv4Addr::LOCALHOST, place.turn_port).into());
    let stranger = TlsFront::before((Ipv4Addr::LOCALHOST, place.turn_port).into());
    let known = place.folder.path().join("authority.pem");
    std::fs::write(&known, &front.authority).expect("written");
    let through = |front: &TlsFront| {
        let target = format!("--target=turn:tls:127.0.0.1:{}", front.port);
        let known = format!("--ca={}", known.display());
        let who = [format!("--user={user}"), format!("--credential={password}")];
        let peer = format!("--peer-port={}", peer.port());
        let load = ["--allocations=3", "--seconds=1", &target, &known, &peer];
        run(
            &place,
            &[&load[..], &who.each_ref().map(String::as_str)].concat(),
        )
    };
    let (report, said) = through(&front);
    assert_each_is_received_or_lost_once(&report, &said);

    let (report, said) = through(&stranger);
    assert_eq!(report, Value::Null);
    assert!(said.contains("signed by nobody who is trusted"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let (status, _) = serving.terminate();
    assert!(status.success(), "{status}");
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
