//! Allocate, permit, bind, relay, refresh, end; and each way in which it is refused.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_protocol::turn::TurnCredential;
use turn_core::server::ToClient;
use turn_core::stun::{Class, Message, Method, Writer, attribute};
use turn_core::{PeerAddress, RelayPort, channel_data};

use crate::world::{Answer, NOW_S, World, client, credential, media_address, signed, udp};

fn to_peer(peer: SocketAddr) -> impl Fn(Writer) -> Writer {
    move |request| request.address(attribute::XOR_PEER_ADDRESS, peer)
}

fn channel(number: u16, peer: SocketAddr) -> impl Fn(Writer) -> Writer {
    move |request| {
        let [high, low] = number.to_be_bytes();
        request
            .attribute(attribute::CHANNEL_NUMBER, &[high, low, 0, 0])
            .address(attribute::XOR_PEER_ADDRESS, peer)
    }
}

fn port_of(answer: &Answer) -> RelayPort {
    RelayPort(answer.relayed.expect("a relayed address").port())
}

#[test]
fn media_crosses_by_channel_both_ways_once_the_peer_is_bound() {
    let mut world = World::new();
    let (ann, who) = (client(1), credential(1));
    let port = port_of(&world.allocate(ann, &who));
    let sent = [0x40, 0, 0, 3, 1, 2, 3];
    let peer = PeerAddress(media_address());
    assert_eq!(
        world.server.handle_client(world.now, NOW_S, ann, &sent),
        None
    );
    let bound = world.ask(
        ann,
        &who,
        Method::ChannelBind,
        channel(0x4000, media_address()),
    );
    assert_eq!(bound.class, Class::Success);
    let relayed = world
        .server
        .handle_client(world.now, NOW_S, ann, &sent)
        .expect("relayed");
    assert_eq!(
        (relayed.port, relayed.peer, relayed.payload),
        (port, peer, &[1, 2, 3][..])
    );
    let back = world.server.handle_peer(world.now, port, peer, &[9; 258]);
    let header = channel_data::header(0x4000, 258).expect("short enough");
    assert_eq!(
        back,
        Some(ToClient::Channel {
            client: ann,
            header
        })
    );
}

#[test]
fn media_crosses_by_indication_once_the_peer_is_permitted() {
    let mut world = World::new();
    let (ann, who) = (client(1), credential(1));
    let port = port_of(&world.allocate(ann, &who));
    let peer = PeerAddress(media_address());
    assert_eq!(
        world.server.handle_peer(world.now, port, peer, b"early"),
        None
    );
    let permitted = world.ask(
        ann,
        &who,
        Method::CreatePermission,
        to_peer(media_address()),
    );
    assert_eq!(permitted.class, Class::Success);
    let send = Writer::new(Class::Indication, Method::Send, [3; 12])
        .address(attribute::XOR_PEER_ADDRESS, media_address())
        .attribute(attribute::DATA, b"hello")
        .finish();
    let relayed = world
        .server
        .handle_client(world.now, NOW_S, ann, &send)
        .expect("relayed");
    assert_eq!(relayed.payload, b"hello");
    let Some(ToClient::Indication { bytes, .. }) =
        world.server.handle_peer(world.now, port, peer, b"there")
    else {
        panic!("an indication");
    };
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!(message.attribute(attribute::DATA), Some(&b"there"[..]));
    let from: Vec<_> = message.addresses(attribute::XOR_PEER_ADDRESS).collect();
    assert_eq!(from, [Some(media_address())]);
}

#[test]
fn an_unauthenticated_answer_is_no_amplifier() {
    let mut world = World::new();
    let question = udp(Writer::new(Class::Request, Method::Allocate, [1; 12])).finish();
    world.send(client(1), &question);
    let answer = world.settle(client(1)).0.expect("an answer");
    assert_eq!((answer.class, answer.code), (Class::Error, 401));
    assert!(answer.bytes <= 80, "{} bytes", answer.bytes);
}

#[test]
fn wrong_expired_foreign_and_stolen_credentials_are_refused() {
    let mut world = World::new();
    let good = credential(1);
    let wrong = TurnCredential {
        password: "guess".to_owned(),
        ..good.clone()
    };
    assert_eq!(world.allocate(client(1), &wrong).code, 401);
    let endless = TurnCredential {
        username: "99999999999:me".to_owned(),
        password: good.password.clone(),
    };
    assert_eq!(world.allocate(client(1), &endless).code, 401);
    world.pass(Duration::from_secs(600));
    assert_eq!(world.allocate(client(1), &good).code, 401);
}

