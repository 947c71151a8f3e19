//! What a run says, and how far to trust it.

pub(crate) mod table;
mod warnings;

use serde::Serialize;

use crate::measure::histogram::Percentiles;
use crate::meeting::{Held, Media};
use crate::scenario::{Scenario, Size};

/// A run in figures. Its JSON form is what other tools read.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    pub(crate) scenario: &'static str,
    pub(crate) target: String,
    pub(crate) rooms: u16,
    pub(crate) participants: usize,
    pub(crate) joined: usize,
    pub(crate) fps: u32,
    pub(crate) kbps: u32,
    pub(crate) layers: u8,
    pub(crate) seconds: f64,
    /// From the open WebSocket until media could flow.
    pub(crate) join_ms: Percentiles,
    /// From due at its source until whole at a viewer.
    pub(crate) latency_ms: Percentiles,
    /// Packets of whole frames that reached viewers.
    pub(crate) packets_per_second: f64,
    pub(crate) mbit_per_second: f64,
    pub(crate) pictures_decoded: u64,
    pub(crate) pictures_expected: u64,
    pub(crate) delivered_percent: f64,
    pub(crate) decode_faults: u64,
    /// Of the whole run, retransmissions counted as received.
    pub(crate) loss_percent: f64,
    /// Cores that the target used; none when it is not on this machine.
    pub(crate) target_cores: Option<f64>,
    pub(crate) bench_cores: Option<f64>,
    /// Different reasons for which participants failed.
    pub(crate) failures: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) broken_claims: Vec<String>,
}

impl Summary {
    pub(crate) fn of(scenario: &dyn Scenario, size: &Size, media: &Media, held: Held) -> Self {
        let seconds = held.measured.as_secs_f64();
        let mut failures = held.failures;
        failures.sort();
        failures.dedup();
        let mut summary = Summary {
            scenario: scenario.name(),
            target: held.target,
            rooms: size.rooms,
            participants: held.participants,
            joined: held.joined,
            fps: media.frames_per_second,
            kbps: media.largest_layer_bps / 1000,
            layers: media.layers,
            seconds,
            join_ms: held.join.percentiles(),
            latency_ms: held.seen.latency.percentiles(),
            packets_per_second: held.seen.packets as f64 / seconds,
            mbit_per_second: held.seen.bytes as f64 * 8.0 / 1e6 / seconds,
            pictures_decoded: held.seen.decoded,
            pictures_expected: held.expected_pictures,
            delivered_percent: percent(held.seen.decoded, held.expected_pictures),
            decode_faults: held.seen.faults,
            loss_percent: percent(held.packets_lost, held.packets_lost + held.packets_received),
            target_cores: held.target_cores,
            bench_cores: held.own_cores,
            failures,
            warnings: Vec::new(),
            broken_claims: Vec::new(),
        };
        summary.warnings = warnings::of(&summary, warnings::cores_here());
        summary.broken_claims = scenario.broken_claims(&summary);
        summary
    }

    /// Whether the scenario's claim held.
    pub(crate) fn claim_held(&self) -> bool {
        self.broken_claims.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Summary {
            scenario: "fanout",
            target: "http://127.0.0.1:8080".to_owned(),
            rooms: 1,
            participants: 11,
            joined: 11,
            fps: 30,
            kbps: 1500,
            layers: 1,
            seconds: 10.0,
            join_ms: Percentiles::default(),
            latency_ms: Percentiles::default(),
            packets_per_second: 2000.0,
            mbit_per_second: 15.0,
            pictures_decoded: 3000,
            pictures_expected: 3000,
            delivered_percent: 100.0,
            decode_faults: 0,
            loss_percent: 0.0,
            target_cores: Some(0.5),
            bench_cores: Some(0.5),
            failures: Vec::new(),
            warnings: Vec::new(),
            broken_claims: Vec::new(),
        }
    }
}

/// 0 of 0 is 0: nothing was to be seen, so nothing was delivered.
fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 * 100.0 / whole as f64,
    }
}
