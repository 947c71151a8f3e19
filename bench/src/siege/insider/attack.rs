//! What a hostile participant with a session of its own does to the room, and what its packets
//! are. Pure: chance is an argument.

use anyhow::Context;
use sfu_rtp::rtp::Outgoing;

use super::knows::Knows;

/// RTCP datagrams a second. A browser sends twenty.
const RTCP_PER_SECOND: u64 = 10_000;

/// Media, and how much of it a datagram carries.
const MEDIA_BPS: u64 = 200_000_000;
const MEDIA_BYTES: usize = 1_180;

/// Datagrams a second from foreign addresses.
const SPOOFED_PER_SECOND: u64 = 50_000;

/// Entries of one NACK, each of which asks for 17 packets.
const NACK_ENTRIES: u16 = 280;

/// Blocks of one receiver report: as many as its count can say.
const REPORT_BLOCKS: u8 = 31;

/// Of its packets of media one in so many is of its microphone.
const MICROPHONE_OF: u64 = 10;

/// One kind of hostility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attack {
    /// RTCP of every kind.
    Rtcp,
    /// Requests for keyframes of everything that it receives.
    Keyframes,
    /// Requests for everything that it was ever sent.
    Nacks,
    /// 200 Mbit/s on its own tracks.
    Media,
    /// 200 Mbit/s on streams that nobody knows.
    Unknown,
    /// Offers as long as a message may be.
    Offers,
    /// Messages as fast as the socket takes them.
    Messages,
    /// All of these at once.
    All,
    /// No session: datagrams from foreign addresses, real ones repeated among them.
    Spoofed,
}

impl Attack {
    pub(super) const ALL: [Attack; 9] = [
        Attack::Rtcp,
        Attack::Keyframes,
        Attack::Nacks,
        Attack::Media,
        Attack::Unknown,
        Attack::Offers,
        Attack::Messages,
        Attack::All,
        Attack::Spoofed,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Attack::Rtcp => "rtcp",
            Attack::Keyframes => "keyframes",
            Attack::Nacks => "nacks",
            Attack::Media => "media",
            Attack::Unknown => "unknown",
            Attack::Offers => "offers",
            Attack::Messages => "messages",
            Attack::All => "all",
            Attack::Spoofed => "spoofed",
        }
    }

    /// Those of these names; all of them for none.
    pub(super) fn named(names: &[String]) -> anyhow::Result<Vec<Attack>> {
        if names.is_empty() {
            return Ok(Attack::ALL.to_vec());
        }
        let find = |name: &String| {
            let found = Attack::ALL.into_iter().find(|it| it.as_str() == name);
            found.with_context(|| {
                let all = Attack::ALL.map(Attack::as_str).join(", ");
                format!("no attack is called {name:?}; there are {all}")
            })
        };
        names.iter().map(find).collect()
    }

    pub(super) fn rtcp_per_second(self) -> u64 {
        match self {
            Attack::Rtcp | Attack::Keyframes | Attack::Nacks | Attack::All => RTCP_PER_SECOND,
            _ => 0,
        }
    }

    pub(super) fn media_per_second(self) -> u64 {
        match self {
            Attack::Media | Attack::Unknown | Attack::All => MEDIA_BPS / 8 / MEDIA_BYTES as u64,
            _ => 0,
        }
    }

    pub(super) fn spoofed_per_second(self) -> u64 {
        match self {
            Attack::Spoofed => SPOOFED_PER_SECOND,
            _ => 0,
        }
    }

    pub(super) fn says_offers(self) -> bool {
        matches!(self, Attack::Offers | Attack::All)
    }

    pub(super) fn says_messages(self) -> bool {
        matches!(self, Attack::Messages | Attack::All)
    }

    /// What the flood of RTCP is made of.
    fn of_rtcp(self, chance: &mut fastrand::Rng) -> Attack {
        let each = [Attack::Rtcp, Attack::Keyframes, Attack::Nacks];
        match self {
            Attack::All => each[chance.usize(..each.len())],
            one => one,
        }
    }
}

