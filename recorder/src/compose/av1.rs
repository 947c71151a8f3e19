//! What a container must know of an AV1 stream: its configuration record.
//!
//! AV1 bitstream specification, sections 5.3 (OBU header) and 5.5 (sequence header); AV1 in
//! ISOBMFF, section 2.3 (av1C); AV1 in Matroska, which uses the same record.

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;

/// The most OBUs of a temporal unit that are looked at. A real one has a few dozen tiles at most;
/// what comes after is kept as it is.
const MAX_OBUS: usize = 4_096;

/// One OBU: its type, the whole and its content.
struct Obu<'a> {
    kind: u8,
    whole: &'a [u8],
    content: &'a [u8],
}

/// The configuration record of the stream that begins with `unit`; None without a readable
/// sequence header.
pub(super) fn configuration(unit: &[u8]) -> Option<Vec<u8>> {
    let header = obus(unit).find(|obu| obu.kind == SEQUENCE_HEADER)?;
    let mut bits = Bits::new(header.content);
    let shape = Shape::read(&mut bits)?;
    let mut record = vec![
        0x81,
        shape.profile << 5 | shape.level,
        shape.tier << 7
            | u8::from(shape.depth > 8) << 6
            | u8::from(shape.depth > 10) << 5
            | u8::from(shape.monochrome) << 4
            | shape.subsampling,
        0,
    ];
    record.extend_from_slice(header.whole);
    Some(record)
}

/// `unit` without temporal delimiters, which a container leaves out.
pub(super) fn without_delimiters(unit: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(unit.len());
    let mut read = 0;
    for obu in obus(unit) {
        read += obu.whole.len();
        if obu.kind != TEMPORAL_DELIMITER {
            kept.extend_from_slice(obu.whole);
        }
    }
    kept.extend_from_slice(&unit[read..]);
    kept
}

/// The OBUs of a temporal unit up to the first that is broken or has no size.
fn obus(unit: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    let mut rest = unit;
    std::iter::from_fn(move || {
        let head = *rest.first()?;
        let extended = head & 0x04 != 0;
        let sized = head & 0x02 != 0;
        let start = 1 + usize::from(extended);
        let (length, from) = if sized {
            let (length, bytes) = leb128(rest.get(start..)?)?;
            (length, start + bytes)
        } else {
            (rest.len().checked_sub(start)?, start)
        };
        let end = from.checked_add(length)?;
        let obu = Obu {
            kind: head >> 3 & 0x0f,
            whole: rest.get(..end)?,
            content: rest.get(from..end)?,
        };
        rest = &rest[end..];
        Some(obu)
    })
    .take(MAX_OBUS)
}

fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

/// What the record says of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    profile: u8,
    level: u8,
    tier: u8,
    depth: u8,
    monochrome: bool,
    /// Subsampling in x, in y, and the two bits of the chroma sample position.
    subsampling: u8,
}

