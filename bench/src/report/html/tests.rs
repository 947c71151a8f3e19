use super::*;
use crate::measure::histogram::Histogram;
use crate::measure::look::Moment;

/// Tags that have no end.
const VOID: [&str; 1] = ["meta"];

/// Every tag that begins also ends, in order; no script, and nothing from elsewhere.
pub(crate) fn assert_is_whole(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let (_, body) = html.split_once("<!DOCTYPE html>").expect("a page");
    for piece in body.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{piece}");
        } else if !tag.ends_with('/') {
            let name = tag.split_ascii_whitespace().next().expect("a name");
            if !VOID.contains(&name) {
                open.push(name);
            }
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).collect();
    for id in &mut ids {
        *id = id.split_once('"').expect("an end").0;
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "each id is there once");
    for outside in [
        "<script", "src=", "url(", "@import", "<link", "NaN", "inf\"",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
}

/// A run with something in every part.
pub(crate) fn full() -> Summary {
    let mut latency = Histogram::default();
    for number in 1..=1_000u64 {
        latency.record_us(2_000 + number * number / 20);
    }
    Summary {
        at: "2026-01-02T03:04:05Z".to_owned(),
        version: "1.2.3",
        machine: crate::measure::machine::Machine {
            cpu_model: "Some CPU".to_owned(),
            cores: 2,
            kernel: "Linux 6.1".to_owned(),
            memory_bytes: 8_000_000_000,
        },
        latency_ms: latency.percentiles(),
        latency_histogram: latency.buckets_ms(),
        pictures_expected: 1_000,
        pictures_decoded: 1_000,
        packets_per_second: 12_345.0,
        over_time: (1..=20)
            .map(|half| Moment {
                at_s: f64::from(half) / 2.0,
                target_cores: 0.5,
                bench_cores: 0.6,
                others_cores: 0.01,
                target_memory_mb: 80.0,
            })
            .collect(),
        ..Summary::example()
    }
}

#[test]
fn a_page_is_whole_and_every_figure_is_on_it() {
    let summary = full();
    let html = run(&summary);
    assert_is_whole(&html);
    let figures = terminal::lines(&summary)
        .into_iter()
        .map(|(_, value)| value);
    let run = what_was_run(&summary).into_iter().map(|(_, value)| value);
    let place = where_it_ran(&summary).into_iter().map(|(_, value)| value);
    let keys = key_figures(&summary).into_iter().map(|(_, value, _)| value);
    for value in figures.chain(run).chain(place).chain(keys) {
        assert!(html.contains(&escape(&value)), "{value}");
    }
    for word in [
        "The claim holds",
        "everyone sees it",
        "12,345",
        "Some CPU",
        "8.0 GB",
        "Linux 6.1",
        "2026-01-02 03:04:05 UTC",
        "1 room, 1 publisher and 10 viewers; 11 participants, 11 joined",
        "p95 ",
    ] {
        assert!(html.contains(word), "{word}");
    }
    assert_eq!(html.matches("<svg").count(), 3);
    assert_eq!(html.matches("The same as a table").count(), 3);
}

#[test]
fn an_empty_run_has_a_whole_page_as_well() {
    assert_is_whole(&run(&Summary::default()));
}

#[test]
fn whatever_others_wrote_is_text() {
    let hostile = "<img src=x onerror='1'>\"&".to_owned();
    let html = run(&Summary {
        target: hostile.clone(),
        failures: vec![hostile.clone()],
        warnings: vec![hostile.clone()],
        limited_by: vec![hostile.clone()],
        broken_claims: vec![hostile],
        ..full()
    });
    assert!(!html.contains("<img") && html.contains("&lt;img"));
    assert_is_whole(&html.replace("src=x", ""));
}

#[test]
fn what_is_no_result_is_never_called_one_that_holds_or_breaks() {
    let broken = vec!["too few frames".to_owned()];
    let limited = vec!["a full machine".to_owned()];
    for (broken_claims, limited_by, words) in [
        (vec![], vec![], "The claim holds"),
        (broken.clone(), vec![], "The claim is broken"),
        (vec![], limited.clone(), "NO RESULT"),
        (broken, limited, "NO RESULT"),
    ] {
        let summary = Summary {
            broken_claims,
            limited_by,
            ..full()
        };
        let html = run(&summary);
        assert!(html.contains(words));
        let words = ["The claim holds", "The claim is broken", "NO RESULT"];
        assert_eq!(words.iter().filter(|word| html.contains(**word)).count(), 1);
        for reason in summary.broken_claims.iter().chain(&summary.limited_by) {
            assert!(html.contains(reason));
        }
    }
}
