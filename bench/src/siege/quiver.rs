//! What attackers send: bytes of chance, imitations, and altered copies of real traffic. Pure:
//! chance is an argument.

use anyhow::Context;

use super::captures::{Captures, Wire};

/// Longest datagram of chance: more than a path carries, and than a node reads.
const LONGEST_BYTES: usize = 2_400;

/// STUN's header and magic cookie (RFC 8489, section 5).
const STUN_HEADER_BYTES: usize = 20;
const STUN_MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_FINGERPRINT_XOR: u32 = 0x5354_554e;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const CHANNEL_NUMBER: u16 = 0x000c;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const REQUESTED_TRANSPORT: u16 = 0x0019;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;

/// What a datagram pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Arrow {
    /// Bytes of chance.
    Noise,
    /// Bytes of chance behind a first byte of a known protocol.
    NoiseWithFace,
    /// A check for a user name that this node may or may not have.
    StunGuessed,
    /// A participant's own check with its right user names, altered.
    StunAltered,
    /// A participant's own check, once more and as it was.
    StunReplayed,
    /// A real handshake or record of DTLS, as it was or altered.
    Dtls,
    /// A DTLS alert that would end a session, not encrypted.
    DtlsAlert,
    /// Media with a participant's own header, and other contents.
    Rtp,
    /// Media with guessed identifiers.
    RtpGuessed,
    /// Control packets: a participant's own altered, and goodbyes in clear.
    Rtcp,
    /// A participant's own media, once more.
    Replay,
    /// For the relay's port: requests, indications and channel messages.
    Turn,
}

impl Arrow {
    pub(super) const ALL: [Arrow; 12] = [
        Arrow::Noise,
        Arrow::NoiseWithFace,
        Arrow::StunGuessed,
        Arrow::StunAltered,
        Arrow::StunReplayed,
        Arrow::Dtls,
        Arrow::DtlsAlert,
        Arrow::Rtp,
        Arrow::RtpGuessed,
        Arrow::Rtcp,
        Arrow::Replay,
        Arrow::Turn,
    ];

    /// Those of these names; all of them for none.
    pub(super) fn named(names: &[String]) -> anyhow::Result<Vec<Arrow>> {
        if names.is_empty() {
            return Ok(Arrow::ALL.to_vec());
        }
        let find = |name: &String| {
            let found = Arrow::ALL.into_iter().find(|arrow| arrow.as_str() == name);
            found.with_context(|| {
                let all = Arrow::ALL.map(Arrow::as_str).join(", ");
                format!("no kind of datagram is called {name:?}; there are {all}")
            })
        };
        names.iter().map(find).collect()
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Arrow::Noise => "noise",
            Arrow::NoiseWithFace => "noise_with_face",
            Arrow::StunGuessed => "stun_guessed",
            Arrow::StunAltered => "stun_altered",
            Arrow::StunReplayed => "stun_replayed",
            Arrow::Dtls => "dtls",
            Arrow::DtlsAlert => "dtls_alert",
            Arrow::Rtp => "rtp_altered",
            Arrow::RtpGuessed => "rtp_guessed",
            Arrow::Rtcp => "rtcp",
            Arrow::Replay => "replay",
            Arrow::Turn => "turn",
        }
    }
}

/// Makes one. What cannot be imitated because nothing was captured yet is noise.
pub(super) fn make(arrow: Arrow, captures: &Captures, chance: &mut fastrand::Rng) -> Vec<u8> {
    let copy = |wire, chance: &mut fastrand::Rng| {
        captures
            .any(wire, chance)
            .unwrap_or_else(|| noise(chance, LONGEST_BYTES))
    };
    match arrow {
        Arrow::Noise => noise(chance, LONGEST_BYTES),
        Arrow::NoiseWithFace => noise_with_face(chance),
        Arrow::StunGuessed => stun_guessed(chance),
        Arrow::StunAltered => stun_altered(copy(Wire::Stun, chance), chance),
        Arrow::StunReplayed => copy(Wire::Stun, chance),
        Arrow::Dtls => match chance.u8(..4) {
            0 => copy(Wire::Dtls, chance),
            _ => altered(copy(Wire::Dtls, chance), 13, chance),
        },
        Arrow::DtlsAlert => dtls_alert(chance),
        Arrow::Rtp => rtp_altered(copy(Wire::Rtp, chance), chance),
        Arrow::RtpGuessed => rtp_guessed(chance),
        Arrow::Rtcp => match chance.bool() {
            true => rtcp_goodbye(copy(Wire::Rtp, chance), chance),
            false => altered(copy(Wire::Rtcp, chance), 8, chance),
        },
        Arrow::Replay => copy(Wire::Rtp, chance),
        Arrow::Turn => turn(chance),
    }
}

fn noise(chance: &mut fastrand::Rng, longest: usize) -> Vec<u8> {
    let length = chance.usize(..=longest);
    std::iter::repeat_with(|| chance.u8(..))
        .take(length)
        .collect()
}

