//! STUN messages and channel data as a client of a relay writes and reads them (RFC 8489, RFC
//! 8656). They are not the relay's own, so that no relay is measured by its own mistakes.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::{constant_time, hmac};
use md5::{Digest, Md5};

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const HEADER_BYTES: usize = 20;
const INTEGRITY_BYTES: usize = 20;
const CHANNEL_HEADER_BYTES: usize = 4;

/// Attribute types (RFC 8489, section 18.3; RFC 8656, section 18).
pub(super) mod attribute {
    pub(in crate::relay) const USERNAME: u16 = 0x0006;
    pub(in crate::relay) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(in crate::relay) const ERROR_CODE: u16 = 0x0009;
    pub(in crate::relay) const CHANNEL_NUMBER: u16 = 0x000C;
    pub(in crate::relay) const LIFETIME: u16 = 0x000D;
    pub(in crate::relay) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(in crate::relay) const REALM: u16 = 0x0014;
    pub(in crate::relay) const NONCE: u16 = 0x0015;
    pub(in crate::relay) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(in crate::relay) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(in crate::relay) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(in crate::relay) const FINGERPRINT: u16 = 0x8028;
}

/// Methods (RFC 8656, section 17).
pub(super) mod method {
    pub(in crate::relay) const ALLOCATE: u16 = 0x003;
    pub(in crate::relay) const REFRESH: u16 = 0x004;
    pub(in crate::relay) const CREATE_PERMISSION: u16 = 0x008;
    pub(in crate::relay) const CHANNEL_BIND: u16 = 0x009;
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// What signs a message: `MD5(username ":" realm ":" password)` (RFC 8489, section 9.2.2).
pub(super) struct Key(hmac::Key);

impl Key {
    pub(super) fn derive(username: &str, realm: &str, password: &str) -> Self {
        let text = format!("{username}:{realm}:{password}");
        let digest = Md5::digest(text.as_bytes());
        Key(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &digest))
    }
}

