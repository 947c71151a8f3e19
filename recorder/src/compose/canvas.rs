//! A scene as a picture: tiles in their proportions, names, who is muted.
//!
//! The picture stays between two ticks; only tiles whose picture changed are scaled and drawn
//! again.

use std::collections::BTreeSet;

use ffmpeg::format::Pixel;
use ffmpeg::frame::Video;
use ffmpeg_next as ffmpeg;
use recorder_core::layout::{Canvas, EARLY_US, Rect, Scene, Tile};
use sfu_protocol::ids::{ParticipantId, TrackId};

use super::label::{Label, TEXT};
use super::lettering;
use super::mask::{self, Colour, Mask};
use super::reel::{Reel, Shown};
use super::scale::Scaler;

const BACKGROUND: Colour = Colour::rgb(17, 19, 22);
const TILE: Colour = Colour::rgb(34, 37, 42);

/// What the discs of participants without picture are filled with. Text is readable on each.
const DISCS: [Colour; 6] = [
    Colour::rgb(45, 95, 145),
    Colour::rgb(120, 70, 130),
    Colour::rgb(40, 115, 95),
    Colour::rgb(150, 85, 40),
    Colour::rgb(85, 85, 150),
    Colour::rgb(145, 60, 75),
];

/// How much older than its scene a picture may be in a tile that has just got its track back: the
/// last picture before a camera was switched off is not shown when it comes on again.
const STALE_US: i64 = 500_000;

/// The composed picture.
pub(super) struct Sheet {
    picture: Video,
    places: Vec<Place>,
    tracks: BTreeSet<TrackId>,
    begun: bool,
}

impl Sheet {
    /// An empty room.
    pub(super) fn new(canvas: Canvas) -> Self {
        let mut sheet = Sheet {
            picture: Video::new(Pixel::YUV420P, canvas.width, canvas.height),
            places: Vec::new(),
            tracks: BTreeSet::new(),
            begun: false,
        };
        sheet.clear();
        sheet
    }

    /// Lays the tiles of a scene anew.
    pub(super) fn set_scene(&mut self, scene: &Scene) {
        self.clear();
        let before = std::mem::take(&mut self.tracks);
        self.tracks = scene.tiles.iter().filter_map(|tile| tile.track).collect();
        self.places = scene
            .tiles
            .iter()
            .map(|tile| {
                let was_there = tile.track.is_some_and(|track| before.contains(&track));
                let fresh_from_us = if was_there || !self.begun {
                    i64::MIN
                } else {
                    scene.from_us - STALE_US
                };
                Place::new(tile.clone(), fresh_from_us)
            })
            .collect();
        self.begun = true;
        for place in &self.places {
            place.draw_without_picture(&mut self.picture);
        }
    }

    /// Gives each tile that has just got its track the next picture at once, when it is near: a
    /// camera that is on is not shown as a name until its first keyframe.
    pub(super) fn show_early(&self, reels: &mut [Reel], now_us: i64) {
        for place in &self.places {
            let Some(track) = place.tile.track else {
                continue;
            };
            if place.newest(reels).is_none() {
                let next = reels
                    .iter_mut()
                    .filter(|reel| reel.track == track)
                    .filter_map(|reel| Some((reel.next_at_us()?, reel)))
                    .min_by_key(|(next_us, _)| *next_us);
                if let Some((_, reel)) = next {
                    reel.show_early(now_us.saturating_add(EARLY_US));
                }
            }
        }
    }

    /// Draws what changed.
    pub(super) fn draw(&mut self, reels: &[Reel]) -> Result<(), ffmpeg::Error> {
        for place in &mut self.places {
            place.draw(reels, &mut self.picture)?;
        }
        Ok(())
    }

    /// The composed picture as it stands.
    pub(super) fn picture(&mut self) -> &mut Video {
        &mut self.picture
    }

    fn clear(&mut self) {
        let whole = Rect {
            x: 0,
            y: 0,
            width: self.picture.width(),
            height: self.picture.height(),
        };
        mask::fill(&mut self.picture, whole, BACKGROUND);
    }
}

