//! Shapes and letters as coverage, and how they are laid over a picture.
//!
//! Pictures are 4:2:0 with BT.601 colours in video range, as browsers' VP8 carries them.

use ffmpeg::frame::Video;
use ffmpeg_next as ffmpeg;
use recorder_core::layout::Rect;

/// A colour as it stands in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    pub(super) y: u8,
    pub(super) u: u8,
    pub(super) v: u8,
}

impl Colour {
    /// From red, green and blue by ITU-R BT.601, video range.
    pub(super) const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        let (r, g, b) = (red as i32, green as i32, blue as i32);
        Colour {
            y: (((66 * r + 129 * g + 25 * b + 128) >> 8) + 16) as u8,
            u: (((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128) as u8,
            v: (((112 * r - 94 * g - 18 * b + 128) >> 8) + 128) as u8,
        }
    }

    fn plane(self, index: usize) -> u8 {
        [self.y, self.u, self.v][index]
    }
}

/// How much of each pixel a shape covers, 0 to 255, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mask {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) coverage: Vec<u8>,
}

impl Mask {
    /// A mask that covers nothing.
    pub(super) fn empty(width: usize, height: usize) -> Self {
        Mask {
            width,
            height,
            coverage: vec![0; width * height],
        }
    }

    /// A shape by its signed distance: `distance(x, y)` is negative inside, in pixels. `most` is
    /// the coverage inside.
    pub(super) fn shape(
        width: usize,
        height: usize,
        most: u8,
        distance: impl Fn(f32, f32) -> f32,
    ) -> Self {
        let mut mask = Mask::empty(width, height);
        for (index, pixel) in mask.coverage.iter_mut().enumerate() {
            let x = (index % width) as f32 + 0.5;
            let y = (index / width) as f32 + 0.5;
            let covered = (0.5 - distance(x, y)).clamp(0.0, 1.0);
            *pixel = (covered * f32::from(most)) as u8;
        }
        mask
    }

    /// A rectangle with rounded corners.
    pub(super) fn rounded(width: usize, height: usize, radius: f32, most: u8) -> Self {
        let (half_x, half_y) = (width as f32 / 2.0, height as f32 / 2.0);
        Mask::shape(width, height, most, |x, y| {
            let dx = ((x - half_x).abs() - half_x + radius).max(0.0);
            let dy = ((y - half_y).abs() - half_y + radius).max(0.0);
            dx.hypot(dy) - radius
        })
    }

    /// A disc.
    pub(super) fn disc(diameter: usize) -> Self {
        Mask::rounded(diameter, diameter, diameter as f32 / 2.0, 255)
    }

    fn at(&self, x: usize, y: usize) -> u32 {
        if x < self.width && y < self.height {
            u32::from(self.coverage[y * self.width + x])
        } else {
            0
        }
    }
}

/// Lays a mask over a picture in one colour. `left` and `top` are rounded down to even numbers,
/// so that colour and brightness meet; what reaches outside the picture is cut.
pub(super) fn lay(picture: &mut Video, mask: &Mask, left: u32, top: u32, colour: Colour) {
    let (left, top) = (left as usize & !1, top as usize & !1);
    for plane in 0..3 {
        let halved = usize::from(plane > 0);
        let (wide, high) = (
            (mask.width + halved) >> halved,
            (mask.height + halved) >> halved,
        );
        let (left, top) = (left >> halved, top >> halved);
        let wide = wide.min((picture.plane_width(plane) as usize).saturating_sub(left));
        let high = high.min((picture.plane_height(plane) as usize).saturating_sub(top));
        let stride = picture.stride(plane);
        let ink = u32::from(colour.plane(plane));
        let pixels = picture.data_mut(plane);
        for row in 0..high {
            let start = (top + row) * stride + left;
            for (column, pixel) in pixels[start..start + wide].iter_mut().enumerate() {
                let covered = if plane == 0 {
                    mask.at(column, row)
                } else {
                    let (x, y) = (column * 2, row * 2);
                    (mask.at(x, y) + mask.at(x + 1, y) + mask.at(x, y + 1) + mask.at(x + 1, y + 1))
                        / 4
                };
                let kept = u32::from(*pixel) * (255 - covered);
                *pixel = ((kept + ink * covered + 127) / 255) as u8;
            }
        }
    }
}