/// A message being written.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(class: Class, method: u16, transaction: [u8; 12]) -> Self {
        let class_bits = match class {
            Class::Request => 0x0000,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        let kind = (method & 0xF) | (method & 0x70) << 1 | (method & 0xF80) << 2 | class_bits;
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(transaction);
        Writer(bytes)
    }

    /// Adds an attribute; what is longer than one may be is cut.
    #[must_use]
    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend(kind.to_be_bytes());
        self.0.extend(length.to_be_bytes());
        self.0.extend(&value[..length.into()]);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds an address, masked by cookie and transaction (RFC 8489, section 14.2).
    #[must_use]
    pub(super) fn address(self, kind: u16, address: SocketAddr) -> Self {
        let mask = self.0[4..HEADER_BYTES].to_vec();
        let (family, ip) = match address.ip() {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (2, ip.octets().to_vec()),
        };
        let mut value = vec![0, family];
        for masked in [address.port().to_be_bytes().to_vec(), ip] {
            value.extend(masked.iter().zip(&mask).map(|(byte, mask)| byte ^ mask));
        }
        self.attribute(kind, &value)
    }

    /// The message without a signature.
    pub(super) fn plain(mut self) -> Vec<u8> {
        self.count(0);
        self.0
    }

    /// The message with integrity and fingerprint (RFC 8489, sections 14.5 and 14.7).
    pub(super) fn signed(mut self, key: &Key) -> Vec<u8> {
        self.count(4 + INTEGRITY_BYTES);
        let tag = hmac::sign(&key.0, &self.0);
        let mut signed = self.attribute(attribute::MESSAGE_INTEGRITY, tag.as_ref());
        signed.count(8);
        let checksum = crc32fast::hash(&signed.0) ^ 0x5354_554E;
        let whole = signed.attribute(attribute::FINGERPRINT, &checksum.to_be_bytes());
        whole.0
    }

    /// Says how long the message is once `more` bytes follow.
    fn count(&mut self, more: usize) {
        let length = u16::try_from(self.0.len() - HEADER_BYTES + more).unwrap_or(u16::MAX);
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

/// A message, borrowed from what came.
pub(super) struct Message<'a> {
    pub(super) class: Class,
    pub(super) method: u16,
    pub(super) transaction: [u8; 12],
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// None when the bytes are no STUN message.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let whole = bytes.len() == HEADER_BYTES + length && length.is_multiple_of(4);
        if kind & 0xC000 != 0 || header[4..8] != MAGIC_COOKIE || !whole {
            return None;
        }
        let class = match (kind & 0x0110) >> 4 {
            0x00 => Class::Request,
            0x01 => Class::Indication,
            0x10 => Class::Success,
            _ => Class::Error,
        };
        Some(Message {
            class,
            method: (kind & 0xF) | (kind >> 1 & 0x70) | (kind >> 2 & 0xF80),
            transaction: header[8..].try_into().ok()?,
            bytes,
        })
    }

    /// Place, type and value of each attribute.
    fn attributes(&self) -> impl Iterator<Item = (usize, u16, &'a [u8])> {
        let bytes = self.bytes;
        let mut at = HEADER_BYTES;
        std::iter::from_fn(move || {
            let [a, b, c, d] = *bytes.get(at..)?.first_chunk()?;
            let (begins, length) = (at, usize::from(u16::from_be_bytes([c, d])));
            let value = bytes.get(at + 4..at + 4 + length)?;
            at += 4 + length.next_multiple_of(4);
            Some((begins, u16::from_be_bytes([a, b]), value))
        })
    }

    /// The first attribute of a type.
    pub(super) fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        let found = self.attributes().find(|(_, kind, _)| *kind == wanted);
        found.map(|(.., value)| value)
    }

    pub(super) fn text(&self, wanted: u16) -> Option<&'a str> {
        std::str::from_utf8(self.attribute(wanted)?).ok()
    }

    pub(super) fn number(&self, wanted: u16) -> Option<u32> {
        let value = self.attribute(wanted)?.try_into().ok()?;
        Some(u32::from_be_bytes(value))
    }

    /// The code of an error.
    pub(super) fn error_code(&self) -> Option<u16> {
        let value = self.attribute(attribute::ERROR_CODE)?;
        Some(u16::from(*value.get(2)? & 7) * 100 + u16::from(*value.get(3)?))
    }

    pub(super) fn address(&self, wanted: u16) -> Option<SocketAddr> {
        let value = self.attribute(wanted)?;
        let (head, masked) = value.split_first_chunk::<4>()?;
        let mask = &self.bytes[4..HEADER_BYTES];
        let port = u16::from_be_bytes([head[2] ^ mask[0], head[3] ^ mask[1]]);
        let clear: Vec<u8> = masked.iter().zip(mask).map(|(b, m)| b ^ m).collect();
        let ip = match (head[1], masked.len()) {
            (1, 4) => IpAddr::from(<[u8; 4]>::try_from(clear).ok()?),
            (2, 16) => IpAddr::from(<[u8; 16]>::try_from(clear).ok()?),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Whether it is signed with this key.
    pub(super) fn is_signed(&self, key: &Key) -> bool {
        let mut attributes = self.attributes();
        let integrity = attributes.find(|(_, kind, _)| *kind == attribute::MESSAGE_INTEGRITY);
        let Some((at, _, value)) = integrity else {
            return false;
        };
        // The length that was signed ends with the integrity, whatever follows it.
        let mut signed = self.bytes[..at].to_vec();
        let length = u16::try_from(at - HEADER_BYTES + 4 + INTEGRITY_BYTES).unwrap_or(u16::MAX);
        signed[2..4].copy_from_slice(&length.to_be_bytes());
        let tag = hmac::sign(&key.0, &signed);
        constant_time::verify_slices_are_equal(tag.as_ref(), value).is_ok()
    }
}

/// The four bytes ahead of a payload (RFC 8656, section 12.4).
pub(super) fn channel_header(channel: u16, payload_bytes: u16) -> [u8; CHANNEL_HEADER_BYTES] {
    let ([a, b], [c, d]) = (channel.to_be_bytes(), payload_bytes.to_be_bytes());
    [a, b, c, d]
}

/// Channel and payload; none when it is no channel data.
pub(super) fn channel_payload(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let ([a, b, c, d], rest) = bytes.split_first_chunk()?;
    let payload = rest.get(..u16::from_be_bytes([*c, *d]).into())?;
    (a & 0xC0 == 0x40).then_some((u16::from_be_bytes([*a, *b]), payload))
}

/// What stands at the head of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// Not yet all of a message.
    Partly,
    /// A message of so many bytes, and after how many the next one begins.
    Whole(usize, usize),
    /// No relay says this.
    Broken,
}