/// One tile and what is kept for drawing it quickly.
struct Place {
    tile: Tile,
    fresh_from_us: i64,
    label: Label,
    scaler: Option<Scaler>,
    /// Which picture of which reel is drawn: its index and the picture's number.
    shown: Option<(usize, u64)>,
}

impl Place {
    fn new(tile: Tile, fresh_from_us: i64) -> Self {
        Place {
            label: Label::new(&tile),
            tile,
            fresh_from_us,
            scaler: None,
            shown: None,
        }
    }

    fn draw_without_picture(&self, into: &mut Video) {
        let rect = self.tile.rect;
        mask::fill(into, rect, TILE);
        let diameter = (rect.width.min(rect.height) * 2 / 5) as usize & !1;
        let (left, top) = (
            centred(rect.x, rect.width, diameter),
            centred(rect.y, rect.height, diameter),
        );
        let disc = Mask::disc(diameter);
        mask::lay(into, &disc, left, top, disc_colour(self.tile.participant));
        let letters = lettering::text(
            &lettering::initials(&self.tile.name),
            diameter as f32 * 0.46,
            diameter as f32,
        );
        let (left, top) = (
            centred(rect.x, rect.width, letters.width),
            centred(rect.y, rect.height, letters.height),
        );
        mask::lay(into, &letters, left, top, TEXT);
        self.label.draw(into);
    }

    /// The picture to show, with the index of its reel. A track that changed its codec is several
    /// reels; the one with the newest picture shows.
    fn newest<'a>(&self, reels: &'a [Reel]) -> Option<(usize, Shown<'a>)> {
        let track = self.tile.track?;
        reels
            .iter()
            .enumerate()
            .filter(|(_, reel)| reel.track == track)
            .filter_map(|(index, reel)| reel.picture().map(|shown| (index, shown)))
            .filter(|(_, shown)| shown.at_us >= self.fresh_from_us)
            .max_by_key(|(_, shown)| shown.at_us)
    }

    fn draw(&mut self, reels: &[Reel], into: &mut Video) -> Result<(), ffmpeg::Error> {
        let Some((index, shown)) = self.newest(reels) else {
            return Ok(());
        };
        if self.shown == Some((index, shown.number)) {
            return Ok(());
        }
        let first = self.shown.replace((index, shown.number)).is_none();
        let source = shown.picture;
        if !self
            .scaler
            .as_ref()
            .is_some_and(|scaler| scaler.takes(source))
        {
            self.scaler = Some(Scaler::new(source, self.tile.rect)?);
            mask::fill(into, self.tile.rect, TILE);
        } else if first {
            mask::fill(into, self.tile.rect, TILE);
        }
        if let Some(scaler) = &mut self.scaler {
            scaler.draw(source, into)?;
        }
        self.label.draw(into);
        Ok(())
    }
}

fn centred(start: u32, length: u32, inner: usize) -> u32 {
    start + length.saturating_sub(inner as u32) / 2
}

fn disc_colour(participant: ParticipantId) -> Colour {
    let sum: usize = participant
        .0
        .as_bytes()
        .iter()
        .map(|b| usize::from(*b))
        .sum();
    DISCS[sum % DISCS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn a_tile_of_any_size_with_any_name_can_be_drawn() {
        let mut sheet = Sheet::new(Canvas {
            width: 320,
            height: 180,
        });
        for (wide, high) in [(2, 2), (4, 100), (100, 4), (320, 180), (32, 18)] {
            for name in ["", "Ada", "a very long name that never ends, never ever"] {
                sheet.set_scene(&Scene {
                    from_us: 0,
                    to_us: 1,
                    tiles: vec![Tile {
                        participant: ParticipantId(uuid::Uuid::from_u128(3)),
                        name: name.to_owned(),
                        track: None,
                        rect: rect(320 - wide, 180 - high, wide, high),
                        muted: true,
                    }],
                });
            }
        }
        let stride = sheet.picture.stride(0);
        assert_eq!(sheet.picture.data(0)[stride], BACKGROUND.y);
    }
}
