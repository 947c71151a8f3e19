mod broken;
mod forged;
mod insider;
mod removed;

use std::net::SocketAddr;

use proptest::prelude::*;
use sfu_core::io::{Departures, Input};
use sfu_core::report::DropReason;
use sfu_core::shard::Limits;
use sfu_protocol::control::ControlRequest;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, NodeMessage, RefusedCode, Role};

use crate::world::{NODE, Publish, World, participant, room, said};

fn datagram(source: SocketAddr, bytes: &[u8]) -> Input<'_> {
    Input::Datagram {
        source,
        destination: NODE,
        bytes,
    }
}

#[test]
fn garbage_from_a_verified_address_never_ends_a_session() {
    let mut world = World::new(Limits::default());
    let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let ben = world.join(2, Role::Guest, &[], (0, 1));
    let source = world.clients[ann].address;
    let alert = [21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let plain_alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let close_notify = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 10, 0, 2, 1, 0];
    let hello = [22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0];
    let media = [0x80, 96, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9, 9];
    let reports = [0x80, 200, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
    for bytes in [
        &alert[..],
        &plain_alert,
        &close_notify,
        &hello,
        &media,
        &reports,
        &[0; 40],
        &[255; 3],
        &[],
    ] {
        for _ in 0..20 {
            world.input(datagram(source, bytes));
        }
    }
    world.stream(ann, Source::Camera, &[0], 30);
    assert!(world.clients[ben].packets.len() > 30);
    assert_eq!(world.shard.report().panics, 0);
    assert_eq!(world.shard.report().connections, 2);
}

#[test]
fn strangers_reach_nobody() {
    let mut world = World::new(Limits::default());
    world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
    let stranger = SocketAddr::from(([127, 0, 0, 1], 666));
    world.input(datagram(
        stranger,
        &[0x80, 96, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4],
    ));
    world.input(datagram(stranger, &[22, 254, 255, 0]));
    assert_eq!(
        world
            .shard
            .report()
            .dropped
            .get(&DropReason::UnverifiedAddress),
        Some(&2)
    );
}

#[test]
fn a_flood_of_messages_is_refused_and_then_ended() {
    let mut world = World::new(Limits::default());
    let ann = world.open(1, Role::Host, None);
    for _ in 0..400 {
        world.say(ann, ClientMessage::Ping { sent_at_ms: 1 });
    }
    let seen = said(&world.clients[ann]);
    assert!(seen.iter().any(|m| matches!(
        m,
        NodeMessage::Refused {
            code: RefusedCode::LimitReached,
            ..
        }
    )));
    assert!(matches!(seen.last(), Some(NodeMessage::Bye { .. })));
    assert!(world.clients[ann].closed);
}

#[test]
fn offers_that_cannot_be_used_are_refused_and_a_good_one_still_works() {
    let mut world = World::new(Limits::default());
    let ann = world.open(1, Role::Host, None);
    let bad = [
        "",
        "nonsense",
        "v=0\r\nm=video 9 X 96\r\na=mid:0\r\n",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\n",
    ];
    for sdp in bad {
        let message = ClientMessage::Offer {
            revision: 1,
            sdp: sdp.to_owned(),
            publish: vec![],
        };
        world.say(ann, message);
        let last = said(&world.clients[ann]).last().copied().cloned();
        assert!(
            matches!(last, Some(NodeMessage::Refused { .. })),
            "{sdp:?} {last:?}"
        );
    }
    assert_eq!(world.shard.report().connections, 0);
    world.offer(ann, &[Publish::Microphone], (1, 0));
    assert!(
        said(&world.clients[ann])
            .iter()
            .any(|m| matches!(m, NodeMessage::Answer { .. }))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_datagram_is_taken_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut world = World::new(Limits::default());
        let mut out = Departures::new();
        let now = world.now;
        world.shard.handle(now, datagram(NODE, &bytes), &mut out);
        prop_assert_eq!(world.shard.report().panics, 0);
    }
}

#[test]
fn a_resume_that_says_it_saw_everything_there_can_be_is_let_in_anew() {
    let mut world = World::new(Limits::default());
    let ben = world.open(2, Role::Guest, None);
    let NodeMessage::Joined { resume_key, .. } = said(&world.clients[ben])[0].clone() else {
        panic!("joined comes first");
    };
    let again = world.open(2, Role::Guest, Some((resume_key, u64::MAX)));
    assert!(matches!(
        said(&world.clients[again])[0],
        NodeMessage::Joined { .. }
    ));
}

#[test]
fn a_flood_of_offers_is_refused_before_it_is_read() {
    let mut world = World::new(Limits::default());
    let ann = world.open(1, Role::Host, None);
    for revision in 0..40 {
        let message = ClientMessage::Offer {
            revision,
            sdp: "nonsense".to_owned(),
            publish: vec![],
        };
        world.say(ann, message);
    }
    let codes = |world: &World, wanted: RefusedCode| {
        let is_it = |message: &&&NodeMessage| matches!(message, NodeMessage::Refused { code, .. } if *code == wanted);
        said(&world.clients[ann]).iter().filter(is_it).count()
    };
    assert_eq!(codes(&world, RefusedCode::OfferUnusable), 10);
    assert_eq!(codes(&world, RefusedCode::LimitReached), 30);
    world.run(std::time::Duration::from_secs(4));
    world.offer(ann, &[Publish::Microphone], (1, 0));
    assert!(matches!(
        said(&world.clients[ann]).last(),
        Some(NodeMessage::Answer { .. })
    ));
}

#[test]
fn whoever_was_sent_out_does_not_come_back_with_the_same_grant() {
    let refused = |world: &World, at: usize| {
        matches!(
            said(&world.clients[at])[..],
            [
                NodeMessage::Refused {
                    code: RefusedCode::NotAllowed,
                    ..
                },
                NodeMessage::Bye { .. }
            ]
        )
    };
    let mut world = World::new(Limits::default());
    let ann = world.open(1, Role::Host, None);
    world.open(2, Role::Guest, None);
    world.say(
        ann,
        ClientMessage::Remove {
            participant: participant(2),
        },
    );
    let again = world.open(2, Role::Guest, None);
    assert!(refused(&world, again), "{:?}", said(&world.clients[again]));
    assert!(world.clients[again].closed);

    world.control(ControlRequest::RemoveParticipant {
        room: room(),
        participant: participant(3),
    });
    let absent = world.open(3, Role::Guest, None);
    assert!(refused(&world, absent), "who had not come yet");

    world.say(ann, ClientMessage::Leave {});
    world.run(std::time::Duration::from_secs(10));
    assert_eq!(world.shard.report().rooms, 0);
    let empty = world.open(2, Role::Guest, None);
    assert!(refused(&world, empty), "a room that opens again");
    let other = world.open(4, Role::Guest, None);
    assert!(!refused(&world, other));
}
