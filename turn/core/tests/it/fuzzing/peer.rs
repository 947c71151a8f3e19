//! Bytes from a peer on a relay socket, and from others who found the socket. The client bound a
//! channel or only permitted the peer; the operation says which, from where, and how often the
//! content is repeated to reach the length of the largest datagram.

use std::net::{IpAddr, SocketAddr};

use turn_core::server::ToClient;
use turn_core::stun::{Class, Message, Method, Writer, attribute};
use turn_core::{ClientAddress, PeerAddress, RelayPort, channel_data};

use crate::corpus::Steps;
use crate::world::{World, client, credential, media_address};

/// Most datagrams of one input.
const MAX_STEPS: usize = 16;

/// What IPv4 leaves for a UDP payload.
const MAX_PAYLOAD_BYTES: usize = 65_507;

/// Largest overhead of a Data indication over what the peer said.
const MAX_INDICATION_BYTES: usize = 52;

const REPEAT: u8 = 0x80;

pub(crate) fn run(input: &[u8]) {
    let (mut world, allocated) = relay();
    for (operation, content) in Steps(input).take(MAX_STEPS) {
        let (owner, port) = allocated[usize::from(operation & 1)];
        let peer = PeerAddress(source(operation));
        let times = if operation & REPEAT == 0 { 1 } else { 64 };
        let mut payload = content.repeat(times);
        payload.truncate(MAX_PAYLOAD_BYTES);
        let heard = world.server.handle_peer(world.now, port, peer, &payload);
        assert_eq!(world.server.poll(), None, "a peer asks for nothing");
        if let Some(heard) = heard {
            assert_eq!(peer.0.ip().to_canonical(), media_address().ip());
            assert_eq!(peer.0.port(), media_address().port());
            check(&heard, owner, peer, &payload);
        }
    }
    assert_eq!(world.server.allocations(), 2);
}

/// Two allocations: the first has a channel to the peer, the second only a permission.
fn relay() -> (World, [(ClientAddress, RelayPort); 2]) {
    let mut world = World::new();
    let allocated = [1, 2].map(|n| {
        let who = credential(n.into());
        let relayed = world.allocate(client(n), &who).relayed;
        let to_peer =
            |request: Writer| request.address(attribute::XOR_PEER_ADDRESS, media_address());
        let answer = match n {
            1 => world.ask(client(n), &who, Method::ChannelBind, |request| {
                to_peer(request.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]))
            }),
            _ => world.ask(client(n), &who, Method::CreatePermission, to_peer),
        };
        assert_eq!(answer.class, Class::Success);
        (client(n), RelayPort(relayed.expect("an address").port()))
    });
    (world, allocated)
}

fn source(operation: u8) -> SocketAddr {
    let mut address = media_address();
    match operation >> 1 & 7 {
        0 | 1 => {}
        2 => address.set_port(22),
        3 => address.set_ip([127, 0, 0, 2].into()),
        4 => address.set_ip("::1".parse().expect("an address")),
        5 => address.set_ip("::ffff:127.0.0.1".parse().expect("an address")),
        6 => address.set_ip("::127.0.0.1".parse().expect("an address")),
        _ => address.set_ip(IpAddr::from([0, 0, 0, 0])),
    }
    address
}

fn check(heard: &ToClient, owner: ClientAddress, peer: PeerAddress, payload: &[u8]) {
    match heard {
        ToClient::Channel { client, header } => {
            assert_eq!(*client, owner);
            let whole = [&header[..], payload].concat();
            let read = channel_data::parse(&whole);
            assert_eq!(read, Some((0x4000, payload)), "the peer's words are whole");
        }
        ToClient::Indication { client, bytes } => {
            assert_eq!(*client, owner);
            let message = Message::parse(bytes).expect("what we write can be read");
            assert_eq!(message.method, Method::Data);
            assert_eq!(message.attribute(attribute::DATA), Some(payload));
            let said_by = message.addresses(attribute::XOR_PEER_ADDRESS).next();
            assert_eq!(said_by, Some(Some(peer.0)));
            assert!(bytes.len() <= payload.len() + MAX_INDICATION_BYTES);
        }
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    let mut everywhere = Vec::new();
    for operation in 0..16 {
        everywhere.push((operation, &b"from a peer"[..]));
    }
    vec![
        ("everywhere", steps(everywhere)),
        ("empty", steps([(0, &[][..]), (1, &[])])),
        (
            "largest",
            steps([(REPEAT, &[7; 1100][..]), (REPEAT | 1, &[7; 1100])]),
        ),
        ("odd", steps([(0, &[1, 2, 3][..]), (1, &[1, 2, 3])])),
    ]
}
