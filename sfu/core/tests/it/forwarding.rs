use std::time::Duration;

use sfu_core::shard::Limits;
use sfu_protocol::ids::TrackId;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, NodeMessage, Role, Show, SlotId, TrackState, Want};
use str0m::media::Direction;
use str0m::rtp::{RtpPacket, Vp8Descriptor};

use crate::world::{Client, Publish, World, camera, microphone, participant, said};

fn csrc_of(client: &Client, track: TrackId) -> Option<u32> {
    let announced = |message: &&NodeMessage| match message {
        NodeMessage::TrackChanged { track: t } if t.id == track => Some(t.csrc),
        _ => None,
    };
    let joined = |message: &&NodeMessage| match message {
        NodeMessage::Joined { participants, .. } => {
            let mut tracks = participants
                .iter()
                .flat_map(|participant| &participant.tracks);
            tracks.find(|t| t.id == track).map(|t| t.csrc)
        }
        _ => None,
    };
    let messages = said(client);
    messages
        .iter()
        .find_map(announced)
        .or_else(|| messages.iter().find_map(joined))
}

/// Sequence numbers, timestamps and picture ids of one slot go on without a step.
fn assert_continuous(packets: &[&RtpPacket]) {
    for pair in packets.windows(2) {
        assert_eq!(
            *pair[1].seq_no,
            *pair[0].seq_no + 1,
            "sequence numbers have no hole"
        );
        let step = pair[1]
            .header
            .timestamp
            .wrapping_sub(pair[0].header.timestamp);
        assert!(step < 180_000, "timestamps go on: {step}");
        let id = |packet: &RtpPacket| Vp8Descriptor::parse(&packet.payload).ok()?.picture_id();
        if let (Some(before), Some(after)) = (id(pair[0]), id(pair[1])) {
            let step = after.wrapping_sub(before) & 0x7fff;
            assert!(step <= 2, "picture ids go on: {before} {after}");
        }
    }
}

fn height_of_first(packets: &[&RtpPacket]) -> u16 {
    let payload = &packets[0].payload;
    assert_eq!(payload[4] & 1, 0, "the first packet begins a keyframe");
    u16::from_le_bytes([payload[12], payload[13]])
}

fn want(slot: &str, show: Show, max_height: u16) -> ClientMessage {
    let want = Want {
        slot: SlotId(slot.to_owned()),
        show,
        max_height,
        priority: 0,
    };
    ClientMessage::Want { wants: vec![want] }
}

#[test]
fn a_new_subscriber_gets_a_keyframe_first_and_a_continuous_stream_with_the_tracks_csrc() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 60);

    let client = &world.clients[ben];
    let packets: Vec<_> = client.packets.iter().collect();
    assert!(packets.len() > 100, "{}", packets.len());
    assert_eq!(height_of_first(&packets), 180);
    assert_continuous(&packets);
    let csrc = csrc_of(client, camera(1)).expect("it was announced");
    assert!(
        packets
            .iter()
            .all(|p| p.header.csrc_count == 1 && p.header.csrc[0] == csrc)
    );
    assert!(
        world.clients[ann].packets.is_empty(),
        "nobody gets the own track"
    );
    let report = world.shard.report();
    let dropped = report.packets_dropped();
    assert_eq!(report.packets_in, report.packets_accepted + dropped);
    assert_eq!(report.packets_forwarded, packets.len() as u64);
}

#[test]
fn the_layer_that_fits_the_height_is_sent_and_switches_leave_no_seam() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 3 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let slot = world.clients[ben].slots[0].to_string();
    world.say(ben, want(&slot, Show::Auto, 180));
    world.stream(ann, Source::Camera, &[0, 1, 2], 40);
    let small = world.clients[ben].packets.len();
    assert!(small > 60);
    world.say(ben, want(&slot, Show::Auto, 720));
    world.stream(ann, Source::Camera, &[0, 1, 2], 40);
    let large = world.clients[ben].packets.len();
    // The publisher stops its largest layer: the best live one takes over.
    world.stream(ann, Source::Camera, &[0, 1], 80);

    let packets: Vec<_> = world.clients[ben].packets.iter().collect();
    assert_continuous(&packets);
    let heights: Vec<u16> = packets
        .iter()
        .filter(|p| p.payload.len() > 12)
        .map(|p| u16::from_le_bytes([p.payload[12], p.payload[13]]))
        .collect();
    assert_eq!(heights, [180, 720, 360]);
    assert!(packets.len() > large + 60);
    assert!(
        large - small > 60,
        "the small layer went on until the large one could begin"
    );
}

