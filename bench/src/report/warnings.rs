//! When not to trust a run. Pure: a table of cases is its test.

use std::thread;

use super::Summary;

/// A participant that waits for a core is late, and so are its marks.
const BUSY_SHARE: f64 = 0.8;

/// Shorter runs are mostly warm-up.
const SHORTEST_SECONDS: f64 = 5.0;

/// How many cores this machine has.
pub(super) fn cores_here() -> f64 {
    thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// What a reader of the figures must know.
pub(super) fn of(summary: &Summary, cores: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    let busy = summary.bench_cores.unwrap_or(0.0) + summary.target_cores.unwrap_or(0.0);
    if busy > cores * BUSY_SHARE {
        warnings.push(format!(
            "this machine was full ({busy:.1} of {cores} cores): the participants were measured too"
        ));
    }
    if summary.seconds < SHORTEST_SECONDS {
        warnings.push(format!(
            "measured for {} s: too short for a tail",
            summary.seconds
        ));
    }
    if summary.decode_faults > 0 {
        warnings.push(format!(
            "{} pictures came without the one they refer to",
            summary.decode_faults
        ));
    }
    if cfg!(debug_assertions) {
        warnings.push("a debug build: the figures say nothing about a release".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_for_distrust_is_said() {
        let fine = Summary::example();
        let quiet = of(&fine, 2.0).len();
        let full = Summary {
            bench_cores: Some(1.5),
            ..fine.clone()
        };
        let short = Summary {
            seconds: 2.0,
            ..fine.clone()
        };
        let broken = Summary {
            decode_faults: 3,
            ..fine
        };
        for (summary, word) in [(full, "full"), (short, "too short"), (broken, "3 pictures")] {
            let warnings = of(&summary, 2.0);
            assert_eq!(warnings.len(), quiet + 1);
            assert!(warnings.iter().any(|w| w.contains(word)), "{warnings:?}");
        }
    }
}
