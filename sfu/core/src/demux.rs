//! Whose a datagram is: the known address it came from, else the ICE user name in a STUN
//! binding request (RFC 8445, section 7.2.2), which is ours and names shard, place and
//! generation. No connection is ever asked "is this yours?".
//!
//! # Threat model
//! Anybody can send us anything from any address.
//! - An address is learned only after its connection has verified a STUN message from it
//!   (message integrity with our password); see [`Demux::learn`]. Until then everything but STUN
//!   from it is dropped, so a stranger can neither feed DTLS (the ClientHello race of
//!   CVE-2023-49786 and its kin) nor SRTP into a session.
//! - Reading a user name costs a bounded scan of one datagram and no allocation. Nothing is
//!   stored for a stranger.
//! - A STUN message always goes by its user name, so a browser that uses the same address for a
//!   new connection reaches the new one. But an address that somebody else's connection uses now
//!   is not given away: a participant who can forge a source address would take over the media of
//!   whoever sits there, or point his own at them (see `Stage::may_introduce`). What remains: he can
//!   be at an address first, a few for each connection.
//! - Addresses are bounded for each connection; the oldest is forgotten first, but never the one in
//!   use. A check that was overheard and is repeated from elsewhere brings none
//!   (`connection/checks`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use crate::io::ConnectionId;
use crate::report::DropReason;

/// Verified addresses of one connection. A laptop has a few interfaces and a NAT may rebind; a
/// client with more loses the oldest, which a new STUN check brings back.
const MAX_ADDRESSES_PER_CONNECTION: usize = 8;

/// STUN attributes that are looked at before giving up on finding a user name.
const MAX_ATTRIBUTES: usize = 16;

const STUN_HEADER_BYTES: usize = 20;
const STUN_MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_USERNAME: u16 = 0x0006;

/// STUN message types (RFC 8489, section 5).
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
pub(crate) const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Its address is known.
    Known(ConnectionId),
    /// STUN from an address that is not: it names this connection, which has to verify it.
    Introduced(ConnectionId),
    /// Nowhere.
    Drop(DropReason),
}

/// The addresses of a shard's connections.
#[derive(Debug)]
pub(crate) struct Demux {
    shard: u16,
    by_address: HashMap<SocketAddr, ConnectionId>,
    addresses: BTreeMap<ConnectionId, VecDeque<SocketAddr>>,
}

impl Demux {
    pub(crate) fn new(shard: u16) -> Self {
        Demux {
            shard,
            by_address: HashMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    pub(crate) fn route(&self, source: SocketAddr, bytes: &[u8]) -> Route {
        let known = self.by_address.get(&source).copied();
        if !is_stun(bytes) {
            return known.map_or(Route::Drop(DropReason::UnverifiedAddress), Route::Known);
        }
        let named = stun_username(bytes).and_then(|name| read_ufrag(name, self.shard));
        match (known, named) {
            (Some(known), Some(named)) if known == named => Route::Known(known),
            (_, Some(named)) => Route::Introduced(named),
            (Some(known), None) => Route::Known(known),
            (None, None) => Route::Drop(DropReason::UnknownConnection),
        }
    }

    /// Whose an address is, as far as is known.
    pub(crate) fn owner(&self, source: SocketAddr) -> Option<ConnectionId> {
        self.by_address.get(&source).copied()
    }

    /// Remembers an address that the connection has verified. The one `in_use` is not forgotten
    /// for it.
    pub(crate) fn learn(
        &mut self,
        source: SocketAddr,
        id: ConnectionId,
        in_use: Option<SocketAddr>,
    ) {
        if let Some(before) = self.by_address.insert(source, id) {
            if before == id {
                return;
            }
            if let Some(list) = self.addresses.get_mut(&before) {
                list.retain(|address| *address != source);
            }
        }
        let list = self.addresses.entry(id).or_default();
        list.push_back(source);
        if list.len() > MAX_ADDRESSES_PER_CONNECTION
            && let Some(oldest) = list.iter().position(|address| Some(*address) != in_use)
            && let Some(forgotten) = list.remove(oldest)
        {
            self.by_address.remove(&forgotten);
        }
    }

    /// Forgets every address of a connection.
    pub(crate) fn forget(&mut self, id: ConnectionId) {
        for address in self.addresses.remove(&id).unwrap_or_default() {
            self.by_address.remove(&address);
        }
    }
}

/// Our ICE user name for a connection: hexadecimal shard, place and generation, then eight
/// digits that differ for each ICE restart.
pub(crate) fn write_ufrag(id: ConnectionId, salt: u32) -> String {
    let ConnectionId {
        shard,
        place,
        generation,
    } = id;
    format!("{shard:04x}{place:04x}{generation:04x}{salt:08x}")
}

/// The connection that a STUN user name (`ours:theirs`) names, when it is of this shard. Whether
/// it still exists, and whether the salt is right, is not decided here.
fn read_ufrag(username: &[u8], shard: u16) -> Option<ConnectionId> {
    let colon = username.iter().position(|byte| *byte == b':')?;
    let ours = std::str::from_utf8(&username[..colon]).ok()?;
    if ours.len() != 20 || !ours.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = |from: usize| u16::from_str_radix(&ours[from..from + 4], 16).ok();
    if number(0)? != shard {
        return None;
    }
    Some(ConnectionId {
        shard,
        place: number(4)?,
        generation: number(8)?,
    })
}

/// RFC 7983, section 7, with the magic cookie of RFC 8489.
pub(crate) fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= STUN_HEADER_BYTES && bytes[0] < 4 && bytes[4..8] == STUN_MAGIC
}

/// DTLS (RFC 7983, section 7).
pub(crate) fn is_handshake(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(20..=63))
}

