//! Frames of pictures that are built of layers: each says by itself which frames it needs, whatever
//! becomes of the descriptors that it travels with, and a decoder that proves that it has them.

use std::collections::BTreeSet;

use sfu_protocol::media::Source;

use super::frame::{MarkFault, Reader, checksum, source_code, source_of};

const MAGIC: [u8; 4] = *b"lyrs";
/// Before the numbers of the frames that it needs.
const HEAD_BYTES: usize = 4 + 4 + 4 + 1 + 1 + 1 + 4 + 8 + 1;
const SEAL_BYTES: usize = 4;

/// Frames that a decoder holds: eight references of AV1, and as much again that is on its way.
const HELD: u32 = 256;

/// One frame: a spatial layer of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerMark {
    /// The tag of the source that made it.
    pub author: u32,
    /// Which of the author's sources.
    pub source: Source,
    /// Of the resolution.
    pub spatial_id: u8,
    /// Of the frame rate.
    pub temporal_id: u8,
    /// Counts the frames of the source, of whichever layer.
    pub number: u32,
    /// The numbers of those that it needs.
    pub needs: Vec<u32>,
    /// When it was captured, since its source began.
    pub media_us: u64,
}

/// Writes a frame of about `bytes` bytes.
pub fn write_layer(mark: &LayerMark, bytes: usize) -> Vec<u8> {
    let least = HEAD_BYTES + 4 * mark.needs.len() + SEAL_BYTES;
    let length = bytes.max(least);
    let mut frame = Vec::with_capacity(length);
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&(length as u32).to_be_bytes());
    frame.extend_from_slice(&mark.author.to_be_bytes());
    frame.push(source_code(mark.source));
    frame.push(mark.spatial_id);
    frame.push(mark.temporal_id);
    frame.extend_from_slice(&mark.number.to_be_bytes());
    frame.extend_from_slice(&mark.media_us.to_be_bytes());
    frame.push(mark.needs.len() as u8);
    for number in &mark.needs {
        frame.extend_from_slice(&number.to_be_bytes());
    }
    frame.resize(length - SEAL_BYTES, 0xa5);
    let seal = checksum(&frame);
    frame.extend_from_slice(&seal.to_be_bytes());
    frame
}

/// Reads the frames of a picture, one after the other.
///
/// # Errors
/// See [`MarkFault`].
pub fn read_layers(mut picture: &[u8]) -> Result<Vec<LayerMark>, MarkFault> {
    let mut marks = Vec::new();
    while !picture.is_empty() {
        let length = picture.get(4..8).and_then(|bytes| bytes.try_into().ok());
        let length = u32::from_be_bytes(length.ok_or(MarkFault::NotMarked)?) as usize;
        let (frame, rest) = picture
            .split_at_checked(length)
            .ok_or(MarkFault::NotMarked)?;
        marks.push(read_layer(frame)?);
        picture = rest;
    }
    Ok(marks)
}

fn read_layer(frame: &[u8]) -> Result<LayerMark, MarkFault> {
    if frame.len() < HEAD_BYTES + SEAL_BYTES || !frame.starts_with(&MAGIC) {
        return Err(MarkFault::NotMarked);
    }
    let (sealed, seal) = frame.split_at(frame.len() - SEAL_BYTES);
    if seal != checksum(sealed).to_be_bytes() {
        return Err(MarkFault::Damaged);
    }
    let mut rest = Reader(&sealed[8..]);
    let mut mark = LayerMark {
        author: rest.u32(),
        source: source_of(rest.u8())?,
        spatial_id: rest.u8(),
        temporal_id: rest.u8(),
        number: rest.u32(),
        media_us: rest.u64(),
        needs: Vec::new(),
    };
    let count = rest.u8();
    if rest.0.len() < 4 * usize::from(count) {
        return Err(MarkFault::Damaged);
    }
    mark.needs.extend((0..count).map(|_| rest.u32()));
    Ok(mark)
}