fn noise_with_face(chance: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = noise(chance, 1_400);
    let face = [0, 1, 20, 21, 22, 23, 63, 64, 79, 128, 144, 191];
    if let Some(first) = bytes.first_mut() {
        *first = face[chance.usize(..face.len())];
    }
    if chance.bool()
        && let Some(magic) = bytes.get_mut(4..8)
    {
        magic.copy_from_slice(&STUN_MAGIC);
    }
    bytes
}

/// Flips bits from `from` on, or cuts, or lengthens.
fn altered(mut bytes: Vec<u8>, from: usize, chance: &mut fastrand::Rng) -> Vec<u8> {
    match chance.u8(..8) {
        0 => bytes.truncate(chance.usize(..=bytes.len())),
        1 => bytes.extend(noise(chance, 64)),
        _ => {
            let from = if bytes.len() > from && chance.u8(..4) > 0 {
                from
            } else {
                0
            };
            for _ in 0..chance.usize(1..=8) {
                if from < bytes.len() {
                    let at = chance.usize(from..bytes.len());
                    bytes[at] ^= chance.u8(1..);
                }
            }
        }
    }
    bytes
}

/// Alters a real check in a way that its integrity shows; its fingerprint is made right again,
/// so that only the integrity can show it.
fn stun_altered(mut bytes: Vec<u8>, chance: &mut fastrand::Rng) -> Vec<u8> {
    if bytes.len() <= STUN_HEADER_BYTES + 8 || chance.u8(..8) == 0 {
        return altered(bytes, 0, chance);
    }
    // Another transaction is another message, whatever else stays as it was.
    for byte in &mut bytes[8..STUN_HEADER_BYTES] {
        *byte = chance.u8(..);
    }
    if chance.u8(..4) == 0 {
        // A success or an error, as if it were the answer to a check of the node.
        bytes[0] = 1;
        bytes[1] = if chance.bool() { 0x01 } else { 0x11 };
    }
    let end = bytes.len() - 8;
    if bytes[end..end + 2] == FINGERPRINT.to_be_bytes() {
        let print = crc32fast::hash(&bytes[..end]) ^ STUN_FINGERPRINT_XOR;
        bytes[end + 4..].copy_from_slice(&print.to_be_bytes());
    }
    bytes
}

/// A STUN message under construction.
struct Stun(Vec<u8>);

impl Stun {
    fn new(kind: u16, chance: &mut fastrand::Rng) -> Self {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(STUN_MAGIC);
        bytes.extend(std::iter::repeat_with(|| chance.u8(..)).take(12));
        Stun(bytes)
    }

    fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.extend(kind.to_be_bytes());
        self.0.extend((value.len() as u16).to_be_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let length = (self.0.len() - STUN_HEADER_BYTES) as u16;
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
        self
    }

    fn with_fingerprint(mut self) -> Vec<u8> {
        let length = (self.0.len() - STUN_HEADER_BYTES + 8) as u16;
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
        let print = crc32fast::hash(&self.0) ^ STUN_FINGERPRINT_XOR;
        self.with(FINGERPRINT, &print.to_be_bytes()).0
    }
}

fn some<const N: usize>(chance: &mut fastrand::Rng) -> [u8; N] {
    std::array::from_fn(|_| chance.u8(..))
}

/// User names as this node writes them, mostly of places that a small room has.
fn stun_guessed(chance: &mut fastrand::Rng) -> Vec<u8> {
    let (shard, place, generation) = (chance.u8(..4), chance.u8(..32), chance.u8(..4));
    let salt = chance.u32(..);
    let name = format!("{shard:04x}{place:04x}{generation:04x}{salt:08x}:{salt:04x}");
    Stun::new(0x0001, chance)
        .with(USERNAME, name.as_bytes())
        .with(USE_CANDIDATE, &[])
        .with(MESSAGE_INTEGRITY, &some::<20>(chance))
        .with_fingerprint()
}

/// Fatal alerts, and `close_notify`, in clear: before there are keys they would be believed.
fn dtls_alert(chance: &mut fastrand::Rng) -> Vec<u8> {
    let epoch = chance.u8(..3);
    let (level, description) = match chance.bool() {
        true => (1, 0),
        false => (2, chance.u8(..110)),
    };
    let mut record = vec![21, 254, 253, 0, epoch];
    record.extend(some::<6>(chance));
    record.extend([0, 2, level, description]);
    record
}

/// A real header with a sequence number ahead of its time, and other contents.
fn rtp_altered(mut bytes: Vec<u8>, chance: &mut fastrand::Rng) -> Vec<u8> {
    if bytes.len() > 32 {
        let ahead = u16::from_be_bytes([bytes[2], bytes[3]]).wrapping_add(chance.u16(..2_000));
        bytes[2..4].copy_from_slice(&ahead.to_be_bytes());
    }
    altered(bytes, 24, chance)
}

