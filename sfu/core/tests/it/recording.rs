use std::time::Duration;

use sfu_core::io::{Input, PeerId};
use sfu_core::shard::Limits;
use sfu_protocol::control::{ControlRequest, RoomEvent};
use sfu_protocol::ids::{RecordingId, TapeId};
use sfu_protocol::link::{EndReason, FromNode, TapeBody, TapeEnd, ToNode};
use sfu_protocol::media::{Codec, Source};
use sfu_protocol::recording::TroubleReason;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, NodeMessage, RecordingTrouble, Role, TrackState,
};
use uuid::Uuid;

use crate::world::{Publish, World, camera, room, said};

const RECORDER: PeerId = PeerId(1);

fn recording() -> RecordingId {
    RecordingId(Uuid::from_u128(77))
}

fn record(have: Vec<TapeEnd>) -> ToNode {
    ToNode::Record {
        recording: recording(),
        room: room(),
        started_by: "Ann".to_owned(),
        have,
    }
}

fn entries(world: &World) -> Vec<(TapeId, u64, TapeBody, u8)> {
    let entry = |(_, frame): &(PeerId, FromNode)| match frame {
        FromNode::Entry {
            tape, index, entry, ..
        } => Some((*tape, *index, entry.body.clone(), entry.layer)),
        _ => None,
    };
    world.frames.iter().filter_map(entry).collect()
}

fn recorded_world() -> (World, usize) {
    recorded_world_within(Limits::default())
}

fn recorded_world_within(limits: Limits) -> (World, usize) {
    let mut world = World::new(limits);
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 3 }], (0, 0));
    world.stream(ann, Source::Camera, &[0, 1, 2], 5);
    world.input(Input::LinkOpened { peer: RECORDER });
    world.link(
        RECORDER,
        ToNode::Hello {
            version: 1,
            peer: "recorder".to_owned(),
        },
    );
    world.link(RECORDER, record(vec![]));
    (world, ann)
}

