//! Datagrams that bear a participant's own address as their source: a raw IPv4 socket
//! (raw(7)), which the kernel gives to those with CAP_NET_RAW.

use std::net::{Ipv4Addr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

use super::captures::Path;

const IPV4_HEADER_BYTES: usize = 20;
const UDP_HEADER_BYTES: usize = 8;
const UDP: u8 = 17;

/// IPPROTO_RAW: headers are given with each datagram.
const RAW: i32 = 255;

/// A socket that sends under foreign addresses.
pub(super) struct Forge(Socket);

impl Forge {
    /// None where the kernel does not allow it.
    pub(super) fn open() -> Option<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW))).ok()?;
        Some(Forge(socket))
    }

    /// Sends to a node in the name of one of its participants. False when the kernel did not
    /// take it, or for IPv6.
    pub(super) fn send(&self, path: Path, payload: &[u8]) -> bool {
        let (Some(from), Some(to)) = (v4(path.local), v4(path.node)) else {
            return false;
        };
        self.0
            .send_to(&packet(from, to, payload), &to.into())
            .is_ok()
    }
}

fn v4(address: std::net::SocketAddr) -> Option<SocketAddrV4> {
    match address {
        std::net::SocketAddr::V4(v4) => Some(v4),
        std::net::SocketAddr::V6(_) => None,
    }
}

/// RFC 791 and RFC 768. The kernel fills in the length, the identification and the header's
/// checksum; a UDP checksum of 0 says that there is none.
fn packet(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let udp_length = (UDP_HEADER_BYTES + payload.len()) as u16;
    let mut bytes = Vec::with_capacity(IPV4_HEADER_BYTES + usize::from(udp_length));
    bytes.extend([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0]);
    for address in [from.ip(), to.ip()] {
        bytes.extend(Ipv4Addr::octets(address));
    }
    for field in [from.port(), to.port(), udp_length, 0] {
        bytes.extend(field.to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_forged_datagram_arrives_under_the_name_of_another_where_it_is_allowed() {
        let victim = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let node = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let path = Path {
            local: victim.local_addr().expect("bound"),
            node: node.local_addr().expect("bound"),
        };
        let Some(forge) = Forge::open() else {
            eprintln!("no raw sockets here");
            return;
        };
        assert!(forge.send(path, b"in your name"));
        let mut buffer = [0; 64];
        let (length, source) = node.recv_from(&mut buffer).expect("loopback delivers");
        assert_eq!(&buffer[..length], b"in your name");
        assert_eq!(source, path.local);
    }
}
