//! Reading a STUN message (RFC 8489, section 5) without copying it.

use std::net::{IpAddr, SocketAddr};

use super::{HEADER_BYTES, INTEGRITY_BYTES, LongTermKey, MAGIC_COOKIE};

/// Attribute types (RFC 8489, section 18.3; RFC 8656, section 18).
pub mod attribute {
    /// MAPPED-ADDRESS's successor: where the server saw the client.
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    /// Who asks.
    pub const USERNAME: u16 = 0x0006;
    /// HMAC-SHA1 over what comes before.
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    /// Why it was refused.
    pub const ERROR_CODE: u16 = 0x0009;
    /// Attributes that were not understood.
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    /// The realm of the credentials.
    pub const REALM: u16 = 0x0014;
    /// The server's nonce.
    pub const NONCE: u16 = 0x0015;
    /// A channel number.
    pub const CHANNEL_NUMBER: u16 = 0x000C;
    /// Seconds.
    pub const LIFETIME: u16 = 0x000D;
    /// A peer.
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    /// What is relayed.
    pub const DATA: u16 = 0x0013;
    /// The relay's own address.
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    /// Which address family is wanted.
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    /// Which transport is wanted.
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    /// Even port, next port reserved.
    pub const EVEN_PORT: u16 = 0x0018;
    /// Do not fragment.
    pub const DONT_FRAGMENT: u16 = 0x001A;
    /// A port that was reserved earlier.
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    /// CRC-32 over what comes before.
    pub const FINGERPRINT: u16 = 0x8028;
    /// From here on attributes may be ignored when they are not understood.
    pub const OPTIONAL_FROM: u16 = 0x8000;
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Asks for none.
    Indication,
    /// An answer.
    Success,
    /// A refusal.
    Error,
}

/// Methods that the relay knows (RFC 8489, section 18.2; RFC 8656, section 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Where do you see me?
    Binding,
    /// Give me a relay.
    Allocate,
    /// Keep my relay.
    Refresh,
    /// Relay this once.
    Send,
    /// This was relayed.
    Data,
    /// Let this peer through.
    CreatePermission,
    /// Give this peer a number.
    ChannelBind,
}

impl Method {
    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            Method::Binding => 0x001,
            Method::Allocate => 0x003,
            Method::Refresh => 0x004,
            Method::Send => 0x006,
            Method::Data => 0x007,
            Method::CreatePermission => 0x008,
            Method::ChannelBind => 0x009,
        }
    }

    fn from_code(code: u16) -> Option<Method> {
        [
            Method::Binding,
            Method::Allocate,
            Method::Refresh,
            Method::Send,
            Method::Data,
            Method::CreatePermission,
            Method::ChannelBind,
        ]
        .into_iter()
        .find(|method| method.code() == code)
    }
}

/// The bytes are no STUN message that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Too short, a wrong cookie, length or class.
    #[error("not a STUN message")]
    NotStun,
    /// A method that a relay does not know.
    #[error("an unknown method")]
    UnknownMethod,
}

