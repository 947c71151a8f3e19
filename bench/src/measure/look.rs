//! Looks at a run from outside, often: only what is cheap to read, and who used this machine.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::host;

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
pub(crate) struct Look {
    pub(crate) at: Instant,
    target: Duration,
    target_memory_bytes: u64,
    own: Duration,
    /// By everything on this machine; none when it does not say.
    busy: Option<Duration>,
}

impl Look {
    pub(crate) fn now(targets: &[u32]) -> Self {
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
    pub(crate) fn since(&self, before: &Look, from: Instant) -> Moment {
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

    /// Cores that neither the target nor the generator used since another look; none when this
    /// machine does not say.
    pub(crate) fn others_since(&self, before: &Look) -> Option<f64> {
        let said = self.busy.and(before.busy);
        said.map(|_| self.since(before, before.at).others_cores)
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
        assert_eq!(after.others_since(&before), Some(moment.others_cores));
        let silent = Look {
            busy: None,
            ..after
        };
        assert_eq!(silent.others_since(&before), None);
    }
}
