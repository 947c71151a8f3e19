//! A scene as a picture: tiles in their proportions, names, who is muted.
//!
//! The picture stays between two ticks; only tiles whose picture changed are scaled and drawn again.

use std::collections::BTreeSet;

use ffmpeg::format::Pixel;
use ffmpeg::frame::Video;
use ffmpeg::software::scaling;
use ffmpeg_next as ffmpeg;
use recorder_core::layout::{Canvas, Rect, Scene, Tile};
use sfu_protocol::ids::{ParticipantId, TrackId};

use super::label;
use super::mask::{self, Colour, Mask};
use super::reel::Reel;

const BACKGROUND: Colour = Colour::rgb(17, 19, 22);
const TILE: Colour = Colour::rgb(34, 37, 42);
const SHADE: Colour = Colour::rgb(10, 11, 13);
const TEXT: Colour = Colour::rgb(244, 245, 247);
const MUTED: Colour = Colour::rgb(255, 112, 112);

/// How much of the picture the box behind a name hides, of 255.
const SHADE_COVERAGE: u8 = 185;

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

/// A picture that leaves less than this part of its tile's side free fills it: nobody sees a
/// stretch of 2 %, but everybody sees a hairline.
const HAIRLINE_PART: u32 = 50;

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
        let letters = label::text(
            &label::initials(&self.tile.name),
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

    fn draw(&mut self, reels: &[Reel], into: &mut Video) -> Result<(), ffmpeg::Error> {
        let Some(track) = self.tile.track else {
            return Ok(());
        };
        // A track that changed its codec is several reels; the one with the newest picture shows.
        let newest = reels
            .iter()
            .enumerate()
            .filter(|(_, reel)| reel.track == track)
            .filter_map(|(index, reel)| reel.picture().map(|shown| (index, shown)))
            .filter(|(_, shown)| shown.at_us >= self.fresh_from_us)
            .max_by_key(|(_, shown)| shown.at_us);
        let Some((index, shown)) = newest else {
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

/// A name in its box, with the mark of who is muted.
struct Label {
    left: u32,
    top: u32,
    shade: Mask,
    text: Mask,
    text_at: (u32, u32),
    mark: Option<(Mask, u32, u32)>,
}

impl Label {
    fn new(tile: &Tile) -> Self {
        let rect = tile.rect;
        let size = (rect.height as f32 / 18.0).clamp(13.0, 26.0);
        let pad = (size * 0.45) as u32;
        let mark = tile.muted.then(|| muted_mark(size as usize));
        let mark_space = mark.as_ref().map_or(0, |mark| mark.width as u32 + pad / 2);
        let room = rect.width.saturating_sub(4 * pad + mark_space);
        let text = label::text(tile.name.trim(), size, room as f32);
        let width = text.width as u32 + 2 * pad + mark_space;
        let height = text.height as u32 + pad;
        let left = rect.x + pad;
        let top = (rect.y + rect.height).saturating_sub(height + pad);
        let inner = top + pad / 2;
        Label {
            shade: Mask::rounded(width as usize, height as usize, size * 0.3, SHADE_COVERAGE),
            left,
            top,
            text,
            text_at: (left + pad + mark_space, inner),
            mark: mark.map(|mark| (mark, left + pad, inner)),
        }
    }

    fn draw(&self, into: &mut Video) {
        mask::lay(into, &self.shade, self.left, self.top, SHADE);
        if let Some((mark, left, top)) = &self.mark {
            mask::lay(into, mark, *left, *top, MUTED);
        }
        mask::lay(into, &self.text, self.text_at.0, self.text_at.1, TEXT);
    }
}

/// A microphone with a stroke through it, in a square of `size` pixels.
fn muted_mark(size: usize) -> Mask {
    let unit = size as f32 / 20.0;
    Mask::shape(size, size, 255, |x, y| {
        let (x, y) = (x / unit, y / unit);
        let capsule = along(x, y, (10.0, 5.5), (10.0, 9.5)) - 2.8;
        let cradle = ((x - 10.0).hypot(y - 9.5) - 5.0).abs().max(9.5 - y) - 0.7;
        let stand = along(x, y, (10.0, 14.5), (10.0, 17.0)) - 0.8;
        let foot = along(x, y, (7.0, 17.2), (13.0, 17.2)) - 0.8;
        let stroke = along(x, y, (3.5, 3.5), (16.5, 16.5));
        let microphone = capsule.min(cradle).min(stand).min(foot).max(2.2 - stroke);
        microphone.min(stroke - 0.9) * unit
    })
}

/// The distance of a point from a line between two others.
fn along(x: f32, y: f32, from: (f32, f32), to: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let share = (((x - from.0) * dx + (y - from.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - from.0 - dx * share).hypot(y - from.1 - dy * share)
}

/// Pictures of one size to the place they have in the composed one.
struct Scaler {
    format: Pixel,
    width: u32,
    height: u32,
    place: Rect,
    context: scaling::Context,
    scaled: Video,
}

impl Scaler {
    fn new(source: &Video, tile: Rect) -> Result<Self, ffmpeg::Error> {
        let (format, width, height) = (source.format(), source.width(), source.height());
        let place = fit(width, height, tile);
        let context = scaling::Context::get(
            format,
            width,
            height,
            Pixel::YUV420P,
            place.width,
            place.height,
            scaling::Flags::BILINEAR,
        )?;
        Ok(Scaler {
            format,
            width,
            height,
            place,
            context,
            scaled: Video::empty(),
        })
    }

    fn takes(&self, source: &Video) -> bool {
        self.format == source.format()
            && self.width == source.width()
            && self.height == source.height()
    }

    fn draw(&mut self, source: &Video, into: &mut Video) -> Result<(), ffmpeg::Error> {
        let as_it_is = self.format == Pixel::YUV420P
            && (self.width, self.height) == (self.place.width, self.place.height);
        if as_it_is {
            mask::copy(source, into, self.place.x, self.place.y);
        } else {
            self.context.run(source, &mut self.scaled)?;
            mask::copy(&self.scaled, into, self.place.x, self.place.y);
        }
        Ok(())
    }
}

/// The largest even rectangle of the source's proportions in the middle of a tile.
fn fit(width: u32, height: u32, tile: Rect) -> Rect {
    let (width, height) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (room_wide, room_high) = (u64::from(tile.width), u64::from(tile.height));
    let (wide, high) = if width * room_high > height * room_wide {
        (room_wide, height * room_wide / width)
    } else {
        (width * room_high / height, room_high)
    };
    let side = |wanted: u64, room: u32| {
        let wanted = wanted as u32;
        if room - wanted.min(room) <= room / HAIRLINE_PART {
            room
        } else {
            (wanted & !1).max(2)
        }
    };
    let (wide, high) = (side(wide, tile.width), side(high, tile.height));
    Rect {
        x: tile.x + ((tile.width.saturating_sub(wide) / 2) & !1),
        y: tile.y + ((tile.height.saturating_sub(high) / 2) & !1),
        width: wide,
        height: high,
    }
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
    fn pictures_keep_their_proportions_in_the_middle_of_their_tile() {
        for (width, height, tile, expected) in [
            (640, 360, rect(0, 0, 1280, 720), rect(0, 0, 1280, 720)),
            (640, 480, rect(0, 0, 1280, 720), rect(160, 0, 960, 720)),
            (360, 640, rect(100, 50, 640, 360), rect(318, 50, 202, 360)),
            (1920, 400, rect(0, 0, 640, 360), rect(0, 114, 640, 132)),
            // A hairline is filled.
            (640, 360, rect(8, 8, 632, 352), rect(8, 8, 632, 352)),
            // Extremes stay inside and even.
            (1, 10_000, rect(0, 0, 640, 360), rect(318, 0, 2, 360)),
            (16_000, 1, rect(0, 0, 640, 360), rect(0, 178, 640, 2)),
        ] {
            assert_eq!(fit(width, height, tile), expected, "{width}x{height}");
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
