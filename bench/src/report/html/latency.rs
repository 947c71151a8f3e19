//! How long pictures or voices took, drawn.

use super::drawing::{BOTTOM, Drawing, LEFT, RIGHT, Scale, TOP};
use super::markup::{figure, number, table};
use crate::measure::histogram::Percentiles;

/// Bars to a power of ten.
const BARS_A_DECADE: f64 = 10.0;

/// Shorter latencies are drawn as this long.
const SHORTEST_MS: f64 = 0.01;

/// About as wide as the word of a mark is.
const MARK_WIDTH: f64 = 96.0;

/// Shares that the axis of tails names; it ends a little above the last.
const NAMED_PERCENT: [f64; 4] = [50.0, 95.0, 99.0, 99.9];
const LAST_PERCENT: f64 = 99.97;

/// Upper ends of buckets in milliseconds, and how many are in each.
pub(super) type Buckets = [(f64, u64)];

/// A bar: its number on the logarithmic axis, and how many it holds.
fn bars(buckets: &Buckets) -> Vec<(i32, u64)> {
    let mut bars: Vec<(i32, u64)> = Vec::new();
    for (end_ms, count) in buckets {
        let place = end_ms.max(SHORTEST_MS).log10() * BARS_A_DECADE;
        // A bar's upper end belongs to it.
        let number = (place - 1e-9).floor() as i32;
        match bars.last_mut() {
            Some(last) if last.0 == number => last.1 += count,
            _ => bars.push((number, *count)),
        }
    }
    bars
}

fn begin_ms(bar: i32) -> f64 {
    10f64.powf(f64::from(bar) / BARS_A_DECADE)
}

/// From the first bar to the last, and at least a power of ten.
pub(super) fn axis(buckets: &[&Buckets]) -> Scale {
    let numbers = buckets.iter().flat_map(|buckets| bars(buckets));
    let numbers: Vec<i32> = numbers.map(|(number, _)| number).collect();
    let first = numbers.iter().min().copied().unwrap_or(0);
    let last = numbers.iter().max().copied().unwrap_or(0) + 1;
    let room = (BARS_A_DECADE as i32 - (last - first)).max(0);
    let (from, to) = (begin_ms(first - room / 2), begin_ms(last + room - room / 2));
    Scale::logarithmic(from, to, (LEFT, RIGHT))
}

