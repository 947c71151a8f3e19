//! Pictures into their tiles: in their proportions, in the middle.

use ffmpeg::format::Pixel;
use ffmpeg::frame::Video;
use ffmpeg::software::scaling;
use ffmpeg_next as ffmpeg;
use recorder_core::layout::Rect;

use super::mask;

/// A picture that leaves less than this part of its tile's side free fills it: nobody sees a
/// stretch of 2 %, but everybody sees a hairline.
const HAIRLINE_PART: u32 = 50;

/// Pictures of one size to the place they have in the composed one.
pub(super) struct Scaler {
    format: Pixel,
    width: u32,
    height: u32,
    place: Rect,
    context: scaling::Context,
    scaled: Video,
}

impl Scaler {
    /// For pictures like `source` in `tile`.
    pub(super) fn new(source: &Video, tile: Rect) -> Result<Self, ffmpeg::Error> {
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

    /// Whether a picture is of the size and kind that this was made for.
    pub(super) fn takes(&self, source: &Video) -> bool {
        self.format == source.format()
            && self.width == source.width()
            && self.height == source.height()
    }

    /// Draws a picture in its place.
    pub(super) fn draw(&mut self, source: &Video, into: &mut Video) -> Result<(), ffmpeg::Error> {
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
}
