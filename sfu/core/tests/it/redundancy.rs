//! Sound with the packet before in each packet (RFC 2198), on either hop or on one only.

use std::time::Duration;

use sfu_core::io::{Input, PeerId};
use sfu_core::report::DropReason;
use sfu_core::shard::Limits;
use sfu_protocol::ids::RecordingId;
use sfu_protocol::link::{FromNode, TapeBody, ToNode};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, Role, TrackState};
use str0m::format::Codec;
use str0m::rtp::{RedDecoder, RedEncoder, RedundantBlock, RtpPacket, RtpWrite};
use uuid::Uuid;

use crate::world::{Client, Publish, World, room};

/// Units of the clock in a packet of 20 ms.
const TICKS: u32 = 960;

/// What a packet of sound holds, told by its number.
fn sound(seq: u64) -> Vec<u8> {
    vec![0xfc, seq as u8, 7]
}

/// A world of three: the first sends and takes redundancy, the second takes it, the third knows
/// nothing of it.
fn world_of_three() -> (World, [usize; 3]) {
    let mut world = World::new(Limits::default());
    world.redundant = true;
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (1, 0));
    let ben = world.join(2, Role::Guest, &[], (1, 0));
    world.redundant = false;
    let cleo = world.join(3, Role::Guest, &[], (1, 0));
    (world, [ann, ben, cleo])
}

/// Sends a packet with others that came before it.
fn send(world: &mut World, at: usize, seq: u64, before: &[u64]) {
    let client = &world.clients[at];
    let primary = client.payload_type(Codec::Opus);
    let redundant = client.redundant_type().expect("agreed on");
    let block = |earlier: &u64| RedundantBlock {
        pt: *primary,
        timestamp_offset: (seq - earlier) as u32 * TICKS,
        payload: sound(*earlier),
    };
    let blocks: Vec<_> = before.iter().map(block).collect();
    let payload = RedEncoder::encode(*primary, &sound(seq), &blocks);
    let timestamp = seq as u32 * TICKS;
    let write = RtpWrite::new(redundant, seq.into(), timestamp, world.now, payload);
    world.send_sound(at, write);
    world.run(Duration::from_millis(20));
}

/// What a client heard: the sender's number of each packet, and of those that came with it.
fn heard(client: &Client) -> Vec<(u8, Vec<u8>)> {
    let read = |packet: &RtpPacket| {
        if Some(packet.header.payload_type) != client.redundant_type() {
            return (packet.payload[1], vec![]);
        }
        let blocks = RedDecoder::decode(&packet.payload).expect("redundant sound");
        let (own, earlier) = blocks.split_last().expect("at least its own");
        let opus = *client.payload_type(Codec::Opus);
        assert!(blocks.iter().all(|block| block.pt == opus));
        assert!(earlier.iter().all(|block| block.timestamp_offset == TICKS));
        let earlier = earlier.iter().map(|block| block.payload[1]);
        (own.payload[1], earlier.collect())
    };
    client.packets.iter().map(read).collect()
}

/// Every number is heard once, and numbers and timestamps keep their distance from the sender's.
fn assert_whole(client: &Client, expected: &[u8]) {
    let mut numbers: Vec<u8> = heard(client).iter().map(|(own, _)| *own).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, expected);
    let heard = heard(client);
    let first = &client.packets[0];
    for (packet, (own, _)) in client.packets.iter().zip(&heard) {
        let distance = u64::from(*own - heard[0].0);
        assert_eq!(*packet.seq_no, *first.seq_no + distance);
        let timestamp = first.header.timestamp.wrapping_add(distance as u32 * TICKS);
        assert_eq!(packet.header.timestamp, timestamp);
    }
}

#[test]
fn sound_that_is_lost_comes_with_a_later_packet_and_once_only() {
    let (mut world, [ann, ben, cleo]) = world_of_three();
    send(&mut world, ann, 100, &[99]);
    send(&mut world, ann, 101, &[100]);
    // 102 is lost; 104 and 105 with it come before 103, which brings another lost one.
    send(&mut world, ann, 103, &[101, 102]);
    send(&mut world, ann, 106, &[105]);
    send(&mut world, ann, 105, &[104]);
    send(&mut world, ann, 104, &[103]);
    send(&mut world, ann, 107, &[106]);

    assert_whole(
        &world.clients[cleo],
        &[100, 101, 102, 103, 104, 105, 106, 107],
    );
    assert_whole(
        &world.clients[ben],
        &[100, 101, 102, 103, 104, 105, 106, 107],
    );
    let order: Vec<u8> = heard(&world.clients[cleo]).iter().map(|h| h.0).collect();
    assert_eq!(order, [100, 101, 102, 103, 105, 106, 104, 107]);
    let report = world.shard.report();
    assert_eq!(report.packets_recovered, 3);
    assert_eq!(report.dropped[&DropReason::Recovered], 2);
    assert_eq!(
        report.packets_in,
        report.packets_accepted + report.packets_dropped()
    );
}