#[test]
fn keyframe_requests_of_many_become_few() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    world.stream(ann, Source::Camera, &[0], 3);
    for n in 2..6 {
        world.join(n, Role::Guest, &[], (0, 1));
    }
    world.stream(ann, Source::Camera, &[0], 60);
    let requests = world.clients[ann].senders[0].keyframe_requests;
    assert!((1..=4).contains(&requests), "{requests}");
    assert!(
        world.clients[1..]
            .iter()
            .all(|client| !client.packets.is_empty())
    );
}

#[test]
fn a_muted_track_is_not_forwarded_and_comes_back_at_a_keyframe() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 20);
    let set = |state| ClientMessage::SetTrack {
        source: Source::Camera,
        state,
    };
    world.say(ann, set(TrackState::Muted));
    let before = world.clients[ben].packets.len();
    world.stream(ann, Source::Camera, &[0], 20);
    assert_eq!(world.clients[ben].packets.len(), before);
    world.say(ann, set(TrackState::Live));
    world.stream(ann, Source::Camera, &[0], 20);

    let packets: Vec<_> = world.clients[ben].packets.iter().collect();
    assert!(packets.len() > before + 20);
    height_of_first(&packets[before..]);
    assert_continuous(&packets);
    world.say(ann, set(TrackState::Off));
    assert!(
        said(&world.clients[ben])
            .iter()
            .any(|m| matches!(m, NodeMessage::TrackEnded { .. }))
    );
    let emptied =
        |m: &&NodeMessage| matches!(m, NodeMessage::Slots { slots } if slots[0].track.is_none());
    assert!(said(&world.clients[ben]).iter().any(emptied));
}

#[test]
fn voices_are_forwarded_and_the_speaker_is_named() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (1, 0));
    let ben = world.join(2, Role::Guest, &[Publish::Microphone], (1, 0));
    world.stream(ann, Source::Microphone, &[0], 30);
    let packets: Vec<_> = world.clients[ben].packets.iter().collect();
    assert!(packets.len() >= 29, "{}", packets.len());
    for pair in packets.windows(2) {
        assert_eq!(*pair[1].seq_no, *pair[0].seq_no + 1);
    }
    assert_eq!(packets[0].header.ext_vals.audio_level, Some(-20));
    let speaking = NodeMessage::Speaking {
        participants: vec![participant(1)],
    };
    assert!(said(&world.clients[ben]).contains(&&speaking));
    let late = world.open(3, Role::Guest, None);
    assert!(said(&world.clients[late]).contains(&&speaking));
    world.run(Duration::from_secs(3));
    assert!(said(&world.clients[ben]).contains(&&NodeMessage::Speaking {
        participants: vec![]
    }));
    assert!(csrc_of(&world.clients[ben], microphone(1)).is_some());
}

#[test]
fn a_slot_goes_on_without_a_seam_when_somebody_else_is_put_in() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[Publish::Camera { layers: 1 }], (0, 0));
    let eve = world.join(3, Role::Guest, &[], (0, 1));
    let slot = world.clients[eve].slots[0].to_string();
    let both = |world: &mut World| {
        for _ in 0..30 {
            world.send_frame(ann, Source::Camera, &[0]);
            world.send_frame(ben, Source::Camera, &[0]);
            world.run(Duration::from_millis(33));
        }
    };
    both(&mut world);
    world.say(eve, want(&slot, Show::Track(camera(2)), 720));
    both(&mut world);
    let packets: Vec<_> = world.clients[eve].packets.iter().collect();
    assert_continuous(&packets);
    let mut csrcs: Vec<u32> = packets.iter().map(|p| p.header.csrc[0]).collect();
    csrcs.dedup();
    let client = &world.clients[eve];
    let expected: Vec<u32> = [1, 2]
        .iter()
        .filter_map(|n| csrc_of(client, camera(*n)))
        .collect();
    assert_eq!(csrcs, expected);
}

