//! The VP8 payload descriptor (RFC 7741, section 4.2): what it says of a packet, and where its
//! numbers stand, so that they can be changed in a copy that goes out.

use super::picture_id::PictureId;
use super::rewrite::PictureNumbers;

const EXTENDED: u8 = 0x80;
const BEGINS_PARTITION: u8 = 0x10;
const PARTITION: u8 = 0x07;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0_PIC_IDX: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEY_IDX: u8 = 0x10;
const LAYER_SYNC: u8 = 0x20;
const KEY_IDX: u8 = 0x1f;

/// Where the numbers of an extended descriptor begin.
const NUMBERS_AT: usize = 2;

/// A descriptor that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptor {
    bytes: u8,
    begins_frame: bool,
    picture_id: Option<PictureId>,
    tl0_pic_idx: Option<u8>,
    /// The octet that TID, Y and KEYIDX share, where one of them is present.
    shared: Option<u8>,
    has_tid: bool,
    has_key_idx: bool,
}

impl Descriptor {
    /// Reads the descriptor that a payload begins with. None when the payload ends before it.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut descriptor = Descriptor {
            bytes: 1,
            begins_frame: first & BEGINS_PARTITION != 0 && first & PARTITION == 0,
            picture_id: None,
            tl0_pic_idx: None,
            shared: None,
            has_tid: false,
            has_key_idx: false,
        };
        if first & EXTENDED == 0 {
            return Some(descriptor);
        }
        let has = *payload.get(1)?;
        let mut at = NUMBERS_AT;
        if has & HAS_PICTURE_ID != 0 {
            let id = PictureId::read(payload.get(at..)?)?;
            descriptor.picture_id = Some(id);
            at += id.bytes();
        }
        if has & HAS_TL0_PIC_IDX != 0 {
            descriptor.tl0_pic_idx = Some(*payload.get(at)?);
            at += 1;
        }
        if has & (HAS_TID | HAS_KEY_IDX) != 0 {
            descriptor.shared = Some(*payload.get(at)?);
            at += 1;
        }
        descriptor.has_tid = has & HAS_TID != 0;
        descriptor.has_key_idx = has & HAS_KEY_IDX != 0;
        descriptor.bytes = at as u8;
        Some(descriptor)
    }

    /// What it numbers.
    pub(crate) fn numbers(&self) -> PictureNumbers {
        PictureNumbers {
            picture_id: self.picture_id,
            tl0_pic_idx: self.tl0_pic_idx,
            key_idx: self
                .shared
                .filter(|_| self.has_key_idx)
                .map(|octet| octet & KEY_IDX),
        }
    }

    /// The temporal layer; 0 when it is not said.
    pub(crate) fn temporal_id(&self) -> u8 {
        self.shared
            .filter(|_| self.has_tid)
            .map_or(0, |octet| octet >> 6)
    }

    /// Y: whether the frame needs nothing but frames of temporal layer 0.
    pub(crate) fn is_layer_sync(&self) -> bool {
        self.has_tid && self.shared.is_some_and(|octet| octet & LAYER_SYNC != 0)
    }

    /// How long the descriptor is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.into()
    }

    /// Whether a keyframe begins with the packet whose payload this is the descriptor of (RFC
    /// 6386, section 9.1).
    pub(crate) fn starts_keyframe(&self, payload: &[u8]) -> bool {
        let frame = payload.get(self.bytes());
        self.begins_frame && frame.is_some_and(|tag| tag & 1 == 0)
    }

    /// Writes other numbers over those of a payload that this is the descriptor of. A picture id
    /// of 7 bits takes the low ones; what the descriptor does not carry is not written.
    pub(crate) fn write(&self, payload: &mut [u8], numbers: PictureNumbers) {
        let Some(payload) = payload.get_mut(..self.bytes()) else {
            return;
        };
        if let (Some(id), Some(number)) = (self.picture_id, numbers.picture_id) {
            id.write(&mut payload[NUMBERS_AT..], number.number());
        }
        if let (Some(_), Some(index)) = (self.tl0_pic_idx, numbers.tl0_pic_idx) {
            payload[self.tl0_at()] = index;
        }
        if let (true, Some(octet), Some(index)) = (self.has_key_idx, self.shared, numbers.key_idx) {
            payload[self.shared_at()] = octet & !KEY_IDX | index & KEY_IDX;
        }
    }

    fn tl0_at(&self) -> usize {
        NUMBERS_AT + self.picture_id.map_or(0, PictureId::bytes)
    }

    fn shared_at(&self) -> usize {
        self.tl0_at() + usize::from(self.tl0_pic_idx.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVERYTHING: PictureNumbers = PictureNumbers {
        picture_id: Some(PictureId::Long(0x1234)),
        tl0_pic_idx: Some(0x56),
        key_idx: Some(0x1e),
    };

    fn numbers_of(payload: &[u8]) -> PictureNumbers {
        Descriptor::parse(payload).expect("a descriptor").numbers()
    }

    /// A descriptor with the fields that the second octet names, and one octet of a frame.
    fn with(has: u8, long: bool) -> Vec<u8> {
        let mut payload = vec![EXTENDED | BEGINS_PARTITION, has];
        if has & HAS_PICTURE_ID != 0 {
            payload.extend_from_slice(if long { &[0x81, 2] } else { &[3] });
        }
        if has & HAS_TL0_PIC_IDX != 0 {
            payload.push(4);
        }
        if has & (HAS_TID | HAS_KEY_IDX) != 0 {
            payload.push(0xa5);
        }
        payload.push(0);
        payload
    }

    #[test]
    fn every_form_of_a_descriptor_is_read_and_as_long_as_it_is() {
        for has in (0..16).map(|bits| bits << 4) {
            for long in [false, true] {
                let payload = with(has, long);
                let read = Descriptor::parse(&payload).expect("a descriptor");
                assert_eq!(read.bytes() + 1, payload.len(), "{payload:x?}");
                let said = |bit: u8| has & bit != 0;
                let id = match long {
                    true => PictureId::Long(0x102),
                    false => PictureId::Short(3),
                };
                let expected = PictureNumbers {
                    picture_id: said(HAS_PICTURE_ID).then_some(id),
                    tl0_pic_idx: said(HAS_TL0_PIC_IDX).then_some(4),
                    key_idx: said(HAS_KEY_IDX).then_some(5),
                };
                assert_eq!(read.numbers(), expected);
                assert_eq!(read.temporal_id(), if said(HAS_TID) { 2 } else { 0 });
                assert_eq!(read.is_layer_sync(), said(HAS_TID));
                assert!(read.starts_keyframe(&payload));
                for short in 0..read.bytes() {
                    assert_eq!(Descriptor::parse(&payload[..short]), None);
                }
            }
        }
        let plain = Descriptor::parse(&[0x10, 0x00]).expect("a descriptor");
        assert_eq!(
            (plain.bytes(), plain.numbers()),
            (1, PictureNumbers::default())
        );
    }

    #[test]
    fn a_keyframe_starts_in_the_first_packet_of_its_first_partition() {
        let cases: [(&[u8], bool); 6] = [
            (&[0x10, 0x00], true),
            (&[0x10, 0x01], false),
            (&[0x00, 0x00], false),
            (&[0x11, 0x00], false),
            (&[0x10], false),
            (&[0x90, 0x80, 0x05, 0x00], true),
        ];
        for (payload, expected) in cases {
            let read = Descriptor::parse(payload).expect("a descriptor");
            assert_eq!(read.starts_keyframe(payload), expected, "{payload:x?}");
        }
    }

    #[test]
    fn other_numbers_take_the_place_of_those_that_are_there() {
        let mut long = with(0xf0, true);
        let read = Descriptor::parse(&long).expect("a descriptor");
        read.write(&mut long, EVERYTHING);
        assert_eq!(long, [0x90, 0xf0, 0x92, 0x34, 0x56, 0xbe, 0]);

        let mut short = with(0x90, false);
        let read = Descriptor::parse(&short).expect("a descriptor");
        read.write(&mut short, EVERYTHING);
        assert_eq!(short, [0x90, 0x90, 0x34, 0xbe, 0], "low bits, no index");

        let before = with(0xf0, true);
        let mut after = before.clone();
        let read = Descriptor::parse(&before).expect("a descriptor");
        read.write(&mut after, PictureNumbers::default());
        read.write(&mut after[..3], EVERYTHING);
        assert_eq!(before, after, "none to write, and no room to write");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else_changes(
            payload in prop::collection::vec(any::<u8>(), 0..16),
            picture_id in 0..0x8000u16,
            tl0_pic_idx: u8,
            key_idx in 0..32u8,
        ) {
            let Some(read) = Descriptor::parse(&payload) else {
                return Ok(());
            };
            prop_assert!(read.bytes() <= payload.len());
            let numbers = PictureNumbers {
                picture_id: Some(PictureId::Long(picture_id)),
                tl0_pic_idx: Some(tl0_pic_idx),
                key_idx: Some(key_idx),
            };
            let mut written = payload.clone();
            read.write(&mut written, numbers);
            let got = numbers_of(&written);
            let kept = |id: PictureId| id.number() == picture_id & id.mask();
            prop_assert!(got.picture_id.is_none_or(kept));
            prop_assert!(got.tl0_pic_idx.is_none_or(|index| index == tl0_pic_idx));
            prop_assert!(got.key_idx.is_none_or(|index| index == key_idx));
            read.write(&mut written, numbers_of(&payload));
            prop_assert_eq!(written, payload, "and back again");
        }
    }
}
