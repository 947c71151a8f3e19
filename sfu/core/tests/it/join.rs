use std::time::Duration;

use sfu_core::io::{Input, SignalId};
use sfu_core::shard::Limits;
use sfu_protocol::control::{ControlReply, ControlRequest};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, LeaveReason, NodeMessage, RefusedCode, Role, TrackState,
};

use crate::world::{Client, Publish, World, camera, participant, room, said};

const CAMERA: Publish = Publish::Camera { layers: 1 };

#[test]
fn everyone_learns_who_is_here_and_what_they_publish() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[CAMERA], (1, 2));
    let ben = world.join(2, Role::Guest, &[CAMERA], (1, 2));

    let NodeMessage::Joined {
        you, participants, ..
    } = said(&world.clients[ben])[0]
    else {
        panic!("the first message is joined");
    };
    assert_eq!(*you, participant(2));
    assert_eq!(participants[0].tracks[0].id, camera(1));
    let seen = said(&world.clients[ann]);
    assert!(seen.iter().any(
        |m| matches!(m, NodeMessage::ParticipantJoined { participant: p } if p.id == participant(2))
    ));
    assert!(
        seen.iter()
            .any(|m| matches!(m, NodeMessage::TrackChanged { track } if track.id == camera(2)))
    );
    let seqs: Vec<u64> = world.clients[ann]
        .messages
        .iter()
        .map(|envelope| envelope.seq)
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[test]
fn an_observer_sees_and_is_not_seen() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[CAMERA], (1, 1));
    let eve = world.join(9, Role::Observer, &[], (1, 1));
    world.stream(ann, Source::Camera, &[0], 20);
    assert!(!world.clients[eve].packets.is_empty());
    let seen = said(&world.clients[ann]);
    assert!(
        !seen
            .iter()
            .any(|m| matches!(m, NodeMessage::ParticipantJoined { .. }))
    );
    world.offer(eve, &[CAMERA], (0, 0));
    assert!(matches!(
        said(&world.clients[eve]).last(),
        Some(NodeMessage::Refused {
            code: RefusedCode::NotAllowed,
            ..
        })
    ));
}

#[test]
fn a_lost_websocket_is_waited_for_and_its_client_gets_what_it_missed() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[CAMERA], (1, 1));
    let ben = world.join(2, Role::Guest, &[CAMERA], (1, 1));
    let NodeMessage::Joined { resume_key, .. } = said(&world.clients[ben])[0].clone() else {
        panic!("the first message is joined");
    };
    let last_seq = world.clients[ben]
        .messages
        .last()
        .map_or(0, |envelope| envelope.seq);
    let signal = world.clients[ben].signal;
    world.input(Input::SignalClosed { signal });
    assert!(matches!(
        said(&world.clients[ann]).last(),
        Some(NodeMessage::ParticipantLost { lost: true, .. })
    ));
    let muted = ClientMessage::SetTrack {
        source: Source::Camera,
        state: TrackState::Muted,
    };
    world.say(ann, muted);

    let back = world.open(2, Role::Guest, Some((resume_key, last_seq)));
    let messages = said(&world.clients[back]);
    assert!(matches!(
        messages[0],
        NodeMessage::Joined { resumed: true, .. }
    ));
    assert!(
        matches!(messages[1], NodeMessage::TrackChanged { track } if track.state == TrackState::Muted)
    );
    assert!(matches!(
        said(&world.clients[ann]).last(),
        Some(NodeMessage::ParticipantLost { lost: false, .. })
    ));
    world.run(Duration::from_secs(61));
    assert!(
        !said(&world.clients[ann])
            .iter()
            .any(|m| matches!(m, NodeMessage::ParticipantLeft { .. }))
    );
}

/// A WebSocket ends as `end` says; its participant is still there after `kept_s`, and gone two
/// seconds later.
#[track_caller]
fn assert_place_is_kept(end: fn(SignalId) -> Input<'static>, kept_s: u64) {
    let mut world = World::new(Limits::default());
    let ann = world.open(1, Role::Host, None);
    let ben = world.open(2, Role::Guest, None);
    let signal = world.clients[ben].signal;
    world.input(end(signal));
    world.run(Duration::from_secs(kept_s));
    assert!(matches!(
        said(&world.clients[ann]).last(),
        Some(NodeMessage::ParticipantLost { .. })
    ));
    world.run(Duration::from_secs(2));
    let left = NodeMessage::ParticipantLeft {
        participant: participant(2),
        reason: LeaveReason::Lost,
    };
    assert_eq!(said(&world.clients[ann]).last(), Some(&&left));
}

#[test]
fn a_network_that_is_gone_for_half_a_minute_costs_nobody_the_place() {
    assert_place_is_kept(|signal| Input::SignalClosed { signal }, 59);
}

#[test]
fn the_place_behind_a_closed_page_is_given_up_sooner_but_outlives_a_reload() {
    assert_place_is_kept(|signal| Input::SignalWentAway { signal }, 14);
}

#[test]
fn joining_again_elsewhere_replaces_the_first() {
    let mut world = World::new(Limits::default());
    let first = world.open(1, Role::Host, None);
    let second = world.open(1, Role::Host, Some(("wrong key".to_owned(), 1)));
    let bye = said(&world.clients[first]).last().copied().cloned();
    assert!(matches!(
        bye,
        Some(NodeMessage::Bye {
            reason: ByeReason::Replaced,
            ..
        })
    ));
    assert!(world.clients[first].closed);
    assert!(matches!(
        said(&world.clients[second])[0],
        NodeMessage::Joined { resumed: false, .. }
    ));
}

