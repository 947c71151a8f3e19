//! A guest with live keys. Plaintext RTP and RTCP are of his choice and sealed rightly, so that
//! what stands behind the authentication is reached; bytes on the wire are changed after sealing,
//! so that the authentication is. The low bits of an operation say which, the others how.

use std::time::Duration;

use sfu_core::io::Input;
use str0m::format::Codec;
use str0m::media::MediaKind;

use super::stage::{Mal, Stage, on_stage};
use crate::corpus::Steps;
use crate::world::{NODE, World};

/// Most steps of one input.
const MAX_STEPS: usize = 48;

/// What a step does.
const MEDIA: u8 = 0;
const RTP: u8 = 1;
const RTCP: u8 = 2;
const BENT: u8 = 3;
const WIRE: u8 = 4;
const IN_ANNS_NAME: u8 = 5;
const TIME: u8 = 6;
const FROM_ELSEWHERE: u8 = 7;

/// For [`MEDIA`]: which line and layer (bits 3 and 4; 3 is the microphone).
const LAYER_SHIFT: u8 = 3;
const NAMED_LINE: u8 = 0x20;
const MARKER: u8 = 0x40;
const NEW_SSRC: u8 = 0x80;

/// For [`RTP`] and [`RTCP`]: what is written over the content.
const OWN_SSRC: u8 = 0x08;
const NEXT_SEQ: u8 = 0x10;
const VERSION_2: u8 = 0x80;

pub(crate) fn run(input: &[u8]) {
    on_stage(true, |stage| {
        let mal = stage.mal.take().expect("this stage has one");
        let mut guest = Guest {
            lines: lines(&mut stage.world, mal.at),
            mal,
        };
        for (operation, content) in Steps(input).take(MAX_STEPS) {
            guest.step(stage, operation, content);
        }
        stage.mal = Some(guest.mal);
    });
}

/// A line that he publishes, or the layer of one.
pub(crate) struct Line {
    pub(crate) ssrc: u32,
    pub(crate) mid: String,
    pub(crate) payload_type: u8,
    /// How often its sequence numbers came round: its transport began close to the end.
    pub(crate) roc: u32,
}

struct Guest {
    mal: Mal,
    lines: Vec<Line>,
}

/// The three layers of his camera, then his microphone.
pub(crate) fn lines(world: &mut World, at: usize) -> Vec<Line> {
    let client = &mut world.clients[at];
    let video = *client.payload_type(Codec::Vp8);
    let audio = client.redundant_type().expect("it is agreed on");
    let mids: Vec<_> = client.senders.iter().map(|sender| sender.mid).collect();
    let mut lines = Vec::new();
    for mid in mids {
        let kind = client.rtc.media(mid).map(|media| media.kind());
        let is_video = kind == Some(MediaKind::Video);
        let rids: &[Option<&str>] = match is_video {
            true => &[Some("q"), Some("h"), Some("f")],
            false => &[None],
        };
        for (layer, rid) in rids.iter().enumerate() {
            let mut direct = client.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(mid, rid.map(Into::into));
            lines.push(Line {
                ssrc: *stream.expect("negotiated").ssrc(),
                mid: mid.to_string(),
                payload_type: if is_video { video } else { *audio },
                roc: u32::from(layer > 0),
            });
        }
    }
    lines
}

/// Numbers of header extensions, as our transports have them.
pub(crate) const TRANSPORT_WIDE: u8 = 3;
pub(crate) const MID: u8 = 4;
pub(crate) const RID: u8 = 10;
pub(crate) const REPAIRED_RID: u8 = 11;

