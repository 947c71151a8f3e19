//! Rectangles: a grid of equal tiles, and a stage with a strip beside it.

use super::{Canvas, Rect};

/// Tiles of one scene. Who comes later is heard and not shown.
pub const MAX_TILES: usize = 25;

/// Between tiles and around them, in pixels.
const GAP: u32 = 8;

/// Equal tiles of 16:9, as large as they can be, the last row centred.
pub fn grid(canvas: Canvas, count: usize) -> Vec<Rect> {
    let count = u32::try_from(count.min(MAX_TILES)).expect("bounded by MAX_TILES");
    if count == 0 {
        return Vec::new();
    }
    let columns = (1..=count)
        .max_by_key(|columns| {
            let (width, _) = tile_size(canvas, *columns, count.div_ceil(*columns));
            // Of equal tiles the fewest columns: nearer to a square.
            (width, count - columns)
        })
        .expect("at least one column");
    let rows = count.div_ceil(columns);
    let (width, height) = tile_size(canvas, columns, rows);
    let top = centred(canvas.height, rows, height);
    (0..count)
        .map(|tile| {
            let (row, column) = (tile / columns, tile % columns);
            let in_row = columns.min(count - row * columns);
            let left = centred(canvas.width, in_row, width);
            Rect {
                x: even(left + column * (width + GAP)),
                y: even(top + row * (height + GAP)),
                width,
                height,
            }
        })
        .collect()
}

/// The stage takes four fifths of the width; beside it a strip of as many tiles as fit.
pub fn stage_and_strip(canvas: Canvas, beside: usize) -> (Rect, Vec<Rect>) {
    let strip_width = if beside == 0 {
        0
    } else {
        even(canvas.width / 5)
    };
    let stage = Rect {
        x: GAP,
        y: GAP,
        width: at_least_2(canvas.width - strip_width, 2 * GAP),
        height: at_least_2(canvas.height, 2 * GAP),
    };
    if strip_width == 0 {
        return (stage, Vec::new());
    }
    let width = at_least_2(strip_width, GAP);
    let height = even(width * 9 / 16).max(2);
    let fit = (canvas.height.saturating_sub(GAP) / (height + GAP)) as usize;
    let x = even(canvas.width - strip_width);
    let strip = (0..beside.min(fit).min(MAX_TILES) as u32)
        .map(|tile| Rect {
            x,
            y: even(GAP + tile * (height + GAP)),
            width,
            height,
        })
        .collect();
    (stage, strip)
}

fn tile_size(canvas: Canvas, columns: u32, rows: u32) -> (u32, u32) {
    let width = at_least_2(canvas.width, GAP * (columns + 1)) / columns;
    let height = at_least_2(canvas.height, GAP * (rows + 1)) / rows;
    let by_height = height * 16 / 9;
    let width = even(width.min(by_height)).max(2);
    (width, even(width * 9 / 16).max(2))
}

fn centred(whole: u32, count: u32, size: u32) -> u32 {
    whole.saturating_sub(count * size + (count - 1) * GAP) / 2
}

fn at_least_2(whole: u32, without: u32) -> u32 {
    even(whole.saturating_sub(without)).max(2)
}

fn even(number: u32) -> u32 {
    number & !1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn apart(a: &Rect, b: &Rect) -> bool {
        a.x + a.width <= b.x
            || b.x + b.width <= a.x
            || a.y + a.height <= b.y
            || b.y + b.height <= a.y
    }

    fn sound(canvas: Canvas, rects: &[Rect]) -> bool {
        let inside = rects.iter().all(|rect| {
            let even = [rect.x, rect.y, rect.width, rect.height]
                .iter()
                .all(|number| number % 2 == 0);
            even && rect.width >= 2
                && rect.height >= 2
                && rect.x + rect.width <= canvas.width
                && rect.y + rect.height <= canvas.height
        });
        let pairs = rects
            .iter()
            .enumerate()
            .all(|(at, a)| rects[at + 1..].iter().all(|b| apart(a, b)));
        inside && pairs
    }

    #[test]
    fn a_grid_of_few_uses_the_picture_well() {
        let columns = |count| {
            let rects = grid(Canvas::HD, count);
            rects.iter().filter(|rect| rect.y == rects[0].y).count()
        };
        let got: Vec<usize> = [1, 2, 3, 4, 5, 9].into_iter().map(columns).collect();
        assert_eq!(got, [1, 2, 2, 2, 3, 3]);
        assert!(grid(Canvas::HD, 0).is_empty());
        assert_eq!(grid(Canvas::HD, 99).len(), MAX_TILES);
    }

    #[test]
    fn a_stage_alone_fills_the_picture() {
        let (stage, strip) = stage_and_strip(Canvas::HD, 0);
        assert_eq!((stage.width, strip.len()), (1264, 0));
        let (stage, strip) = stage_and_strip(Canvas::HD, 99);
        assert_eq!((stage.width, strip.len()), (1008, 4));
    }

    proptest! {
        #[test]
        fn tiles_are_even_inside_and_apart(
            width in 120u32..2000, height in 120u32..2000, count in 0usize..30
        ) {
            let canvas = Canvas { width: width * 2, height: height * 2 };
            prop_assert!(sound(canvas, &grid(canvas, count)));
            let (stage, mut strip) = stage_and_strip(canvas, count);
            strip.push(stage);
            prop_assert!(sound(canvas, &strip));
        }
    }
}