#[test]
fn a_nonce_is_good_for_one_address_and_ten_minutes() {
    let mut world = World::new();
    let who = credential(1);
    world.send(
        client(1),
        &udp(Writer::new(Class::Request, Method::Allocate, [1; 12])).finish(),
    );
    let nonce = world
        .settle(client(1))
        .0
        .and_then(|answer| answer.nonce)
        .expect("a nonce");
    let request = signed(&who, &nonce, Method::Allocate, [2; 12], udp);
    world.send(client(2), &request);
    assert_eq!(
        world.settle(client(2)).0.map(|answer| answer.code),
        Some(438)
    );
    world.pass(Duration::from_secs(600));
    world.send(client(1), &request);
    assert_eq!(
        world.settle(client(1)).0.map(|answer| answer.code),
        Some(438)
    );
}

#[test]
fn nobody_reaches_anything_but_the_media_addresses() {
    let mut world = World::new();
    let (ann, who) = (client(1), credential(1));
    let port = port_of(&world.allocate(ann, &who));
    let other: SocketAddr = ([10, 0, 0, 1], 7882).into();
    let wrong_port: SocketAddr = ([127, 0, 0, 1], 22).into();
    assert_eq!(
        world
            .ask(ann, &who, Method::CreatePermission, to_peer(other))
            .code,
        403
    );
    assert_eq!(
        world
            .ask(ann, &who, Method::ChannelBind, channel(0x4000, wrong_port))
            .code,
        403
    );
    world.ask(
        ann,
        &who,
        Method::CreatePermission,
        to_peer(media_address()),
    );
    let send = Writer::new(Class::Indication, Method::Send, [3; 12])
        .address(attribute::XOR_PEER_ADDRESS, wrong_port)
        .attribute(attribute::DATA, b"ssh")
        .finish();
    assert_eq!(
        world.server.handle_client(world.now, NOW_S, ann, &send),
        None
    );
    let from = PeerAddress(wrong_port);
    assert_eq!(
        world.server.handle_peer(world.now, port, from, b"ssh"),
        None
    );
    assert_eq!(world.server.counters().peer_refused, 4);
}

#[test]
fn quotas_hold_for_one_user_and_for_all() {
    let mut world = World::new();
    let (greedy, other) = (credential(1), credential(2));
    assert_eq!(world.allocate(client(1), &greedy).class, Class::Success);
    assert_eq!(world.allocate(client(2), &greedy).class, Class::Success);
    assert_eq!(world.allocate(client(3), &greedy).code, 486);
    assert_eq!(world.allocate(client(4), &other).class, Class::Success);
    assert_eq!(world.allocate(client(5), &credential(3)).code, 508);
    assert_eq!(world.server.counters().quota_refused, 2);
}

#[test]
fn a_request_that_is_sent_again_gets_the_same_relay() {
    let mut world = World::new();
    let (ann, who) = (client(1), credential(1));
    let first = world.allocate(ann, &who);
    // The world asks with the same transaction each time.
    assert_eq!(world.allocate(ann, &who).relayed, first.relayed);
    assert_eq!(world.server.allocations(), 1);
    assert_eq!(world.allocate_anew(ann, &who).code, 437);
}

#[test]
fn an_allocation_ends_in_time_or_by_wish_and_its_port_is_closed() {
    let mut world = World::new();
    let (ann, who) = (client(1), credential(1));
    let port = port_of(&world.allocate(ann, &who));
    world.pass(Duration::from_secs(599));
    assert_eq!(world.server.allocations(), 1);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.settle(ann).1, [port]);

    let mut world = World::new();
    let port = port_of(&world.allocate(ann, &who));
    let none = |request: Writer| request.attribute(attribute::LIFETIME, &[0; 4]);
    let nonce_then_close = world.ask(ann, &who, Method::Refresh, none);
    assert_eq!(nonce_then_close.class, Class::Success);
    assert_eq!(world.server.allocations(), 0);
    let peer = PeerAddress(media_address());
    assert_eq!(
        world.server.handle_peer(world.now, port, peer, b"late"),
        None
    );
}

#[test]
fn another_user_on_the_same_address_cannot_touch_an_allocation() {
    let mut world = World::new();
    let ann = client(1);
    world.allocate(ann, &credential(1));
    let stolen = world.ask(
        ann,
        &credential(2),
        Method::CreatePermission,
        to_peer(media_address()),
    );
    assert_eq!(stolen.code, 441);
}

#[test]
fn any_bytes_are_survived() {
    let mut world = World::new();
    let valid = udp(Writer::new(Class::Request, Method::Allocate, [1; 12])).finish();
    for cut in 0..valid.len() {
        let _ = world
            .server
            .handle_client(world.now, NOW_S, client(1), &valid[..cut]);
    }
    for at in 0..valid.len() {
        for flip in [1, 0x80, 0xFF] {
            let mut bent = valid.clone();
            bent[at] ^= flip;
            let _ = world
                .server
                .handle_client(world.now, NOW_S, client(1), &bent);
            while world.server.poll().is_some() {}
        }
    }
    assert_eq!(world.server.allocations(), 0);
}
