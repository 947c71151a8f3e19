//! What a decoder would say of a sequence of marked frames.

use super::frame::{Mark, MarkFault, Picture, read_video};

/// A decoder of one slot: it can decode a keyframe, and a frame that follows the one it has.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    last: Option<Mark>,
}

/// Why a frame cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeFault {
    /// Not a whole frame.
    #[error(transparent)]
    Frame(#[from] MarkFault),
    /// Its reference is not the frame that the decoder has.
    #[error("frame {got:?} needs the frame before it; the decoder has {has:?}")]
    MissingReference {
        /// The frame.
        got: Mark,
        /// What was decoded last.
        has: Option<Mark>,
    },
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next frame. After a fault only a keyframe helps.
    ///
    /// # Errors
    /// See [`DecodeFault`].
    pub fn decode(&mut self, frame: &[u8]) -> Result<Picture, DecodeFault> {
        let picture = read_video(frame).inspect_err(|_| self.last = None)?;
        let has = self.last.take();
        if picture.size.is_none() && !has.is_some_and(|has| follows(&has, &picture.mark)) {
            return Err(DecodeFault::MissingReference {
                got: picture.mark,
                has,
            });
        }
        self.last = Some(picture.mark);
        Ok(picture)
    }
}

fn follows(has: &Mark, got: &Mark) -> bool {
    (has.author, has.source, has.layer, has.chain) == (got.author, got.source, got.layer, got.chain)
        && has.number.wrapping_add(1) == got.number
}

#[cfg(test)]
mod tests {
    use super::super::frame::write_video;
    use super::*;
    use sfu_protocol::media::Source;

    fn frame(author: u32, layer: u8, number: u32, chain: u32) -> Vec<u8> {
        let mark = Mark {
            author,
            source: Source::Camera,
            layer,
            number,
            chain,
            media_us: 0,
        };
        write_video(&mark, (320, 180), 100)
    }

    #[test]
    fn only_an_unbroken_chain_decodes() {
        let key = frame(1, 0, 4, 4);
        let cases: [(&str, Vec<Vec<u8>>, bool); 8] = [
            ("a delta frame first", vec![frame(1, 0, 5, 4)], false),
            ("in order", vec![key.clone(), frame(1, 0, 5, 4)], true),
            (
                "one is missing",
                vec![key.clone(), frame(1, 0, 6, 4)],
                false,
            ),
            (
                "twice the same",
                vec![key.clone(), frame(1, 0, 5, 4), frame(1, 0, 5, 4)],
                false,
            ),
            (
                "of another layer",
                vec![key.clone(), frame(1, 1, 5, 4)],
                false,
            ),
            (
                "of another author",
                vec![key.clone(), frame(2, 0, 5, 4)],
                false,
            ),
            (
                "of another chain",
                vec![key.clone(), frame(1, 0, 5, 3)],
                false,
            ),
            (
                "a keyframe of another",
                vec![key, frame(2, 1, 9, 9), frame(2, 1, 10, 9)],
                true,
            ),
        ];
        for (name, frames, decodes) in cases {
            let mut decoder = Decoder::new();
            let last = frames.iter().map(|f| decoder.decode(f)).last();
            assert_eq!(last.is_some_and(|r| r.is_ok()), decodes, "{name}");
        }
    }
}