/// Fills a rectangle; what reaches outside the picture is cut.
pub(super) fn fill(picture: &mut Video, rect: Rect, colour: Colour) {
    for plane in 0..3 {
        let halved = u32::from(plane > 0);
        let (wide, high) = (picture.plane_width(plane), picture.plane_height(plane));
        let left = (rect.x >> halved).min(wide) as usize;
        let right = ((rect.x + rect.width) >> halved).min(wide) as usize;
        let rows = (rect.y >> halved).min(high)..((rect.y + rect.height) >> halved).min(high);
        let stride = picture.stride(plane);
        let pixels = picture.data_mut(plane);
        for row in rows {
            let start = row as usize * stride;
            pixels[start + left..start + right].fill(colour.plane(plane));
        }
    }
}

/// Copies a picture into another at an even place; what reaches outside is cut.
pub(super) fn copy(from: &Video, into: &mut Video, left: u32, top: u32) {
    for plane in 0..3 {
        let halved = u32::from(plane > 0);
        let (left, top) = (left >> halved, top >> halved);
        let wide = from
            .plane_width(plane)
            .min(into.plane_width(plane).saturating_sub(left)) as usize;
        let high = from
            .plane_height(plane)
            .min(into.plane_height(plane).saturating_sub(top)) as usize;
        let (source_stride, stride) = (from.stride(plane), into.stride(plane));
        let source = from.data(plane);
        let target = into.data_mut(plane);
        for row in 0..high {
            let start = (top as usize + row) * stride + left as usize;
            target[start..start + wide]
                .copy_from_slice(&source[row * source_stride..row * source_stride + wide]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg::format::Pixel;

    const WHITE: Colour = Colour::rgb(255, 255, 255);
    const BLACK: Colour = Colour::rgb(0, 0, 0);

    fn black(width: u32, height: u32) -> Video {
        let mut picture = Video::new(Pixel::YUV420P, width, height);
        let rect = Rect {
            x: 0,
            y: 0,
            width,
            height,
        };
        fill(&mut picture, rect, BLACK);
        picture
    }

    #[test]
    fn primary_colours_have_their_bt601_values() {
        assert_eq!((BLACK.y, BLACK.u, BLACK.v), (16, 128, 128));
        assert_eq!((WHITE.y, WHITE.u, WHITE.v), (235, 128, 128));
        let red = Colour::rgb(255, 0, 0);
        assert_eq!((red.y, red.u, red.v), (82, 90, 240));
    }

    #[test]
    fn what_reaches_over_the_edge_is_cut() {
        let mut picture = black(64, 32);
        let mask = Mask {
            width: 9,
            height: 9,
            coverage: vec![255; 81],
        };
        for (left, top) in [(60, 28), (200, 0), (0, 200), (63, 31)] {
            lay(&mut picture, &mask, left, top, WHITE);
        }
        let small = black(40, 40);
        copy(&small, &mut picture, 50, 20);
        copy(&small, &mut picture, 500, 500);
        fill(
            &mut picture,
            Rect {
                x: 60,
                y: 30,
                width: 100,
                height: 100,
            },
            WHITE,
        );
        let stride = picture.stride(0);
        assert_eq!(picture.data(0)[31 * stride + 63], 235);
        assert_eq!(picture.data(0)[10 * stride + 10], 16);
    }

    #[test]
    fn half_coverage_is_half_way_between() {
        let mut picture = black(16, 16);
        let mask = Mask {
            width: 2,
            height: 2,
            coverage: vec![128; 4],
        };
        lay(&mut picture, &mask, 4, 4, WHITE);
        let stride = picture.stride(0);
        let pixel = picture.data(0)[4 * stride + 4];
        assert!((125..=127).contains(&pixel), "{pixel}");
    }
}
