//! Bytes from whoever has no credentials. The operation says from where, whether the header is
//! made to fit the content (else hardly any mutation gets past it), and whether an integrity
//! under a made-up key is put at the end.

use turn_core::ClientAddress;
use turn_core::server::ToPeer;
use turn_core::stun::{HEADER_BYTES, INTEGRITY_BYTES, MAGIC_COOKIE, Message};

use super::sockets::Sockets;
use crate::corpus::Steps;
use crate::world::{World, client};

/// The largest answer to a stranger: whoever writes another's address into a datagram sends that
/// other no more than this for it.
pub(crate) const MAX_ANSWER_BYTES: usize = 80;

/// Most datagrams of one input.
const MAX_STEPS: usize = 64;

const FIT_HEADER: u8 = 0x10;
const ADD_INTEGRITY: u8 = 0x20;
const OVER_IPV6: u8 = 0x40;

pub(crate) fn run(input: &[u8]) {
    let mut world = World::new();
    let mut sockets = Sockets::default();
    for (operation, content) in Steps(input).take(MAX_STEPS) {
        let from = source(operation);
        let bytes = shaped(operation, content);
        let relayed = world
            .server
            .handle_client(world.now, world.now_s, from, &bytes);
        assert_eq!(relayed, None::<ToPeer<'_>>, "strangers reach no peer");
        let answers = sockets.settle(&mut world);
        assert!(answers.len() <= 1, "one datagram, at most one answer");
        for (to, answer) in answers {
            assert_eq!(to, from, "nobody else is answered");
            assert!(answer.len() <= MAX_ANSWER_BYTES, "{} bytes", answer.len());
            assert!(Message::parse(&answer).is_ok(), "what we write can be read");
        }
        assert!(sockets.asked.is_empty(), "strangers open nothing");
    }
    assert_eq!(world.server.allocations(), 0);
}

fn source(operation: u8) -> ClientAddress {
    if operation & OVER_IPV6 == 0 {
        return client(operation & 3);
    }
    let ip: std::net::Ipv6Addr = "2001:db8::7".parse().expect("an address");
    ClientAddress((ip, 5000 + u16::from(operation & 3)).into())
}

/// The content as a datagram; see the module.
pub(super) fn shaped(operation: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    if operation & FIT_HEADER == 0 || bytes.len() < HEADER_BYTES {
        return bytes;
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    if operation & ADD_INTEGRITY != 0 {
        bytes.extend_from_slice(&[0, 8, 0, INTEGRITY_BYTES as u8]);
        bytes.extend_from_slice(&[operation; INTEGRITY_BYTES]);
    }
    let length = u16::try_from(bytes.len() - HEADER_BYTES).expect("a step is short");
    bytes[0] &= 0x3f;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    bytes
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;
    use crate::world::{credential, media_address, signed, udp};
    use turn_core::stun::{Class, Method, Writer, attribute};

    let request = |method| Writer::new(Class::Request, method, [1; 12]);
    let peer = |writer: Writer| writer.address(attribute::XOR_PEER_ADDRESS, media_address());
    let allocate = udp(request(Method::Allocate)).finish();
    let named = udp(request(Method::Allocate))
        .attribute(attribute::USERNAME, b"1900000000:somebody")
        .attribute(attribute::REALM, b"colloquy")
        .attribute(attribute::NONCE, b"6553f34c000000000000")
        .finish();
    let forged = signed(
        &credential(1),
        "00000000000000000000",
        Method::Refresh,
        [2; 12],
        peer,
    );
    let send = peer(Writer::new(Class::Indication, Method::Send, [3; 12]))
        .attribute(attribute::DATA, b"hello")
        .finish();
    vec![
        (
            "binding",
            steps([(0, &request(Method::Binding).finish()[..])]),
        ),
        ("allocate", steps([(1, &allocate[..]), (0x51, &allocate)])),
        ("named", steps([(0x31, &named[..]), (0x71, &named)])),
        ("forged", steps([(0x12, &forged[..])])),
        ("send", steps([(0x13, &send[..])])),
        ("channel", steps([(0, &[0x40, 0, 0, 3, 1, 2, 3, 0][..])])),
    ]
}
