//! The bytes of a marked frame.

use sfu_protocol::media::Source;

/// VP8 keyframe header: frame tag, start code, dimensions (RFC 6386, section 9.1).
const KEYFRAME_HEADER_BYTES: usize = 10;
/// VP8 frame tag alone.
const DELTA_HEADER_BYTES: usize = 3;
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
const DIMENSION: u16 = 0x3fff;
const MAGIC: [u8; 4] = *b"mark";
const MARK_BYTES: usize = 4 + 4 + 1 + 1 + 4 + 4 + 8 + 4;
const AUDIO_MARK_BYTES: usize = 4 + 4 + 1 + 4 + 8 + 4;
/// Opus table of contents: CELT, fullband, 20 ms, mono, one frame (RFC 6716, section 3.1).
const OPUS_TOC: u8 = 31 << 3;

/// Smallest synthetic video frame.
pub(crate) const MIN_FRAME_BYTES: usize = KEYFRAME_HEADER_BYTES + MARK_BYTES;

/// Who made a frame, when, and what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The tag of the source that made it.
    pub author: u32,
    /// Which of the author's sources.
    pub source: Source,
    /// 0 is the smallest.
    pub layer: u8,
    /// Counted from 0 for each layer.
    pub number: u32,
    /// The number of the keyframe that began the chain; its own for a keyframe.
    pub chain: u32,
    /// When it was captured, since its source began.
    pub media_us: u64,
}

/// A frame that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// What its maker wrote.
    pub mark: Mark,
    /// A keyframe's width and height.
    pub size: Option<(u16, u16)>,
}

/// Who made an Opus packet and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioMark {
    /// The tag of the source that made it.
    pub author: u32,
    /// Which of the author's sources.
    pub source: Source,
    /// Counted from 0.
    pub number: u32,
    /// When it was captured, since its source began.
    pub media_us: u64,
}

/// Bytes are not a whole marked frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarkFault {
    /// Too short, or no mark where it should be.
    #[error("not a marked frame")]
    NotMarked,
    /// The checksum differs: bytes are missing or wrong.
    #[error("the frame is damaged")]
    Damaged,
}

/// Writes a frame of about `bytes` bytes.
pub fn write_video(mark: &Mark, size: (u16, u16), bytes: usize) -> Vec<u8> {
    let keyframe = mark.chain == mark.number;
    let length = bytes.max(MIN_FRAME_BYTES);
    let mut frame = Vec::with_capacity(length);
    write_vp8_header(&mut frame, keyframe, size, length);
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&mark.author.to_be_bytes());
    frame.push(source_code(mark.source));
    frame.push(mark.layer);
    frame.extend_from_slice(&mark.number.to_be_bytes());
    frame.extend_from_slice(&mark.chain.to_be_bytes());
    frame.extend_from_slice(&mark.media_us.to_be_bytes());
    fill_and_seal(frame, length)
}

/// Reads a frame written by [`write_video`].
///
/// # Errors
/// See [`MarkFault`].
pub fn read_video(frame: &[u8]) -> Result<Picture, MarkFault> {
    let tag = *frame.first().ok_or(MarkFault::NotMarked)?;
    let keyframe = tag & 1 == 0;
    let header = if keyframe {
        KEYFRAME_HEADER_BYTES
    } else {
        DELTA_HEADER_BYTES
    };
    let size = match (keyframe, frame.get(3..KEYFRAME_HEADER_BYTES)) {
        (false, _) => None,
        (true, Some([a, b, c, w0, w1, h0, h1])) if [*a, *b, *c] == START_CODE => Some((
            u16::from_le_bytes([*w0, *w1]) & DIMENSION,
            u16::from_le_bytes([*h0, *h1]) & DIMENSION,
        )),
        (true, _) => return Err(MarkFault::NotMarked),
    };
    let mut rest = Reader::open(frame, header, MARK_BYTES)?;
    let mark = Mark {
        author: rest.u32(),
        source: source_of(rest.u8())?,
        layer: rest.u8(),
        number: rest.u32(),
        chain: rest.u32(),
        media_us: rest.u64(),
    };
    match keyframe == (mark.chain == mark.number) {
        true => Ok(Picture { mark, size }),
        false => Err(MarkFault::Damaged),
    }
}

/// Writes an Opus packet of about `bytes` bytes.
pub fn write_audio(mark: &AudioMark, bytes: usize) -> Vec<u8> {
    let length = bytes.max(1 + AUDIO_MARK_BYTES);
    let mut packet = Vec::with_capacity(length);
    packet.push(OPUS_TOC);
    packet.extend_from_slice(&MAGIC);
    packet.extend_from_slice(&mark.author.to_be_bytes());
    packet.push(source_code(mark.source));
    packet.extend_from_slice(&mark.number.to_be_bytes());
    packet.extend_from_slice(&mark.media_us.to_be_bytes());
    fill_and_seal(packet, length)
}

