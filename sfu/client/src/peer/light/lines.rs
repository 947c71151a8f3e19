//! What was agreed on, as far as receiving needs it: plain numbers instead of descriptions.

use sfu_protocol::media::Codec;
use str0m::Rtc;
use str0m::media::Mid;
use str0m::rtp::Extension;

use super::super::transport::known;

/// What a payload type means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// None: a codec that is not looked into.
    pub(super) codec: Option<Codec>,
    pub(super) clock_hz: u32,
    /// Whether it is a retransmission (RFC 4588).
    pub(super) is_repair: bool,
    /// Whether what is missing is sent again.
    pub(super) is_repaired: bool,
}

/// What was agreed on.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// One for each slot, in the order of the slots.
    pub(super) mids: Vec<Mid>,
    /// Streams that the other end named: the SSRC and the place of its slot.
    pub(super) named: Vec<(u32, usize)>,
    formats: Vec<(u8, Format)>,
    mid_extension: Option<u8>,
    level_extension: Option<u8>,
    number_extension: Option<u8>,
    /// Whether arrivals are told to the sender.
    pub(super) tells_arrivals: bool,
}

impl Lines {
    /// Reads what an `Rtc` knows of the slots after offer and answer.
    pub(crate) fn read(rtc: &mut Rtc, slots: impl Iterator<Item = Mid>) -> Lines {
        let mut lines = Lines {
            mids: slots.collect(),
            ..Lines::default()
        };
        for (place, &mid) in lines.mids.iter().enumerate() {
            if let Some(media) = rtc.media(mid) {
                let extensions = media.remote_extmap();
                let id = |extension| extensions.id_of(extension);
                lines.mid_extension = lines.mid_extension.or(id(Extension::RtpMid));
                lines.level_extension = lines.level_extension.or(id(Extension::AudioLevel));
                let number = id(Extension::TransportSequenceNumber);
                lines.number_extension = lines.number_extension.or(number);
            }
            if let Some(stream) = rtc.direct_api().stream_rx_by_mid(mid, None) {
                lines.named.push((*stream.ssrc(), place));
                lines
                    .named
                    .extend(stream.rtx().map(|repair| (*repair, place)));
            }
        }
        for params in rtc.codec_config().iter() {
            let format = Format {
                codec: known(params.spec().codec),
                clock_hz: params.spec().clock_rate.get(),
                is_repair: false,
                is_repaired: params.resend().is_some(),
            };
            lines.formats.push((*params.pt(), format));
            if let Some(repair) = params.resend() {
                let format = Format {
                    is_repair: true,
                    ..format
                };
                lines.formats.push((*repair, format));
            }
            lines.tells_arrivals |= params.fb_transport_cc();
        }
        lines.tells_arrivals &= lines.number_extension.is_some();
        lines
    }

    /// What a payload type means; none when it was not agreed on.
    pub(super) fn format(&self, payload_type: u8) -> Option<Format> {
        let mut formats = self.formats.iter();
        formats
            .find(|(known, _)| *known == payload_type)
            .map(|(_, format)| *format)
    }

    /// Reads the extensions of a packet that were agreed on.
    pub(super) fn read_marks<'a>(
        &self,
        extensions: impl Iterator<Item = (u8, &'a [u8])>,
    ) -> Marks<'a> {
        let mut marks = Marks::default();
        for (id, value) in extensions {
            let id = Some(id);
            if id == self.number_extension {
                marks.number = value
                    .first_chunk()
                    .map(|number| u16::from_be_bytes(*number));
            } else if id == self.level_extension {
                // RFC 6464: a voice bit, and how far below the loudest.
                marks.level_dbov = value.first().map(|level| -((level & 0x7f) as i8));
            } else if id == self.mid_extension {
                marks.mid = Some(value);
            }
        }
        marks
    }

    /// The place of the slot that a packet names.
    pub(super) fn place_of(&self, mid: &[u8]) -> Option<usize> {
        self.mids.iter().position(|known| known.as_bytes() == mid)
    }
}

/// What the extensions of a packet say.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Marks<'a> {
    pub(super) mid: Option<&'a [u8]>,
    pub(super) number: Option<u16>,
    pub(super) level_dbov: Option<i8>,
}
