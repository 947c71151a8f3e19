//! Bytes from clients that hold valid credentials: requests with any attributes, signed rightly,
//! between datagrams of any kind, sockets that open or do not, and time.

use std::time::Duration;

use sfu_protocol::turn::TurnCredential;
use turn_core::auth::{MAX_USERNAME_BYTES, REALM};
use turn_core::stun::{Class, LongTermKey, Message, Method, Writer, attribute};
use turn_core::{ClientAddress, PeerAddress};

use super::sockets::Sockets;
use crate::corpus::Steps;
use crate::world::{World, client, credential, media_address};

/// Most steps of one input.
const MAX_STEPS: usize = 48;

/// Most attributes that one request gets.
const MAX_ATTRIBUTES: usize = 32;

const METHODS: [Method; 8] = [
    Method::Allocate,
    Method::Refresh,
    Method::CreatePermission,
    Method::ChannelBind,
    Method::Binding,
    Method::Send,
    Method::Data,
    Method::Allocate,
];

/// What a step does, by the low bits of its operation.
const RAW: u8 = 0;
const REQUEST: u8 = 1;
const OPENED: u8 = 2;
const FAILED: u8 = 3;
const TIME: u8 = 4;
const INDICATION: u8 = 5;
const FROM_PEER: u8 = 6;
const REPEATED_REQUEST: u8 = 7;

pub(crate) fn run(input: &[u8]) {
    let mut office = Office {
        world: World::new(),
        sockets: Sockets::default(),
    };
    for (operation, content) in Steps(input).take(MAX_STEPS) {
        office.step(operation, content);
        assert!(office.world.server.allocations() <= 3, "the quota holds");
    }
    office.end();
}

struct Office {
    world: World,
    sockets: Sockets,
}

impl Office {
    fn step(&mut self, operation: u8, content: &[u8]) {
        let from = client(operation >> 6);
        let first = content.first().copied().unwrap_or(0);
        match operation & 7 {
            RAW => self.send(from, content),
            REQUEST => self.request(operation, from, content, 1),
            REPEATED_REQUEST => self.request(operation, from, content, 40),
            OPENED => self.sockets.answer(&mut self.world, true),
            FAILED => self.sockets.answer(&mut self.world, false),
            TIME => self.world.pass(Duration::from_secs(u64::from(first) * 4)),
            INDICATION => {
                let indication = Writer::new(Class::Indication, Method::Send, [4; 12]);
                let bytes = with_attributes(indication, content, 0).finish();
                self.send(from, &bytes);
            }
            FROM_PEER => self.hear(first, content),
            _ => {}
        }
        self.sockets.settle(&mut self.world);
    }

    /// The same request again and again, with other values, fills what an allocation holds. An
    /// odd length is another transaction.
    fn request(&mut self, operation: u8, from: ClientAddress, content: &[u8], times: u8) {
        let who = credential(u128::from(operation >> 6 & 1));
        let method = METHODS[usize::from(operation >> 3 & 7)];
        for round in 0..times {
            let nonce = self.nonce(from);
            let transaction = [2 + (content.len() & 1) as u8; 12];
            let request = Writer::new(Class::Request, method, transaction);
            let request = with_attributes(request, content, round);
            let bytes = authenticated(request, &who, &nonce);
            self.send(from, &bytes);
            for (to, answer) in self.sockets.settle(&mut self.world) {
                assert_eq!(to, from, "nobody else is answered");
                check_answer(&answer, method, &who);
            }
        }
    }

    fn nonce(&mut self, from: ClientAddress) -> String {
        let bare = Writer::new(Class::Request, Method::Refresh, [1; 12]).finish();
        self.send(from, &bare);
        let answers = self.sockets.settle(&mut self.world);
        let answer = Message::parse(&answers[0].1).expect("what we write can be read");
        let nonce = answer.text(attribute::NONCE);
        nonce.expect("a refusal carries a nonce").to_owned()
    }

    fn send(&mut self, from: ClientAddress, bytes: &[u8]) {
        let world = &mut self.world;
        let relayed = world
            .server
            .handle_client(world.now, world.now_s, from, bytes);
        if let Some(relayed) = relayed {
            let PeerAddress(peer) = relayed.peer;
            assert_eq!(peer.ip().to_canonical(), media_address().ip());
            assert_eq!(peer.port(), media_address().port());
            assert!(self.sockets.open.contains(&relayed.port));
            assert!(relayed.payload.len() <= bytes.len());
        }
    }

    fn hear(&mut self, choice: u8, content: &[u8]) {
        let open = self.sockets.open.iter();
        let Some(port) = open.copied().nth(usize::from(choice & 3)) else {
            return;
        };
        let mut address = media_address();
        if choice & 4 != 0 {
            address.set_port(u16::from(choice));
        }
        let world = &mut self.world;
        let peer = PeerAddress(address);
        let heard = world.server.handle_peer(world.now, port, peer, content);
        assert!(heard.is_none() || choice & 4 == 0, "only the peer is heard");
    }

