//! What a receiver of media says and hears: reports (RFC 3550, section 6.4), negative
//! acknowledgements and picture losses (RFC 4585, sections 6.2.1 and 6.3.1), transport-wide
//! feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).

pub use rtcp_types::TwccPacketStatus as Arrival;
use rtcp_types::prelude::*;
use rtcp_types::{
    Compound, Nack, PayloadFeedback, Pli, ReceiverReport, ReportBlock, Sdes, SdesChunk, SdesItem,
    SenderReport, TransportFeedback, Twcc,
};

/// Most bytes of one transport-wide feedback, so that it fits in a datagram.
const MAX_FEEDBACK_BYTES: usize = 1_000;

/// How many streams a receiver report can speak of (RFC 3550, section 6.4.2).
pub const MAX_REPORTED: usize = 31;

/// What a receiver says of one stream (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reception {
    /// Which.
    pub ssrc: u32,
    /// What was lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// What was lost altogether. It is written in 24 bits, and never wraps.
    pub lost: u32,
    /// The newest index.
    pub newest: u32,
    /// In units of the stream's timestamp.
    pub jitter: u32,
    /// The middle of the last sender report's time; zero: none came.
    pub last_report: u32,
    /// How long ago it came, in 65,536ths of a second.
    pub delay: u32,
}

/// The number of bits in which [`Reception::lost`] is a positive number.
const MAX_LOST: u32 = 0x7f_ffff;

/// A receiver report. Streams beyond [`MAX_REPORTED`] are left out.
pub fn receiver_report(sender: u32, streams: &[Reception]) -> Vec<u8> {
    let mut report = ReceiverReport::builder(sender);
    for stream in streams.iter().take(MAX_REPORTED) {
        let block = ReportBlock::builder(stream.ssrc)
            .fraction_lost(stream.fraction_lost)
            .cumulative_lost(stream.lost.min(MAX_LOST))
            .extended_sequence_number(stream.newest)
            .interarrival_jitter(stream.jitter)
            .last_sender_report_timestamp(stream.last_report)
            .delay_since_last_sender_report_timestamp(stream.delay);
        report = report.add_report_block(block);
    }
    written(&report)
}

/// Asks for packets again.
pub fn nack(sender: u32, ssrc: u32, missing: impl Iterator<Item = u16>) -> Vec<u8> {
    let nack = missing.fold(Nack::builder(), |nack, seq| nack.add_rtp_sequence(seq));
    let packet = TransportFeedback::builder(&nack)
        .sender_ssrc(sender)
        .media_ssrc(ssrc);
    written(&packet)
}

/// Asks for a keyframe.
pub fn picture_loss(sender: u32, ssrc: u32) -> Vec<u8> {
    let pli = Pli::builder();
    let packet = PayloadFeedback::builder(&pli)
        .sender_ssrc(sender)
        .media_ssrc(ssrc);
    written(&packet)
}

/// Says when the packets from `base` on arrived. `reference` is a time in 64 ms, to which the
/// first arrival is relative, in 250 µs; each other is relative to the one before. Answers the
/// packet and of how many arrivals it speaks.
pub fn transport_wide(
    (sender, ssrc): (u32, u32),
    (base, reference, count): (u16, u32, u8),
    arrivals: &[Arrival],
) -> (Vec<u8>, usize) {
    let reference = reference & 0xff_ffff;
    let feedback = Twcc::builder(base, reference, count, arrivals, Some(MAX_FEEDBACK_BYTES));
    let packet = TransportFeedback::builder(&feedback)
        .sender_ssrc(sender)
        .media_ssrc(ssrc);
    (written(&packet), feedback.packet_status_count())
}

/// Empty when it cannot be written; then there is nothing to send.
fn written(packet: &impl RtcpPacketWriter) -> Vec<u8> {
    let bytes = packet.calculate_size().unwrap_or(0);
    // Room for what sealing adds.
    let mut out = Vec::with_capacity(bytes + crate::srtp::MAX_SRTCP_ADDS_BYTES);
    out.resize(bytes, 0);
    match packet.write_into(&mut out) {
        Ok(written) => out.truncate(written),
        Err(_) => out.clear(),
    }
    out
}

/// A sender report (RFC 3550, section 6.4.1): one moment on two clocks, and what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sending {
    /// Whose stream.
    pub ssrc: u32,
    /// The moment in seconds since 1900, as 32.32 fixed point.
    pub ntp: u64,
    /// The same moment in the stream's timestamps.
    pub timestamp: u32,
    /// Packets that were sent, with rollovers lost.
    pub packets: u32,
    /// Bytes of their payloads.
    pub bytes: u32,
}

/// Most sender reports in one datagram: with what belongs to them they fit in 1,200 bytes.
pub const MAX_SENDINGS: usize = 20;