#[test]
fn whoever_takes_redundancy_gets_the_packet_before_with_each_and_others_get_plain_sound() {
    let (mut world, [ann, ben, cleo]) = world_of_three();
    assert_eq!(world.clients[cleo].redundant_type(), None);
    for seq in 100..104 {
        send(&mut world, ann, seq, &[]);
    }
    let expected = [
        (100, vec![]),
        (101, vec![100]),
        (102, vec![101]),
        (103, vec![102]),
    ];
    assert_eq!(heard(&world.clients[ben]), expected);
    assert!(
        heard(&world.clients[cleo])
            .iter()
            .all(|(_, with)| with.is_empty())
    );
    let opus = world.clients[cleo].payload_type(Codec::Opus);
    let plain = |packet: &RtpPacket| packet.header.payload_type == opus;
    assert!(world.clients[cleo].packets.iter().all(plain));

    // What went before a pause is nothing that goes with what comes after it.
    for state in [TrackState::Muted, TrackState::Live] {
        let source = Source::Microphone;
        world.say(ann, ClientMessage::SetTrack { source, state });
    }
    send(&mut world, ann, 104, &[]);
    send(&mut world, ann, 105, &[]);
    assert_eq!(
        heard(&world.clients[ben])[4..],
        [(104, vec![]), (105, vec![104])]
    );
}

#[test]
fn plain_sound_is_sent_on_with_redundancy_to_those_who_take_it() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (0, 0));
    world.redundant = true;
    let ben = world.join(2, Role::Guest, &[], (1, 0));
    world.stream(ann, Source::Microphone, &[0], 10);
    let client = &world.clients[ben];
    let redundant = client.redundant_type();
    let with = |packet: &&RtpPacket| Some(packet.header.payload_type) == redundant;
    assert_eq!(client.packets.len(), 10);
    // Two and two of the stream's packets have one timestamp: the second cannot carry the first.
    assert_eq!(client.packets.iter().filter(with).count(), 4);
}

#[test]
fn what_was_recovered_is_on_the_tape_as_sent_again() {
    const RECORDER: PeerId = PeerId(1);
    let (mut world, [ann, ..]) = world_of_three();
    send(&mut world, ann, 100, &[]);
    world.input(Input::LinkOpened { peer: RECORDER });
    let hello = ToNode::Hello {
        version: 1,
        peer: "recorder".to_owned(),
    };
    world.link(RECORDER, hello);
    let record = ToNode::Record {
        recording: RecordingId(Uuid::from_u128(77)),
        room: room(),
        started_by: "Ann".to_owned(),
        have: vec![],
    };
    world.link(RECORDER, record);
    send(&mut world, ann, 101, &[100]);
    send(&mut world, ann, 103, &[102]);
    let packet = |(_, frame): &(PeerId, FromNode)| match frame {
        FromNode::Entry { entry, .. } => match &entry.body {
            TapeBody::Rtp {
                seq,
                retransmitted,
                payload,
                ..
            } => Some((*seq, *retransmitted, payload.to_vec())),
            _ => None,
        },
        _ => None,
    };
    let taped: Vec<_> = world.frames.iter().filter_map(packet).collect();
    let expected =
        [(101, false), (102, true), (103, false)].map(|(seq, again)| (seq, again, sound(seq)));
    assert_eq!(taped, expected);
}

#[test]
fn a_payload_that_is_no_redundant_sound_costs_itself_only() {
    let (mut world, [ann, _, cleo]) = world_of_three();
    send(&mut world, ann, 100, &[]);
    let redundant = world.clients[ann].redundant_type().expect("agreed on");
    for (seq, payload) in [(101, vec![0xff; 40]), (102, vec![0x80]), (103, vec![])] {
        let write = RtpWrite::new(
            redundant,
            seq.into(),
            seq as u32 * TICKS,
            world.now,
            payload,
        );
        world.send_sound(ann, write);
    }
    send(&mut world, ann, 104, &[]);
    let report = world.shard.report();
    assert_eq!(report.dropped[&DropReason::UnknownCodec], 2);
    assert_eq!(report.panics, 0);
    let numbers: Vec<u8> = heard(&world.clients[cleo]).iter().map(|h| h.0).collect();
    assert_eq!(numbers, [100, 104]);
}
