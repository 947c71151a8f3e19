//! Drawings as SVG: scales, axes, lines. They are small, so that a phone shows them readable.

use std::fmt::Write;

use super::markup::{escape, number};

/// The drawing's size; everything in it is in these units.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 270.0;

/// Where its axes cross, and where they end.
pub(crate) const LEFT: f64 = 52.0;
pub(crate) const RIGHT: f64 = WIDTH - 20.0;
pub(crate) const TOP: f64 = 62.0;
pub(crate) const BOTTOM: f64 = HEIGHT - 42.0;

/// Fewest ticks of a linear axis.
const FEWEST_TICKS: f64 = 3.0;

/// Where a value lies on an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    from: f64,
    to: f64,
    logarithmic: bool,
    /// Of `from` and of `to`.
    ends: (f64, f64),
}

impl Scale {
    pub(crate) fn linear(from: f64, to: f64, ends: (f64, f64)) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        Scale {
            from,
            to,
            logarithmic: false,
            ends,
        }
    }

    /// Both are above 0.
    pub(crate) fn logarithmic(from: f64, to: f64, ends: (f64, f64)) -> Self {
        let mut scale = Scale::linear(from, to, ends);
        scale.logarithmic = true;
        scale
    }

    /// Values outside of the axis are at its end.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        let share = if self.logarithmic {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.ends.0 + share * (self.ends.1 - self.ends.0)
    }

    /// Round values on the axis.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        if !self.logarithmic {
            return linear_ticks(self.from, self.to);
        }
        let decades = (self.to / self.from).log10();
        // On a long axis only the powers of ten have room for a word.
        let within: &[f64] = if decades <= 2.5 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let powers = self.from.log10().floor() as i32..=self.to.log10().ceil() as i32;
        let all = powers.flat_map(|power| within.iter().map(move |one| one * 10f64.powi(power)));
        // Powers of ten are not exact below 1.
        all.filter(|tick| (self.from * 0.999..=self.to * 1.001).contains(tick))
            .collect()
    }
}

/// Steps of 1, 2 or 5 times a power of ten.
fn linear_ticks(from: f64, to: f64) -> Vec<f64> {
    let rough = (to - from) / FEWEST_TICKS;
    let power = 10f64.powf(rough.log10().floor());
    let fits = [5.0, 2.0, 1.0].into_iter().find(|one| one * power <= rough);
    let step = fits.unwrap_or(1.0) * power;
    let first = (from / step).ceil() as i64;
    let last = (to / step * 1.000_001).floor() as i64;
    (first..=last).map(|tick| tick as f64 * step).collect()
}

/// A tick in as few figures as it has.
pub(crate) fn tick(value: f64) -> String {
    match value {
        _ if value >= 1_000.0 => number(value),
        _ => format!("{}", (value * 1e6).round() / 1e6),
    }
}

/// A drawing that grows.
pub(crate) struct Drawing {
    svg: String,
}

impl Drawing {
    /// `id` is another for each drawing of a page; `says` is for whoever cannot see it.
    pub(crate) fn new(id: &str, title: &str, says: &str) -> Self {
        Drawing::tall(id, title, says, HEIGHT)
    }

    /// One of another height.
    pub(crate) fn tall(id: &str, title: &str, says: &str, height: f64) -> Self {
        let (title, says) = (escape(title), escape(says));
        Drawing {
            svg: format!(
                "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
                 aria-labelledby=\"{id}-title {id}-says\">\n\
                 <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-says\">{says}</desc>\n"
            ),
        }
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = writeln!(
            self.svg,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    pub(crate) fn bar(&mut self, class: &str, corner: (f64, f64), size: (f64, f64)) {
        let _ = writeln!(
            self.svg,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            corner.0, corner.1, size.0, size.1
        );
    }

    pub(crate) fn dot(&mut self, class: &str, at: (f64, f64)) {
        let (x, y) = at;
        let _ = writeln!(
            self.svg,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"
        );
    }

    /// `anchor` is `start`, `middle` or `end`.
    pub(crate) fn text(&mut self, class: &str, at: (f64, f64), anchor: &str, text: &str) {
        let ((x, y), text) = (at, escape(text));
        let _ = writeln!(
            self.svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    /// A line through all of them.
    pub(crate) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1} "));
        let points: String = points.collect();
        let _ = writeln!(
            self.svg,
            "<polyline class=\"line {class}\" points=\"{}\"/>",
            points.trim_end()
        );
    }

    /// The horizontal axis, with its ticks below and what it counts.
    pub(crate) fn across(&mut self, scale: &Scale, bottom: f64, counts: &str) {
        let (left, right) = scale.ends;
        self.line("axis", (left, bottom), (right, bottom));
        for value in scale.ticks() {
            let x = scale.at(value);
            self.line("axis", (x, bottom), (x, bottom + 4.0));
            self.text("", (x, bottom + 18.0), "middle", &tick(value));
        }
        let middle = f64::midpoint(left, right);
        self.text("", (middle, bottom + 36.0), "middle", counts);
    }

    /// The vertical axis, a thin line for each tick.
    pub(crate) fn upwards(&mut self, scale: &Scale, counts: &str) {
        for value in scale.ticks() {
            self.level(scale.at(value), &tick(value));
        }
        self.text("", (4.0, TOP - 17.0), "start", counts);
    }

    /// One thin line across, with its word.
    pub(crate) fn level(&mut self, y: f64, word: &str) {
        self.line("grid", (LEFT, y), (RIGHT, y));
        self.text("", (LEFT - 6.0, y + 4.5), "end", word);
    }

    /// What each line is: class, name.
    pub(crate) fn legend(&mut self, lines: &[(&str, &str)]) {
        let mut x = LEFT;
        for (class, name) in lines {
            self.path(class, &[(x, 16.0), (x + 26.0, 16.0)]);
            self.text("", (x + 32.0, 20.5), "start", name);
            // About as wide as its letters are.
            x += 48.0 + 7.8 * name.chars().count() as f64;
        }
    }

    pub(crate) fn done(self) -> String {
        self.svg + "</svg>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_between_the_ends_of_its_axis_whatever_it_is() {
        let linear = Scale::linear(0.0, 10.0, (100.0, 0.0));
        assert_eq!(linear.at(2.5), 75.0);
        assert_eq!((linear.at(-1.0), linear.at(11.0)), (100.0, 0.0));
        let decades = Scale::logarithmic(0.1, 1_000.0, (0.0, 400.0));
        assert!((decades.at(1.0) - 100.0).abs() < 1e-9);
        assert_eq!(decades.at(0.0), 0.0);
        assert_eq!(Scale::linear(0.0, 0.0, (0.0, 9.0)).at(0.0), 0.0);
    }

    #[test]
    fn ticks_are_round_few_and_on_the_axis() {
        for (scale, expected) in [
            (
                Scale::linear(0.0, 10.0, (0.0, 1.0)),
                vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0],
            ),
            (
                Scale::linear(0.0, 0.0, (0.0, 1.0)),
                vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            ),
            (
                Scale::logarithmic(0.9, 60.0, (0.0, 1.0)),
                vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0],
            ),
            (
                Scale::logarithmic(0.1, 1_000.0, (0.0, 1.0)),
                vec![0.1, 1.0, 10.0, 100.0, 1_000.0],
            ),
        ] {
            let ticks: Vec<String> = scale.ticks().into_iter().map(tick).collect();
            let expected: Vec<String> = expected.into_iter().map(tick).collect();
            assert_eq!(ticks, expected);
        }
    }
}