/// Sender reports with the name that all streams of a sender share (RFC 3550, section 6.5.1).
/// Streams beyond [`MAX_SENDINGS`] are left out.
pub fn sender_reports(streams: &[Sending], name: &str) -> Vec<u8> {
    let streams = &streams[..streams.len().min(MAX_SENDINGS)];
    let mut compound = Compound::builder();
    let mut names = Sdes::builder();
    for stream in streams {
        let report = SenderReport::builder(stream.ssrc)
            .ntp_timestamp(stream.ntp)
            .rtp_timestamp(stream.timestamp)
            .packet_count(stream.packets)
            .octet_count(stream.bytes);
        compound = compound.add_packet(report);
        let item = SdesItem::builder(SdesItem::CNAME, name);
        names = names.add_chunk(SdesChunk::builder(stream.ssrc).add_item(item));
    }
    written(&compound.add_packet(names))
}

/// What was heard of one stream of ours (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Which.
    pub ssrc: u32,
    /// What was lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// The middle of the time of our last report; zero: none came.
    pub last_report: u32,
    /// How long ago it came, in 65,536ths of a second.
    pub delay: u32,
}

/// What the other end says.
#[derive(Debug, Clone)]
pub enum Said<'a> {
    /// A sender report.
    Sending(Sending),
    /// What it receives of a stream of ours.
    Heard(Heard),
    /// Its stream ends.
    Bye {
        /// Which.
        ssrc: u32,
    },
    /// It asks for packets of ours again (RFC 4585, section 6.2.1).
    Missing {
        /// Of which stream.
        ssrc: u32,
        /// Which.
        packets: Missing<'a>,
    },
    /// It cannot show a picture of ours: a loss (RFC 4585, section 6.3.1) or a request for a whole
    /// one (RFC 5104, section 4.3.1).
    PictureLost {
        /// Of which stream.
        ssrc: u32,
    },
    /// Transport-wide feedback, from its base number on.
    Arrivals(&'a [u8]),
    /// The most that it can receive, in its estimate (draft-alvestrand-rmcat-remb-03).
    AtMost {
        /// Bits a second.
        bps: u64,
    },
}

/// Sequence numbers that are asked for again.
#[derive(Debug, Clone)]
pub struct Missing<'a> {
    entries: &'a [u8],
    first: u16,
    /// A bit for each of the sixteen after the first.
    others: u16,
    next: u8,
}

impl<'a> Missing<'a> {
    fn new(entries: &'a [u8]) -> Self {
        Missing {
            entries,
            first: 0,
            others: 0,
            next: 17,
        }
    }
}

impl Iterator for Missing<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        loop {
            if self.next > 16 {
                let (entry, rest) = self.entries.split_first_chunk::<4>()?;
                self.entries = rest;
                self.first = u16::from_be_bytes([entry[0], entry[1]]);
                self.others = u16::from_be_bytes([entry[2], entry[3]]);
                self.next = 1;
                return Some(self.first);
            }
            let place = self.next;
            self.next += 1;
            if self.others >> (place - 1) & 1 != 0 {
                return Some(self.first.wrapping_add(u16::from(place)));
            }
        }
    }
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

/// Formats of feedback.
const NACK: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA: u8 = 4;
const APPLICATION: u8 = 15;

const BLOCK_BYTES: usize = 24;

/// Reads what the other end says; what else is in the packet is passed over, and from something
/// malformed on nothing is read.
pub fn read<'a>(packet: &'a [u8], mut tell: impl FnMut(Said<'a>)) {
    let mut rest = packet;
    while let Some((kind, count, body, after)) = first_of(rest) {
        rest = after;
        match (kind, count) {
            (SENDER_REPORT, count) => read_sender_report(body, count, &mut tell),
            (RECEIVER_REPORT, count) => read_blocks(body.get(4..), count, &mut tell),
            (BYE, count) => {
                let sources = body.chunks_exact(4).take(usize::from(count));
                sources
                    .filter_map(word)
                    .for_each(|ssrc| tell(Said::Bye { ssrc }));
            }
            (TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK, format) => {
                read_feedback(kind, format, body, &mut tell);
            }
            _ => {}
        }
    }
}

/// The first packet of a compound: its type, its count or format, what follows its first four
/// bytes, and the packets after it.
fn first_of(packet: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let (head, rest) = packet.split_first_chunk::<4>()?;
    if head[0] >> 6 != 2 {
        return None;
    }
    let bytes = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (body, after) = rest.split_at_checked(bytes)?;
    // Padding, of which the last byte says how long it is, is none of it.
    let padded = head[0] & 0x20 != 0;
    let body = match (padded, body.last()) {
        (true, Some(&padding)) => &body[..body.len().checked_sub(usize::from(padding))?],
        _ => body,
    };
    Some((head[1], head[0] & 0x1f, body, after))
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|word| u32::from_be_bytes(*word))
}