#[test]
fn the_best_layer_of_a_track_is_on_its_tape_from_a_keyframe_on() {
    let (mut world, ann) = recorded_world();
    world.stream(ann, Source::Camera, &[0, 1, 2], 60);

    assert!(matches!(world.frames[0].1, FromNode::Welcome { .. }));
    assert!(matches!(world.frames[1].1, FromNode::RecordStarted { .. }));
    let FromNode::TapeOpened(opened) = &world.frames[2].1 else {
        panic!("a tape opens at once: {:?}", world.frames[2]);
    };
    assert_eq!(
        (opened.track, opened.codec, opened.name.as_str()),
        (camera(1), Codec::Vp8, "person 1")
    );
    let entries = entries(&world);
    let indices: Vec<u64> = entries.iter().map(|(_, index, _, _)| *index).collect();
    assert_eq!(indices, (0..entries.len() as u64).collect::<Vec<_>>());
    let rtp: Vec<_> = entries
        .iter()
        .filter_map(|(_, _, body, layer)| match body {
            TapeBody::Rtp { seq, payload, .. } => Some((*seq, payload, *layer)),
            _ => None,
        })
        .collect();
    assert!(rtp.len() > 100);
    assert_eq!(rtp[0].1[4] & 1, 0, "a keyframe comes first");
    assert!(rtp.iter().all(|(_, _, layer)| *layer == 2));
    assert!(rtp.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
    let reports = entries
        .iter()
        .filter(|entry| matches!(entry.2, TapeBody::SenderReport { .. }));
    assert!(reports.count() > 0, "sender reports are on the tape");
    assert_eq!(world.shard.report().packets_recorded, rtp.len() as u64);
}

#[test]
fn everyone_is_told_once_that_tapes_cannot_be_written_and_when_they_can_again() {
    let (mut world, ann) = recorded_world();
    let before = said(&world.clients[ann]).len();
    let trouble = |world: &mut World, peer, reason| {
        let recording = recording();
        world.link(peer, ToNode::Trouble { recording, reason });
    };
    let told = |world: &World| -> Vec<Option<RecordingTrouble>> {
        let said = said(&world.clients[ann]);
        let notices = said[before..].iter().filter_map(|message| match message {
            NodeMessage::Recording { recording } => recording.as_ref(),
            _ => None,
        });
        notices.map(|notice| notice.trouble).collect()
    };
    // A recorder says how it stands whenever it begins: nothing new is no news.
    trouble(&mut world, RECORDER, None);
    assert_eq!(told(&world), []);
    trouble(&mut world, RECORDER, Some(TroubleReason::DiskFull));
    trouble(&mut world, RECORDER, Some(TroubleReason::DiskFull));
    trouble(&mut world, RECORDER, Some(TroubleReason::ReadOnly));
    let [Some(full), Some(read_only)] = told(&world)[..] else {
        panic!("{:?}", told(&world));
    };
    assert_eq!(full.reason, TroubleReason::DiskFull);
    assert_eq!(
        (read_only.reason, read_only.since_ms),
        (TroubleReason::ReadOnly, full.since_ms),
        "it is the same trouble, since the same moment"
    );
    let ben = world.open(2, Role::Guest, None);
    let NodeMessage::Joined { recording, .. } = said(&world.clients[ben])[0] else {
        panic!("{:?}", said(&world.clients[ben])[0]);
    };
    assert_eq!(
        recording.as_ref().and_then(|it| it.trouble),
        Some(read_only)
    );
    // What a peer says that does not hold the recording is not believed.
    let stranger = PeerId(RECORDER.0 + 1);
    world.input(Input::LinkOpened { peer: stranger });
    trouble(&mut world, stranger, None);
    assert_eq!(told(&world)[1..], [Some(read_only)]);
    trouble(&mut world, RECORDER, None);
    assert_eq!(told(&world)[2..], [None]);
}

#[test]
fn everyone_is_told_of_the_recording_and_whoever_comes_later_too() {
    let (mut world, ann) = recorded_world();
    assert!(
        matches!(said(&world.clients[ann]).last(), Some(NodeMessage::Recording { recording: Some(notice) }) if notice.started_by == "Ann")
    );
    let ben = world.open(2, Role::Guest, None);
    assert!(matches!(
        said(&world.clients[ben])[0],
        NodeMessage::Joined {
            recording: Some(_),
            ..
        }
    ));
    world.link(
        RECORDER,
        ToNode::StopRecord {
            recording: recording(),
        },
    );
    assert!(matches!(
        said(&world.clients[ben]).last(),
        Some(NodeMessage::Recording { recording: None })
    ));
    let ends: Vec<_> = world
        .frames
        .iter()
        .rev()
        .take(2)
        .map(|(_, frame)| frame.clone())
        .collect();
    assert!(matches!(
        ends[0],
        FromNode::RecordEnded {
            reason: EndReason::Asked,
            ..
        }
    ));
    assert!(matches!(
        ends[1],
        FromNode::TapeClosed {
            reason: EndReason::Asked,
            ..
        }
    ));
}

#[test]
fn a_recorder_that_was_killed_gets_the_rest() {
    let (mut world, ann) = recorded_world();
    world.stream(ann, Source::Camera, &[0, 1, 2], 30);
    let durable = entries(&world).len() as u64 / 2;
    let tape = entries(&world)[0].0;
    world.link(
        RECORDER,
        ToNode::Ack {
            recording: recording(),
            tape,
            through: durable - 1,
        },
    );
    world.input(Input::LinkClosed { peer: RECORDER });
    world.frames.clear();
    world.stream(ann, Source::Camera, &[0, 1, 2], 30);
    assert_eq!(world.frames, []);

    let back = PeerId(2);
    world.input(Input::LinkOpened { peer: back });
    world.link(
        back,
        record(vec![TapeEnd {
            tape,
            next_index: durable,
        }]),
    );
    assert!(
        !world
            .frames
            .iter()
            .any(|(_, frame)| matches!(frame, FromNode::Gap { .. }))
    );
    let entries = entries(&world);
    assert_eq!(entries[0].1, durable);
    assert!(entries.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1));
    assert!(entries.len() > 60);
}

#[test]
fn after_a_gap_a_keyframe_is_asked_for_so_that_the_picture_goes_on() {
    let limits = Limits {
        ring_bytes_per_recording: 20_000,
        ..Limits::default()
    };
    let (mut world, ann) = recorded_world_within(limits);
    world.stream(ann, Source::Camera, &[0, 1, 2], 30);
    let asked = |world: &World| world.clients[ann].senders[0].keyframe_requests;
    let before = asked(&world);
    world.input(Input::LinkClosed { peer: RECORDER });
    world.stream(ann, Source::Camera, &[0, 1, 2], 200);
    assert_eq!(asked(&world), before, "nobody needs one");
    world.frames.clear();
    let back = PeerId(2);
    world.input(Input::LinkOpened { peer: back });
    world.link(back, record(vec![]));
    let gap = |(_, frame): &(PeerId, FromNode)| matches!(frame, FromNode::Gap { .. });
    assert!(world.frames.iter().any(gap));
    world.stream(ann, Source::Camera, &[0, 1, 2], 5);
    assert_eq!(asked(&world), before + 1);
}

