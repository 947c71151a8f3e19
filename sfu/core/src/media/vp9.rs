//! The VP9 payload descriptor (RFC 9628, section 4.2): which layer of which picture a packet
//! belongs to, what that needs, and where its numbers stand.

use super::picture_id::PictureId;
use super::rewrite::PictureNumbers;

const HAS_PICTURE_ID: u8 = 0x80;
const PREDICTED: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGINS: u8 = 0x08;
const ENDS: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
const UNUSED_ABOVE: u8 = 0x01;

const UP_SWITCH: u8 = 0x10;
const USES_BELOW: u8 = 0x01;
const MORE_REFERENCES: u8 = 0x01;
/// References of a picture in flexible mode.
const MAX_REFERENCES: usize = 3;

const HAS_RESOLUTIONS: u8 = 0x10;

/// Spatial layers that a structure can tell of.
pub(super) const MAX_SPATIAL_LAYERS: usize = 8;

/// Where the picture id stands.
const PICTURE_ID_AT: usize = 1;

/// A descriptor that was read. A "frame" is one spatial layer of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// B: a frame begins with this packet.
    pub(crate) begins: bool,
    /// E: a frame ends with this packet.
    pub(crate) ends: bool,
    /// P: the frame needs pictures before its own.
    pub(crate) predicted: bool,
    /// Z: no spatial layer above, of the same picture, needs the frame.
    pub(crate) unused_above: bool,
    /// D: the frame needs the spatial layer below, of the same picture.
    pub(crate) uses_below: bool,
    /// U: pictures of higher temporal layers that follow need none of such before this one.
    pub(crate) up_switch: bool,
    pub(crate) spatial_id: u8,
    pub(crate) temporal_id: u8,
    /// Heights of the spatial layers from the lowest on, 0 where none is told.
    pub(crate) heights: [u16; MAX_SPATIAL_LAYERS],
    picture_id: Option<PictureId>,
    /// Where it stands, and what it is.
    tl0_pic_idx: Option<(u8, u8)>,
}

impl Descriptor {
    /// Reads the descriptor that a payload begins with. None when the payload ends before it.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let flags = *payload.first()?;
        let has = |flag| flags & flag != 0;
        let mut descriptor = Descriptor {
            begins: has(BEGINS),
            ends: has(ENDS),
            predicted: has(PREDICTED),
            unused_above: has(UNUSED_ABOVE),
            ..Descriptor::default()
        };
        let mut at = PICTURE_ID_AT;
        if has(HAS_PICTURE_ID) {
            let id = PictureId::read(payload.get(at..)?)?;
            descriptor.picture_id = Some(id);
            at += id.bytes();
        }
        if has(HAS_LAYER) {
            descriptor.read_layer(*payload.get(at)?);
            at += 1;
            if !has(FLEXIBLE) {
                descriptor.tl0_pic_idx = Some((at as u8, *payload.get(at)?));
                at += 1;
            }
        }
        if has(FLEXIBLE) && has(PREDICTED) {
            at += references_bytes(payload.get(at..)?)?;
        }
        if has(HAS_STRUCTURE) {
            descriptor.heights = heights(payload.get(at..)?)?;
        }
        Some(descriptor)
    }

    fn read_layer(&mut self, octet: u8) {
        self.temporal_id = octet >> 5;
        self.up_switch = octet & UP_SWITCH != 0;
        self.spatial_id = octet >> 1 & 0x07;
        self.uses_below = octet & USES_BELOW != 0;
    }

    /// Whether a frame begins here that needs no other.
    pub(crate) fn is_entry_point(&self) -> bool {
        self.begins && !self.predicted && !self.uses_below
    }

    /// What it numbers.
    pub(crate) fn numbers(&self) -> PictureNumbers {
        PictureNumbers {
            picture_id: self.picture_id,
            tl0_pic_idx: self.tl0_pic_idx.map(|(_, index)| index),
            key_idx: None,
        }
    }

    /// Writes other numbers over those of a payload that this is the descriptor of; what the
    /// descriptor does not carry is not written.
    pub(crate) fn write(&self, payload: &mut [u8], numbers: PictureNumbers) {
        let place = payload.get_mut(PICTURE_ID_AT..);
        if let (Some(id), Some(number), Some(place)) = (self.picture_id, numbers.picture_id, place)
        {
            id.write(place, number.number());
        }
        if let (Some((at, _)), Some(index)) = (self.tl0_pic_idx, numbers.tl0_pic_idx)
            && let Some(place) = payload.get_mut(usize::from(at))
        {
            *place = index;
        }
    }
}

/// How long the references of flexible mode are.
fn references_bytes(rest: &[u8]) -> Option<usize> {
    let last = rest
        .iter()
        .take(MAX_REFERENCES)
        .position(|octet| octet & MORE_REFERENCES == 0)?;
    Some(last + 1)
}

