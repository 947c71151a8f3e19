//! The page of a comparison.

use std::iter;

use super::drawing::{BOTTOM, Drawing, LEFT, RIGHT, Scale, TOP};
use super::markup::{Verdict, escape, facts, figure, list, number, page, table};
use super::{
    claim_in_words, footer, latency, media_in_words, moment_in_words, size_in_words, usage,
    where_it_ran,
};
use crate::report::comparison::{Comparison, Ratio, Shape, words};

/// The axis of ratios reaches at least from this to its inverse.
const LEAST_REACH: f64 = 2.0;

/// Height of a ratio in the drawing.
const ROW: f64 = 28.0;

/// Where its name ends and where its value begins.
const NAMES_UNTIL: f64 = 172.0;
const VALUES_FROM: f64 = RIGHT - 62.0;

/// Letters of a target's name that a drawing has room for.
const NAME_LETTERS: usize = 18;

/// The page of a comparison.
pub(crate) fn page_of(comparison: &Comparison) -> String {
    let Comparison { a, b, shapes, .. } = comparison;
    let title = format!("{a} beside {b}");
    let mut body = format!("<header>\n<h1>{}</h1>\n", escape(&title));
    let first = shapes.first().and_then(|shape| shape.rounds.first());
    if let Some(first) = first {
        body += &format!(
            "<p class=\"soft\">Colloquy bench, {}</p>\n",
            escape(&moment_in_words(&first.a.at))
        );
    }
    body += "</header>\n<main>\n";
    body += &verdict(comparison).html();
    body += "<p class=\"soft\">Both were put under the same load on the same machine, in turns, and started anew \
             for each run. A ratio is the median of the rounds&#39; ratios, with the smallest and the largest; \
             below 1, the first needs less.</p>\n";
    for (number, shape) in shapes.iter().enumerate() {
        body += &shape_html(comparison, shape, number);
    }
    if let Some(first) = first {
        body += "<h2>Where it was measured</h2>\n";
        body += &facts(&where_it_ran(&first.a));
    }
    let broken = comparison.broken_claims().into_iter();
    let broken = broken.map(|claim| format!("claim broken: {claim}"));
    let notes: Vec<String> = broken.chain(comparison.warnings()).collect();
    if !notes.is_empty() {
        body += "<h2>To know beside it</h2>\n<div class=\"card\">\n";
        body += &list(&notes);
        body += "</div>\n";
    }
    body += "</main>\n";
    body += &footer(first.map_or("", |first| first.a.version));
    page(&format!("{title} – Colloquy bench"), &body)
}

fn verdict(comparison: &Comparison) -> Verdict {
    if !comparison.is_result() {
        return Verdict {
            class: "none",
            words: "NO RESULT: this is no comparison".to_owned(),
            reasons: comparison.none_because.clone(),
        };
    }
    let reasons = comparison.shapes.iter().map(|shape| {
        let ratios = shape.ratios.iter().filter_map(|ratio| {
            let spread = ratio.a_over_b.as_ref()?;
            Some(format!("{} {}", ratio.measure, spread.words()))
        });
        let ratios: Vec<String> = ratios.collect();
        format!("{}: {}", shape.name, ratios.join("; "))
    });
    Verdict {
        class: "good",
        words: format!("{} over {}", comparison.a, comparison.b),
        reasons: reasons.collect(),
    }
}

fn shape_html(comparison: &Comparison, shape: &Shape, number: usize) -> String {
    let mut html = format!("<h2>{}</h2>\n", escape(&shape.name));
    html += "<div class=\"card\">\n";
    html += &side_by_side(comparison, shape);
    html += "</div>\n<div class=\"pair spaced\">\n";
    let names = [clip(&comparison.a), clip(&comparison.b)];
    let names = names.each_ref().map(String::as_str);
    html += &ratios(&format!("ratios-{number}"), names, &shape.ratios);
    html += &tails(&format!("tails-{number}"), names, shape);
    html += &processors(&format!("processors-{number}"), names, shape);
    if let Some(round) = shape.rounds.first() {
        html += &facts(&[
            ("claim", claim_in_words(&round.a)),
            ("size", size_in_words(&round.a)),
            ("media", media_in_words(&round.a)),
            (
                "measured",
                format!(
                    "{} rounds of {} s each",
                    shape.rounds.len(),
                    round.a.seconds
                ),
            ),
        ]);
    }
    html += "</div>\n<div class=\"card spaced\">\n";
    html += &every_run(comparison, shape);
    html + "</div>\n"
}

fn clip(name: &str) -> String {
    name.chars().take(NAME_LETTERS).collect()
}