#[test]
fn hosts_mute_and_remove_and_guests_do_not() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[CAMERA], (0, 1));
    let ben = world.join(2, Role::Guest, &[CAMERA], (0, 1));
    let mute = |n| ClientMessage::MuteOther {
        participant: participant(n),
        source: Source::Camera,
    };
    world.say(ben, mute(1));
    assert!(matches!(
        said(&world.clients[ben]).last(),
        Some(NodeMessage::Refused {
            code: RefusedCode::NotAllowed,
            ..
        })
    ));
    world.say(ann, mute(2));
    assert!(matches!(
        said(&world.clients[ben]).last(),
        Some(NodeMessage::MutedByHost {
            source: Source::Camera
        })
    ));
    world.say(
        ann,
        ClientMessage::Remove {
            participant: participant(2),
        },
    );
    assert!(matches!(
        said(&world.clients[ben]).last(),
        Some(NodeMessage::Bye {
            reason: ByeReason::Removed,
            ..
        })
    ));
    assert!(world.clients[ben].closed);
}

#[test]
fn a_room_ends_for_all_and_an_empty_one_closes_after_a_while() {
    let mut world = World::new(Limits::default());
    let ann = world.open(1, Role::Host, None);
    world.control(ControlRequest::CloseRoom {
        room: room(),
        reason: ByeReason::Ended,
    });
    assert!(matches!(
        said(&world.clients[ann]).last(),
        Some(NodeMessage::Bye {
            reason: ByeReason::Ended,
            ..
        })
    ));
    assert_eq!(world.shard.report().rooms, 0);

    let ben = world.open(2, Role::Host, None);
    world.say(ben, ClientMessage::Leave {});
    assert_eq!(world.shard.report().rooms, 1);
    world.run(Duration::from_secs(6));
    assert_eq!(world.shard.report().rooms, 0);
}

#[test]
fn a_node_that_stops_sends_everyone_away_with_a_moment_of_their_own_to_come_back() {
    const PARTICIPANTS: u128 = 100;
    let mut world = World::new(Limits::default());
    for who in 1..=PARTICIPANTS {
        world.open(who, Role::Guest, None);
    }
    let span = |client: &Client| match *said(client)[0] {
        NodeMessage::Joined {
            reconnect_within_ms,
            ..
        } => reconnect_within_ms,
        _ => 0,
    };
    assert_eq!(span(&world.clients[0]), 300);
    assert_eq!(span(&world.clients[99]), 500);

    world.control(ControlRequest::Drain {});
    let wait = |client: &Client| match said(client).last() {
        Some(NodeMessage::Bye { retry_after_ms, .. }) => retry_after_ms.unwrap_or(0),
        _ => 0,
    };
    let waits: Vec<u32> = world.clients.iter().map(wait).collect();
    assert!(waits.iter().all(|wait| (1_000..1_500).contains(wait)));
    // Cut into five, no fifth of the span has more than twice its share.
    for from in (1_000..1_500).step_by(100) {
        let came = waits.iter().filter(|&&w| (from..from + 100).contains(&w));
        assert!((5..=40).contains(&came.count()), "{waits:?}");
    }
}

#[test]
fn limits_and_draining_refuse_with_a_reason() {
    let limits = Limits {
        participants_per_room: 1,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.open(1, Role::Host, None);
    let refused = world.open(2, Role::Guest, None);
    assert!(matches!(
        said(&world.clients[refused])[0],
        NodeMessage::Refused {
            code: RefusedCode::LimitReached,
            ..
        }
    ));
    assert!(world.clients[refused].closed);
    world.control(ControlRequest::Drain {});
    assert!(matches!(
        said(&world.clients[0]).last(),
        Some(NodeMessage::Bye {
            reason: ByeReason::Draining,
            ..
        })
    ));
    let late = world.open(3, Role::Guest, None);
    assert!(matches!(
        said(&world.clients[late])[0],
        NodeMessage::Refused {
            code: RefusedCode::Draining,
            ..
        }
    ));
    world.control(ControlRequest::ListRooms {});
    assert_eq!(
        world.replies.last().map(|(_, reply)| reply.clone()),
        Some(ControlReply::Rooms { rooms: vec![] })
    );
}

#[test]
fn a_peer_connection_whose_transport_the_node_lost_is_told_to_make_a_new_one() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[], (0, 1));
    // The same certificate offers again after its transport said goodbye.
    world.clients[ann].rtc.close().expect("it is connected");
    world.run(Duration::from_millis(50));
    assert_eq!(world.shard.report().connections, 0);
    world.restart_ice(ann);
    assert!(matches!(
        said(&world.clients[ann]).last(),
        Some(NodeMessage::Refused {
            code: RefusedCode::OfferUnusable,
            ..
        })
    ));
    world.new_transport(ann);
    world.offer(ann, &[], (0, 1));
    assert!(matches!(
        said(&world.clients[ann]).last(),
        Some(NodeMessage::Answer { .. } | NodeMessage::Slots { .. })
    ));
    assert_eq!(world.shard.report().connections, 1);
}
