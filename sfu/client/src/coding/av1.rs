//! AV1 in RTP with dependency descriptors (RTP payload format for AV1): one stream, built of
//! layers. A frame's bitstream is one unit, cut where it is long.

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use super::{Head, Payload};
use crate::media::EncodedFrame;
use crate::vp8::MAX_PAYLOAD_BYTES;

/// The aggregation header (section 4.4): a unit goes on from the packet before, or into the next;
/// one unit without its length; a coded sequence begins.
const GOES_ON: u8 = 0x80;
const CONTINUES: u8 = 0x40;
const ONE_UNIT: u8 = 0x10;
const NEW_SEQUENCE: u8 = 0x08;

/// What a descriptor begins and ends (A.8.2), and whether it brings a structure.
const BEGINS: u8 = 0x80;
const ENDS: u8 = 0x40;
const STRUCTURE: u8 = 0x80;

/// A descriptor with a structure may be so long that little room is left.
const MAX_PIECE_BYTES: usize = MAX_PAYLOAD_BYTES - 150;

/// A dependency descriptor as it is on the wire.
#[derive(Debug, Clone)]
pub(crate) struct DescriptorValue(pub(crate) Vec<u8>);

/// The extension that has it.
pub(crate) fn extension() -> Extension {
    Extension::with_serializer(sfu_rtp::dependency::URI, Verbatim)
}

#[derive(Debug)]
struct Verbatim;

impl ExtensionSerializer for Verbatim {
    fn write_to(&self, buffer: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(DescriptorValue(value)) = values.user_values.get() else {
            return 0;
        };
        let Some(room) = buffer.get_mut(..value.len()) else {
            return 0;
        };
        room.copy_from_slice(value);
        value.len()
    }

    fn parse_value(&self, value: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(DescriptorValue(value.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, values: &ExtensionValues) -> bool {
        let value = values.user_values.get::<DescriptorValue>();
        value.is_some_and(|value| value.0.len() > 16)
    }
}

pub(super) fn packetize(frame: &EncodedFrame) -> Vec<Payload> {
    let Some(place) = &frame.place else {
        return Vec::new();
    };
    let pieces: Vec<&[u8]> = frame.data.chunks(MAX_PIECE_BYTES).collect();
    let count = pieces.len();
    let mut payloads = Vec::with_capacity(count);
    for (index, piece) in pieces.into_iter().enumerate() {
        let (begins, ends) = (index == 0, index + 1 == count);
        let first = begins && frame.keyframe && place.frame.spatial_id == 0;
        let mut header = ONE_UNIT;
        for (set, flag) in [
            (!begins, GOES_ON),
            (!ends, CONTINUES),
            (first, NEW_SEQUENCE),
        ] {
            header |= if set { flag } else { 0 };
        }
        let of_frame = sfu_rtp::dependency::Frame {
            begins,
            ends,
            ..place.frame
        };
        payloads.push(Payload {
            bytes: [&[header], piece].concat(),
            descriptor: place.structure.write(&of_frame, first, None),
            marker: ends && place.is_last,
        });
    }
    payloads
}

pub(super) fn read(payload: &[u8], descriptor: Option<&[u8]>) -> Head {
    let flags = descriptor.and_then(|value| value.first().copied());
    let flags = flags.unwrap_or(0);
    let brings_structure = descriptor
        .and_then(|value| value.get(3))
        .is_some_and(|extended| extended & STRUCTURE != 0);
    Head {
        starts_keyframe: flags & BEGINS != 0 && brings_structure,
        ends_frame: flags & ENDS != 0,
        body: (!payload.is_empty()).then_some(1),
        ..Head::default()
    }
}
