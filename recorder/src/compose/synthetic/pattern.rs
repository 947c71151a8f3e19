//! What a synthetic participant looks like.
//!
//! Rows are copied from prepared ones, never computed by pixel: three participants at 15 pictures
//! a second are drawn beside a meeting on the same machine.

use ffmpeg::frame::Video;
use ffmpeg_next as ffmpeg;
use recorder_core::layout::Rect;

use super::LAYERS;
use crate::compose::lettering;
use crate::compose::mask::{self, Colour, Mask};

/// Where the square that flashes is, in the largest layer.
pub const FLASH: Rect = Rect {
    x: 520,
    y: 24,
    width: 96,
    height: 96,
};

const WHITE: Colour = Colour::rgb(255, 255, 255);
const DARK: Colour = Colour::rgb(16, 18, 22);

/// Red, green and blue of each participant's pattern; far apart also for a machine that looks.
const HUES: [(u8, u8, u8); 6] = [
    (40, 110, 200),
    (190, 60, 60),
    (40, 140, 70),
    (150, 80, 180),
    (190, 130, 30),
    (30, 140, 150),
];

/// After this many pixels the stripes repeat.
const PERIOD_PX: usize = 160;

/// How fast the stripes move.
const PX_PER_SECOND: u64 = 30;

const DIGIT_PX: f32 = 64.0;
const NAME_PX: f32 = 34.0;
const CLOCK: Rect = Rect {
    x: 32,
    y: 190,
    width: 320,
    height: 96,
};

/// What of a participant's picture stays the same.
pub(super) struct Pattern {
    rows: [Vec<u8>; 3],
    ball: Colour,
    name: Mask,
    /// The characters of the clock: digits, then the colon and the point.
    digits: Vec<Mask>,
}

impl Pattern {
    pub(super) fn new(name: &str, index: usize) -> Self {
        let (width, _, _) = LAYERS[LAYERS.len() - 1];
        let (red, green, blue) = HUES[index % HUES.len()];
        let lighter = |part: u8| part / 2 + 120;
        Pattern {
            rows: rows(width as usize, Colour::rgb(red, green, blue)),
            ball: Colour::rgb(lighter(red), lighter(green), lighter(blue)),
            name: lettering::text(name, NAME_PX, FLASH.x as f32 - 96.0),
            digits: "0123456789:."
                .chars()
                .map(|character| lettering::text(&character.to_string(), DIGIT_PX, DIGIT_PX))
                .collect(),
        }
    }

    /// Draws the picture of a time, which is as large as the largest layer; the square is white
    /// when `flash`.
    pub(super) fn draw(&self, picture: &mut Video, elapsed_us: u64, flash: bool) {
        self.draw_stripes(picture, elapsed_us);
        self.draw_ball(picture, elapsed_us);
        mask::fill(picture, around(FLASH, 8), DARK);
        if flash {
            mask::fill(picture, FLASH, WHITE);
        }
        let name_box = Rect {
            x: 32,
            y: 32,
            width: (self.name.width as u32 + 32) & !1,
            height: (self.name.height as u32 + 16) & !1,
        };
        mask::fill(picture, name_box, DARK);
        mask::lay(picture, &self.name, name_box.x + 16, name_box.y + 8, WHITE);
        self.draw_clock(picture, elapsed_us);
    }

    fn draw_stripes(&self, picture: &mut Video, elapsed_us: u64) {
        let scroll = (elapsed_us * PX_PER_SECOND / 1_000_000) as usize;
        for plane in 0..3 {
            let halved = usize::from(plane > 0);
            let wide = picture.plane_width(plane) as usize;
            let high = picture.plane_height(plane) as usize;
            let stride = picture.stride(plane);
            let pixels = picture.data_mut(plane);
            for row in 0..high {
                let shift = (((scroll + (row << halved)) % PERIOD_PX) >> halved).min(PERIOD_PX);
                pixels[row * stride..row * stride + wide]
                    .copy_from_slice(&self.rows[plane][shift..shift + wide]);
            }
        }
    }

    fn draw_ball(&self, picture: &mut Video, elapsed_us: u64) {
        const RADIUS: f64 = 40.0;
        let time_s = elapsed_us as f64 / 1e6;
        let x = 400.0 + 160.0 * (time_s * 1.3).sin();
        let y = 190.0 + 110.0 * (time_s * 1.9).cos();
        let top = (y - RADIUS) as u32 & !1;
        for row in (top..(y + RADIUS) as u32).step_by(2) {
            let dy = f64::from(row) + 1.0 - y;
            let half = (RADIUS * RADIUS - dy * dy).max(0.0).sqrt();
            let left = (x - half) as u32 & !1;
            let span = Rect {
                x: left,
                y: row,
                width: (half * 2.0) as u32 & !1,
                height: 2,
            };
            mask::fill(picture, span, self.ball);
        }
    }

    fn draw_clock(&self, picture: &mut Video, elapsed_us: u64) {
        mask::fill(picture, CLOCK, DARK);
        let mut left = CLOCK.x + 16;
        for character in clock_text(elapsed_us).chars() {
            let (glyph, advance) = match character {
                ':' => (10, 26),
                '.' => (11, 26),
                digit => (digit.to_digit(10).unwrap_or(0) as usize, 44),
            };
            mask::lay(picture, &self.digits[glyph], left, CLOCK.y + 16, WHITE);
            left += advance;
        }
    }
}

/// Minutes, seconds and tenths.
fn clock_text(elapsed_us: u64) -> String {
    let tenths = elapsed_us / 100_000;
    let (minutes, rest) = (tenths / 600 % 100, tenths % 600);
    format!("{minutes:02}:{:02}.{}", rest / 10, rest % 10)
}

fn around(rect: Rect, by: u32) -> Rect {
    Rect {
        x: rect.x - by,
        y: rect.y - by,
        width: rect.width + 2 * by,
        height: rect.height + 2 * by,
    }
}

/// One row of each plane, a period longer than the picture is wide.
fn rows(width: usize, colour: Colour) -> [Vec<u8>; 3] {
    let wave =
        |place: usize, period: usize| (place as f32 / period as f32 * std::f32::consts::TAU).sin();
    let bright = (0..width + PERIOD_PX)
        .map(|x| (f32::from(colour.y) + 34.0 * wave(x, PERIOD_PX)).clamp(16.0, 235.0) as u8)
        .collect();
    let tint = |value: u8| {
        (0..(width + PERIOD_PX) / 2)
            .map(|x| {
                let share = 1.0 + 0.15 * wave(x, PERIOD_PX / 2);
                (128.0 + (f32::from(value) - 128.0) * share).clamp(16.0, 240.0) as u8
            })
            .collect()
    };
    [bright, tint(colour.u), tint(colour.v)]
}

#[cfg(test)]
mod tests {
    use ffmpeg::format::Pixel;

    use super::*;

    #[test]
    fn the_clock_reads_minutes_seconds_and_tenths() {
        for (elapsed_us, text) in [
            (0, "00:00.0"),
            (61_250_000, "01:01.2"),
            (5_999_999_999, "99:59.9"),
            (6_000_000_000, "00:00.0"),
        ] {
            assert_eq!(clock_text(elapsed_us), text);
        }
    }

    #[test]
    fn every_moment_of_a_minute_can_be_drawn() {
        let (width, height, _) = LAYERS[2];
        let mut picture = Video::new(Pixel::YUV420P, width, height);
        let pattern = Pattern::new("Zoë Ängström", 5);
        for tick in 0..900 {
            pattern.draw(&mut picture, tick * 66_667, tick % 15 == 0);
        }
    }
}