/// A compound in plain, from `own`.
pub(super) fn rtcp(attack: Attack, knows: &Knows, own: u32, chance: &mut fastrand::Rng) -> Vec<u8> {
    let heard = match knows.heard.is_empty() {
        true => chance.u32(..),
        false => knows.heard[chance.usize(..knows.heard.len())],
    };
    match attack.of_rtcp(chance) {
        Attack::Keyframes if chance.bool() => {
            let fir = [heard.to_be_bytes(), [chance.u8(..), 0, 0, 0]].concat();
            packet(4, 206, &[own, 0], &fir)
        }
        Attack::Keyframes => packet(1, 206, &[own, heard], &[]),
        Attack::Nacks => nack(own, heard, chance),
        _ => of_any_kind(own, heard, chance),
    }
}

fn nack(own: u32, heard: u32, chance: &mut fastrand::Rng) -> Vec<u8> {
    let first = chance.u16(..);
    let entries = (0..NACK_ENTRIES).flat_map(|entry| {
        let [high, low] = first.wrapping_add(17 * entry).to_be_bytes();
        [high, low, 0xff, 0xff]
    });
    packet(1, 205, &[own, heard], &entries.collect::<Vec<_>>())
}

fn of_any_kind(own: u32, heard: u32, chance: &mut fastrand::Rng) -> Vec<u8> {
    let noise = |bytes: usize, chance: &mut fastrand::Rng| {
        let mut noise = vec![0; bytes];
        chance.fill(&mut noise);
        noise
    };
    match chance.u8(..8) {
        0 => packet(0, 200, &[own], &noise(20, chance)),
        1 => {
            let blocks = (0..REPORT_BLOCKS).flat_map(|_| {
                let mut block = noise(24, chance);
                block[..4].copy_from_slice(&heard.to_be_bytes());
                block
            });
            let blocks: Vec<u8> = blocks.collect();
            packet(REPORT_BLOCKS, 201, &[own], &blocks)
        }
        2 => packet(1, 206, &[own, heard], &[]),
        3 => nack(own, heard, chance),
        4 => {
            // Transport-wide feedback of many losses in few bytes.
            let mut told = noise(2, chance);
            told.extend([0x1f, 0xff, 0, 0, 9, chance.u8(..), 0x1f, 0xff]);
            told.extend(noise(600, chance));
            packet(15, 205, &[own, heard], &told)
        }
        5 => packet(15, 206, &[own, 0], b"REMB\x01\x00\x00\x01\0\0\0\x01"),
        6 => packet(1, 203, &[chance.u32(..)], &[]),
        _ => packet(
            chance.u8(..32),
            chance.u8(192..224),
            &[own, heard],
            &noise(400, chance),
        ),
    }
}

/// RFC 3550, section 6.4.1: the count or format, the type, the length in words.
fn packet(count: u8, kind: u8, ssrcs: &[u32], rest: &[u8]) -> Vec<u8> {
    let words = (ssrcs.len() + rest.len() / 4) as u16;
    let mut bytes = vec![0x80 | count, kind];
    bytes.extend(words.to_be_bytes());
    bytes.extend(ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()));
    bytes.extend(&rest[..rest.len() / 4 * 4]);
    bytes
}

/// The streams of its own tracks.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams {
    camera: u64,
    microphone: u64,
    sent: u64,
}

/// The streams' SSRCs.
const CAMERA: u32 = 0x4d61_6c01;
const MICROPHONE: u32 = 0x4d61_6c02;