/// A bar for each range of latencies, as high as its share, and p50, p95 and p99 marked.
pub(super) fn histogram(id: &str, whose: &str, of: &Percentiles, buckets: &Buckets) -> String {
    let bars = bars(buckets);
    let total = bars.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let percent = |count: u64| 100.0 * count as f64 / total;
    let highest = bars.iter().map(|(_, count)| percent(*count));
    let highest = highest.fold(1.0, f64::max);
    let (across, up) = (axis(&[buckets]), Scale::linear(0.0, highest, (BOTTOM, TOP)));
    let says = format!(
        "Half within {} ms, 95 % within {} ms, 99 % within {} ms, the last after {} ms.",
        number(of.p50),
        number(of.p95),
        number(of.p99),
        number(of.max)
    );
    let heading = format!("Latency of {whose}");
    let mut drawing = Drawing::new(id, &heading, &says);
    drawing.upwards(&up, "% of all");
    for (bar, count) in &bars {
        let (from, to) = (across.at(begin_ms(*bar)), across.at(begin_ms(bar + 1)));
        let top = up.at(percent(*count));
        drawing.bar(
            "bar",
            (from + 0.5, top),
            ((to - from - 1.0).max(1.0), BOTTOM - top),
        );
    }
    drawing.across(&across, BOTTOM, "milliseconds, logarithmic");
    // The line of a larger one is right of a smaller one's word, or below it.
    let marks = [("p99", of.p99), ("p95", of.p95), ("p50", of.p50)];
    for (row, (name, ms)) in marks.into_iter().enumerate() {
        let (x, y) = (across.at(ms), 13.0 + 16.0 * row as f64);
        drawing.line("at", (x, y - 9.0), (x, BOTTOM));
        let word = format!("{name} {} ms", number(ms));
        match x > LEFT + MARK_WIDTH {
            true => drawing.text("mark", (x - 5.0, y), "end", &word),
            false => drawing.text("mark", (x + 5.0, y), "start", &word),
        }
    }
    let mut so_far = 0;
    let rows = bars.iter().map(|(bar, count)| {
        so_far += count;
        vec![
            format!("to {} ms", number(begin_ms(bar + 1))),
            number(*count as f64),
            format!("{:.2} %", percent(*count)),
            format!("{:.2} %", percent(so_far)),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = ["took", "how many", "share", "up to here"];
    let table = table("counted", &heading, &head, &rows);
    figure(&heading, &says, &drawing.done(), &table)
}

/// The histograms of several runs as one.
pub(super) fn merged<'a>(runs: impl Iterator<Item = &'a Buckets>) -> Vec<(f64, u64)> {
    let mut all: Vec<(f64, u64)> = runs.flatten().copied().collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    all.dedup_by(|next, one| {
        let same = next.0.total_cmp(&one.0).is_eq();
        one.1 += if same { next.1 } else { 0 };
        same
    });
    all
}

/// Each bucket's end, and how many percent do not exceed it.
fn shares(buckets: &Buckets) -> Vec<(f64, f64)> {
    let total = buckets.iter().map(|(_, count)| count).sum::<u64>() as f64;
    let mut so_far = 0;
    let shares = buckets.iter().map(|(end_ms, count)| {
        so_far += count;
        (*end_ms, 100.0 * so_far as f64 / total)
    });
    shares.collect()
}

/// The latency that so many percent do not exceed.
fn at_percent(shares: &[(f64, f64)], percent: f64) -> Option<f64> {
    let reached = shares.iter().find(|(_, share)| *share >= percent - 1e-9);
    reached.map(|(end_ms, _)| *end_ms)
}

/// Lines of how many are there after how long, the axis stretched towards the last ones:
/// class, name, buckets.
pub(super) fn tails(id: &str, lines: &[(&str, &str, &Buckets)]) -> String {
    let buckets: Vec<&Buckets> = lines.iter().map(|(.., buckets)| *buckets).collect();
    let across = axis(&buckets);
    // Each further nine is as high as the one before.
    let nines = |percent: f64| -(1.0 - percent.min(LAST_PERCENT) / 100.0).log10();
    let up = Scale::linear(0.0, nines(LAST_PERCENT), (BOTTOM, TOP));
    let says = "How many were there after how long, over all rounds. Further left is sooner; the axis is \
                stretched so that the last ones are seen. Dots are p50, p95 and p99.";
    let heading = "Latency";
    let mut drawing = Drawing::new(id, heading, says);
    for percent in NAMED_PERCENT {
        drawing.level(up.at(nines(percent)), &format!("{percent} %"));
    }
    drawing.across(&across, BOTTOM, "milliseconds, logarithmic");
    let legend: Vec<_> = lines
        .iter()
        .map(|(class, name, _)| (*class, *name))
        .collect();
    drawing.legend(&legend);
    let all: Vec<_> = lines.iter().map(|(.., buckets)| shares(buckets)).collect();
    for ((class, ..), shares) in lines.iter().zip(&all) {
        let points = shares.iter();
        let points = points.map(|(ms, percent)| (across.at(*ms), up.at(nines(*percent))));
        drawing.path(class, &points.collect::<Vec<_>>());
        for percent in &NAMED_PERCENT[..3] {
            if let Some(ms) = at_percent(shares, *percent) {
                let at = (across.at(ms), up.at(nines(*percent)));
                drawing.dot(&format!("dot-{class}"), at);
            }
        }
    }
    let rows = NAMED_PERCENT.iter().chain(&[100.0]).map(|percent| {
        let values = all.iter().map(|shares| {
            at_percent(shares, *percent).map_or("–".to_owned(), |ms| format!("{} ms", number(ms)))
        });
        std::iter::once(format!("{percent} % within"))
            .chain(values)
            .collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let head = std::iter::once("share").chain(lines.iter().map(|(_, name, _)| *name));
    let table = table("counted", heading, &head.collect::<Vec<_>>(), &rows);
    figure(heading, says, &drawing.done(), &table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latency_is_in_one_bar_and_none_is_lost() {
        let buckets = [
            (0.0, 1),
            (1.0, 2),
            (1.01, 3),
            (1.2, 4),
            (999.0, 5),
            (1_000.0, 6),
        ];
        let bars = bars(&buckets);
        assert_eq!(bars, [(-21, 1), (-1, 2), (0, 7), (29, 11)]);
        let drawn = histogram("x", "pictures", &Percentiles::default(), &buckets);
        assert_eq!(drawn.matches("class=\"bar\"").count(), bars.len());
        for mark in ["p50 0 ms", "p95 0 ms", "p99 0 ms", "100.00 %"] {
            assert!(drawn.contains(mark), "{mark}");
        }
    }

    #[test]
    fn even_a_single_latency_has_an_axis_around_it() {
        let axis = axis(&[&[(3.0, 1)]]);
        assert!(axis.at(3.0) > LEFT && axis.at(3.0) < RIGHT);
        assert!(axis.ticks().len() >= 3);
        assert!(super::axis(&[]).ticks().len() >= 3);
    }

    #[test]
    fn runs_are_one_distribution_in_which_nothing_is_lost() {
        let one = [(1.0, 1), (2.0, 2)];
        let two = [(0.5, 1), (2.0, 6)];
        let merged = merged([&one[..], &two[..]].into_iter());
        assert_eq!(merged, [(0.5, 1), (1.0, 1), (2.0, 8)]);
        let shares = shares(&merged);
        assert_eq!(shares, [(0.5, 10.0), (1.0, 20.0), (2.0, 100.0)]);
        for (percent, ms) in [(10.0, 0.5), (15.0, 1.0), (50.0, 2.0), (100.0, 2.0)] {
            assert_eq!(at_percent(&shares, percent), Some(ms));
        }
        assert_eq!(at_percent(&super::shares(&[]), 50.0), None);
    }
}