#[test]
fn a_new_track_needs_one_more_offer_and_disturbs_nobody() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 1));
    let ben = world.join(2, Role::Guest, &[Publish::Camera { layers: 1 }], (0, 1));
    for _ in 0..20 {
        world.send_frame(ann, Source::Camera, &[0]);
        world.send_frame(ben, Source::Camera, &[0]);
        world.run(Duration::from_millis(33));
    }
    let keyframes = world.clients[ben].senders[0].keyframe_requests;
    world.offer(ann, &[Publish::Microphone], (1, 1));
    for _ in 0..20 {
        world.send_frame(ann, Source::Camera, &[0]);
        world.send_frame(ben, Source::Camera, &[0]);
        world.run(Duration::from_millis(33));
    }
    let packets: Vec<_> = world.clients[ann].packets.iter().collect();
    assert_continuous(&packets);
    assert!(packets.len() > 60);
    assert_eq!(world.clients[ben].senders[0].keyframe_requests, keyframes);
    assert!(
        said(&world.clients[ben])
            .iter()
            .any(|m| matches!(m, NodeMessage::TrackChanged { track } if track.id == microphone(1)))
    );
}

#[test]
fn what_the_network_loses_is_sent_again_in_both_directions() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.lose_every = 13;
    world.stream(ann, Source::Camera, &[0], 150);
    world.lose_every = 0;
    world.stream(ann, Source::Camera, &[0], 15);

    let mut seqs: Vec<u64> = world.clients[ben]
        .packets
        .iter()
        .map(|p| *p.seq_no)
        .collect();
    seqs.sort_unstable();
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "every hole was filled once"
    );
    assert!(seqs.len() > 300);
    assert!(world.shard.report().retransmissions_out > 5);
}

#[test]
fn media_goes_on_after_an_ice_restart_from_another_address() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 20);
    world.restart_ice(ann);
    world.restart_ice(ben);
    world.run(Duration::from_secs(1));
    let before = world.clients[ben].packets.len();
    world.stream(ann, Source::Camera, &[0], 30);
    assert!(world.clients[ben].packets.len() > before + 50);
    assert_eq!(world.shard.report().connections, 2);
}

#[test]
fn with_more_voices_than_slots_whoever_begins_to_speak_is_heard() {
    let mut world = World::new(Limits::default());
    let quiet = world.join(1, Role::Host, &[Publish::Microphone], (0, 0));
    let loud = world.join(2, Role::Guest, &[Publish::Microphone], (0, 0));
    let ben = world.join(3, Role::Guest, &[], (1, 0));
    world.stream(loud, Source::Microphone, &[0], 30);
    let csrc = csrc_of(&world.clients[ben], microphone(2)).expect("it was announced");
    let last = world.clients[ben]
        .packets
        .last()
        .expect("something is heard");
    assert_eq!(last.header.csrc[0], csrc);
    world.run(Duration::from_secs(2));
    world.stream(quiet, Source::Microphone, &[0], 30);
    let csrc = csrc_of(&world.clients[ben], microphone(1)).expect("it was announced");
    let last = world.clients[ben]
        .packets
        .last()
        .expect("something is heard");
    assert_eq!(last.header.csrc[0], csrc);
}

#[test]
fn a_participant_that_closes_its_transport_can_offer_a_new_one() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    world.clients[ann].rtc.close().expect("it closes");
    world.drain_clients();
    world.run(Duration::from_millis(50));
    assert!(
        said(&world.clients[ben])
            .iter()
            .any(|m| matches!(m, NodeMessage::TrackEnded { .. }))
    );
    assert_eq!(world.shard.report().connections, 1);

    world.new_transport(ann);
    world.offer(ann, &[Publish::Camera { layers: 1 }], (0, 0));
    world.run(Duration::from_secs(1));
    let before = world.clients[ben].packets.len();
    world.stream(ann, Source::Camera, &[0], 20);
    let packets: Vec<_> = world.clients[ben].packets.iter().collect();
    assert!(packets.len() > before + 30);
    assert_continuous(&packets);
}