/// A packet in plain: RFC 3550, section 5.1, with extensions of RFC 8285, section 4.2.
pub(crate) fn rtp(
    second: u8,
    (seq, timestamp, ssrc): (u16, u32, u32),
    extensions: &[(u8, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut plain = vec![0x80 | u8::from(!extensions.is_empty()) << 4, second];
    plain.extend_from_slice(&seq.to_be_bytes());
    plain.extend_from_slice(&timestamp.to_be_bytes());
    plain.extend_from_slice(&ssrc.to_be_bytes());
    if !extensions.is_empty() {
        let mut list = Vec::new();
        for (number, value) in extensions {
            list.push(number << 4 | (value.len() as u8 - 1) & 0x0f);
            list.extend_from_slice(value);
        }
        list.resize(list.len().next_multiple_of(4), 0);
        plain.extend_from_slice(&[0xbe, 0xde, 0, (list.len() / 4) as u8]);
        plain.extend_from_slice(&list);
    }
    plain.extend_from_slice(payload);
    plain
}

impl Guest {
    fn step(&mut self, stage: &mut Stage, operation: u8, content: &[u8]) {
        let world = &mut stage.world;
        let own = world.clients[self.mal.at].address;
        let (source, datagram) = match operation & 7 {
            MEDIA => (own, self.media(operation, content)),
            RTP => (own, self.rtp(operation, content)),
            RTCP => (own, self.rtcp(operation, content)),
            BENT => (own, self.bent(operation, content)),
            WIRE => (own, Some(content.to_vec())),
            IN_ANNS_NAME => (
                world.clients[stage.ann].address,
                self.media(operation, content),
            ),
            FROM_ELSEWHERE => (
                ([192, 0, 2, 9], 4000).into(),
                self.media(operation, content),
            ),
            _ => {
                let time = content.first().copied().unwrap_or(1);
                world.run(Duration::from_millis(time.into()));
                return;
            }
        };
        if let Some(bytes) = datagram {
            world.input(Input::Datagram {
                source,
                destination: NODE,
                bytes: &bytes,
            });
        }
    }

    /// A well-formed packet with any payload.
    fn media(&mut self, operation: u8, payload: &[u8]) -> Option<Vec<u8>> {
        let plain = self.plain(operation, payload);
        let roc = match operation & NEW_SSRC {
            0 => self.lines[usize::from(operation >> LAYER_SHIFT & 3)].roc,
            _ => 0,
        };
        self.mal.seal.rtp(roc, &plain)
    }

    fn plain(&mut self, operation: u8, payload: &[u8]) -> Vec<u8> {
        let line = &self.lines[usize::from(operation >> LAYER_SHIFT & 3)];
        let seq = self.mal.next_seq();
        let marker = u8::from(operation & MARKER != 0) << 7;
        let ssrc = match operation & NEW_SSRC {
            0 => line.ssrc,
            _ => u32::from(seq) | 0x7000_0000,
        };
        let named: &[(u8, &[u8])] = match operation & NAMED_LINE {
            0 => &[],
            _ => &[(MID, line.mid.as_bytes())],
        };
        let stamps = (seq, u32::from(seq) * 3_000, ssrc);
        rtp(marker | line.payload_type, stamps, named, payload)
    }

    /// Any packet at all, with what is his own written over it as far as the operation says.
    fn rtp(&mut self, operation: u8, content: &[u8]) -> Option<Vec<u8>> {
        let mut plain = content.to_vec();
        if plain.len() < 12 {
            return None;
        }
        let mut roc = 0;
        if operation & OWN_SSRC != 0 {
            let line = &self.lines[usize::from(operation >> 5 & 3)];
            plain[8..12].copy_from_slice(&line.ssrc.to_be_bytes());
            roc = line.roc;
        }
        if operation & NEXT_SEQ != 0 {
            plain[2..4].copy_from_slice(&self.mal.next_seq().to_be_bytes());
        }
        if operation & VERSION_2 != 0 {
            plain[0] = plain[0] & 0x3f | 0x80;
        }
        self.mal.seal.rtp(roc, &plain)
    }

    fn rtcp(&mut self, operation: u8, content: &[u8]) -> Option<Vec<u8>> {
        let mut plain = content.to_vec();
        let line = &self.lines[usize::from(operation >> 5 & 3)];
        if operation & OWN_SSRC != 0 && plain.len() >= 8 {
            plain[4..8].copy_from_slice(&line.ssrc.to_be_bytes());
        }
        if operation & NEXT_SEQ != 0 && plain.len() >= 12 {
            let heard = self.mal.heard_ssrc.unwrap_or(line.ssrc);
            plain[8..12].copy_from_slice(&heard.to_be_bytes());
        }
        if operation & VERSION_2 != 0 {
            let first = plain.first_mut()?;
            *first = *first & 0x3f | 0x80;
        }
        self.mal.seal.rtcp(&plain)
    }

    /// A good packet with bytes changed on the wire.
    fn bent(&mut self, operation: u8, content: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = self.media(operation, &[0x10, 0x00, 7, 7, 7, 7])?;
        let (&at, changes) = content.split_first()?;
        for (byte, change) in bytes.iter_mut().skip(at.into()).zip(changes) {
            *byte ^= change;
        }
        Some(bytes)
    }
}

/// Without this the target would test the authentication and nothing else.
#[cfg(test)]
#[test]
fn what_the_guest_seals_is_believed() {
    on_stage(true, |stage| {
        let mal = stage.mal.take().expect("this stage has one");
        let lines = lines(&mut stage.world, mal.at);
        let mut guest = Guest { lines, mal };
        for layer in 0..4 {
            let before = stage.world.shard.report();
            guest.step(stage, MEDIA | layer << LAYER_SHIFT, &[0x10, 0x00, 7]);
            let after = stage.world.shard.report();
            assert_eq!(after.packets_in, before.packets_in + 1, "layer {layer}");
            guest.step(stage, BENT | layer << LAYER_SHIFT, &[20, 1]);
            let last = stage.world.shard.report();
            assert_eq!(last.packets_in, after.packets_in, "layer {layer}");
        }
        let before = stage.world.shard.report().keyframe_requests_sent;
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        stage.world.run(Duration::from_secs(2));
        guest.step(stage, RTCP | OWN_SSRC | NEXT_SEQ, &pli);
        let after = stage.world.shard.report().keyframe_requests_sent;
        assert!(after > before, "his wish for a keyframe is heard");
        stage.mal = Some(guest.mal);
    });
}

#[cfg(test)]
const KEY: &[u8] = &[
    0x90, 0x80, 0x80, 1, 0, 0, 0, 0x9d, 1, 0x2a, 64, 0, 180, 0, 0,
];

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    [media_seeds(), header_seeds(), feedback_seeds()].concat()
}

#[cfg(test)]
fn media_seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    let delta: &[u8] = &[0x90, 0xe0, 0x80, 2, 3, 0x41, 1, 0, 0];
    let layers = [
        (MEDIA | MARKER, KEY),
        (MEDIA | MARKER | 1 << LAYER_SHIFT, KEY),
        (MEDIA | MARKER | 2 << LAYER_SHIFT, KEY),
        (MEDIA | MARKER | 2 << LAYER_SHIFT, delta),
        (MEDIA | 3 << LAYER_SHIFT, &[0xfc, 1]),
        (TIME, &[40]),
    ];
    let new_ssrc = [
        (MEDIA | NAMED_LINE | NEW_SSRC, KEY),
        (MEDIA | NEW_SSRC, KEY),
        (MEDIA | NAMED_LINE, &[]),
    ];
    let foreign = [
        (IN_ANNS_NAME, KEY),
        (FROM_ELSEWHERE | NAMED_LINE | NEW_SSRC, KEY),
    ];
    // What comes after a packet that was lost brings it again.
    let redundant: &[u8] = &[0xef, 0x2e, 0xe0, 2, 0x6f, 0xfc, 1, 0xfc, 2];
    let lost = [
        (MEDIA | 3 << LAYER_SHIFT, redundant),
        (BENT | 3 << LAYER_SHIFT, &[20, 1]),
        (MEDIA | 3 << LAYER_SHIFT, redundant),
    ];
    let bent: [(u8, &[u8]); 3] = [(BENT, &[0, 0x10]), (BENT, &[8, 1]), (BENT, &[20, 1])];
    let wire: &[u8] = &[20, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 1];
    vec![
        ("layers", steps(layers)),
        ("new-ssrc", steps(new_ssrc)),
        ("foreign", steps(foreign)),
        ("lost", steps(lost)),
        ("bent", steps(bent)),
        ("wire", steps([(WIRE, wire)])),
    ]
}