/// A packet of media in plain, with its index.
pub(super) fn media(
    attack: Attack,
    knows: &Knows,
    streams: &mut Streams,
    chance: &mut fastrand::Rng,
) -> (u64, Vec<u8>) {
    streams.sent += 1;
    let is_voice = streams.sent.is_multiple_of(MICROPHONE_OF);
    let unknown = match attack {
        Attack::All => chance.bool(),
        one => one == Attack::Unknown,
    };
    let (mid, payload_type, ssrc, count) = match is_voice {
        true => (
            &knows.microphone_mid,
            knows.opus,
            MICROPHONE,
            &mut streams.microphone,
        ),
        false => (&knows.camera_mid, knows.vp8, CAMERA, &mut streams.camera),
    };
    let (ssrc, index) = match unknown {
        true => (chance.u32(..), u64::from(chance.u16(..0x7fff))),
        false => {
            *count += 1;
            (ssrc, *count)
        }
    };
    let head = Outgoing {
        payload_type,
        marker: chance.u8(..3) == 0,
        padding: false,
        seq: index as u16,
        timestamp: (index as u32 / 3).wrapping_mul(3_000),
        ssrc,
        csrc: None,
    };
    let named = [(knows.mid_extension, mid.as_bytes())];
    // Half of what nobody knows does not even say where it belongs.
    let is_named = !unknown || chance.bool();
    let mut bytes = Vec::with_capacity(MEDIA_BYTES + 64);
    head.write(&mut bytes, if is_named { &named } else { &[] });
    bytes.extend(picture(index, chance));
    bytes.resize(MEDIA_BYTES, 0x5a);
    (index, bytes)
}

/// A VP8 descriptor (RFC 7741, section 4.2) with a keyframe now and then: what follows it is
/// nothing that anybody could show.
fn picture(index: u64, chance: &mut fastrand::Rng) -> Vec<u8> {
    let [high, low] = ((index / 3) as u16).to_be_bytes();
    let is_key = chance.u8(..60) == 0;
    let mut bytes = vec![0x90, 0x80, high | 0x80, low, u8::from(!is_key), 0, 0];
    bytes.extend([0x9d, 1, 0x2a, 64, 1, 180, 0]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_rtp::rtcp;
    use sfu_rtp::rtp::Header;

    fn knows() -> Knows {
        Knows {
            camera_mid: "0".to_owned(),
            microphone_mid: "1".to_owned(),
            mid_extension: 4,
            vp8: 96,
            opus: 111,
            heard: vec![7, 8],
        }
    }

    #[test]
    fn the_flood_of_rtcp_says_what_its_kind_promises() {
        let mut chance = fastrand::Rng::with_seed(1);
        let mut said = |attack| {
            let (mut lost, mut missing) = (0, 0);
            for _ in 0..400 {
                let bytes = rtcp(attack, &knows(), 1, &mut chance);
                assert!(bytes.len() >= 8 && bytes.len() < 1_300, "{}", bytes.len());
                rtcp::read(&bytes, |said| match said {
                    rtcp::Said::PictureLost { ssrc } => lost += u32::from([7, 8].contains(&ssrc)),
                    rtcp::Said::Missing { packets, .. } => missing += packets.count(),
                    _ => {}
                });
            }
            (lost, missing)
        };
        assert_eq!(said(Attack::Keyframes), (400, 0));
        assert_eq!(said(Attack::Nacks), (0, 400 * 17 * 280));
        let (lost, missing) = said(Attack::All);
        assert!(lost > 100 && missing > 100_000, "{lost} {missing}");
    }

    #[test]
    fn media_is_of_its_own_tracks_or_of_nobodys() {
        let mut chance = fastrand::Rng::with_seed(1);
        let mut sent = |attack| {
            let mut streams = Streams::default();
            let mut own = 0;
            for _ in 0..1_000 {
                let (index, bytes) = media(attack, &knows(), &mut streams, &mut chance);
                let header = Header::read(&bytes).expect("a header");
                assert_eq!((header.seq, bytes.len()), (index as u16, MEDIA_BYTES));
                own += u32::from([CAMERA, MICROPHONE].contains(&header.ssrc));
            }
            own
        };
        assert_eq!(sent(Attack::Media), 1_000);
        assert_eq!(sent(Attack::Unknown), 0);
        assert!((300..700).contains(&sent(Attack::All)));
    }

    #[test]
    fn attacks_are_found_by_their_names() {
        let all = Attack::named(&[]).expect("all");
        assert_eq!(all.len(), 9);
        let one = Attack::named(&["nacks".to_owned()]).expect("known");
        assert_eq!(one, [Attack::Nacks]);
        let wrong = Attack::named(&["dance".to_owned()]).expect_err("unknown");
        assert!(wrong.to_string().contains("dance"));
    }
}