/// The heights in a scalability structure.
fn heights(structure: &[u8]) -> Option<[u16; MAX_SPATIAL_LAYERS]> {
    let mut heights = [0; MAX_SPATIAL_LAYERS];
    let (first, rest) = structure.split_first()?;
    if first & HAS_RESOLUTIONS != 0 {
        let layers = usize::from(first >> 5) + 1;
        let resolutions = rest.get(..4 * layers)?;
        for (height, resolution) in heights.iter_mut().zip(resolutions.chunks_exact(4)) {
            *height = u16::from_be_bytes([resolution[2], resolution[3]]);
        }
    }
    Some(heights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(payload: &[u8]) -> Descriptor {
        Descriptor::parse(payload).unwrap_or_else(|| panic!("a descriptor: {payload:x?}"))
    }

    /// The first packet of a key picture of three spatial layers, without flexible mode.
    const KEY: [u8; 18] = [
        HAS_PICTURE_ID | HAS_LAYER | BEGINS | HAS_STRUCTURE,
        0x81,
        0x02,
        0x10,
        0x2a,
        2 << 5 | HAS_RESOLUTIONS,
        1,
        0x40,
        0,
        180,
        2,
        0x80,
        1,
        0x68,
        5,
        0,
        2,
        0xd0,
    ];

    #[test]
    fn a_key_picture_says_how_high_its_layers_are() {
        let read = parsed(&KEY);
        assert!(read.is_entry_point() && read.begins && !read.ends && read.up_switch);
        let numbers = read.numbers();
        assert_eq!(numbers.picture_id, Some(PictureId::Long(0x0102)));
        assert_eq!(numbers.tl0_pic_idx, Some(0x2a));
        assert_eq!(read.heights[..4], [180, 360, 720, 0]);
        for short in 0..KEY.len() {
            assert_eq!(Descriptor::parse(&KEY[..short]), None, "{short}");
        }
    }

    #[test]
    fn layers_and_what_they_need_are_read() {
        // Temporal layer 2, spatial layer 1 that uses the one below.
        let above = parsed(&[HAS_PICTURE_ID | PREDICTED | HAS_LAYER | ENDS, 5, 0x43, 9]);
        assert_eq!((above.spatial_id, above.temporal_id), (1, 2));
        assert!(above.uses_below && above.predicted && above.ends && !above.up_switch);
        assert_eq!(above.numbers().picture_id, Some(PictureId::Short(5)));
        // An upper layer of a key picture is no place to begin.
        assert!(!parsed(&[HAS_LAYER | BEGINS, 0x03, 0]).is_entry_point());
        assert!(parsed(&[HAS_LAYER | BEGINS, 0x00, 0]).is_entry_point());
        assert!(!parsed(&[BEGINS | PREDICTED]).is_entry_point());
        assert!(!parsed(&[0]).is_entry_point());
        assert!(parsed(&[BEGINS | UNUSED_ABOVE]).unused_above);
    }

    #[test]
    fn flexible_mode_has_references_and_no_index_of_the_lowest_temporal_layer() {
        let flags = HAS_PICTURE_ID | PREDICTED | HAS_LAYER | FLEXIBLE | HAS_STRUCTURE;
        let two = [flags, 7, 0x20, 0x03, 0x04, HAS_RESOLUTIONS, 0, 9, 0, 8];
        let read = parsed(&two);
        assert_eq!((read.temporal_id, read.numbers().tl0_pic_idx), (1, None));
        assert_eq!(read.heights[0], 8);
        let endless = [flags, 7, 0x20, 0x03, 0x03, 0x03, 0x03];
        assert_eq!(Descriptor::parse(&endless), None, "at most three");
    }

    #[test]
    fn other_numbers_take_the_place_of_those_that_are_there() {
        let numbers = PictureNumbers {
            picture_id: Some(PictureId::Long(0x7ffe)),
            tl0_pic_idx: Some(0x55),
            key_idx: Some(3),
        };
        let mut long = KEY;
        parsed(&KEY).write(&mut long, numbers);
        assert_eq!(long[1..5], [0xff, 0xfe, 0x10, 0x55]);
        assert_eq!(long[5..], KEY[5..]);
        let mut short = [HAS_PICTURE_ID | HAS_LAYER, 5, 0x00, 9];
        parsed(&short).write(&mut short, numbers);
        assert_eq!(short, [HAS_PICTURE_ID | HAS_LAYER, 0x7e, 0x00, 0x55]);
        let mut none = [BEGINS];
        parsed(&[BEGINS]).write(&mut none, numbers);
        assert_eq!(none, [BEGINS]);
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_refused(
            payload in prop::collection::vec(any::<u8>(), 0..60),
            picture_id in 0..0x8000u16,
            tl0_pic_idx: u8,
        ) {
            let Some(read) = Descriptor::parse(&payload) else {
                return Ok(());
            };
            let numbers = PictureNumbers {
                picture_id: Some(PictureId::Long(picture_id)),
                tl0_pic_idx: Some(tl0_pic_idx),
                key_idx: None,
            };
            let mut written = payload.clone();
            read.write(&mut written, numbers);
            let again = parsed(&written);
            if let Some(id) = again.numbers().picture_id {
                prop_assert_eq!(id.number(), picture_id & id.mask());
            }
            let index = again.numbers().tl0_pic_idx;
            prop_assert!(index.is_none_or(|index| index == tl0_pic_idx));
            again.write(&mut written, read.numbers());
            prop_assert_eq!(written, payload, "and back again");
        }
    }
}
