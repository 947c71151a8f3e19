//! A summary for a person.

use std::fmt::Write;

use super::Summary;
use crate::measure::histogram::Percentiles;

/// One figure a line, then what to know about them.
pub(crate) fn render(summary: &Summary) -> String {
    let mut text = String::new();
    for (name, value) in lines(summary) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<14} {value}");
    }
    let notes = [
        ("failed", &summary.failures),
        ("warning", &summary.warnings),
        ("claim broken", &summary.broken_claims),
    ];
    for (kind, notes) in notes {
        for note in notes {
            let _ = writeln!(text, "{kind:<14} {note}");
        }
    }
    if summary.claim_held() {
        text.push_str("claim          holds\n");
    }
    text
}

fn lines(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("scenario", summary.scenario.to_owned()),
        ("target", summary.target.clone()),
        (
            "participants",
            format!(
                "{} of {} in {} rooms",
                summary.joined, summary.participants, summary.rooms
            ),
        ),
        (
            "camera",
            format!(
                "{} frames/s, {} kbit/s, {} layers",
                summary.fps, summary.kbps, summary.layers
            ),
        ),
        ("join", milliseconds(&summary.join_ms)),
        ("latency", milliseconds(&summary.latency_ms)),
        (
            "received",
            format!(
                "{:.0} packets/s, {:.1} Mbit/s for {} s",
                summary.packets_per_second, summary.mbit_per_second, summary.seconds
            ),
        ),
        (
            "pictures",
            format!(
                "{} of {} decoded ({:.2} %)",
                summary.pictures_decoded, summary.pictures_expected, summary.delivered_percent
            ),
        ),
        ("loss", format!("{:.3} %", summary.loss_percent)),
    ];
    if let Some(cores) = summary.target_cores {
        lines.push(("target used", format!("{cores:.2} cores")));
    }
    if let Some(cores) = summary.bench_cores {
        lines.push(("bench used", format!("{cores:.2} cores")));
    }
    lines
}

fn milliseconds(of: &Percentiles) -> String {
    format!(
        "p50 {:.1}  p95 {:.1}  p99 {:.1}  max {:.1} ms",
        of.p50, of.p95, of.p99, of.max
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_claim_is_said_and_never_beside_that_it_holds() {
        let fine = Summary::example();
        assert!(render(&fine).contains("claim          holds"));
        let broken = Summary {
            broken_claims: vec!["nobody came".to_owned()],
            ..fine
        };
        let text = render(&broken);
        assert!(text.contains("claim broken   nobody came"), "{text}");
        assert!(!text.contains("holds"), "{text}");
    }
}