/// A message, borrowed from the datagram.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Request, indication or answer.
    pub class: Class,
    /// What is asked.
    pub method: Method,
    /// Repeated in the answer.
    pub transaction: [u8; 12],
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the header and checks that every attribute lies inside.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, ParseError> {
        let header = bytes
            .first_chunk::<HEADER_BYTES>()
            .ok_or(ParseError::NotStun)?;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let cookie = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        if kind & 0xC000 != 0
            || cookie != MAGIC_COOKIE
            || !length.is_multiple_of(4)
            || bytes.len() != HEADER_BYTES + length
        {
            return Err(ParseError::NotStun);
        }
        let class = match ((kind >> 7) & 2) | ((kind >> 4) & 1) {
            0 => Class::Request,
            1 => Class::Indication,
            2 => Class::Success,
            _ => Class::Error,
        };
        let code = (kind & 0x000F) | ((kind >> 1) & 0x0070) | ((kind >> 2) & 0x0F80);
        let method = Method::from_code(code).ok_or(ParseError::UnknownMethod)?;
        let mut transaction = [0; 12];
        transaction.copy_from_slice(&header[8..]);
        let message = Message {
            class,
            method,
            transaction,
            bytes,
        };
        let end = message
            .placed_attributes()
            .last()
            .map_or(HEADER_BYTES, |(at, _, value)| {
                at + 4 + value.len().next_multiple_of(4)
            });
        if end == bytes.len() {
            Ok(message)
        } else {
            Err(ParseError::NotStun)
        }
    }

    fn placed_attributes(&self) -> impl Iterator<Item = (usize, u16, &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        let mut at = HEADER_BYTES;
        std::iter::from_fn(move || {
            let head = bytes.get(at..at + 4)?;
            let kind = u16::from_be_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = bytes.get(at + 4..at + 4 + length)?;
            let placed = (at, kind, value);
            at += 4 + length.next_multiple_of(4);
            Some(placed)
        })
    }

    /// The attributes before the integrity, in order: type and value. What follows the integrity
    /// is not protected and is not read (RFC 8489, section 14.5).
    pub fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        self.placed_attributes()
            .take_while(|(_, kind, _)| *kind != attribute::MESSAGE_INTEGRITY)
            .map(|(_, kind, value)| (kind, value))
    }

    /// The first attribute of a type.
    pub fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        self.attributes()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    }

    /// The first attribute of a type as text.
    pub fn text(&self, wanted: u16) -> Option<&'a str> {
        std::str::from_utf8(self.attribute(wanted)?).ok()
    }

    /// The first attribute of a type as a number.
    pub fn number(&self, wanted: u16) -> Option<u32> {
        self.attribute(wanted)?
            .try_into()
            .ok()
            .map(u32::from_be_bytes)
    }

    /// Every address attribute of a type; None inside for one that cannot be read.
    pub fn addresses(&self, wanted: u16) -> impl Iterator<Item = Option<SocketAddr>> + use<'a> {
        let transaction = self.transaction;
        self.attributes()
            .filter(move |(kind, _)| *kind == wanted)
            .map(move |(_, value)| read_address(value, &transaction))
    }

    /// Whether the message carries an integrity at all.
    pub fn has_integrity(&self) -> bool {
        self.placed_attributes()
            .any(|(_, kind, _)| kind == attribute::MESSAGE_INTEGRITY)
    }

    /// Whether the integrity is right under this key (RFC 8489, section 14.5).
    pub fn is_intact(&self, key: &LongTermKey) -> bool {
        let Some((at, _, value)) = self
            .placed_attributes()
            .find(|(_, kind, _)| *kind == attribute::MESSAGE_INTEGRITY)
        else {
            return false;
        };
        // The length field counts up to and including the integrity, whatever follows it.
        let Ok(length) = u16::try_from(at - HEADER_BYTES + 4 + INTEGRITY_BYTES) else {
            return false;
        };
        let tag = key.sign(&[&self.bytes[..2], &length.to_be_bytes(), &self.bytes[4..at]]);
        aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), value).is_ok()
    }
}

/// Reads an address that is masked with cookie and transaction (RFC 8489, section 14.2).
fn read_address(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let (head, rest) = value.split_first_chunk::<4>()?;
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let port = u16::from_be_bytes([head[2] ^ cookie[0], head[3] ^ cookie[1]]);
    let mask: Vec<u8> = cookie.iter().chain(transaction).copied().collect();
    let ip = match head[1] {
        1 => {
            let mut octets: [u8; 4] = rest.try_into().ok()?;
            octets.iter_mut().zip(&mask).for_each(|(o, m)| *o ^= m);
            IpAddr::from(octets)
        }
        2 => {
            let mut octets: [u8; 16] = rest.try_into().ok()?;
            octets.iter_mut().zip(&mask).for_each(|(o, m)| *o ^= m);
            IpAddr::from(octets)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}