#[test]
fn mute_is_on_the_tape_and_the_end_of_the_room_ends_it() {
    let (mut world, ann) = recorded_world();
    world.stream(ann, Source::Camera, &[0, 1, 2], 20);
    let set = |state| ClientMessage::SetTrack {
        source: Source::Camera,
        state,
    };
    world.say(ann, set(TrackState::Muted));
    world.stream(ann, Source::Camera, &[0, 1, 2], 5);
    world.say(ann, set(TrackState::Live));
    world.stream(ann, Source::Camera, &[0, 1, 2], 20);
    let mutes: Vec<bool> = entries(&world)
        .iter()
        .filter_map(|(_, _, body, _)| match body {
            TapeBody::Muted { muted } => Some(*muted),
            _ => None,
        })
        .collect();
    assert_eq!(mutes, [true, false]);
    world.control(ControlRequest::CloseRoom {
        room: room(),
        reason: ByeReason::Ended,
    });
    let last = world.frames.last().map(|(_, frame)| frame.clone());
    assert!(
        matches!(
            last,
            Some(FromNode::RecordEnded {
                reason: EndReason::RoomClosed,
                ..
            })
        ),
        "{last:?}"
    );
}

#[test]
fn a_follower_hears_what_happens_in_order() {
    let mut world = World::new(Limits::default());
    world.input(Input::LinkOpened { peer: RECORDER });
    world.link(RECORDER, ToNode::Follow { after: 0 });
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    world.stream(ann, Source::Camera, &[0], 3);
    world.say(ann, ClientMessage::Leave {});
    world.run(Duration::from_secs(6));
    let kind = |(_, frame): &(PeerId, FromNode)| match frame {
        FromNode::Event(event) => match &event.event {
            RoomEvent::RoomOpened {} => "opened",
            RoomEvent::ParticipantJoined { .. } => "joined",
            RoomEvent::TrackChanged {
                state: TrackState::Off,
                ..
            } => "track off",
            RoomEvent::TrackChanged { codec: None, .. } => "track",
            RoomEvent::TrackChanged { codec: Some(_), .. } => "track with codec",
            RoomEvent::ParticipantLeft { .. } => "left",
            RoomEvent::RoomClosed {} => "closed",
            _ => "?",
        },
        _ => "?",
    };
    let seen: Vec<_> = world.frames.iter().map(kind).collect();
    assert_eq!(
        seen,
        [
            "opened",
            "joined",
            "track",
            "track with codec",
            "track off",
            "left",
            "closed"
        ]
    );
}

#[test]
fn the_packet_that_opens_a_tape_is_on_it() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Microphone], (0, 0));
    world.input(Input::LinkOpened { peer: RECORDER });
    world.link(RECORDER, record(vec![]));
    world.stream(ann, Source::Microphone, &[0], 10);
    let report = world.shard.report();
    assert_eq!(report.packets_accepted, 10);
    assert_eq!(report.packets_recorded, 10);
}

#[test]
fn switching_off_and_on_for_ever_uses_up_no_tapes_and_loses_nothing() {
    let mut world = World::new(Limits::default());
    world.input(Input::LinkOpened { peer: RECORDER });
    world.link(RECORDER, record(vec![]));
    let ben = world.join(2, Role::Guest, &[Publish::Microphone], (0, 0));
    for _ in 0..100 {
        world.stream(ben, Source::Microphone, &[0], 3);
        for state in [TrackState::Off, TrackState::Live] {
            let source = Source::Microphone;
            world.say(ben, ClientMessage::SetTrack { source, state });
        }
        // As fast as changes are carried out for long.
        world.run(Duration::from_secs(1));
    }
    let opened = |world: &World| {
        let is_it = |(_, frame): &&(PeerId, FromNode)| matches!(frame, FromNode::TapeOpened(_));
        world.frames.iter().filter(is_it).count()
    };
    assert_eq!(opened(&world), 16);
    let report = world.shard.report();
    assert_eq!(report.packets_recorded, report.packets_accepted);
    assert_eq!(report.packets_unrecorded, 0);

    let cid = world.join(3, Role::Guest, &[Publish::Microphone], (0, 0));
    world.stream(cid, Source::Microphone, &[0], 5);
    assert_eq!(opened(&world), 17, "others are recorded as ever");
}
