//! One video track played along the clock: which picture is showing now.

use std::iter::Peekable;

use ffmpeg::frame;
use ffmpeg_next as ffmpeg;
use recorder_core::frame::{Frame, TrackFrames};
use sfu_protocol::ids::TrackId;

use super::decode::PictureDecoder;

/// A video track at one moment. Only ever moves forward and holds one picture.
pub(super) struct Reel {
    /// Which track.
    pub(super) track: TrackId,
    frames: Peekable<Box<dyn Iterator<Item = Frame> + Send>>,
    decoder: PictureDecoder,
    picture: frame::Video,
    at_us: i64,
    number: u64,
}

/// The picture showing now.
pub(super) struct Shown<'a> {
    /// The picture.
    pub(super) picture: &'a frame::Video,
    /// Since when it shows.
    pub(super) at_us: i64,
    /// Its running number in its reel. A number seen before means that nothing changed since.
    pub(super) number: u64,
}

impl Reel {
    /// A reel before its first frame.
    pub(super) fn new(source: TrackFrames) -> Result<Self, ffmpeg::Error> {
        Ok(Reel {
            track: source.track,
            decoder: PictureDecoder::new(source.codec)?,
            frames: source.frames.peekable(),
            picture: frame::Video::empty(),
            at_us: 0,
            number: 0,
        })
    }

    /// Plays up to and including `until_us`.
    pub(super) fn advance(&mut self, until_us: i64) {
        while let Some(due) = self.frames.next_if(|frame| frame.at_us <= until_us) {
            if self.decoder.decode(&due.data, &mut self.picture) {
                self.at_us = due.at_us;
                self.number += 1;
            }
        }
    }

    /// When the next picture is due.
    pub(super) fn next_at_us(&mut self) -> Option<i64> {
        self.frames.peek().map(|frame| frame.at_us)
    }

    /// Shows the next picture before its time, if that is no later than `until_us`.
    pub(super) fn show_early(&mut self, until_us: i64) {
        let before = self.number;
        while self.number == before
            && let Some(next_us) = self.next_at_us().filter(|next_us| *next_us <= until_us)
        {
            self.advance(next_us);
        }
    }

    /// The picture showing; None before the first.
    pub(super) fn picture(&self) -> Option<Shown<'_>> {
        (self.number > 0).then_some(Shown {
            picture: &self.picture,
            at_us: self.at_us,
            number: self.number,
        })
    }
}