#[test]
fn nothing_is_sent_to_a_client_that_no_longer_answers_for_its_address() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 20);
    world.clients[ben].unreachable = true;
    world.stream(ann, Source::Camera, &[0], 1_000);
    let before = world.shard.report().packets_forwarded;
    world.stream(ann, Source::Camera, &[0], 30);
    assert_eq!(world.shard.report().packets_forwarded, before);

    world.clients[ben].unreachable = false;
    world.restart_ice(ben);
    world.stream(ann, Source::Camera, &[0], 60);
    assert!(world.shard.report().packets_forwarded > before + 60);
}

#[test]
fn nothing_is_written_to_a_client_before_its_handshake_and_it_is_not_waited_for_for_ever() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.open(2, Role::Guest, None);
    world.offer(ben, &[], (0, 1));
    world.new_transport(ben);
    world.stream(ann, Source::Camera, &[0], 100);
    let report = world.shard.report();
    assert!(report.packets_accepted > 100);
    assert_eq!((report.packets_forwarded, report.connections), (0, 2));

    world.run(Duration::from_secs(31));
    assert_eq!(world.shard.report().connections, 1, "the wait has an end");
    world.offer(ben, &[], (0, 1));
    world.run(Duration::from_secs(2));
    world.stream(ann, Source::Camera, &[0], 30);
    assert!(world.clients[ben].packets.len() > 30, "it may offer again");
}

#[test]
fn whoever_connects_late_begins_with_a_keyframe_of_now() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.open(2, Role::Guest, None);
    world.offer(ben, &[], (0, 1));
    world.clients[ben].unreachable = true;
    world.stream(ann, Source::Camera, &[0], 150);
    let asked = world.clients[ann].senders[0].keyframe_requests;
    assert_eq!(asked, 0, "nobody could have used one");
    let before = world.clients[ann].senders[0].seq_of(0);
    world.clients[ben].unreachable = false;
    world.stream(ann, Source::Camera, &[0], 300);
    let ben = &world.clients[ben];
    assert!(ben.packets.len() > 30);
    assert_eq!(ben.packets[0].payload[4] & 1, 0, "a keyframe comes first");
    let sent_since = world.clients[ann].senders[0].seq_of(0) - before;
    assert!(
        ben.packets.len() as u64 <= sent_since,
        "no burst of old packets"
    );
}

#[test]
fn a_slot_that_is_parked_and_comes_back_goes_on_with_its_numbers() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 30);
    for round in 0..4 {
        let before = world.clients[ben].packets.len();
        world.turn_slot(ben, 0, Direction::Inactive);
        world.stream(ann, Source::Camera, &[0], 20);
        assert_eq!(world.clients[ben].packets.len(), before, "round {round}");
        world.turn_slot(ben, 0, Direction::RecvOnly);
        world.stream(ann, Source::Camera, &[0], 30);
        assert!(
            world.clients[ben].packets.len() > before + 30,
            "round {round}"
        );
    }
    let numbers: Vec<u64> = world.clients[ben]
        .packets
        .iter()
        .map(|p| *p.seq_no)
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn a_shard_rests_while_nobody_sends_comes_or_says_anything_and_stirs_with_the_first_packet() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (1, 0));
    world.stream(ann, Source::Microphone, &[0], 5);
    assert!(!world.shard.rests(), "sound flows");
    world.run(Duration::from_secs(5));
    assert!(world.shard.rests(), "checks and reports are in no hurry");
    world.stream(ann, Source::Microphone, &[0], 1);
    assert!(!world.shard.rests(), "a packet is");
    world.run(Duration::from_secs(2));
    world.say(ben, ClientMessage::Want { wants: Vec::new() });
    assert!(!world.shard.rests(), "a word is");
}
