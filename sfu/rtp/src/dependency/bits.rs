//! Bits in network order, and the two ways in which the descriptor writes numbers (RTP payload
//! format for AV1, A.8.2: `f(n)` and `ns(n)`).

/// Reads bits from the highest of the first byte on.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes, at: 0 }
    }

    /// The bit that is read next.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    pub(super) fn byte(&mut self, count: u32) -> Option<u8> {
        self.bits(count).map(|bits| bits as u8)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// A number under `end`.
    pub(super) fn below(&mut self, end: u32) -> Option<u32> {
        let width = width_of(end);
        let short = (1 << width) - end;
        let value = self.bits(width - 1)?;
        if value < short {
            return Some(value);
        }
        let more = self.bits(1)?;
        Some((value << 1) - short + more)
    }
}

/// Writes bits from the highest of the first byte on.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    at: usize,
}

impl BitWriter {
    /// Writes over a vector, whose room is used again.
    pub(super) fn over(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        BitWriter { bytes, at: 0 }
    }

    pub(super) fn bits(&mut self, count: u32, value: u32) {
        for bit in (0..count).rev() {
            if self.at.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (7 - self.at % 8);
            }
            self.at += 1;
        }
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.bits(1, value.into());
    }

    /// A number under `end`.
    pub(super) fn below(&mut self, end: u32, value: u32) {
        let width = width_of(end);
        let short = (1 << width) - end;
        match value < short {
            true => self.bits(width - 1, value),
            false => self.bits(width, value + short),
        }
    }

    /// What was written, up to a whole byte.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn width_of(end: u32) -> u32 {
    u32::BITS - end.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_under_a_bound_are_as_short_as_the_specification_says() {
        // The table of A.8.2.
        for (value, bits, count) in [(0, 0b00, 2), (1, 0b01, 2), (2, 0b10, 2)]
            .into_iter()
            .chain([(3, 0b110, 3), (4, 0b111, 3)])
        {
            let mut writer = BitWriter::default();
            writer.below(5, value);
            let bytes = writer.finish();
            assert_eq!(bytes, [(bits << (8 - count)) as u8], "{value}");
            let mut reader = BitReader::new(&bytes);
            assert_eq!((reader.below(5), reader.at()), (Some(value), count));
        }
    }

    #[test]
    fn a_number_under_every_bound_is_read_as_it_was_written() {
        for end in 1..40 {
            for value in 0..end {
                let mut writer = BitWriter::default();
                writer.bits(3, 5);
                writer.below(end, value);
                let bytes = writer.finish();
                let mut reader = BitReader::new(&bytes);
                assert_eq!(reader.bits(3), Some(5));
                assert_eq!(reader.below(end), Some(value), "{end}");
            }
        }
        let mut reader = BitReader::new(&[0xff]);
        assert_eq!(reader.bits(9), None);
    }
}