#[cfg(test)]
fn header_seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    const OWN: u8 = RTP | OWN_SSRC | NEXT_SEQ | VERSION_2;
    let rtp = |first: u8, more: &[u8]| {
        let header = [first, 0xe0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0];
        [&header[..], more].concat()
    };
    let short = rtp(
        0x90,
        &[0xbe, 0xde, 0, 2, 0x40, b'x', 0xa0, b'q', 0, 0, 0, 0, 7],
    );
    let long = rtp(0x90, &[0x10, 0, 0, 1, 4, 1, b'x', 0, 7]);
    let endless = rtp(0x90, &[0xbe, 0xde, 0xff, 0xff, 1]);
    let padding = rtp(0xa0, &[0, 0, 0, 0, 0, 0, 0, 200]);
    vec![
        (
            "extensions",
            steps([(OWN, &short[..]), (OWN, &long), (OWN, &endless)]),
        ),
        ("padding", steps([(OWN, &padding[..])])),
    ]
}

#[cfg(test)]
fn feedback_seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    const OWN: u8 = RTCP | OWN_SSRC | NEXT_SEQ | VERSION_2;
    const SENDER: u8 = RTCP | OWN_SSRC | VERSION_2;
    let report = [&[0x81, 200, 0, 12][..], &[0; 48]].concat();
    let nack: &[u8] = &[0x81, 205, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
    let twcc: &[u8] = &[
        0x8f, 205, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0, 1, 0, 0x20, 4, 4, 4,
    ];
    let pli: &[u8] = &[0x81, 206, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    let fir: &[u8] = &[
        0x84, 206, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 0, 0,
    ];
    let remb: &[u8] = b"\x8f\xce\0\x05\0\0\0\0\0\0\0\0REMB\x01\x03\xff\xff\0\0\0\x01";
    let bye: &[u8] = &[0x81, 203, 0, 1, 0, 0, 0, 0];
    let description: &[u8] = b"\x81\xca\0\x03\0\0\0\0\x01\x03abc\0\0\0";
    let compound = [report.as_slice(), nack].concat();
    let reports = [
        (OWN, &report[..]),
        (SENDER, description),
        (SENDER, bye),
        (TIME, &[255]),
    ];
    let feedback = [nack, twcc, pli, fir, remb, &compound].map(|content| (OWN, content));
    vec![("reports", steps(reports)), ("feedback", steps(feedback))]
}
