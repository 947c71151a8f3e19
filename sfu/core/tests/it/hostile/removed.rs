//! Whoever is sent out is out, in media too, and at once.

use std::time::Duration;

use sfu_core::shard::Limits;
use sfu_protocol::control::ControlRequest;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, NodeMessage, RefusedCode, Role};

use crate::world::{Publish, World, participant, room, said};

/// Ann, and Ben who sees her and whom she sees.
fn meeting() -> (World, usize, usize) {
    let mut world = World::new(Limits::default());
    let publish = [Publish::Camera { layers: 1 }];
    let ann = world.join(1, Role::Host, &publish, (0, 1));
    let ben = world.join(2, Role::Guest, &publish, (0, 1));
    world.stream(ben, Source::Camera, &[0], 5);
    world.stream(ann, Source::Camera, &[0], 5);
    assert!(!world.clients[ann].packets.is_empty());
    assert!(!world.clients[ben].packets.is_empty());
    (world, ann, ben)
}

#[test]
fn whoever_is_sent_out_is_neither_seen_nor_shown_anything_from_that_moment() {
    type Remove = fn(&mut World, usize);
    let ways: [(&str, Remove); 2] = [
        ("a host's word", |world, ann| {
            let participant = participant(2);
            world.say(ann, ClientMessage::Remove { participant });
        }),
        ("the office's word", |world, _| {
            let (room, participant) = (room(), participant(2));
            world.control(ControlRequest::RemoveParticipant { room, participant });
        }),
    ];
    for (name, remove) in ways {
        let (mut world, ann, ben) = meeting();
        remove(&mut world, ann);
        for at in [ann, ben] {
            world.clients[at].packets.clear();
        }
        world.astray.clear();
        // He goes on as if nothing had been said, and so does Ann.
        for _ in 0..60 {
            world.send_frame(ben, Source::Camera, &[0]);
            world.stream(ann, Source::Camera, &[0], 1);
        }
        assert_eq!(
            world.clients[ann].packets.len(),
            0,
            "{name}: nobody sees him"
        );
        assert_eq!(
            world.clients[ben].packets.len(),
            0,
            "{name}: he sees nobody"
        );
        assert_eq!(world.shard.report().connections, 1, "{name}");
        assert!(world.clients[ben].closed, "{name}");
    }
}

#[test]
fn neither_the_grant_nor_the_resume_key_of_whoever_was_sent_out_opens_the_room() {
    let (mut world, ann, ben) = meeting();
    let first = said(&world.clients[ben])[0].clone();
    let NodeMessage::Joined { resume_key, .. } = first else {
        panic!("joined comes first");
    };
    let last_seq = world.clients[ben].messages.last().map_or(0, |m| m.seq);
    let whom = participant(2);
    world.say(ann, ClientMessage::Remove { participant: whom });
    for resume in [None, Some((resume_key, last_seq))] {
        let again = world.open(2, Role::Guest, resume);
        let code = match said(&world.clients[again])[0] {
            NodeMessage::Refused { code, .. } => Some(*code),
            _ => None,
        };
        assert_eq!(code, Some(RefusedCode::NotAllowed));
        assert!(world.clients[again].closed);
        // His old transport knows the credentials of a connection that is gone.
        world.offer(again, &[Publish::Microphone], (1, 0));
        world.run(Duration::from_secs(1));
        assert!(!world.clients[again].rtc.is_connected());
    }
    assert_eq!(world.shard.report().connections, 1);
    assert_eq!(world.shard.report().participants, 1);
}