fn read_sender_report<'a>(body: &'a [u8], count: u8, tell: &mut impl FnMut(Said<'a>)) {
    let Some(head) = body.first_chunk::<24>() else {
        return;
    };
    let [ssrc, seconds, fraction, timestamp, packets, bytes] =
        [0, 4, 8, 12, 16, 20].map(|at| word(&head[at..]).unwrap_or(0));
    tell(Said::Sending(Sending {
        ssrc,
        ntp: u64::from(seconds) << 32 | u64::from(fraction),
        timestamp,
        packets,
        bytes,
    }));
    read_blocks(body.get(24..), count, tell);
}

fn read_blocks<'a>(blocks: Option<&'a [u8]>, count: u8, tell: &mut impl FnMut(Said<'a>)) {
    let blocks = blocks.unwrap_or_default().chunks_exact(BLOCK_BYTES);
    for block in blocks.take(usize::from(count)) {
        let at = |at: usize| word(&block[at..]).unwrap_or(0);
        tell(Said::Heard(Heard {
            ssrc: at(0),
            fraction_lost: block[4],
            last_report: at(16),
            delay: at(20),
        }));
    }
}

fn read_feedback<'a>(kind: u8, format: u8, body: &'a [u8], tell: &mut impl FnMut(Said<'a>)) {
    let (Some(ssrc), Some(entries)) = (body.get(4..).and_then(word), body.get(8..)) else {
        return;
    };
    match (kind, format) {
        (TRANSPORT_FEEDBACK, NACK) => tell(Said::Missing {
            ssrc,
            packets: Missing::new(entries),
        }),
        (TRANSPORT_FEEDBACK, TRANSPORT_WIDE) => tell(Said::Arrivals(entries)),
        (PAYLOAD_FEEDBACK, PICTURE_LOSS) => tell(Said::PictureLost { ssrc }),
        (PAYLOAD_FEEDBACK, FULL_INTRA) => {
            let named = entries.chunks_exact(8).filter_map(word);
            named.for_each(|ssrc| tell(Said::PictureLost { ssrc }));
        }
        (PAYLOAD_FEEDBACK, APPLICATION) => {
            if let [b'R', b'E', b'M', b'B', _, exponent, high, low, ..] = *entries {
                // Six bits of exponent and 18 of mantissa.
                let mantissa = u32::from_be_bytes([0, exponent & 0x03, high, low]);
                let bps = u64::from(mantissa).checked_shl(u32::from(exponent >> 2));
                let bps = bps.unwrap_or(u64::MAX);
                tell(Said::AtMost { bps });
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtcp_types::{Bye, Fir, Packet};

    use super::*;

    fn parsed(bytes: &[u8]) -> Packet<'_> {
        let mut packets = Compound::parse(bytes).expect("RTCP");
        packets.next().expect("a packet").expect("well formed")
    }

    #[test]
    fn a_receiver_report_says_what_was_received() {
        let stream = Reception {
            ssrc: 5,
            fraction_lost: 12,
            lost: u32::MAX,
            newest: 70_000,
            jitter: 3,
            last_report: 0xaabb_ccdd,
            delay: 65_536,
        };
        let bytes = receiver_report(9, &[stream]);
        let Packet::Rr(report) = parsed(&bytes) else {
            panic!("a receiver report");
        };
        assert_eq!(report.ssrc(), 9);
        let block = report.report_blocks().next().expect("a block");
        assert_eq!((block.ssrc(), block.fraction_lost()), (5, 12));
        assert_eq!(block.cumulative_lost(), MAX_LOST);
        assert_eq!(block.extended_sequence_number(), 70_000);
        let many = [stream; 40];
        let bytes = receiver_report(9, &many);
        let Packet::Rr(report) = parsed(&bytes) else {
            panic!("a receiver report");
        };
        assert_eq!(usize::from(report.n_reports()), MAX_REPORTED);
    }

    #[test]
    fn what_is_missing_is_asked_for_also_over_a_rollover() {
        let missing = [65_535, 0, 40];
        let bytes = nack(1, 2, missing.into_iter());
        let Packet::TransportFeedback(feedback) = parsed(&bytes) else {
            panic!("feedback");
        };
        assert_eq!((feedback.sender_ssrc(), feedback.media_ssrc()), (1, 2));
        let nack = feedback.parse_fci::<Nack>().expect("a NACK");
        let mut asked: Vec<u16> = nack.entries().collect();
        asked.sort_unstable();
        assert_eq!(asked, [0, 40, 65_535]);
    }

    #[test]
    fn a_keyframe_is_asked_for() {
        let bytes = picture_loss(1, 2);
        let Packet::PayloadFeedback(feedback) = parsed(&bytes) else {
            panic!("feedback");
        };
        assert!(feedback.parse_fci::<Pli>().is_ok());
        assert_eq!(feedback.media_ssrc(), 2);
    }

    #[test]
    fn arrivals_are_told_as_far_as_a_datagram_goes() {
        let came = |delta| Arrival::Received { delta };
        let arrivals = [came(4), Arrival::NotReceived, came(-8), came(400)];
        let (bytes, told) = transport_wide((1, 2), (65_534, 7, 3), &arrivals);
        assert_eq!(told, arrivals.len());
        let Packet::TransportFeedback(feedback) = parsed(&bytes) else {
            panic!("feedback");
        };
        let twcc = feedback.parse_fci::<Twcc>().expect("feedback");
        assert_eq!(twcc.base_sequence_number(), 65_534);
        assert_eq!(
            (twcc.reference_time(), twcc.feedback_packet_count()),
            (7, 3)
        );
        let many = [came(1_000); 2_000];
        let (bytes, told) = transport_wide((1, 2), (0, 0, 0), &many);
        assert!(told > 0 && told < many.len(), "{told}");
        assert!(bytes.len() <= MAX_FEEDBACK_BYTES + 12, "{}", bytes.len());
    }

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut said = Vec::new();
        read(bytes, |one| {
            said.push(match one {
                Said::Missing { ssrc, packets } => {
                    format!("{ssrc} misses {:?}", packets.collect::<Vec<_>>())
                }
                other => format!("{other:?}"),
            });
        });
        said
    }

    #[test]
    fn what_we_say_is_read_as_it_was_said() {
        let sending = |ssrc| Sending {
            ssrc,
            ntp: 0x1122_3344_5566_7788,
            timestamp: 9,
            packets: 10,
            bytes: 11,
        };
        let two = [sending(7), sending(8)];
        let said = two.map(|sending| format!("{:?}", Said::Sending(sending)));
        assert_eq!(all(&sender_reports(&two, "node")), said);
        let many = [sending(1); 40];
        let bytes = sender_reports(&many, "0123456789abcdef");
        assert_eq!(all(&bytes).len(), MAX_SENDINGS);
        assert!(bytes.len() < 1_200, "{}", bytes.len());
        let block = Reception {
            ssrc: 5,
            fraction_lost: 12,
            last_report: 0xaabb_ccdd,
            delay: 65_536,
            ..Reception::default()
        };
        let heard = Heard {
            ssrc: 5,
            fraction_lost: 12,
            last_report: 0xaabb_ccdd,
            delay: 65_536,
        };
        let heard = format!("{:?}", Said::Heard(heard));
        assert_eq!(all(&receiver_report(9, &[block])), [heard]);
        let missing = nack(1, 2, [65_535, 0, 16, 40].into_iter());
        assert_eq!(all(&missing), ["2 misses [0, 16, 40, 65535]"]);
        assert_eq!(all(&picture_loss(1, 2)), ["PictureLost { ssrc: 2 }"]);
        let bye = [0x81, 203, 0, 1, 0, 0, 0, 8];
        assert_eq!(all(&bye), ["Bye { ssrc: 8 }"]);
    }

    #[test]
    fn what_strangers_say_is_read() {
        let fir = Fir::builder().add_ssrc(3, 1).add_ssrc(4, 1);
        let fir = PayloadFeedback::builder(&fir).sender_ssrc(1).media_ssrc(0);
        let lost = ["PictureLost { ssrc: 3 }", "PictureLost { ssrc: 4 }"];
        let mut read = all(&written(&fir));
        read.sort_unstable();
        assert_eq!(read, lost);
        let remb = [
            0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x0b, 0x00, 0x05,
            0, 0, 0, 7,
        ];
        assert_eq!(all(&remb), ["AtMost { bps: 786452 }"]);
        let compound = Compound::builder()
            .add_packet(SenderReport::builder(7))
            .add_packet(Bye::builder().add_source(8));
        assert_eq!(all(&written(&compound)).len(), 2);
        let padded = [0xa1, 203, 0, 2, 0, 0, 0, 8, 0, 0, 0, 4];
        assert_eq!(all(&padded), ["Bye { ssrc: 8 }"]);
        let feedback = [0x8f, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
        assert_eq!(all(&feedback), ["Arrivals([1, 2, 3, 4])"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(packet in prop::collection::vec(any::<u8>(), 0..120), kind in 199u8..208) {
            let mut packet = packet;
            if packet.len() >= 4 {
                packet[0] = 0x80 | (packet[0] & 0x3f);
                packet[1] = kind;
                let words = (packet.len() / 4 - 1) as u16;
                packet[2..4].copy_from_slice(&words.to_be_bytes());
                packet.truncate(4 * (usize::from(words) + 1));
            }
            read(&packet, |said| {
                if let Said::Missing { packets, .. } = said {
                    packets.count();
                }
            });
        }
    }
}