fn stun_username(bytes: &[u8]) -> Option<&[u8]> {
    stun_attribute(bytes, STUN_USERNAME)
}

/// The transaction of a binding request.
pub(crate) fn requested(bytes: &[u8]) -> Option<[u8; 12]> {
    transaction(bytes, BINDING_REQUEST)
}

/// The transaction of a binding success response, which answers a request that had the password
/// of whoever answers.
pub(crate) fn answered(bytes: &[u8]) -> Option<[u8; 12]> {
    transaction(bytes, BINDING_SUCCESS)
}

fn transaction(bytes: &[u8], kind: [u8; 2]) -> Option<[u8; 12]> {
    let wanted = is_stun(bytes) && bytes.starts_with(&kind);
    let transaction = bytes.get(8..STUN_HEADER_BYTES).filter(|_| wanted)?;
    transaction.try_into().ok()
}

/// The first attribute of a kind. RFC 8489, section 14: type, length, value, padded to four bytes.
pub(crate) fn stun_attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = bytes.get(STUN_HEADER_BYTES..)?;
    for _ in 0..MAX_ATTRIBUTES {
        let header = rest.get(..4)?;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let value = rest.get(4..4 + length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(place: u16, generation: u16) -> ConnectionId {
        ConnectionId {
            shard: 0,
            place,
            generation,
        }
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn binding_request(username: &str) -> Vec<u8> {
        let mut body = vec![0x80, 0x22, 0, 3, b'x', b'y', b'z', 0];
        body.extend_from_slice(&STUN_USERNAME.to_be_bytes());
        body.extend_from_slice(&(username.len() as u16).to_be_bytes());
        body.extend_from_slice(username.as_bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        let mut bytes = vec![0, 1];
        bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&STUN_MAGIC);
        bytes.extend_from_slice(&[7; 12]);
        bytes.extend_from_slice(&body);
        bytes
    }

    #[test]
    fn a_ufrag_names_its_connection_on_its_own_shard_only() {
        let named = ConnectionId {
            shard: 3,
            ..id(0xabcd, 2)
        };
        let ufrag = write_ufrag(named, 0xdead_beef);
        assert_eq!(ufrag.len(), 20);
        let username = format!("{ufrag}:theirs");
        assert_eq!(read_ufrag(username.as_bytes(), 3), Some(named));
        assert_eq!(read_ufrag(username.as_bytes(), 4), None);
        for wrong in ["", ":", "short:x", "zzzzzzzzzzzzzzzzzzzz:x", &ufrag] {
            assert_eq!(read_ufrag(wrong.as_bytes(), 3), None, "{wrong}");
        }
    }

    #[test]
    fn strangers_reach_a_connection_by_stun_alone() {
        let mut demux = Demux::new(0);
        let hello = binding_request(&format!("{}:r", write_ufrag(id(5, 1), 9)));
        let media = [0x80, 96, 0, 1];

        assert_eq!(demux.route(address(1), &hello), Route::Introduced(id(5, 1)));
        assert_eq!(
            demux.route(address(1), &media),
            Route::Drop(DropReason::UnverifiedAddress)
        );
        demux.learn(address(1), id(5, 1), None);
        assert_eq!(demux.route(address(1), &media), Route::Known(id(5, 1)));
        assert_eq!(demux.route(address(1), &hello), Route::Known(id(5, 1)));

        let nobody = binding_request("somebody:else");
        assert_eq!(
            demux.route(address(2), &nobody),
            Route::Drop(DropReason::UnknownConnection)
        );
        demux.forget(id(5, 1));
        assert_eq!(
            demux.route(address(1), &media),
            Route::Drop(DropReason::UnverifiedAddress)
        );
    }

    #[test]
    fn an_address_moves_to_the_connection_that_verified_it_last() {
        let mut demux = Demux::new(0);
        demux.learn(address(1), id(1, 0), None);
        let hello = binding_request(&format!("{}:r", write_ufrag(id(2, 0), 1)));
        assert_eq!(demux.route(address(1), &hello), Route::Introduced(id(2, 0)));
        demux.learn(address(1), id(2, 0), None);
        demux.forget(id(1, 0));
        assert_eq!(demux.route(address(1), &[0x80]), Route::Known(id(2, 0)));
    }

    #[test]
    fn the_oldest_address_is_forgotten_at_the_bound() {
        let mut demux = Demux::new(0);
        for port in 0..=MAX_ADDRESSES_PER_CONNECTION as u16 {
            demux.learn(address(port), id(1, 0), None);
        }
        assert!(matches!(demux.route(address(0), &[0x80]), Route::Drop(_)));
        assert_eq!(demux.route(address(1), &[0x80]), Route::Known(id(1, 0)));
        assert_eq!(demux.by_address.len(), MAX_ADDRESSES_PER_CONNECTION);
        for port in 100..200 {
            demux.learn(address(port), id(1, 0), Some(address(1)));
        }
        assert_eq!(demux.route(address(1), &[0x80]), Route::Known(id(1, 0)));
        assert_eq!(demux.by_address.len(), MAX_ADDRESSES_PER_CONNECTION);
    }

    proptest! {
        #[test]
        fn any_bytes_are_routed_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), stun: bool) {
            let mut bytes = bytes;
            if stun && bytes.len() >= STUN_HEADER_BYTES {
                bytes[0] = 0;
                bytes[4..8].copy_from_slice(&STUN_MAGIC);
            }
            Demux::new(0).route(address(1), &bytes);
        }
    }
}