impl Shape {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut shape = Shape {
            profile: bits.take(3)? as u8,
            ..Shape::default()
        };
        bits.take(1)?;
        let reduced = bits.flag()?;
        if reduced {
            shape.level = bits.take(5)? as u8;
        } else {
            shape.read_operating_points(bits)?;
        }
        let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
        bits.take(width_bits)?;
        bits.take(height_bits)?;
        if !reduced && bits.flag()? {
            bits.take(4 + 3)?;
        }
        skip_tools(bits, reduced)?;
        shape.read_colour(bits)?;
        Some(shape)
    }

    fn read_operating_points(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let mut delay_bits = None;
        if bits.flag()? {
            bits.take(32)?;
            bits.take(32)?;
            if bits.flag()? {
                bits.skip_uvlc()?;
            }
            if bits.flag()? {
                delay_bits = Some(bits.take(5)? + 1);
                bits.take(32)?;
                bits.take(5 + 5)?;
            }
        }
        let initial_delay = bits.flag()?;
        let points = bits.take(5)? + 1;
        for point in 0..points {
            bits.take(12)?;
            let level = bits.take(5)? as u8;
            let tier = if level > 7 { bits.take(1)? as u8 } else { 0 };
            if let Some(length) = delay_bits
                && bits.flag()?
            {
                bits.take(length)?;
                bits.take(length)?;
                bits.take(1)?;
            }
            if initial_delay && bits.flag()? {
                bits.take(4)?;
            }
            if point == 0 {
                (self.level, self.tier) = (level, tier);
            }
        }
        Some(())
    }

    fn read_colour(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let high = bits.flag()?;
        self.depth = match (self.profile, high) {
            (2, true) => {
                if bits.flag()? {
                    12
                } else {
                    10
                }
            }
            (_, true) => 10,
            (_, false) => 8,
        };
        self.monochrome = self.profile != 1 && bits.flag()?;
        let described = bits.flag()?;
        let colours = if described {
            bits.take(24)?
        } else {
            0x02_02_02
        };
        // sRGB in identity has no subsampling and says so by being itself.
        if self.monochrome {
            self.subsampling = 0b1100;
        } else if colours == 0x01_0d_00 {
            self.subsampling = 0;
        } else {
            bits.take(1)?;
            let (x, y) = match self.profile {
                0 => (1, 1),
                1 => (0, 0),
                _ if self.depth == 12 => {
                    let x = bits.take(1)? as u8;
                    (x, if x == 1 { bits.take(1)? as u8 } else { 0 })
                }
                _ => (1, 0),
            };
            let position = if x == 1 && y == 1 {
                bits.take(2)? as u8
            } else {
                0
            };
            self.subsampling = x << 3 | y << 2 | position;
        }
        Some(())
    }
}

/// Reads over the coding tools between the size and the colours.
fn skip_tools(bits: &mut Bits<'_>, reduced: bool) -> Option<()> {
    bits.take(3)?;
    if !reduced {
        bits.take(4)?;
        let order_hint = bits.flag()?;
        if order_hint {
            bits.take(2)?;
        }
        let screen_content = if bits.flag()? { 2 } else { bits.take(1)? };
        if screen_content > 0 && !bits.flag()? {
            bits.take(1)?;
        }
        if order_hint {
            bits.take(3)?;
        }
    }
    bits.take(3)?;
    Some(())
}

/// Bits from the most significant on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Bits { bytes, at: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    fn skip_uvlc(&mut self) -> Option<()> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == 32 {
                return Some(());
            }
        }
        self.take(zeros)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A delimiter and the sequence header of a 64x64 stream of profile 0, level 2.0, by libaom.
    fn unit(delimiter: bool) -> Vec<u8> {
        let mut unit = if delimiter { vec![0x12, 0x00] } else { vec![] };
        unit.extend([
            0x0a, 0x0a, 0x00, 0x00, 0x00, 0x02, 0xaf, 0xff, 0x9b, 0x5f, 0x20, 0x08,
        ]);
        unit
    }

    #[test]
    fn delimiters_are_left_out_and_nothing_else() {
        assert_eq!(without_delimiters(&unit(true)), unit(false));
        assert_eq!(without_delimiters(&unit(false)), unit(false));
        let broken = [0x12, 0x00, 0x0a, 0xff, 0xff];
        assert_eq!(without_delimiters(&broken), &broken[2..]);
    }

    #[test]
    fn the_record_names_profile_depth_and_subsampling() {
        let record = configuration(&unit(true)).expect("a sequence header");
        assert_eq!(record[..4], [0x81, 0x00, 0x0c, 0x00], "8 bit, 4:2:0");
        assert_eq!(&record[4..], unit(false));
    }

    #[test]
    fn no_cut_or_changed_header_panics() {
        let whole = unit(true);
        for end in 0..whole.len() {
            configuration(&whole[..end]);
        }
        for place in 0..whole.len() {
            for value in 0..=255 {
                let mut changed = whole.clone();
                changed[place] = value;
                configuration(&changed);
                without_delimiters(&changed);
            }
        }
    }
}
