//! How far to trust a run. Pure: a table of cases is its test.

use std::thread;

use super::Summary;

/// A participant that waits for a core is late, and so are its marks.
const BUSY_SHARE: f64 = 0.9;

/// Shorter runs are mostly warm-up.
const SHORTEST_SECONDS: f64 = 5.0;

/// Cores that other programs may use beside a measurement.
const MOST_OTHERS_CORES: f64 = 0.3;

/// How late the generator may be, as its 99th percentile, and still say how late the target is.
const MOST_LATE_MS: f64 = 10.0;

/// How many cores this machine has.
pub(crate) fn cores_here() -> f64 {
    thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// What a reader of the figures must know.
pub(crate) fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings = Vec::new();
    if summary.seconds < SHORTEST_SECONDS {
        warnings.push(format!(
            "measured for {} s: too short for what is rare, such as p99",
            summary.seconds
        ));
    }
    if summary.decode_faults > 0 {
        warnings.push(format!(
            "{} pictures came without the one they refer to",
            summary.decode_faults
        ));
    }
    let drops = summary.target_used.map_or(0, |used| used.socket_drops);
    if drops > 0 {
        warnings.push(format!("the target's sockets dropped {drops} datagrams"));
    }
    if cfg!(debug_assertions) {
        warnings.push("a debug build: the figures say nothing about a release".to_owned());
    }
    warnings
}

/// What was measured instead of the target.
pub(crate) fn limits(summary: &Summary, cores: f64) -> Vec<String> {
    let mut limits = Vec::new();
    let used = [summary.bench_used, summary.target_used];
    let ours: f64 = used.iter().flatten().map(|used| used.cores).sum();
    let others = summary.others_cores.unwrap_or(0.0);
    if others > MOST_OTHERS_CORES {
        limits.push(format!(
            "other programs used {others:.1} of this machine's {cores} cores: end them and run again"
        ));
    } else if ours + others > cores * BUSY_SHARE {
        limits.push(format!(
            "this machine was full: {:.1} of {cores} cores",
            ours + others
        ));
    }
    if summary.bench_late_ms.p99 > MOST_LATE_MS {
        limits.push(format!(
            "the generator was late: p99 {:.1} ms",
            summary.bench_late_ms.p99
        ));
    }
    if summary.media_late_ms.p99 > MOST_LATE_MS {
        limits.push(format!(
            "the publishers were late: p99 {:.1} ms",
            summary.media_late_ms.p99
        ));
    }
    let drops = summary.bench_used.map_or(0, |used| used.socket_drops);
    if drops > 0 {
        limits.push(format!(
            "the generator's own sockets dropped {drops} datagrams"
        ));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::super::Used;
    use super::*;
    use crate::measure::histogram::Percentiles;

    #[test]
    fn each_reason_for_caution_is_said() {
        let fine = Summary::example();
        let quiet = warnings(&fine).len();
        let short = Summary {
            seconds: 2.0,
            ..fine.clone()
        };
        let broken = Summary {
            decode_faults: 3,
            ..fine.clone()
        };
        let dropped = Summary {
            target_used: Some(Used {
                socket_drops: 7,
                ..Used::default()
            }),
            ..fine
        };
        for (summary, word) in [
            (short, "too short"),
            (broken, "3 pictures"),
            (dropped, "dropped 7"),
        ] {
            let warnings = warnings(&summary);
            assert_eq!(warnings.len(), quiet + 1);
            assert!(warnings.iter().any(|w| w.contains(word)), "{warnings:?}");
        }
    }

    #[test]
    fn what_measured_the_generator_or_the_machine_is_no_result() {
        let fine = Summary::example();
        assert_eq!(limits(&fine, 2.0), Vec::<String>::new());
        let late = Percentiles {
            p99: 12.0,
            ..Percentiles::default()
        };
        let busy = Used {
            cores: 1.6,
            ..Used::default()
        };
        let dropped = Used {
            socket_drops: 1,
            ..Used::default()
        };
        let cases = [
            (
                Summary {
                    bench_used: Some(busy),
                    ..fine.clone()
                },
                "full",
            ),
            (
                Summary {
                    others_cores: Some(0.4),
                    ..fine.clone()
                },
                "other programs",
            ),
            (
                Summary {
                    bench_late_ms: late,
                    ..fine.clone()
                },
                "generator was late",
            ),
            (
                Summary {
                    media_late_ms: late,
                    ..fine.clone()
                },
                "publishers were late",
            ),
            (
                Summary {
                    bench_used: Some(dropped),
                    ..fine
                },
                "own sockets",
            ),
        ];
        for (summary, word) in cases {
            let limits = limits(&summary, 2.0);
            assert_eq!(limits.len(), 1, "{limits:?}");
            assert!(limits[0].contains(word), "{limits:?}");
        }
    }
}
