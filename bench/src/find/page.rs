//! The page of an answer.

use super::answer::{Answer, MOST_P99_MS, Tried};
use crate::measure::machine::Machine;
use crate::report::html::drawing::{BOTTOM, Drawing, LEFT, RIGHT, Scale, TOP};
use crate::report::html::markup::{Verdict, escape, facts, figure, number, page, table};

/// What was found, to show to a colleague.
pub(super) fn page_of(answer: &Answer, machine: &Machine) -> String {
    let title = format!("How much {} holds", answer.target);
    let mut body = format!(
        "<header>\n<h1>{}</h1>\n<p class=\"soft\">Colloquy bench, scenario {}</p>\n</header>\n<main>\n",
        escape(&title),
        escape(&answer.scenario)
    );
    let verdict = Verdict {
        class: match (answer.holds, answer.at_least) {
            (0, _) => "bad",
            (_, true) => "none",
            (_, false) => "good",
        },
        words: answer.words.clone(),
        reasons: Vec::new(),
    };
    body += &verdict.html();
    body += "<div class=\"pair\">\n";
    body += &latency_by_load(answer);
    body += &facts(&machine.facts());
    body += "</div>\n<div class=\"card spaced\">\n";
    body += &every_load(answer);
    body += "</div>\n</main>\n";
    page(&format!("{title} – Colloquy bench"), &body)
}

/// In the order of their size.
fn sorted(answer: &Answer) -> Vec<&Tried> {
    let mut tried: Vec<&Tried> = answer.tried.iter().collect();
    tried.sort_by_key(|one| one.load);
    tried
}

/// How late pictures were under each load, beside the limit.
fn latency_by_load(answer: &Answer) -> String {
    let tried = sorted(answer);
    let largest = tried.last().map_or(1.0, |last| f64::from(last.load));
    let latest = tried.iter().map(|one| one.latency_p99_ms);
    let latest = latest.fold(MOST_P99_MS, f64::max) * 1.05;
    let across = Scale::linear(0.0, largest, (LEFT, RIGHT));
    let up = Scale::linear(0.0, latest, (BOTTOM, TOP));
    let says = format!(
        "Latency (p99) of each load that was tried; {MOST_P99_MS} ms are the limit. Orange: the load broke a limit."
    );
    let heading = "Latency by load";
    let mut drawing = Drawing::new("latency-by-load", heading, &says);
    drawing.upwards(&up, "ms, p99");
    drawing.across(&across, BOTTOM, answer.unit);
    drawing.line(
        "at",
        (LEFT, up.at(MOST_P99_MS)),
        (RIGHT, up.at(MOST_P99_MS)),
    );
    let at = |one: &Tried| (across.at(one.load.into()), up.at(one.latency_p99_ms));
    let points: Vec<_> = tried.iter().map(|one| at(one)).collect();
    drawing.path("rest", &points);
    for one in &tried {
        let class = if one.holds { "dot-one" } else { "dot-two" };
        drawing.dot(class, at(one));
    }
    let rows = tried.iter().map(|one| {
        let verdict = if one.holds { "holds" } else { "breaks" };
        vec![
            one.load.to_string(),
            format!("{} ms", number(one.latency_p99_ms)),
            verdict.to_owned(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = [answer.unit, "latency, p99", ""];
    let table = table("counted", heading, &head, &rows);
    figure(heading, &says, &drawing.done(), &table)
}

fn every_load(answer: &Answer) -> String {
    let rows = sorted(answer).into_iter().map(|one| {
        let verdict = match one.holds {
            true => "holds".to_owned(),
            false => one.broken.join("; "),
        };
        vec![
            one.load.to_string(),
            one.participants.to_string(),
            number(one.machine_percent),
            number(one.target_cores),
            number(one.latency_p99_ms),
            format!("{:.3}", one.loss_percent),
            number(one.join_p95_ms),
            verdict,
            one.limited_by.join("; "),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = [
        answer.unit,
        "people",
        "machine, %",
        "target, cores",
        "latency p99, ms",
        "loss, %",
        "join p95, ms",
        "verdict",
        "besides the target",
    ];
    table("counted", "Every load that was tried", &head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Summary;
    use crate::report::html::tests::assert_is_whole;

    #[test]
    fn a_page_is_whole_and_says_every_load_that_was_tried() {
        let tried = |load, joined| {
            let summary = Summary {
                joined,
                ..Summary::example()
            };
            Tried::of(load, &summary, 2.0)
        };
        let answer = Answer {
            scenario: "rooms".to_owned(),
            unit: "rooms",
            target: "<b>here".to_owned(),
            holds: 4,
            at_least: false,
            participants: 11,
            words: "This machine holds 4 rooms.".to_owned(),
            tried: vec![tried(8, 10), tried(4, 11)],
        };
        let html = page_of(&answer, &Machine::here());
        assert_is_whole(&html);
        for word in [
            "This machine holds 4 rooms.",
            "1 of 11 did not get in",
            "&lt;b&gt;here",
            "<th scope=\"row\">8</th>",
            &escape(&Machine::here().cpu_model),
        ] {
            assert!(html.contains(word), "{word}");
        }
        assert_eq!(html.matches("class=\"dot-two\"").count(), 1);
        let nothing = Answer {
            tried: Vec::new(),
            holds: 0,
            ..answer
        };
        assert_is_whole(&page_of(&nothing, &Machine::default()));
    }
}