    /// What was asked for is answered, and after the longest life of an allocation all is closed.
    fn end(&mut self) {
        while !self.sockets.asked.is_empty() {
            self.sockets.answer(&mut self.world, true);
            self.sockets.settle(&mut self.world);
        }
        self.world.pass(Duration::from_secs(3601));
        self.sockets.settle(&mut self.world);
        assert!(
            self.sockets.open.is_empty(),
            "no socket outlives its client"
        );
        assert_eq!(self.world.server.deadline(), None);
    }
}

/// Reads content as attributes: a type by its place in a list, a length, a value. `round` is
/// added to the last byte of each value.
fn with_attributes(mut writer: Writer, mut content: &[u8], round: u8) -> Writer {
    const KINDS: [u16; 16] = [
        attribute::REQUESTED_TRANSPORT,
        attribute::XOR_PEER_ADDRESS,
        attribute::CHANNEL_NUMBER,
        attribute::LIFETIME,
        attribute::DATA,
        attribute::REQUESTED_ADDRESS_FAMILY,
        attribute::EVEN_PORT,
        attribute::DONT_FRAGMENT,
        attribute::RESERVATION_TOKEN,
        attribute::USERNAME,
        attribute::REALM,
        attribute::NONCE,
        attribute::MESSAGE_INTEGRITY,
        attribute::FINGERPRINT,
        attribute::XOR_MAPPED_ADDRESS,
        0x7fff,
    ];
    for _ in 0..MAX_ATTRIBUTES {
        let Some((&[kind, length], rest)) = content.split_first_chunk::<2>() else {
            break;
        };
        let (value, rest) = rest.split_at(usize::from(length).min(rest.len()));
        content = rest;
        let mut value = value.to_vec();
        if let Some(last) = value.last_mut() {
            *last = last.wrapping_add(round);
        }
        writer = writer.attribute(KINDS[usize::from(kind & 15)], &value);
    }
    writer
}

fn authenticated(request: Writer, who: &TurnCredential, nonce: &str) -> Vec<u8> {
    assert!(who.username.len() <= MAX_USERNAME_BYTES);
    request
        .attribute(attribute::USERNAME, who.username.as_bytes())
        .attribute(attribute::REALM, REALM.as_bytes())
        .attribute(attribute::NONCE, nonce.as_bytes())
        .finish_signed(&LongTermKey::derive(&who.username, REALM, &who.password))
}

/// An answer to a request can be read, is about it, and is signed unless it is a refusal of
/// credentials, which the attributes may have spoilt.
fn check_answer(answer: &[u8], method: Method, who: &TurnCredential) {
    let message = Message::parse(answer).expect("what we write can be read");
    assert_eq!(message.method, method);
    let key = LongTermKey::derive(&who.username, REALM, &who.password);
    if message.class == Class::Success && method != Method::Binding {
        assert!(message.is_intact(&key), "a success is signed");
    }
    assert!(answer.len() <= 200, "{} bytes", answer.len());
}

/// The value of an attribute that names the one peer that may be reached.
#[cfg(test)]
fn masked_peer() -> Vec<u8> {
    let bytes = Writer::new(Class::Request, Method::Send, [2; 12])
        .address(attribute::XOR_PEER_ADDRESS, media_address())
        .finish();
    bytes[24..].to_vec()
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    let masked = masked_peer();
    let udp: &[u8] = &[0, 4, 17, 0, 0, 0];
    let peer = [&[1, 8][..], &masked].concat();
    let bind = [&[2, 4, 0x40, 0, 0, 0, 1, 8][..], &masked].concat();
    let data = [&peer[..], &[4, 3, 7, 8, 9]].concat();
    let allocate = REQUEST;
    let permit = REQUEST | 2 << 3;
    let channel = REQUEST | 3 << 3;
    let refresh = REQUEST | 1 << 3;
    let opened: (u8, &[u8]) = (OPENED, &[]);
    vec![
        (
            "allocate",
            steps([(allocate, udp), opened, (allocate, udp)]),
        ),
        ("failed", steps([(allocate, udp), (FAILED, &[])])),
        (
            "relay",
            steps([
                (allocate, udp),
                opened,
                (permit, &peer),
                (INDICATION, &data),
                (channel, &bind),
                (RAW, &[0x40, 0, 0, 2, 1, 2]),
                (FROM_PEER, &[0, 1, 2]),
                (FROM_PEER, &[4, 1, 2]),
            ]),
        ),
        (
            "refresh",
            steps([
                (allocate, udp),
                opened,
                (refresh, &[3, 4, 0, 0, 3, 0]),
                (TIME, &[100]),
                (refresh, &[3, 4, 0, 0, 0, 0]),
            ]),
        ),
        (
            "quota",
            steps([
                (allocate, udp),
                opened,
                (allocate | 1 << 6, udp),
                opened,
                (allocate | 2 << 6, udp),
                opened,
                (allocate | 3 << 6, udp),
                (TIME, &[255]),
            ]),
        ),
        (
            "many-channels",
            steps([
                (allocate, udp),
                opened,
                (REPEATED_REQUEST | 3 << 3, &bind[..]),
                (REPEATED_REQUEST | 2 << 3, &peer),
            ]),
        ),
        (
            "spoilt",
            steps([(allocate, &[9, 1, b'x', 12, 2, 1, 1][..])]),
        ),
    ]
}
