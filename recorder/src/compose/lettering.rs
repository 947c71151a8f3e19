//! Text as a [`Mask`]: names, initials, the clock.
//!
//! The font is in the binary, so that a machine without fonts draws names too. It has Latin with
//! every accent, Greek, Cyrillic and more; what it lacks is drawn as the font's own empty box.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, ScaleFont, point};

use super::mask::Mask;

static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("font/DejaVuSans.ttf")).expect("the font we ship reads")
});

/// The most characters of a text that are looked at. A longer name never fits a tile anyway.
const MAX_TEXT_CHARS: usize = 128;

/// One line of text, `size_px` high from ascender to descender, cut with an ellipsis at
/// `max_width_px`.
pub(super) fn text(line: &str, size_px: f32, max_width_px: f32) -> Mask {
    let font = FONT.as_scaled(PxScale::from(size_px));
    let (glyphs, width) = set(&font, &printable(line), max_width_px);
    let mut mask = Mask::empty(width.ceil() as usize + 1, size_px.ceil() as usize + 1);
    for glyph in glyphs {
        let Some(outline) = FONT.outline_glyph(glyph) else {
            continue;
        };
        let bounds = outline.px_bounds();
        outline.draw(|x, y, covered| {
            let (x, y) = (
                bounds.min.x as i64 + i64::from(x),
                bounds.min.y as i64 + i64::from(y),
            );
            if x >= 0 && y >= 0 && (x as usize) < mask.width && (y as usize) < mask.height {
                let pixel = &mut mask.coverage[y as usize * mask.width + x as usize];
                *pixel = (*pixel).max((covered.clamp(0.0, 1.0) * 255.0) as u8);
            }
        });
    }
    mask
}

/// The first letters of the first and the last word, or "?" for a name without any.
pub(super) fn initials(name: &str) -> String {
    let printed = printable(name);
    let mut words = printed.split_whitespace().filter_map(|word| {
        word.chars()
            .find(|character| character.is_alphanumeric())
            .map(|character| character.to_uppercase().to_string())
    });
    match (words.next(), words.next_back()) {
        (Some(first), Some(last)) => first + &last,
        (Some(only), None) => only,
        _ => "?".to_owned(),
    }
}

/// Without what cannot be seen: controls, and the marks that turn the direction of a line.
fn printable(line: &str) -> String {
    line.chars()
        .filter(|character| {
            !character.is_control()
                && !matches!(*character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
                && !matches!(*character, '\u{2066}'..='\u{2069}' | '\u{feff}')
        })
        .take(MAX_TEXT_CHARS)
        .collect()
}

/// Places the glyphs of a line; leaves out from the end what does not fit and says so with an
/// ellipsis. The second value is the line's width.
fn set(
    font: &impl ScaleFont<&'static FontRef<'static>>,
    line: &str,
    max_width: f32,
) -> (Vec<Glyph>, f32) {
    let ellipsis = font.glyph_id('…');
    let ellipsis_width = font.h_advance(ellipsis);
    let mut glyphs: Vec<Glyph> = Vec::new();
    let mut caret = 0.0;
    let mut before: Option<GlyphId> = None;
    for character in line.chars() {
        let id = font.glyph_id(character);
        caret += before.map_or(0.0, |before| font.kern(before, id));
        if caret + font.h_advance(id) > max_width {
            while caret + ellipsis_width > max_width
                && let Some(last) = glyphs.pop()
            {
                caret = last.position.x;
            }
            if caret + ellipsis_width <= max_width {
                glyphs.push(placed(font, ellipsis, caret));
                caret += ellipsis_width;
            }
            break;
        }
        glyphs.push(placed(font, id, caret));
        caret += font.h_advance(id);
        before = Some(id);
    }
    (glyphs, caret)
}

fn placed(font: &impl ScaleFont<&'static FontRef<'static>>, id: GlyphId, x: f32) -> Glyph {
    let mut glyph = id.with_scale(font.scale());
    glyph.position = point(x, font.ascent());
    glyph
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(mask: &Mask) -> u64 {
        mask.coverage.iter().map(|pixel| u64::from(*pixel)).sum()
    }

    #[test]
    fn accented_names_have_letters_of_their_own() {
        let plain = text("Zoe Muller", 24.0, 400.0);
        let accented = text("Zoë Müller", 24.0, 400.0);
        assert!(ink(&accented) > ink(&plain));
        for name in ["Łukasz Żółć", "Ngọc Ánh", "Ζωή", "Юлия", "Þórr Ðæ"] {
            for character in name.chars() {
                assert_ne!(FONT.glyph_id(character), GlyphId(0), "{character}");
            }
        }
    }

    #[test]
    fn what_the_font_lacks_is_still_drawn_as_something() {
        assert!(ink(&text("山田 太郎", 24.0, 400.0)) > 0);
        assert!(ink(&text("🎉", 24.0, 400.0)) > 0);
    }

    #[test]
    fn no_text_however_odd_is_wider_than_asked_or_crashes() {
        let long = "W".repeat(10_000);
        for line in ["", " ", "\0\n\r", "\u{202e}abc", "é\u{301}\u{301}", &long] {
            for (size, width) in [(1.0, 0.0), (14.0, 3.0), (24.0, 200.0)] {
                let mask = text(line, size, width);
                assert!(mask.width as f32 <= width + 2.0, "{line:?}");
            }
        }
    }

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Ada Lovelace", "AL"),
            ("ada", "A"),
            ("Jean-Luc  van der Berg", "JB"),
            ("émile zola", "ÉZ"),
            ("(guest) 2", "G2"),
            ("", "?"),
            ("\u{202e} - !", "?"),
        ] {
            assert_eq!(initials(name), expected, "{name:?}");
        }
    }
}
