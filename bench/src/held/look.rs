//! Looks at a run from outside, often: only what is cheap to read.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::measure::host;

/// A look at a run while it is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Moment {
    /// Since the window opened.
    pub(crate) at_s: f64,
    pub(crate) target_cores: f64,
    pub(crate) bench_cores: f64,
    pub(crate) others_cores: f64,
    pub(crate) target_memory_mb: f64,
}

/// What was used until now, by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) at: Instant,
    target: Duration,
    target_memory_bytes: u64,
    own: Duration,
    /// By everything on this machine; none when it does not say.
    pub(super) busy: Option<Duration>,
}

impl Look {
    pub(super) fn now(targets: &[u32]) -> Self {
        let cpu = |ids: &[u32]| ids.iter().filter_map(|id| host::cpu_time(*id)).sum();
        Look {
            at: Instant::now(),
            target: cpu(targets),
            target_memory_bytes: targets.iter().map(|id| host::memory_bytes(*id)).sum(),
            own: cpu(&[std::process::id()]),
            busy: host::machine_busy(),
        }
    }

    /// What was used between another look and this one, in a window that opened at `from`.
    pub(super) fn since(&self, before: &Look, from: Instant) -> Moment {
        let seconds = (self.at - before.at).as_secs_f64();
        let cores =
            |before: Duration, now: Duration| now.saturating_sub(before).as_secs_f64() / seconds;
        let target_cores = cores(before.target, self.target);
        let bench_cores = cores(before.own, self.own);
        let busy = before.busy.zip(self.busy);
        let busy = busy.map_or(0.0, |(before, now)| cores(before, now));
        Moment {
            at_s: (self.at - from).as_secs_f64(),
            target_cores,
            bench_cores,
            others_cores: (busy - target_cores - bench_cores).max(0.0),
            target_memory_mb: self.target_memory_bytes as f64 / 1e6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_the_targets_nor_ours_is_the_others() {
        let at = Instant::now();
        let ms = Duration::from_millis;
        let look = |at, target, own, busy| Look {
            at,
            target: ms(target),
            target_memory_bytes: 3_000_000,
            own: ms(own),
            busy: Some(ms(busy)),
        };
        let before = look(at, 100, 200, 1_000);
        let after = look(at + ms(500), 200, 450, 1_600);
        let moment = after.since(&before, at);
        let close = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
        assert!(close(moment.target_cores, 0.2), "{moment:?}");
        assert!(close(moment.bench_cores, 0.5), "{moment:?}");
        assert!(close(moment.others_cores, 0.5), "{moment:?}");
        assert!(close(moment.target_memory_mb, 3.0) && close(moment.at_s, 0.5));
    }
}