/// A decoder of one slot.
#[derive(Debug, Clone, Default)]
pub struct LayerDecoder {
    shown: Option<(u32, Source)>,
    has: BTreeSet<u32>,
}

/// Why a picture cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerFault {
    /// Not whole frames.
    #[error(transparent)]
    Frame(#[from] MarkFault),
    /// A frame needs another that the decoder does not have.
    #[error("frame {got:?} needs frame {needs}, which never came")]
    MissingReference {
        /// The frame.
        got: LayerMark,
        /// What it needs.
        needs: u32,
    },
    /// A picture without frames, or with frames of several sources, or not in order.
    #[error("no picture: {0:?}")]
    NoPicture(Vec<LayerMark>),
}

impl LayerDecoder {
    /// Decodes a picture: what it was made of.
    ///
    /// # Errors
    /// See [`LayerFault`].
    pub fn decode(&mut self, picture: &[u8]) -> Result<Vec<LayerMark>, LayerFault> {
        let marks = read_layers(picture)?;
        let of = |mark: &LayerMark| (mark.author, mark.source, mark.media_us, mark.temporal_id);
        let together = marks
            .windows(2)
            .all(|two| of(&two[0]) == of(&two[1]) && two[0].spatial_id < two[1].spatial_id);
        let Some(first) = marks.first().filter(|_| together) else {
            return Err(LayerFault::NoPicture(marks));
        };
        let shown = Some((first.author, first.source));
        if self.shown != shown || first.needs.is_empty() {
            self.has.clear();
            self.shown = shown;
        }
        for mark in &marks {
            if let Some(&needs) = mark.needs.iter().find(|needs| !self.has.contains(needs)) {
                let got = mark.clone();
                return Err(LayerFault::MissingReference { got, needs });
            }
            self.has.insert(mark.number);
            self.has = self.has.split_off(&mark.number.saturating_sub(HELD));
        }
        Ok(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(author: u32, spatial_id: u8, number: u32, needs: &[u32]) -> Vec<u8> {
        let mark = LayerMark {
            author,
            source: Source::Camera,
            spatial_id,
            temporal_id: 0,
            number,
            needs: needs.to_vec(),
            media_us: 5,
        };
        write_layer(&mark, 100)
    }

    #[test]
    fn a_picture_decodes_with_all_that_its_frames_need_and_not_without() {
        let key = [frame(1, 0, 10, &[]), frame(1, 1, 11, &[10])].concat();
        type Pictures = Vec<Vec<u8>>;
        let cases: [(&str, Pictures, bool); 7] = [
            ("a key picture", vec![key.clone()], true),
            ("nothing before", vec![frame(1, 0, 12, &[10])], false),
            ("in order", vec![key.clone(), frame(1, 0, 12, &[10])], true),
            (
                "a layer below is left out that nothing needs",
                vec![key.clone(), frame(1, 1, 13, &[11])],
                true,
            ),
            (
                "one is missing",
                vec![key.clone(), frame(1, 1, 15, &[13])],
                false,
            ),
            (
                "of another author",
                vec![key.clone(), frame(2, 0, 12, &[10])],
                false,
            ),
            (
                "layers of two authors",
                vec![[frame(1, 0, 1, &[]), frame(2, 1, 2, &[])].concat()],
                false,
            ),
        ];
        for (name, pictures, decodes) in cases {
            let mut decoder = LayerDecoder::default();
            let last = pictures.iter().map(|p| decoder.decode(p)).last();
            assert_eq!(last.is_some_and(|read| read.is_ok()), decodes, "{name}");
        }
    }

    #[test]
    fn what_is_damaged_or_no_frame_is_refused() {
        let whole = frame(1, 0, 1, &[7, 8]);
        assert_eq!(read_layers(&whole).map(|marks| marks.len()), Ok(1));
        for at in 0..whole.len() {
            assert!(read_layers(&whole[..at]).is_err() || at == 0);
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(read_layers(&changed).is_err(), "{at}");
        }
    }
}
