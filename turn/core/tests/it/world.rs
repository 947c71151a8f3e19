//! A relay, a client that knows the protocol, and a clock that moves when told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_protocol::ids::ParticipantId;
use sfu_protocol::turn::{TurnCredential, mint};
use turn_core::auth::{Authority, REALM};
use turn_core::peers::{Allowed, PeerPolicy};
use turn_core::server::{Command, Limits, Server};
use turn_core::stun::{Class, LongTermKey, Message, Method, Writer, attribute};
use turn_core::{ClientAddress, RelayPort};

pub(crate) const SECRET: &[u8] = b"shared with the office";
pub(crate) const NOW_S: u64 = 1_700_000_000;

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    pub(crate) now_s: u64,
    transaction: [u8; 12],
}

/// What a request was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) class: Class,
    pub(crate) code: u16,
    pub(crate) nonce: Option<String>,
    pub(crate) relayed: Option<SocketAddr>,
    pub(crate) bytes: usize,
}

pub(crate) fn media_address() -> SocketAddr {
    ([127, 0, 0, 1], 7882).into()
}

pub(crate) fn client(last: u8) -> ClientAddress {
    ClientAddress(([192, 0, 2, last], 5000).into())
}

pub(crate) fn credential(person: u128) -> TurnCredential {
    mint(SECRET, ParticipantId(uuid::Uuid::from_u128(person)), NOW_S)
}

impl World {
    pub(crate) fn new() -> World {
        let limits = Limits {
            relay_ip: [127, 0, 0, 1].into(),
            ports: 50_000..=50_003,
            allocations: 3,
            allocations_per_user: 2,
        };
        let policy = PeerPolicy::only([Allowed::exactly(media_address())]);
        World {
            server: Server::new(Authority::new(SECRET, [7; 32]), policy, limits, [9; 32]),
            now: Instant::now(),
            now_s: NOW_S,
            transaction: [2; 12],
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.now_s += time.as_secs();
        self.server.handle_timeout(self.now);
    }

    pub(crate) fn send(&mut self, from: ClientAddress, bytes: &[u8]) {
        let media = self.server.handle_client(self.now, self.now_s, from, bytes);
        assert_eq!(media, None, "a request relays nothing");
    }

    /// Carries out what the mind asks, and gives the answer to the client.
    pub(crate) fn settle(&mut self, client: ClientAddress) -> (Option<Answer>, Vec<RelayPort>) {
        let mut answer = None;
        let mut closed = Vec::new();
        while let Some(command) = self.server.poll() {
            match command {
                Command::Open { port } => self.server.relay_opened(port),
                Command::Close { port } => closed.push(port),
                Command::Send { client: to, bytes } => {
                    assert_eq!(to, client);
                    answer = Some(read(&bytes));
                }
            }
        }
        (answer, closed)
    }

    /// A signed request with a fresh nonce.
    pub(crate) fn ask(
        &mut self,
        from: ClientAddress,
        who: &TurnCredential,
        method: Method,
        fill: impl Fn(Writer) -> Writer,
    ) -> Answer {
        self.send(
            from,
            &fill(Writer::new(Class::Request, method, [1; 12])).finish(),
        );
        let nonce = self
            .settle(from)
            .0
            .and_then(|answer| answer.nonce)
            .expect("a nonce");
        let bytes = signed(who, &nonce, method, self.transaction, fill);
        self.send(from, &bytes);
        self.settle(from).0.expect("an answer")
    }

    /// Asks for a second relay: another transaction.
    pub(crate) fn allocate_anew(&mut self, from: ClientAddress, who: &TurnCredential) -> Answer {
        self.transaction = [3; 12];
        self.allocate(from, who)
    }

    pub(crate) fn allocate(&mut self, from: ClientAddress, who: &TurnCredential) -> Answer {
        self.ask(from, who, Method::Allocate, udp)
    }
}

pub(crate) fn udp(request: Writer) -> Writer {
    request.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
}

pub(crate) fn signed(
    who: &TurnCredential,
    nonce: &str,
    method: Method,
    transaction: [u8; 12],
    fill: impl Fn(Writer) -> Writer,
) -> Vec<u8> {
    let key = LongTermKey::derive(&who.username, REALM, &who.password);
    fill(Writer::new(Class::Request, method, transaction))
        .attribute(attribute::USERNAME, who.username.as_bytes())
        .attribute(attribute::REALM, REALM.as_bytes())
        .attribute(attribute::NONCE, nonce.as_bytes())
        .finish_signed(&key)
}

fn read(bytes: &[u8]) -> Answer {
    let message = Message::parse(bytes).expect("the relay writes messages");
    let code = message
        .attribute(attribute::ERROR_CODE)
        .map_or(0, |value| u16::from(value[2]) * 100 + u16::from(value[3]));
    Answer {
        class: message.class,
        code,
        nonce: message.text(attribute::NONCE).map(str::to_owned),
        relayed: message
            .addresses(attribute::XOR_RELAYED_ADDRESS)
            .next()
            .flatten(),
        bytes: bytes.len(),
    }
}
