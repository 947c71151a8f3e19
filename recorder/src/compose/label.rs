//! A participant's name in a tile, in its box, with the mark of who is muted.

use ffmpeg::frame::Video;
use ffmpeg_next as ffmpeg;
use recorder_core::layout::Tile;

use super::lettering;
use super::mask::{self, Colour, Mask};

/// The colour of every name and letter.
pub(super) const TEXT: Colour = Colour::rgb(244, 245, 247);
const SHADE: Colour = Colour::rgb(10, 11, 13);
const MUTED: Colour = Colour::rgb(255, 112, 112);

/// How much of the picture the box behind a name hides, of 255.
const SHADE_COVERAGE: u8 = 185;

/// A name in its box, with the mark of who is muted.
pub(super) struct Label {
    left: u32,
    top: u32,
    shade: Mask,
    text: Mask,
    text_at: (u32, u32),
    mark: Option<(Mask, u32, u32)>,
}

impl Label {
    /// The label of a tile, prepared once: it is drawn with every picture.
    pub(super) fn new(tile: &Tile) -> Self {
        let rect = tile.rect;
        let size = (rect.height as f32 / 18.0).clamp(13.0, 26.0);
        let pad = (size * 0.45) as u32;
        let mark = tile.muted.then(|| muted_mark(size as usize));
        let mark_space = mark.as_ref().map_or(0, |mark| mark.width as u32 + pad / 2);
        let room = rect.width.saturating_sub(4 * pad + mark_space);
        let text = lettering::text(tile.name.trim(), size, room as f32);
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

    /// Lays the label over a picture.
    pub(super) fn draw(&self, into: &mut Video) {
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