/// Reads a packet written by [`write_audio`].
///
/// # Errors
/// See [`MarkFault`].
pub fn read_audio(packet: &[u8]) -> Result<AudioMark, MarkFault> {
    let mut rest = Reader::open(packet, 1, AUDIO_MARK_BYTES)?;
    Ok(AudioMark {
        author: rest.u32(),
        source: source_of(rest.u8())?,
        number: rest.u32(),
        media_us: rest.u64(),
    })
}

fn write_vp8_header(frame: &mut Vec<u8>, keyframe: bool, size: (u16, u16), length: usize) {
    const SHOW_FRAME: u32 = 1 << 4;
    let inverse_keyframe = u32::from(!keyframe);
    // The first partition takes the whole frame; its length has 19 bits.
    let partition = (length as u32).min((1 << 19) - 1) << 5;
    let tag = partition | SHOW_FRAME | inverse_keyframe;
    frame.extend_from_slice(&tag.to_le_bytes()[..3]);
    if keyframe {
        frame.extend_from_slice(&START_CODE);
        frame.extend_from_slice(&(size.0 & DIMENSION).to_le_bytes());
        frame.extend_from_slice(&(size.1 & DIMENSION).to_le_bytes());
    }
}

/// Fills up to `length` and ends with a checksum of everything before it.
fn fill_and_seal(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length - 4, 0xa5);
    let seal = checksum(&bytes);
    bytes.extend_from_slice(&seal.to_be_bytes());
    bytes
}

/// FNV-1a over words: quick in an unoptimised build, and any lost or swapped piece shows.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut words = bytes.chunks_exact(8);
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64;
    for word in words.by_ref() {
        let word = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
        hash = (hash ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23);
    }
    for &byte in words.remainder() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ (hash >> 32)) as u32
}

pub(super) fn source_code(source: Source) -> u8 {
    match source {
        Source::Camera => 0,
        Source::Microphone => 1,
        Source::Screen => 2,
        Source::ScreenAudio => 3,
    }
}

pub(super) fn source_of(code: u8) -> Result<Source, MarkFault> {
    Source::ALL
        .into_iter()
        .find(|&source| source_code(source) == code)
        .ok_or(MarkFault::NotMarked)
}

/// A mark's fields in order. The length is checked when it opens.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn open(bytes: &'a [u8], header: usize, mark: usize) -> Result<Self, MarkFault> {
        if bytes.len() < header + mark {
            return Err(MarkFault::NotMarked);
        }
        let (sealed, seal) = bytes.split_at(bytes.len() - 4);
        let mut rest = Reader(&sealed[header..]);
        if rest.array::<4>() != MAGIC {
            return Err(MarkFault::NotMarked);
        }
        match seal == checksum(sealed).to_be_bytes() {
            true => Ok(rest),
            false => Err(MarkFault::Damaged),
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .expect("length is checked in open");
        self.0 = rest;
        *taken
    }

    pub(super) fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: u32, chain: u32) -> Mark {
        Mark {
            author: 7,
            source: Source::Screen,
            layer: 2,
            number,
            chain,
            media_us: 123_456,
        }
    }

    #[test]
    fn a_mark_survives_its_frame() {
        for (number, chain, size) in [(5, 5, Some((1280, 720))), (6, 5, None)] {
            let frame = write_video(&mark(number, chain), (1280, 720), 3000);
            assert_eq!(frame.len(), 3000);
            let picture = read_video(&frame).expect("a whole frame");
            assert_eq!(picture.mark, mark(number, chain));
            assert_eq!(picture.size, size);
        }
        let audio = AudioMark {
            author: 7,
            source: Source::Microphone,
            number: 9,
            media_us: 1,
        };
        assert_eq!(read_audio(&write_audio(&audio, 80)), Ok(audio));
    }

    #[test]
    fn a_missing_or_changed_piece_is_seen() {
        let frame = write_video(&mark(1, 0), (320, 180), 500);
        assert_eq!(read_video(&frame[..499]), Err(MarkFault::Damaged));
        let mut changed = frame.clone();
        changed[300] ^= 1;
        assert_eq!(read_video(&changed), Err(MarkFault::Damaged));
        let without_middle = [&frame[..100], &frame[200..]].concat();
        assert_eq!(read_video(&without_middle), Err(MarkFault::Damaged));
    }

    #[test]
    fn strange_bytes_are_refused() {
        for length in 0..200 {
            for filling in [0, 1, 0xa5, 0xff] {
                assert!(read_video(&vec![filling; length]).is_err());
                assert!(read_audio(&vec![filling; length]).is_err());
            }
        }
    }
}
