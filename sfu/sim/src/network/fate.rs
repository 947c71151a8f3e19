//! What decides a datagram's fate: what it is by its clear text, and the dice of one seed.

use std::net::SocketAddr;

/// What a datagram is, as far as the clear text says (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Dtls,
    Stun,
    Rtcp,
    Rtp { ssrc: u32, seq: u16 },
}

pub(super) fn class(bytes: &[u8]) -> Class {
    match bytes {
        [128..=191, kind, ..] if (192..=223).contains(kind) => Class::Rtcp,
        [128..=191, _, s0, s1, _, _, _, _, c0, c1, c2, c3, ..] => Class::Rtp {
            ssrc: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
            seq: u16::from_be_bytes([*s0, *s1]),
        },
        [20..=63, ..] => Class::Dtls,
        _ => Class::Stun,
    }
}

/// Numbers that follow from a seed and an identity (SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, ends: (SocketAddr, SocketAddr), identity: u64) -> Self {
        let mut dice = Dice(seed);
        for part in [address_code(ends.0), address_code(ends.1), identity] {
            dice.0 = dice.next() ^ part;
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(super) fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }
}

fn address_code(address: SocketAddr) -> u64 {
    let octets = match address.ip() {
        std::net::IpAddr::V4(v4) => u64::from(u32::from(v4)),
        std::net::IpAddr::V6(v6) => u128::from(v6) as u64,
    };
    octets << 16 | u64::from(address.port())
}