/// What one compares for: both, and their ratio.
fn side_by_side(comparison: &Comparison, shape: &Shape) -> String {
    let rows = shape.ratios.iter().map(|ratio| {
        vec![
            format!("{}, {}", ratio.measure, ratio.unit),
            words(ratio.a.as_ref()),
            words(ratio.b.as_ref()),
            words(ratio.a_over_b.as_ref()),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = ["", &comparison.a, &comparison.b, "ratio"];
    table(
        "counted",
        "Median of the rounds (least to most)",
        &head,
        &rows,
    )
}

/// Each ratio as a point with its spread, left and right of 1.
fn ratios(id: &str, [a, b]: [&str; 2], ratios: &[Ratio]) -> String {
    let seen = ratios.iter().filter_map(|ratio| ratio.a_over_b);
    let farthest = seen
        .flat_map(|ratio| [ratio.min, ratio.max])
        .filter(|value| *value > 0.0)
        .map(|value| value.max(1.0 / value))
        .fold(LEAST_REACH, f64::max);
    let reach = farthest * 1.15;
    let across = Scale::logarithmic(1.0 / reach, reach, (NAMES_UNTIL, VALUES_FROM));
    let (top, bottom) = (30.0, 30.0 + ROW * ratios.len() as f64);
    let says = format!(
        "Left of 1, {a} needs less than {b}; right of 1, more. The bar is the spread over the rounds."
    );
    let mut drawing = Drawing::tall(id, "Ratios", &says, bottom + 44.0);
    let one = across.at(1.0);
    drawing.text("", (one - 10.0, 16.0), "end", "◂ less");
    drawing.text("", (one + 10.0, 16.0), "start", "more ▸");
    for (row, ratio) in ratios.iter().enumerate() {
        let y = top + ROW * (row as f64 + 0.5);
        drawing.line("grid", (NAMES_UNTIL, y), (VALUES_FROM, y));
        if let Some(all) = ratio.a_over_b {
            let ends = [all.min, all.max].map(|end| (across.at(end), y));
            drawing.line("whisker", ends[0], ends[1]);
            drawing.dot("dot-one", (across.at(all.median), y));
        }
        let median = ratio
            .a_over_b
            .map_or("–".to_owned(), |all| number(all.median));
        drawing.text("", (0.0, y + 4.5), "start", ratio.measure);
        drawing.text("mark", (RIGHT, y + 4.5), "end", &median);
    }
    drawing.line("axis", (one, top - 8.0), (one, bottom));
    drawing.across(&across, bottom, &format!("{a} over {b}, logarithmic"));
    let rows = ratios.iter().map(|ratio| {
        let of = ratio.a_over_b.as_ref();
        vec![ratio.measure.to_owned(), words(of)]
    });
    let rows: Vec<_> = rows.collect();
    let head = ["", "median (least to most)"];
    let table = table("counted", "Ratios", &head, &rows);
    figure("Ratios", &says, &drawing.done(), &table)
}

/// The latency of both, so that the tails are seen.
fn tails(id: &str, [a, b]: [&str; 2], shape: &Shape) -> String {
    let of = |run: fn(&crate::report::comparison::Round) -> &crate::report::Summary| {
        let buckets = shape
            .rounds
            .iter()
            .map(|round| run(round).latency_buckets());
        latency::merged(buckets)
    };
    let [one, two] = [of(|round| &round.a), of(|round| &round.b)];
    if one.is_empty() && two.is_empty() {
        return String::new();
    }
    latency::tails(id, &[("one", a, &one), ("two", b, &two)])
}

/// Cores of both targets; a line for each round.
fn processors(id: &str, [a, b]: [&str; 2], shape: &Shape) -> String {
    let rounds = &shape.rounds;
    let runs = rounds
        .iter()
        .flat_map(|round| [("one", &round.a), ("two", &round.b)]);
    let runs = runs.filter(|(_, run)| run.target_used.is_some() && !run.over_time.is_empty());
    let runs: Vec<_> = runs
        .map(|(class, run)| (class, usage::of_target(run)))
        .collect();
    let Some(longest) = runs
        .iter()
        .flat_map(|(_, points)| points.last())
        .map(|last| last.0)
        .reduce(f64::max)
    else {
        return String::new();
    };
    let all = runs.iter().flat_map(|(_, points)| points);
    let highest = all.map(|point| point.1).fold(0.0, f64::max) * 1.05;
    let says = "Busy cores of each target while it was measured; a line for each round.";
    let mut drawing = Drawing::new(id, "Processors over time", says);
    let across = Scale::linear(0.0, longest, (LEFT, RIGHT));
    let up = Scale::linear(0.0, highest, (BOTTOM, TOP));
    drawing.upwards(&up, "cores");
    drawing.across(&across, BOTTOM, "seconds");
    drawing.legend(&[("one", a), ("two", b)]);
    for (class, points) in &runs {
        let points = points
            .iter()
            .map(|(at_s, cores)| (across.at(*at_s), up.at(*cores)));
        drawing.path(class, &points.collect::<Vec<_>>());
    }
    let cores = |run: &crate::report::Summary| {
        run.target_used
            .map_or("–".to_owned(), |used| number(used.cores))
    };
    let rows = rounds.iter().enumerate().map(|(number, round)| {
        vec![
            format!("round {}", number + 1),
            cores(&round.a),
            cores(&round.b),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let table = table(
        "counted",
        "Cores of the target, on average",
        &["", a, b],
        &rows,
    );
    figure("Processors over time", says, &drawing.done(), &table)
}

/// A row for each run.
fn every_run(comparison: &Comparison, shape: &Shape) -> String {
    let measures = shape.ratios.iter();
    let head = measures.map(|ratio| format!("{}, {}", ratio.measure, ratio.unit));
    let head: Vec<String> = iter::once("run".to_owned())
        .chain(head)
        .chain(
            [
                "frames decoded, %",
                "received, packets/s",
                "generator, cores",
                "verdict",
            ]
            .map(str::to_owned),
        )
        .collect();
    let mut rows = Vec::new();
    for (round_number, round) in shape.rounds.iter().enumerate() {
        for (who, run) in [(&comparison.a, &round.a), (&comparison.b, &round.b)] {
            let mut row = vec![format!("{} {who}", round_number + 1)];
            let values = crate::report::comparison::MEASURES.iter();
            row.extend(values.map(|measure| measure.value(run).map_or("–".to_owned(), number)));
            let generator = run
                .bench_used
                .map_or("–".to_owned(), |used| number(used.cores));
            let verdict = match (run.is_result(), run.claim_held()) {
                (false, _) => "NO RESULT",
                (true, true) => "holds",
                (true, false) => "claim broken",
            };
            row.push(match run.pictures_expected {
                0 => "–".to_owned(),
                _ => format!("{:.2}", run.delivered_percent),
            });
            row.extend([
                number(run.packets_per_second),
                generator,
                verdict.to_owned(),
            ]);
            rows.push(row);
        }
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    table("counted", "Every run", &head, &rows)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_is_whole, full};
    use super::*;
    use crate::report::Summary;
    use crate::report::comparison::{Round, tests::rounds};

    fn compared(a: &str, runs: Vec<Round>) -> Comparison {
        let shapes = ["fanout:1x9", "meeting:4"];
        let shapes = shapes.map(|name| Shape::of(name.to_owned(), runs.clone()));
        Comparison::of(a, "the other", shapes.to_vec())
    }

    fn three() -> Vec<Round> {
        let mut three = rounds(&[(1.0, 2.0), (1.1, 2.0), (0.9, 2.0)]);
        for round in &mut three {
            for run in [&mut round.a, &mut round.b] {
                *run = Summary {
                    target_used: run.target_used,
                    packets_received: 1,
                    ..full()
                };
            }
        }
        three
    }

    #[test]
    fn a_comparison_s_page_is_whole_and_has_every_ratio_and_every_run() {
        let comparison = compared("this", three());
        let html = page_of(&comparison);
        assert_is_whole(&html);
        for shape in &comparison.shapes {
            assert!(html.contains(&shape.name));
            for ratio in &shape.ratios {
                for spread in [ratio.a, ratio.b, ratio.a_over_b] {
                    assert!(html.contains(&words(spread.as_ref())));
                }
            }
        }
        assert!(html.contains("0.500 (0.450 to 0.550)"));
        assert_eq!(html.matches("<svg").count(), 6);
        assert_eq!(
            html.matches("<th scope=\"row\">3 the other</th>").count(),
            2
        );
        assert!(!html.contains("NO RESULT"));
    }

    #[test]
    fn a_comparison_that_is_none_says_so_and_text_of_others_is_text() {
        let mut runs = three();
        runs[2].b.limited_by = vec!["<b>full".to_owned()];
        let html = page_of(&compared("<i>this", runs));
        assert_is_whole(&html);
        assert!(html.contains("NO RESULT: this is no comparison"));
        assert!(html.contains("round 3, the other: &lt;b&gt;full"));
        assert!(!html.contains("<i>this"));
    }

    #[test]
    fn nothing_at_all_has_a_whole_page_as_well() {
        assert_is_whole(&page_of(&Comparison::of("a", "b", Vec::new())));
        let empty = Shape::of("fanout".to_owned(), Vec::new());
        assert_is_whole(&page_of(&Comparison::of("a", "b", vec![empty])));
    }
}
