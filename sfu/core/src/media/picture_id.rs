//! Numbers of pictures as the descriptors of VP8 (RFC 7741, section 4.2) and VP9 (RFC 9628,
//! section 4.2) write them: 7 bits in an octet, or 15 in two of which the first has its high bit
//! set.

const LONG: u8 = 0x80;

/// Numbers of pictures of 15 bits.
pub(super) const LONG_MASK: u16 = 0x7fff;
/// Numbers of pictures of 7 bits.
const SHORT_MASK: u16 = 0x7f;

/// A picture's number in one of its two lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureId {
    Short(u8),
    Long(u16),
}

impl PictureId {
    /// Reads the number that bytes begin with.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let high = *bytes.first()?;
        match high & LONG {
            0 => Some(PictureId::Short(high)),
            _ => Some(PictureId::Long(u16::from_be_bytes([
                high & !LONG,
                *bytes.get(1)?,
            ]))),
        }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            PictureId::Short(_) => 1,
            PictureId::Long(_) => 2,
        }
    }

    pub(crate) fn number(self) -> u16 {
        match self {
            PictureId::Short(id) => id.into(),
            PictureId::Long(id) => id,
        }
    }

    /// The numbers that there are, as a mask.
    pub(crate) fn mask(self) -> u16 {
        match self {
            PictureId::Short(_) => SHORT_MASK,
            PictureId::Long(_) => LONG_MASK,
        }
    }

    /// Writes another number over this one: one of 7 bits takes the low ones.
    pub(super) fn write(self, bytes: &mut [u8], number: u16) {
        match (self, bytes) {
            (PictureId::Short(_), [id, ..]) => *id = number as u8 & !LONG,
            (PictureId::Long(_), [high, low, ..]) => {
                [*high, *low] = number.to_be_bytes();
                *high |= LONG;
            }
            _ => {}
        }
    }
}
