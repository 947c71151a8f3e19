//! What a receiver of media says and hears: reports (RFC 3550, section 6.4), negative
//! acknowledgements and picture losses (RFC 4585, sections 6.2.1 and 6.3.1), transport-wide
//! feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).

pub use rtcp_types::TwccPacketStatus as Arrival;
use rtcp_types::prelude::*;
use rtcp_types::{
    Compound, Nack, Packet, PayloadFeedback, Pli, ReceiverReport, ReportBlock, TransportFeedback,
    Twcc,
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

/// What a sender says of its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A sender report: the middle of its time (RFC 3550, section 6.4.1).
    Report {
        /// Of which stream.
        ssrc: u32,
        /// The middle 32 bits of the time.
        time: u32,
    },
    /// The stream ends.
    Bye {
        /// Which.
        ssrc: u32,
    },
}

/// Reads what a sender says; what else is in the packet, and what is malformed, is passed over.
pub fn read(packet: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    let Ok(packets) = Compound::parse(packet) else {
        return said;
    };
    for packet in packets.map_while(Result::ok) {
        match packet {
            Packet::Sr(report) => said.push(Said::Report {
                ssrc: report.ssrc(),
                time: (report.ntp_timestamp() >> 16) as u32,
            }),
            Packet::Bye(bye) => said.extend(bye.ssrcs().map(|ssrc| Said::Bye { ssrc })),
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtcp_types::{Bye, SenderReport};

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

    #[test]
    fn a_sender_is_heard() {
        let report = SenderReport::builder(7).ntp_timestamp(0x1122_3344_5566_7788);
        let compound = Compound::builder()
            .add_packet(report)
            .add_packet(Bye::builder().add_source(8));
        let mut bytes = vec![0; compound.calculate_size().expect("a size")];
        compound.write_into(&mut bytes).expect("written");
        let report = Said::Report {
            ssrc: 7,
            time: 0x3344_5566,
        };
        assert_eq!(read(&bytes), [report, Said::Bye { ssrc: 8 }]);
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
            read(&packet);
        }
    }
}
