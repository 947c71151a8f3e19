//! Writing a STUN message (RFC 8489, section 5).

use std::net::{IpAddr, SocketAddr};

use super::message::attribute;
use super::{Class, HEADER_BYTES, INTEGRITY_BYTES, LongTermKey, MAGIC_COOKIE, Method};

/// A message being written.
#[derive(Debug, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins a message.
    pub fn new(class: Class, method: Method, transaction: [u8; 12]) -> Writer {
        let code = method.code();
        let class_bits = match class {
            Class::Request => 0x0000,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        let kind = (code & 0x000F) | ((code & 0x0070) << 1) | ((code & 0x0F80) << 2) | class_bits;
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        bytes.extend_from_slice(&transaction);
        Writer { bytes }
    }

    /// Adds an attribute. A value beyond 65,535 bytes cannot be written and is cut.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Writer {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let value = &value[..usize::from(length)];
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value);
        let padded = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(padded, 0);
        self
    }

    /// Adds an address, masked (RFC 8489, section 14.2).
    #[must_use]
    pub fn address(self, kind: u16, address: SocketAddr) -> Writer {
        let mask: Vec<u8> = self.bytes[4..HEADER_BYTES].to_vec();
        let mut value = vec![0, if address.is_ipv4() { 1 } else { 2 }];
        let port = address.port().to_be_bytes();
        value.extend(port.iter().zip(&mask).map(|(p, m)| p ^ m));
        match address.ip() {
            IpAddr::V4(ip) => value.extend(ip.octets().iter().zip(&mask).map(|(o, m)| o ^ m)),
            IpAddr::V6(ip) => value.extend(ip.octets().iter().zip(&mask).map(|(o, m)| o ^ m)),
        }
        self.attribute(kind, &value)
    }

    /// Adds an error code without a reason phrase: an answer to a stranger stays small.
    #[must_use]
    pub fn error(self, code: u16) -> Writer {
        let hundreds = u8::try_from(code / 100).unwrap_or(5);
        let rest = u8::try_from(code % 100).unwrap_or(0);
        self.attribute(attribute::ERROR_CODE, &[0, 0, hundreds, rest])
    }

    fn set_length(&mut self, extra_bytes: usize) {
        let length =
            u16::try_from(self.bytes.len() - HEADER_BYTES + extra_bytes).unwrap_or(u16::MAX);
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }

    /// Ends the message without integrity.
    pub fn finish(mut self) -> Vec<u8> {
        self.set_length(0);
        self.bytes
    }

    /// Ends the message with integrity and fingerprint (RFC 8489, sections 14.5 and 14.7).
    pub fn finish_signed(mut self, key: &LongTermKey) -> Vec<u8> {
        self.set_length(4 + INTEGRITY_BYTES);
        let tag = key.sign(&[&self.bytes]);
        let mut signed = self.attribute(attribute::MESSAGE_INTEGRITY, tag.as_ref());
        signed.set_length(8);
        let checksum = crc32fast::hash(&signed.bytes) ^ 0x5354_554E;
        let mut whole = signed.attribute(attribute::FINGERPRINT, &checksum.to_be_bytes());
        whole.set_length(0);
        whole.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    const TRANSACTION: [u8; 12] = *b"twelve bytes";

    #[test]
    fn what_is_written_is_read_back_and_a_flipped_bit_breaks_it() {
        let key = LongTermKey::derive("user", "realm", "pass");
        for address in ["192.0.2.1:32853", "[2001:db8::1]:9"] {
            let address: SocketAddr = address.parse().expect("an address");
            let bytes = Writer::new(Class::Request, Method::ChannelBind, TRANSACTION)
                .address(attribute::XOR_PEER_ADDRESS, address)
                .attribute(attribute::USERNAME, b"user")
                .finish_signed(&key);
            let message = Message::parse(&bytes).expect("a message");
            assert_eq!(message.class, Class::Request);
            assert_eq!(message.method, Method::ChannelBind);
            assert_eq!(message.transaction, TRANSACTION);
            assert_eq!(message.text(attribute::USERNAME), Some("user"));
            let peers: Vec<_> = message.addresses(attribute::XOR_PEER_ADDRESS).collect();
            assert_eq!(peers, [Some(address)]);
            assert!(message.is_intact(&key));
            assert!(!message.is_intact(&LongTermKey::derive("user", "realm", "other")));
            let protected = bytes.len() - 8 - 4 - INTEGRITY_BYTES;
            for at in 8..protected {
                let mut bent = bytes.clone();
                bent[at] ^= 1;
                let intact = Message::parse(&bent).is_ok_and(|message| message.is_intact(&key));
                assert!(!intact, "byte {at}");
            }
        }
    }

    /// RFC 5769, section 2.4: a request with long-term credentials.
    #[test]
    fn the_published_vector_is_intact() {
        let bytes: Vec<u8> = [
            "000100602112a44278ad3433c6ad72c029da412e",
            "00060012e3839ee38388e383aae38383e382afe382b90000",
            "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341",
            "0014000b6578616d706c652e6f726700",
            "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666",
        ]
        .concat()
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let text = std::str::from_utf8(pair).expect("ascii");
            u8::from_str_radix(text, 16).expect("hexadecimal")
        })
        .collect();
        let message = Message::parse(&bytes).expect("a message");
        let name = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";
        assert_eq!(message.text(attribute::USERNAME), Some(name));
        let key = LongTermKey::derive(name, "example.org", "TheMatrIX");
        assert!(message.is_intact(&key));
    }
}
