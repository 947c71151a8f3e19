//! Participants without a WebSocket: they are here as long as their transport is.

use std::time::Duration;

use sfu_core::io::Input;
use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ByeReason, ClientMessage, LeaveReason, NodeMessage, Role};

use crate::world::{Publish, World, participant, said};

/// Somebody who publishes without a WebSocket, and somebody with one who watches.
fn posted_and_watched() -> (World, usize, usize) {
    let mut world = World::new(Limits::default());
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let ann = world.post(1, Role::Guest);
    world.offer(ann, &[Publish::Camera { layers: 1 }], (0, 0));
    world.connect(ann);
    world.stream(ann, Source::Camera, &[0], 10);
    (world, ann, ben)
}

/// What somebody was told of participant 1: lost or back, and why it left.
fn told(world: &World, at: usize) -> (Vec<bool>, Vec<LeaveReason>) {
    let (mut lost_or_back, mut left) = (Vec::new(), Vec::new());
    for message in said(&world.clients[at]) {
        match message {
            NodeMessage::ParticipantLost {
                participant: who,
                lost,
            } if *who == participant(1) => lost_or_back.push(*lost),
            NodeMessage::ParticipantLeft {
                participant: who,
                reason,
            } if *who == participant(1) => left.push(*reason),
            _ => {}
        }
    }
    (lost_or_back, left)
}

fn bye(world: &World, at: usize) -> Option<ByeReason> {
    said(&world.clients[at])
        .into_iter()
        .find_map(|message| match message {
            NodeMessage::Bye { reason, .. } => Some(*reason),
            _ => None,
        })
}

#[test]
fn who_came_without_a_websocket_is_seen_and_leaves_by_saying_so_on_its_transport() {
    let (mut world, ann, ben) = posted_and_watched();
    // The first picture only tells that a keyframe is wanted.
    assert_eq!(world.clients[ben].packets.len(), 18);
    assert_eq!(world.shard.report().participants, 2);
    world.clients[ann].rtc.close().expect("it says goodbye");
    world.run(Duration::from_millis(50));
    assert_eq!(told(&world, ben), (vec![], vec![LeaveReason::Left]));
    assert_eq!(bye(&world, ann), Some(ByeReason::Left));
    assert!(world.clients[ann].closed);
    let report = world.shard.report();
    assert_eq!((report.participants, report.connections), (1, 1));
}

#[test]
fn who_came_without_a_websocket_leaves_when_asked_to() {
    let (mut world, ann, ben) = posted_and_watched();
    world.say(ann, ClientMessage::Leave {});
    assert_eq!(told(&world, ben), (vec![], vec![LeaveReason::Left]));
    assert_eq!(bye(&world, ann), Some(ByeReason::Left));
}

#[test]
fn who_is_silent_without_a_websocket_has_left_half_a_minute_later() {
    let (mut world, ann, ben) = posted_and_watched();
    world.clients[ann].unreachable = true;
    world.run(Duration::from_secs(29));
    assert_eq!(told(&world, ben), (vec![true], vec![]));
    world.run(Duration::from_secs(6));
    assert_eq!(told(&world, ben), (vec![true], vec![LeaveReason::Lost]));
    assert!(world.clients[ann].closed);
    let report = world.shard.report();
    assert_eq!((report.participants, report.connections), (1, 1));
}

#[test]
fn a_viewer_without_a_websocket_that_is_silent_leaves_though_it_sends_no_media() {
    let mut world = World::new(Limits::default());
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let ann = world.post(1, Role::Guest);
    world.offer(ann, &[], (1, 1));
    world.connect(ann);
    world.run(Duration::from_secs(60));
    assert_eq!(told(&world, ben), (vec![], vec![]), "it answers");
    world.clients[ann].unreachable = true;
    world.run(Duration::from_secs(35));
    assert_eq!(told(&world, ben), (vec![true], vec![LeaveReason::Lost]));
}

#[test]
fn who_speaks_again_in_time_stays() {
    let (mut world, ann, ben) = posted_and_watched();
    world.clients[ann].unreachable = true;
    world.run(Duration::from_secs(20));
    world.clients[ann].unreachable = false;
    world.stream(ann, Source::Camera, &[0], 30);
    world.run(Duration::from_secs(60));
    assert_eq!(told(&world, ben), (vec![true, false], vec![]));
    assert_eq!(world.shard.report().participants, 2);
}

#[test]
fn who_never_connects_and_has_no_websocket_goes_when_patience_ends() {
    let mut world = World::new(Limits::default());
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let ann = world.post(1, Role::Guest);
    world.offer(ann, &[Publish::Microphone], (0, 0));
    world.clients[ann].unreachable = true;
    world.run(Duration::from_secs(29));
    assert_eq!(told(&world, ben), (vec![], vec![]));
    world.run(Duration::from_secs(2));
    assert_eq!(told(&world, ben), (vec![], vec![LeaveReason::Lost]));
    assert_eq!(bye(&world, ann), Some(ByeReason::Refused));
    assert_eq!(world.shard.report().connections, 1);
}

#[test]
fn nobody_waits_for_who_has_no_websocket_to_come_back() {
    let (mut world, ann, ben) = posted_and_watched();
    let signal = world.clients[ann].signal;
    world.input(Input::SignalClosed { signal });
    assert_eq!(told(&world, ben), (vec![], vec![LeaveReason::Lost]));
    assert_eq!(world.shard.report().connections, 1);
}

#[test]
fn the_same_participant_over_a_websocket_takes_the_place() {
    let (mut world, ann, ben) = posted_and_watched();
    let again = world.join(1, Role::Guest, &[Publish::Camera { layers: 1 }], (0, 0));
    assert_eq!(bye(&world, ann), Some(ByeReason::Replaced));
    assert_eq!(told(&world, ben).1, [LeaveReason::Replaced]);
    // It has a WebSocket: it stays when its transport ends.
    world.clients[again].rtc.close().expect("it says goodbye");
    world.run(Duration::from_millis(50));
    assert_eq!(told(&world, ben).1, [LeaveReason::Replaced]);
    assert_eq!(world.shard.report().participants, 2);
}
