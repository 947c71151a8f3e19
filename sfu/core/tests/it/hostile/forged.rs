//! Datagrams that bear somebody else's address, from one who can write any.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_core::report::DropReason;
use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::Role;
use str0m::format::Codec;

use super::datagram;
use crate::fuzzing::established::{MID, RID, rtp};
use crate::world::{Publish, World};

/// Frames after which the node has reported on every stream, so that its sender no longer says
/// which line it is of.
const ACKNOWLEDGED_FRAMES: usize = 200;

#[test]
fn a_participant_who_forges_an_address_does_not_take_over_whoever_sits_there() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let mal = world.join(3, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    // From now on every check of his, with his own good password, bears Ann's address.
    world.clients[mal].address = world.clients[ann].address;
    world.clients[ben].packets.clear();
    world.stream(ann, Source::Camera, &[0], 300);
    assert_eq!(world.clients[ben].packets.len(), 600);
    let dropped = world.shard.report().dropped;
    assert!(
        dropped.get(&DropReason::AddressTaken) > Some(&0),
        "{dropped:?}"
    );
    assert!(world.clients[ann].rtc.is_connected());
}

#[test]
fn an_overheard_check_that_is_repeated_from_everywhere_costs_nobody_a_packet() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 300);
    world.clients[ben].packets.clear();
    let mut port = 10_000;
    for _ in 0..30 {
        for at in [ann, ben] {
            let overheard = world.clients[at].checks.clone();
            for check in overheard.iter().cycle().take(100) {
                port += 1;
                let source = SocketAddr::from(([127, 9, 9, 9], port));
                world.input(datagram(source, check));
            }
        }
        world.stream(ann, Source::Camera, &[0], 10);
    }
    assert_eq!(world.clients[ben].packets.len(), 600);
    let dropped = world.shard.report().dropped;
    assert_eq!(dropped.get(&DropReason::Repeated), Some(&6_000));
    assert_eq!(dropped.get(&DropReason::UnverifiedAddress), None);
}

#[test]
fn an_address_that_nobody_uses_any_more_is_free() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (0, 0));
    let address = world.clients[ann].address;
    world.clients[ann].unreachable = true;
    world.run(Duration::from_secs(60));
    world.clients[ann].address.set_port(9);
    let ben = world.open(2, Role::Guest, None);
    world.clients[ben].address = address;
    world.clients[ben].rtc.add_local_candidate(
        str0m::Candidate::host(address, str0m::net::Protocol::Udp).expect("a host address"),
    );
    world.offer(ben, &[], (1, 0));
    world.run(Duration::from_secs(2));
    assert!(world.clients[ben].rtc.is_connected());
}

#[test]
fn forged_packets_under_guessed_names_take_no_stream_away() {
    let mut world = World::new(Limits::default());
    let publish = [Publish::Microphone, Publish::Camera { layers: 3 }];
    let ann = world.join(1, Role::Host, &publish, (0, 0));
    let ben = world.join(2, Role::Guest, &[], (1, 1));
    for _ in 0..ACKNOWLEDGED_FRAMES {
        world.send_frame(ann, Source::Microphone, &[0]);
        world.stream(ann, Source::Camera, &[0, 1, 2], 1);
    }
    let mids: Vec<String> = world.clients[ann]
        .senders
        .iter()
        .map(|sender| sender.mid.to_string())
        .collect();
    let source = world.clients[ann].address;
    world.clients[ben].packets.clear();
    let before = world.shard.report();
    let mut ssrc = 0x5000_0000;
    for round in 0..20 {
        for mid in &mids {
            for rid in [None, Some("q"), Some("h"), Some("f"), Some("zz")] {
                let named: Vec<_> = [
                    Some((MID, mid.as_bytes())),
                    rid.map(|rid| (RID, rid.as_bytes())),
                ]
                .into_iter()
                .flatten()
                .collect();
                for payload_type in 96..127 {
                    ssrc += 1;
                    let stamps = (round, 0, ssrc);
                    let forged = rtp(payload_type, stamps, &named, &[7; 40]);
                    world.input(datagram(source, &forged));
                }
            }
        }
        world.send_frame(ann, Source::Microphone, &[0]);
        world.stream(ann, Source::Camera, &[0, 1, 2], 1);
    }
    let after = world.shard.report();
    assert_eq!(
        after.packets_in - before.packets_in,
        20 * 7,
        "every one of Ann's"
    );
    assert_eq!(
        world.clients[ben].packets.len(),
        20 * 3,
        "voice and picture"
    );
    assert!(world.clients[ann].rtc.is_connected());
    assert_eq!(after.panics, 0);
}

#[test]
fn one_forged_packet_does_not_silence_a_voice() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (1, 0));
    world.stream(ann, Source::Microphone, &[0], ACKNOWLEDGED_FRAMES);
    let mid = world.clients[ann].senders[0].mid.to_string();
    let opus = *world.clients[ann].payload_type(Codec::Opus);
    let forged = rtp(
        opus,
        (1, 1, 0x6666_6666),
        &[(MID, mid.as_bytes())],
        &[7; 40],
    );
    let source = world.clients[ann].address;
    world.input(datagram(source, &forged));
    world.clients[ben].packets.clear();
    world.stream(ann, Source::Microphone, &[0], 30);
    assert_eq!(world.clients[ben].packets.len(), 30);
}

#[test]
fn handshakes_end_well_under_a_spray_of_hellos_and_alerts() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (0, 0));
    let hello = [
        &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54][..],
        &[1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 254, 253],
        &[9; 32],
        &[0, 0, 0, 2, 0, 5, 1, 0],
    ]
    .concat();
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    for n in 2..8 {
        let at = world.open(n, Role::Guest, None);
        world.offer(at, &[], (1, 0));
        for _ in 0..400 {
            for source in [world.clients[at].address, world.clients[ann].address] {
                world.input(datagram(source, &hello));
                world.input(datagram(source, &alert));
            }
            world.run(Duration::from_millis(5));
        }
        assert!(world.clients[at].rtc.is_connected(), "client {n}");
    }
    assert!(world.clients[ann].rtc.is_connected());
    assert_eq!(world.shard.report().connections, 7);
}