/// Identifiers as a browser's first offer has them: small `mid`s, common payload types.
fn rtp_guessed(chance: &mut fastrand::Rng) -> Vec<u8> {
    let types = [96, 97, 98, 102, 111, 120];
    let mut bytes = vec![0x90, types[chance.usize(..types.len())]];
    bytes.extend(some::<10>(chance));
    // RFC 8285, one-byte form: extensions 1 to 14 hold one digit, as a `mid` would.
    let id = chance.u8(1..15);
    bytes.extend([0xbe, 0xde, 0, 1, id << 4, chance.u8(b'0'..=b'9'), 0, 0]);
    bytes.extend(noise(chance, 1_200));
    bytes
}

/// A goodbye (RFC 3550, section 6.6) for a real source, in clear.
fn rtcp_goodbye(media: Vec<u8>, chance: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = vec![0x81, 203, 0, 1];
    bytes.extend(media.get(8..12).unwrap_or(&[0; 4]));
    if chance.bool() {
        // With an index and a tag, as if it were sealed (RFC 3711, section 3.4).
        bytes.extend([0x80, 0, 0, chance.u8(..)]);
        bytes.extend(some::<16>(chance));
    }
    bytes
}

fn turn(chance: &mut fastrand::Rng) -> Vec<u8> {
    let peer = [0, 1, 0x13, 0xd0, 0x5e, 0x12, 0xa4, 0x43];
    let lifetime_kinds = [0x0003, 0x0004, 0x0008, 0x0009];
    match chance.u8(..6) {
        0 => noise(chance, 200),
        1 => Stun::new(0x0003, chance)
            .with(REQUESTED_TRANSPORT, &[17, 0, 0, 0])
            .with_fingerprint(),
        2 => {
            let kind = lifetime_kinds[chance.usize(..lifetime_kinds.len())];
            let nonce = some::<16>(chance);
            Stun::new(kind, chance)
                .with(REQUESTED_TRANSPORT, &[17, 0, 0, 0])
                .with(CHANNEL_NUMBER, &[0x40, chance.u8(..), 0, 0])
                .with(XOR_PEER_ADDRESS, &peer)
                .with(USERNAME, format!("{}:guest", chance.u32(..)).as_bytes())
                .with(REALM, b"colloquy")
                .with(NONCE, &nonce)
                .with(MESSAGE_INTEGRITY, &some::<20>(chance))
                .with_fingerprint()
        }
        3 => {
            let payload = noise(chance, 200);
            Stun::new(0x0016, chance)
                .with(XOR_PEER_ADDRESS, &peer)
                .with(DATA, &payload)
                .0
        }
        4 => {
            let payload = noise(chance, 200);
            let mut channel = vec![0x40, chance.u8(..)];
            channel.extend((payload.len() as u16).to_be_bytes());
            channel.extend(payload);
            channel
        }
        _ => altered(Stun::new(0x0001, chance).with_fingerprint(), 0, chance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn every_kind_is_made_with_and_without_captures_and_one_seed_makes_the_same() {
        let node = SocketAddr::from(([127, 0, 0, 1], 1));
        let full = Captures::default();
        let check = Stun::new(1, &mut fastrand::Rng::with_seed(1))
            .with(USERNAME, b"a:b")
            .with_fingerprint();
        for datagram in [&check[..], &[22; 80], &[0x80; 80], &[0x80, 200, 0, 0, 1]] {
            full.keep(node, node, datagram, true);
        }
        for captures in [&Captures::default(), &full] {
            for arrow in Arrow::ALL {
                let volley = |seed| {
                    let mut chance = fastrand::Rng::with_seed(seed);
                    let made: Vec<_> = (0..200)
                        .map(|_| make(arrow, captures, &mut chance))
                        .collect();
                    made
                };
                assert_eq!(volley(7), volley(7), "{arrow:?}");
                assert!(
                    volley(7) != volley(8) || matches!(arrow, Arrow::Replay | Arrow::StunReplayed),
                    "{arrow:?}"
                );
            }
        }
    }

    #[test]
    fn an_altered_check_keeps_its_name_and_a_right_fingerprint() {
        let mut chance = fastrand::Rng::with_seed(3);
        let check = Stun::new(1, &mut chance)
            .with(USERNAME, b"ours:theirs")
            .with(MESSAGE_INTEGRITY, &[1; 20])
            .with_fingerprint();
        let right = (0..100)
            .map(|_| stun_altered(check.clone(), &mut chance))
            .filter(|made| {
                let end = check.len() - 8;
                made.len() == check.len()
                    && made[8..20] != check[8..20]
                    && made[20..end] == check[20..end]
                    && crc32fast::hash(&made[..end]) ^ STUN_FINGERPRINT_XOR
                        == u32::from_be_bytes(made[end + 4..].try_into().expect("4 bytes"))
            })
            .count();
        assert!(right > 50, "{right} of 100");
    }
}
