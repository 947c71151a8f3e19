//! The path of a client: what others are told when it is gone, and what goes on when a stream
//! begins anew.

use std::time::Duration;

use sfu_core::report::DropReason;
use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{NodeMessage, Role};
use str0m::rtp::Ssrc;

use crate::world::{Publish, World, participant, said};

/// What somebody was told about whether participant 1 is lost.
fn told_lost(world: &World, at: usize) -> Vec<bool> {
    let told = said(&world.clients[at])
        .into_iter()
        .filter_map(|message| match message {
            NodeMessage::ParticipantLost {
                participant: who,
                lost,
            } if *who == participant(1) => Some(*lost),
            _ => None,
        });
    told.collect()
}

#[test]
fn somebody_whose_media_stops_with_everything_else_is_lost_until_something_comes_again() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 30);
    world.clients[ann].unreachable = true;
    world.run(Duration::from_millis(1_450));
    assert!(told_lost(&world, ben).is_empty(), "not yet");
    world.run(Duration::from_millis(100));
    assert_eq!(told_lost(&world, ben), [true]);
    let cyd = world.open(3, Role::Guest, None);
    let NodeMessage::Joined { participants, .. } = said(&world.clients[cyd])[0] else {
        panic!("joined comes first");
    };
    assert!(participants[0].lost, "whoever comes now sees it too");

    world.run(Duration::from_secs(3));
    world.clients[ann].unreachable = false;
    world.clients[ben].packets.clear();
    let messages = world.clients[ben].messages.len();
    world.stream(ann, Source::Camera, &[0], 10);
    assert_eq!(told_lost(&world, ben), [true, false]);
    let since = &said(&world.clients[ben])[messages..];
    assert_eq!(since.len(), 1, "and nothing else changed: {since:?}");
    assert_eq!(world.clients[ben].packets.len(), 20, "in the same slot");
    assert_eq!(world.shard.report().paths_lost, 1);
}

#[test]
fn a_lost_path_carries_nothing_and_pictures_begin_anew_when_it_is_back() {
    let mut world = World::new(Limits::default());
    let camera = [Publish::Camera { layers: 1 }];
    let ann = world.join(1, Role::Host, &camera, (0, 1));
    let ben = world.join(2, Role::Guest, &camera, (0, 1));
    // Somebody watches ann all the time, so that she goes on sending.
    world.join(3, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    world.stream(ben, Source::Camera, &[0], 3);
    world.clients[ben].unreachable = true;
    world.run(Duration::from_millis(1_600));
    world.clients[ben].packets.clear();
    let asked = world.clients[ann].senders[0].keyframe_requests;
    world.stream(ann, Source::Camera, &[0], 90);
    assert_eq!(world.clients[ben].packets.len(), 0, "sent into the silence");
    assert_eq!(world.clients[ann].senders[0].keyframe_requests, asked);

    world.clients[ben].unreachable = false;
    world.send_frame(ben, Source::Camera, &[0]);
    world.run(Duration::from_millis(40));
    let asked_now = world.clients[ann].senders[0].keyframe_requests;
    assert_eq!(asked_now, asked + 1, "at once, not when somebody complains");
    world.stream(ann, Source::Camera, &[0], 10);
    let packets = &world.clients[ben].packets;
    assert_eq!(packets.len(), 20);
    assert_eq!(packets[0].payload[4] & 1, 0, "a keyframe comes first");
    for pair in packets.windows(2) {
        let (before, after) = (&pair[0].header, &pair[1].header);
        let step = before.sequence_number.wrapping_add(1);
        assert_eq!(after.sequence_number, step);
    }
}

#[test]
fn somebody_who_sends_nothing_is_not_lost() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    world.say(
        ann,
        sfu_protocol::signal::ClientMessage::SetTrack {
            source: Source::Camera,
            state: sfu_protocol::signal::TrackState::Muted,
        },
    );
    // Reports and checks only, some seconds apart.
    world.run(Duration::from_secs(30));
    assert!(told_lost(&world, ben).is_empty());
}

#[test]
fn somebody_who_ends_the_last_track_by_an_offer_is_not_lost() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    world.clients[ann].senders.clear();
    world.offer(ann, &[], (0, 1));
    // As between two checks of a path, which browsers make seconds apart.
    world.clients[ann].unreachable = true;
    world.run(Duration::from_secs(3));
    assert!(told_lost(&world, ben).is_empty());
}

#[test]
fn what_somebody_sends_without_publishing_it_does_not_keep_their_next_track_out() {
    let mut world = World::new(Limits::default());
    let publish = [Publish::Microphone, Publish::Camera { layers: 1 }];
    let ann = world.join(1, Role::Host, &publish, (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let camera = world.clients[ann].senders.remove(1);
    world.offer(ann, &[], (0, 1));
    world.clients[ann].senders.push(camera);
    world.stream(ann, Source::Camera, &[0], 100);
    assert_eq!(world.clients[ben].packets.len(), 0);
    world.offer(ann, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    assert!(world.clients[ben].packets.len() >= 18);
    assert_eq!(world.shard.report().dropped.get(&DropReason::Untried), None);
}

#[test]
fn a_shard_that_stood_still_takes_nobody_for_lost() {
    let mut world = World::new(Limits::default());
    let camera = [Publish::Camera { layers: 1 }];
    let ann = world.join(1, Role::Host, &camera, (0, 0));
    let ben = world.join(2, Role::Guest, &camera, (0, 1));
    world.stream(ann, Source::Camera, &[0], 10);
    world.stream(ben, Source::Camera, &[0], 3);
    world.now += Duration::from_secs(3);
    // Ben's is read first.
    world.send_frame(ben, Source::Camera, &[0]);
    world.run(Duration::from_millis(100));
    world.stream(ann, Source::Camera, &[0], 10);
    assert!(told_lost(&world, ben).is_empty());

    world.clients[ann].unreachable = true;
    world.run(Duration::from_millis(1_600));
    assert_eq!(told_lost(&world, ben), [true], "but whoever is");
}

#[test]
fn a_layer_whose_ssrc_changes_goes_on_without_a_step() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 3 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    world.stream(ann, Source::Camera, &[0, 1, 2], 30);
    world.clients[ben].packets.clear();
    world.stream(ann, Source::Camera, &[0, 1, 2], 10);
    let client = &mut world.clients[ann];
    let mid = client.senders[0].mid;
    let mut direct = client.rtc.direct_api();
    let changed = direct.reset_stream_tx(
        mid,
        Some("f".into()),
        Ssrc::from(0x7777_0001),
        Some(Ssrc::from(0x7777_0002)),
    );
    assert!(changed.is_some());
    // Far below where the numbers were.
    client.senders[0].set_seq(2, 50);
    world.stream(ann, Source::Camera, &[0, 1, 2], 20);
    let packets = &world.clients[ben].packets;
    assert_eq!(packets.len(), 60);
    for pair in packets.windows(2) {
        let (before, after) = (&pair[0].header, &pair[1].header);
        let step = before.sequence_number.wrapping_add(1);
        assert_eq!(after.sequence_number, step);
        let ticks = after.timestamp.wrapping_sub(before.timestamp);
        assert!(ticks <= 6_000, "{ticks} ticks between two packets");
    }
}
