//! A summary for a person.

use std::fmt::Write;

use super::{Calls, Summary, Used};
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
        ("NO RESULT", &summary.limited_by),
        ("claim broken", &summary.broken_claims),
    ];
    for (kind, notes) in notes {
        for note in notes {
            let _ = writeln!(text, "{kind:<14} {note}");
        }
    }
    if summary.claim_held() && summary.is_result() {
        text.push_str("claim          holds\n");
    }
    text
}

/// Every figure for a person: its name, and what it is.
pub(super) fn lines(summary: &Summary) -> Vec<(&'static str, String)> {
    [held(summary), seen(summary), lost(summary), used(summary)].concat()
}

/// What was held.
fn held(summary: &Summary) -> Vec<(&'static str, String)> {
    vec![
        ("scenario", summary.scenario.to_owned()),
        ("target", summary.target.clone()),
        (
            "participants",
            format!(
                "{} of {} in {} {}",
                summary.joined,
                summary.participants,
                summary.rooms,
                if summary.rooms == 1 { "room" } else { "rooms" }
            ),
        ),
        (
            "camera",
            format!(
                "{} frames/s, {} kbit/s, {} {}",
                summary.fps,
                summary.kbps,
                summary.layers,
                if summary.layers == 1 {
                    "layer"
                } else {
                    "layers"
                }
            ),
        ),
    ]
}

/// What participants saw and heard.
fn seen(summary: &Summary) -> Vec<(&'static str, String)> {
    let watches = summary.pictures_expected > 0;
    let mut lines = vec![("join", milliseconds(&summary.join_ms))];
    if watches {
        lines.extend([
            ("first picture", milliseconds(&summary.first_picture_ms)),
            ("latency", milliseconds(&summary.latency_ms)),
        ]);
    }
    if summary.voices > 0 {
        lines.push(("voice latency", milliseconds(&summary.voice_latency_ms)));
    }
    lines.push((
        "received",
        format!(
            "{:.0} packets/s, {:.1} Mbit/s for {} s",
            summary.packets_per_second, summary.mbit_per_second, summary.seconds
        ),
    ));
    if watches {
        lines.extend([
            (
                "pictures",
                format!(
                    "{} of {} decoded ({:.2} %)",
                    summary.pictures_decoded, summary.pictures_expected, summary.delivered_percent
                ),
            ),
            (
                "freezes",
                format!(
                    "{}, longest {:.0} ms, {:.1} s in all",
                    summary.freezes.count,
                    summary.freezes.longest_ms,
                    summary.freezes.total_ms / 1_000.0
                ),
            ),
        ]);
    }
    lines
}

/// What the networks did.
fn lost(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut lines = vec![(
        "wire",
        format!(
            "{:.3} % lost, {} reordered, {} twice, {} repairs",
            summary.loss_percent,
            summary.packets_reordered,
            summary.packets_repeated,
            summary.packets_repaired
        ),
    )];
    if summary.lost_on_purpose != (0, 0) {
        let (up, down) = summary.lost_on_purpose;
        lines.push(("own network", format!("lost {up} up and {down} down")));
    }
    if summary.cut > 0 {
        let back = milliseconds(&summary.back_ms);
        let counted = format!("{} of {}, {back}", summary.came_back, summary.cut);
        lines.push(("back after cut", counted));
    }
    if let Some(recorded) = &summary.recorded {
        let told = format!(
            "{} whole, {} files, {:.1} MB, {} packets, {} missing, {} gaps",
            recorded.ready,
            recorded.files,
            recorded.bytes as f64 / 1e6,
            recorded.packets,
            recorded.entries_missing,
            recorded.gaps
        );
        lines.push(("recordings", told));
    }
    lines
}

/// What the machine paid.
fn used(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(used) = &summary.target_used {
        lines.push(("target used", cost(used)));
        let people = used.memory_kb_per_participant.unwrap_or(0.0);
        lines.push((
            "target memory",
            format!("{:.0} MB, {people:.0} kB a participant", used.memory_mb),
        ));
    }
    if let Some(made) = &summary.target_system_calls {
        lines.push(("system calls", calls(made)));
    }
    if let Some(used) = &summary.bench_used {
        lines.push(("bench used", cost(used)));
    }
    lines
}

/// Of the target.
fn calls(made: &Calls) -> String {
    match made {
        Calls::Told {
            per_packet,
            per_second,
        } => format!("{per_packet:.2} a forwarded packet, {per_second:.0}/s"),
        Calls::Untold { because } => format!("the kernel does not tell: {because}"),
    }
}

fn cost(used: &Used) -> String {
    format!(
        "{:.2} cores, {:.1} CPU-s per million packets, {:.0} context switches/s",
        used.cores, used.cpu_s_per_million_packets, used.context_switches_per_second
    )
}

/// Percentiles in a line.
pub(crate) fn milliseconds(of: &Percentiles) -> String {
    format!(
        "p50 {:.1}  p95 {:.1}  p99 {:.1}  max {:.1} ms",
        of.p50, of.p95, of.p99, of.max
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_calls_are_told_or_it_is_said_that_the_kernel_does_not_and_elsewhere_nothing_is() {
        let line = |made: Option<Result<u64, String>>| {
            let summary = Summary {
                target_system_calls: made.map(|made| Calls::of(made, 4_000, 10.0)),
                ..Summary::example()
            };
            let text = render(&summary);
            let mut lines = text.lines().filter(|line| line.starts_with("system calls"));
            lines.next().map(str::to_owned)
        };
        let told = line(Some(Ok(1_000))).expect("a line");
        assert_eq!(told, "system calls   0.25 a forwarded packet, 100/s");
        let untold = line(Some(Err("only root may".to_owned()))).expect("a line");
        assert_eq!(
            untold,
            "system calls   the kernel does not tell: only root may"
        );
        assert_eq!(line(None), None);
    }

    #[test]
    fn a_broken_claim_is_said_and_never_beside_that_it_holds() {
        let fine = Summary::example();
        assert!(render(&fine).contains("claim          holds"));
        let broken = Summary {
            broken_claims: vec!["nobody came".to_owned()],
            ..fine.clone()
        };
        let text = render(&broken);
        assert!(text.contains("claim broken   nobody came"), "{text}");
        assert!(!text.contains("holds"), "{text}");
        let limited = Summary {
            limited_by: vec!["a full machine".to_owned()],
            ..fine
        };
        let text = render(&limited);
        assert!(text.contains("NO RESULT      a full machine"), "{text}");
        assert!(!text.contains("holds"), "{text}");
    }
}
