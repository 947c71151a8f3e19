//! A report as one page that needs nothing beside it: to show to a colleague.
//!
//! | file | what it decides |
//! |---|---|
//! | `markup` | escaping, tables, lists |
//! | `drawing` | scales, axes and lines as SVG |
//! | `latency`, `usage` | what is drawn of a run |
//! | `comparison` | the page of two targets beside each other |
//! | `page.css` | looks, in light and dark |

mod comparison;
pub(crate) mod drawing;
mod latency;
pub(crate) mod markup;
mod usage;

pub(crate) use self::comparison::page_of as comparison;
use self::markup::{Verdict, escape, facts, keys, list, number, page, table};
use super::{Summary, table as terminal};

/// The page of one run.
pub(crate) fn run(summary: &Summary) -> String {
    let title = format!("{} on {}", summary.scenario, summary.target);
    let mut body = format!(
        "<header>\n<h1>{}, {} participants</h1>\n<p class=\"soft\">Colloquy bench on {}, {}</p>\n</header>\n<main>\n",
        escape(summary.scenario),
        summary.participants,
        escape(&summary.target),
        escape(&moment_in_words(&summary.at))
    );
    body += &verdict(summary).html();
    body += &keys(&key_figures(summary));
    body += "<h2>How it went</h2>\n<div class=\"pair\">\n";
    body += &latencies(summary);
    if !summary.over_time.is_empty() {
        body += &usage::cores("cores", summary);
        body += &usage::memory("memory", summary);
    }
    body += "</div>\n<h2>What was run, and where</h2>\n<div class=\"pair\">\n";
    body += &facts(&what_was_run(summary));
    body += &facts(&where_it_ran(summary));
    body += "</div>\n";
    body += &notes(summary);
    body += "<h2>Every figure</h2>\n<div class=\"card\">\n";
    let rows = terminal::lines(summary).into_iter();
    let rows: Vec<_> = rows
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    body += &table(
        "",
        "As the terminal shows them",
        &["figure", "value"],
        &rows,
    );
    body += "</div>\n</main>\n";
    body += &footer(summary.version);
    page(&format!("{title} – Colloquy bench"), &body)
}

fn footer(version: &str) -> String {
    format!(
        "<footer>Made by <code>colloquy bench</code>, version {}. Latency is from the moment a frame is due at \
         its source until it is whole at a viewer.</footer>\n",
        escape(version)
    )
}

/// `2026-01-02T03:04:05Z` as one reads it.
fn moment_in_words(at: &str) -> String {
    at.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

fn verdict(summary: &Summary) -> Verdict {
    let broken = summary.broken_claims.iter();
    if !summary.is_result() {
        let broken = broken.map(|claim| format!("the claim did not hold either: {claim}"));
        return Verdict {
            class: "none",
            words: "NO RESULT: something besides the target was measured".to_owned(),
            reasons: summary.limited_by.iter().cloned().chain(broken).collect(),
        };
    }
    if !summary.claim_held() {
        return Verdict {
            class: "bad",
            words: "The claim is broken".to_owned(),
            reasons: broken.cloned().collect(),
        };
    }
    Verdict {
        class: "good",
        words: "The claim holds".to_owned(),
        reasons: vec![claim_in_words(summary)],
    }
}

fn key_figures(summary: &Summary) -> Vec<(&'static str, String, &'static str)> {
    let mut keys = vec![
        ("received", number(summary.packets_per_second), "packets/s"),
        ("received", number(summary.mbit_per_second), "Mbit/s"),
        (
            "lost on the wire",
            format!("{:.3}", summary.loss_percent),
            "%",
        ),
        ("join, p95", number(summary.join_ms.p95), "ms"),
    ];
    if let Some(latency) = summary.latency() {
        keys.extend([
            ("latency, p50", number(latency.p50), "ms"),
            ("latency, p99", number(latency.p99), "ms"),
        ]);
    }
    if summary.pictures_expected > 0 {
        keys.extend([
            (
                "frames decoded",
                format!("{:.2}", summary.delivered_percent),
                "% of those due",
            ),
            (
                "freezes",
                number(summary.freezes.count as f64),
                "longer than 200 ms",
            ),
        ]);
    }
    if let Some(used) = &summary.target_used {
        keys.extend([
            ("target", number(used.cores), "cores"),
            (
                "target",
                number(used.cpu_s_per_million_packets),
                "CPU-s a million packets",
            ),
        ]);
        if let Some(each) = used.memory_kb_per_participant {
            keys.push(("target memory", number(each), "kB a participant"));
        }
    }
    if let Some(used) = &summary.bench_used {
        keys.push(("generator", number(used.cores), "cores"));
    }
    keys
}

fn latencies(summary: &Summary) -> String {
    let mut html = String::new();
    for (id, whose, percentiles, buckets) in [
        (
            "pictures",
            "pictures",
            &summary.latency_ms,
            &summary.latency_histogram,
        ),
        (
            "voices",
            "voices",
            &summary.voice_latency_ms,
            &summary.voice_latency_histogram,
        ),
    ] {
        if !buckets.is_empty() {
            html += &latency::histogram(id, whose, percentiles, buckets);
        }
    }
    html
}

fn what_was_run(summary: &Summary) -> Vec<(&'static str, String)> {
    vec![
        ("scenario", summary.scenario.to_owned()),
        ("claim", claim_in_words(summary)),
        ("size", size_in_words(summary)),
        ("media", media_in_words(summary)),
        ("measured", format!("{} s", number(summary.seconds))),
        ("target", summary.target.clone()),
    ]
}

fn where_it_ran(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut facts = summary.machine.facts();
    facts.extend([
        ("date", moment_in_words(&summary.at)),
        ("program", format!("colloquy {}", summary.version)),
    ]);
    facts
}

/// The claim, with the numbers in it instead of the flags that said them.
fn claim_in_words(summary: &Summary) -> String {
    let flags = [
        ("--publishers", summary.publishers),
        ("--viewers", summary.viewers),
        ("--rooms", summary.rooms),
    ];
    let claim = summary.claim.to_owned();
    flags.iter().fold(claim, |claim, (flag, number)| {
        claim.replace(flag, &number.to_string())
    })
}

/// Who took part.
pub(super) fn size_in_words(summary: &Summary) -> String {
    let rooms = usize::from(summary.rooms).max(1);
    let audience = (summary.participants / rooms).saturating_sub(summary.publishers.into());
    let each = if rooms > 1 { " each" } else { "" };
    let mut words = format!(
        "{}, {}",
        counted(rooms, "room"),
        counted(summary.publishers.into(), "publisher")
    );
    if audience > 0 {
        words += &format!(" and {}", counted(audience, "viewer"));
    }
    format!(
        "{words}{each}; {} participants, {} joined",
        summary.participants, summary.joined
    )
}

/// What cameras sent.
pub(super) fn media_in_words(summary: &Summary) -> String {
    format!(
        "{} frames/s, {} kbit/s, {}",
        summary.fps,
        summary.kbps,
        counted(summary.layers.into(), "simulcast layer")
    )
}

fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// What a reader has to know besides.
fn notes(summary: &Summary) -> String {
    let failed = summary
        .failures
        .iter()
        .map(|reason| format!("failed: {reason}"));
    let all: Vec<String> = failed.chain(summary.warnings.iter().cloned()).collect();
    match all.is_empty() {
        true => String::new(),
        false => format!(
            "<h2>To know beside it</h2>\n<div class=\"card\">{}</div>\n",
            list(&all)
        ),
    }
}

#[cfg(test)]
pub(crate) mod tests;