/// Finds the end of a message in a stream; channel data is padded there (RFC 8656, section 12.5).
pub(super) fn framed(bytes: &[u8]) -> Framed {
    let Some([a, _, c, d]) = bytes.first_chunk() else {
        return Framed::Partly;
    };
    let length = usize::from(u16::from_be_bytes([*c, *d]));
    let message = match a & 0xC0 {
        0x00 => HEADER_BYTES + length,
        0x40 => CHANNEL_HEADER_BYTES + length,
        _ => return Framed::Broken,
    };
    let next = message.next_multiple_of(4);
    match bytes.len() >= next {
        true => Framed::Whole(message, next),
        false => Framed::Partly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(hexadecimal: &[&str]) -> Vec<u8> {
        let text = hexadecimal.concat();
        let pairs = text.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        pairs.map(|pair| byte(pair).expect("hexadecimal")).collect()
    }

    /// RFC 5769, section 2.4.
    #[test]
    fn the_published_request_with_long_term_credentials_is_read_and_its_signature_holds() {
        let bytes = bytes_of(&[
            "000100602112a44278ad3433c6ad72c029da412e",
            "00060012e3839ee38388e383aae38383e382afe382b90000",
            "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341",
            "0014000b6578616d706c652e6f726700",
            "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666",
        ]);
        let message = Message::parse(&bytes).expect("a message");
        assert_eq!((message.class, message.method), (Class::Request, 1));
        let name = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";
        assert_eq!(message.text(attribute::USERNAME), Some(name));
        assert_eq!(message.text(attribute::REALM), Some("example.org"));
        let nonce = message.text(attribute::NONCE);
        assert_eq!(nonce, Some("f//499k954d6OL34oL9FSTvy64sA"));
        assert!(message.is_signed(&Key::derive(name, "example.org", "TheMatrIX")));
        assert!(!message.is_signed(&Key::derive(name, "example.org", "TheMatrix")));
    }

    /// RFC 5769, sections 2.2 and 2.3: XOR-MAPPED-ADDRESS of the two answers.
    #[test]
    fn the_published_addresses_are_read_and_written() {
        let head = "2112a442b7e7a701bc34d686fa87dfae";
        let cases = [
            ("0101000c", "002000080001a147e112a643", "192.0.2.1:32853"),
            (
                "01010018",
                "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            ),
        ];
        for (begins, value, address) in cases {
            let bytes = bytes_of(&[begins, head, value]);
            let message = Message::parse(&bytes).expect("a message");
            assert_eq!(message.class, Class::Success);
            let address: SocketAddr = address.parse().expect("an address");
            assert_eq!(message.address(0x0020), Some(address));
            let written = Writer::new(Class::Success, 1, message.transaction);
            assert_eq!(written.address(0x0020, address).plain(), bytes);
        }
    }

    #[test]
    fn what_is_signed_is_read_back_and_any_flipped_bit_is_seen() {
        let key = Key::derive("user", "realm", "pass");
        let transaction = *b"twelve bytes";
        let bytes = Writer::new(Class::Error, method::CHANNEL_BIND, transaction)
            .attribute(attribute::ERROR_CODE, &[0, 0, 4, 38])
            .attribute(attribute::LIFETIME, &600u32.to_be_bytes())
            .signed(&key);
        let message = Message::parse(&bytes).expect("a message");
        assert_eq!(message.class, Class::Error);
        assert_eq!(message.method, method::CHANNEL_BIND);
        assert_eq!(message.transaction, transaction);
        assert_eq!(message.error_code(), Some(438));
        assert_eq!(message.number(attribute::LIFETIME), Some(600));
        assert!(message.is_signed(&key));
        for at in 8..bytes.len() - 8 - 4 - INTEGRITY_BYTES {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            let holds = Message::parse(&bent).is_some_and(|message| message.is_signed(&key));
            assert!(!holds, "byte {at}");
        }
        assert!(Message::parse(&bytes[..bytes.len() - 1]).is_none());
    }

    #[test]
    fn messages_are_found_in_a_stream_and_channel_data_with_its_padding() {
        let stun = Writer::new(Class::Request, method::ALLOCATE, [0; 12]).plain();
        let cases: [(&[u8], Framed); 7] = [
            (&[], Framed::Partly),
            (&stun[..19], Framed::Partly),
            (&stun, Framed::Whole(20, 20)),
            (&[0x40, 0, 0, 2, 7, 8], Framed::Partly),
            (&[0x40, 0, 0, 2, 7, 8, 0, 0], Framed::Whole(6, 8)),
            (&[0x40, 0, 0, 0, 0x40], Framed::Whole(4, 4)),
            (&[0x80, 0, 0, 0], Framed::Broken),
        ];
        for (bytes, expected) in cases {
            assert_eq!(framed(bytes), expected, "{bytes:?}");
        }
        let sent = [&channel_header(0x4001, 2)[..], &[7, 8, 0, 0]].concat();
        assert_eq!(channel_payload(&sent), Some((0x4001, &[7, 8][..])));
        assert_eq!(channel_payload(&stun), None);
        assert_eq!(channel_payload(&sent[..5]), None);
    }
}
