//! Clients that reach the shard over TCP (RFC 6544), for networks that let no UDP through. A frame
//! of their stream (RFC 4571) is a datagram like any other, from an address that says which stream it
//! is: whatever is decided about addresses is so about streams, without another word for them.
//!
//! The address is the peer's as IPv6, mapped where it is IPv4, and the stream's number is in its
//! scope (RFC 4007), from `FIRST_SCOPE` on: no interface has such a number, so no kernel names
//! such an address for a datagram.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use str0m::net::Protocol;

/// Interfaces are numbered with 31 bits.
const FIRST_SCOPE: u32 = 1 << 31;

/// A stream of one client, numbered by the shell. Never two at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u32);

impl StreamId {
    /// The stream with a number, of which 31 bits count.
    pub fn new(number: u32) -> StreamId {
        StreamId(number & (FIRST_SCOPE - 1))
    }

    /// From where and to where its frames go, for a shard.
    pub fn address(self, peer: SocketAddr) -> SocketAddr {
        let ip = match peer.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        SocketAddrV6::new(ip, peer.port(), 0, FIRST_SCOPE | self.0).into()
    }

    /// The stream of an address; none when it is for datagrams.
    pub fn of(address: SocketAddr) -> Option<StreamId> {
        match address {
            SocketAddr::V6(v6) if v6.scope_id() >= FIRST_SCOPE => {
                Some(StreamId::new(v6.scope_id()))
            }
            SocketAddr::V4(_) | SocketAddr::V6(_) => None,
        }
    }
}

/// The addresses of a shard: its host candidates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertise {
    /// For datagrams. The first of a family is the one that the transport takes for the local
    /// address.
    pub udp: Vec<SocketAddr>,
    /// For streams, where the network lets no datagrams through (RFC 6544).
    pub tcp: Vec<SocketAddr>,
}

impl Advertise {
    /// Those of a protocol.
    pub(crate) fn by(&self, protocol: Protocol) -> &[SocketAddr] {
        match protocol {
            Protocol::Tcp => &self.tcp,
            _ => &self.udp,
        }
    }
}

/// By which protocol an address is reached, and what it is there.
pub(crate) fn reached(address: SocketAddr) -> (Protocol, SocketAddr) {
    match (StreamId::of(address), address) {
        (Some(_), SocketAddr::V6(v6)) => {
            let peer = SocketAddr::new(v6.ip().to_canonical(), v6.port());
            (Protocol::Tcp, peer)
        }
        _ => (Protocol::Udp, address),
    }
}

/// Streams of one client that are remembered: it has one, and another while its network changes.
const MAX_STREAMS: usize = 4;

/// The streams on which something of one client came.
#[derive(Debug, Default)]
pub(crate) struct Streams(Vec<SocketAddr>);

impl Streams {
    /// Something came from an address. What is `in_use` is not forgotten for it.
    pub(crate) fn note(&mut self, address: SocketAddr, in_use: Option<SocketAddr>) {
        if StreamId::of(address).is_none() || self.0.contains(&address) {
            return;
        }
        let (_, peer) = reached(address);
        // Two streams of one peer never are at a time: the former has ended.
        self.0.retain(|known| reached(*known).1 != peer);
        if self.0.len() == MAX_STREAMS
            && let Some(oldest) = self.0.iter().position(|known| Some(*known) != in_use)
        {
            self.0.remove(oldest);
        }
        self.0.push(address);
    }

    /// The address of what leaves to a peer by a protocol. None when there is no such stream.
    pub(crate) fn address(&self, protocol: Protocol, peer: SocketAddr) -> Option<SocketAddr> {
        if protocol == Protocol::Udp {
            return Some(peer);
        }
        let is_it = |known: &&SocketAddr| reached(**known).1 == peer;
        self.0.iter().find(is_it).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_address_of_a_stream_says_which_and_whose_it_is() {
        for text in ["192.0.2.7:50000", "[2001:db8::7]:50000"] {
            for number in [0, 7, u32::MAX] {
                let stream = StreamId::new(number);
                let address = stream.address(peer(text));
                assert_eq!(StreamId::of(address), Some(stream));
                assert_eq!(reached(address), (Protocol::Tcp, peer(text)));
                assert_ne!(address, StreamId::new(number ^ 1).address(peer(text)));
            }
        }
    }

    #[test]
    fn an_address_of_the_kernels_is_for_datagrams() {
        for text in ["192.0.2.7:5", "[2001:db8::7]:5", "[fe80::1%2147483647]:5"] {
            assert_eq!(StreamId::of(peer(text)), None);
            assert_eq!(reached(peer(text)), (Protocol::Udp, peer(text)));
        }
    }

    #[test]
    fn what_leaves_to_a_peer_goes_to_its_last_stream() {
        let mut streams = Streams::default();
        let ours = peer("192.0.2.7:50000");
        let first = StreamId::new(1).address(ours);
        assert_eq!(streams.address(Protocol::Tcp, ours), None);
        streams.note(ours, None);
        assert_eq!(streams.address(Protocol::Tcp, ours), None);
        streams.note(first, None);
        assert_eq!(streams.address(Protocol::Tcp, ours), Some(first));
        assert_eq!(streams.address(Protocol::Udp, ours), Some(ours));
        let second = StreamId::new(2).address(ours);
        streams.note(second, None);
        assert_eq!(streams.address(Protocol::Tcp, ours), Some(second));
    }

    #[test]
    fn streams_are_bounded_and_the_one_in_use_stays() {
        let mut streams = Streams::default();
        let of = |n: u16| SocketAddr::from(([192, 0, 2, 7], n));
        let address = |n: u16| StreamId::new(n.into()).address(of(n));
        for n in 1..100 {
            streams.note(address(n), Some(address(1)));
        }
        assert_eq!(streams.0.len(), MAX_STREAMS);
        assert_eq!(streams.address(Protocol::Tcp, of(1)), Some(address(1)));
        assert_eq!(streams.address(Protocol::Tcp, of(99)), Some(address(99)));
        assert_eq!(streams.address(Protocol::Tcp, of(2)), None);
    }
}
