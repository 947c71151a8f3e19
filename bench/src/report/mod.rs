//! What a run says, and how far to trust it.

pub(crate) mod comparison;
pub(crate) mod html;
pub(crate) mod live;
pub(crate) mod outlets;
pub(crate) mod table;
pub(crate) mod trust;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::held::Held;
use crate::measure::freeze::Freezes;
use crate::measure::histogram::Percentiles;
use crate::measure::host::Usage;
use crate::measure::look::Moment;
use crate::measure::machine::Machine;
use crate::media::Media;
use crate::scenario::{Scenario, Size};
use crate::target::Recorded;

/// A run in figures. Its JSON form is what other tools read.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) scenario: &'static str,
    /// What the scenario says of a target that passes.
    pub(crate) claim: &'static str,
    pub(crate) target: String,
    /// When, in UTC and as RFC 3339 has it.
    pub(crate) at: String,
    /// Of this program.
    pub(crate) version: &'static str,
    pub(crate) machine: Machine,
    pub(crate) publishers: u16,
    pub(crate) viewers: u16,
    pub(crate) rooms: u16,
    pub(crate) participants: usize,
    pub(crate) joined: usize,
    pub(crate) fps: u32,
    pub(crate) kbps: u32,
    pub(crate) layers: u8,
    pub(crate) seconds: f64,
    /// From the open line until media could flow.
    pub(crate) join_ms: Percentiles,
    /// From the open line until the first picture.
    pub(crate) first_picture_ms: Percentiles,
    /// From due at its source until whole at a viewer.
    pub(crate) latency_ms: Percentiles,
    /// The same of voices.
    pub(crate) voice_latency_ms: Percentiles,
    /// Where the latency of pictures lies: upper ends of buckets in ms, and how many are in each.
    pub(crate) latency_histogram: Vec<(f64, u64)>,
    /// The same of voices.
    pub(crate) voice_latency_histogram: Vec<(f64, u64)>,
    /// Media packets off the wire at all participants, in the window.
    pub(crate) packets_per_second: f64,
    pub(crate) mbit_per_second: f64,
    pub(crate) packets_received: u64,
    /// Of the whole run, before anything was repaired.
    pub(crate) packets_lost: u64,
    pub(crate) loss_percent: f64,
    pub(crate) packets_repeated: u64,
    pub(crate) packets_reordered: u64,
    pub(crate) packets_repaired: u64,
    /// Datagrams that the participants' own networks lost, on the way up and down.
    pub(crate) lost_on_purpose: (u64, u64),
    pub(crate) packets_sent: u64,
    pub(crate) voices: u64,
    pub(crate) pictures_decoded: u64,
    pub(crate) pictures_expected: u64,
    pub(crate) delivered_percent: f64,
    pub(crate) decode_faults: u64,
    pub(crate) freezes: Freezes,
    /// How many were cut off and were to see again, and how many did.
    pub(crate) cut: usize,
    pub(crate) came_back: usize,
    pub(crate) back_ms: Percentiles,
    /// Of a scenario that records.
    pub(crate) recorded: Option<Recordings>,
    /// What the target used in the window; none when it is not on this machine.
    pub(crate) target_used: Option<Used>,
    /// Those that the target made in the window; none when it is not on this machine.
    pub(crate) target_system_calls: Option<Calls>,
    pub(crate) bench_used: Option<Used>,
    /// Cores that others of this machine used.
    pub(crate) others_cores: Option<f64>,
    pub(crate) bench_late_ms: Percentiles,
    pub(crate) media_late_ms: Percentiles,
    pub(crate) over_time: Vec<Moment>,
    /// Different reasons for which participants failed.
    pub(crate) failures: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// What was measured besides the target. With any of these it is no result.
    pub(crate) limited_by: Vec<String>,
    pub(crate) broken_claims: Vec<String>,
}

/// Recordings that were read again and are whole, all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Recordings {
    pub(crate) ready: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) entries_missing: u64,
    pub(crate) gaps: u64,
    /// Of the one that took longest, since it was waited for.
    pub(crate) ready_after_s: f64,
}

impl Recordings {
    fn of(recorded: &[Recorded]) -> Self {
        let mut all = Recordings::default();
        for one in recorded {
            all.ready += 1;
            all.files += one.files;
            all.bytes += one.bytes;
            all.packets += one.packets;
            all.entries_missing += one.entries_missing;
            all.gaps += one.gaps;
            all.ready_after_s = all.ready_after_s.max(one.ready_after.as_secs_f64());
        }
        all
    }
}

/// What a process used in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Used {
    pub(crate) cores: f64,
    /// CPU time for each million media packets that participants received.
    pub(crate) cpu_s_per_million_packets: f64,
    pub(crate) cpu_s_per_participant_minute: f64,
    pub(crate) memory_mb: f64,
    /// More than before anybody came, for each participant, without the program's own pages; none for
    /// the generator.
    pub(crate) memory_kb_per_participant: Option<f64>,
    pub(crate) context_switches_per_second: f64,
    /// Datagrams that its sockets had no room for.
    pub(crate) socket_drops: u64,
}

impl Used {
    /// `before`: its memory before anybody came.
    fn of(usage: &Usage, before: Option<u64>, for_whom: (u64, usize, f64)) -> Self {
        let (packets, people, seconds) = for_whom;
        let cpu_s = usage.cpu.as_secs_f64();
        let people = people.max(1) as f64;
        let more = before.map(|before| usage.anonymous_bytes.saturating_sub(before));
        Used {
            cores: cpu_s / seconds,
            cpu_s_per_million_packets: cpu_s * 1e6 / (packets.max(1) as f64),
            cpu_s_per_participant_minute: cpu_s * 60.0 / seconds / people,
            memory_mb: usage.memory_bytes as f64 / 1e6,
            memory_kb_per_participant: more.map(|more| more as f64 / 1e3 / people),
            context_switches_per_second: usage.context_switches as f64 / seconds,
            socket_drops: usage.socket_drops,
        }
    }
}

/// System calls of a process in the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Calls {
    Told {
        /// For each media packet that participants received.
        per_packet: f64,
        per_second: f64,
    },
    /// The kernel does not tell.
    Untold { because: String },
}

impl Calls {
    fn of(made: Result<u64, String>, packets: u64, seconds: f64) -> Self {
        match made {
            Ok(made) => Calls::Told {
                per_packet: made as f64 / (packets.max(1) as f64),
                per_second: made as f64 / seconds,
            },
            Err(because) => Calls::Untold { because },
        }
    }
}

impl Summary {
    pub(crate) fn of(scenario: &dyn Scenario, size: &Size, media: &Media, held: Held) -> Self {
        let seconds = held.measured.as_secs_f64();
        let mut failures = held.failures;
        failures.sort();
        failures.dedup();
        let (wire, whole_run) = (held.seen.wire, held.seen.whole_run);
        let used = |usage: Option<Usage>, before| {
            let people = held.participants;
            usage.map(|usage| Used::of(&usage, before, (wire.received, people, seconds)))
        };
        let mut summary = Summary {
            scenario: scenario.name(),
            claim: scenario.claim(),
            at: now_utc(),
            version: env!("CARGO_PKG_VERSION"),
            machine: Machine::here(),
            publishers: size.publishers,
            viewers: size.viewers,
            rooms: size.rooms,
            participants: held.participants,
            joined: held.joined,
            fps: media.frames_per_second,
            kbps: media.largest_layer_bps / 1000,
            layers: size.layers,
            seconds,
            join_ms: held.join.percentiles(),
            first_picture_ms: held.first_picture.percentiles(),
            latency_ms: held.seen.latency.percentiles(),
            voice_latency_ms: held.seen.voice_latency.percentiles(),
            latency_histogram: held.seen.latency.buckets_ms(),
            voice_latency_histogram: held.seen.voice_latency.buckets_ms(),
            packets_per_second: wire.received as f64 / seconds,
            mbit_per_second: wire.bytes as f64 * 8.0 / 1e6 / seconds,
            packets_received: wire.received,
            packets_lost: whole_run.lost,
            loss_percent: percent(whole_run.lost, whole_run.lost + whole_run.received),
            packets_repeated: whole_run.duplicates,
            packets_reordered: whole_run.reordered,
            packets_repaired: whole_run.repairs,
            lost_on_purpose: held.lost_on_purpose,
            packets_sent: held.packets_sent,
            voices: held.seen.voices,
            pictures_decoded: held.seen.decoded,
            pictures_expected: held.expected_pictures as u64,
            delivered_percent: percent(held.seen.decoded, held.expected_pictures as u64),
            decode_faults: held.seen.faults,
            freezes: held.seen.freezes,
            cut: held.cut,
            came_back: held.came_back,
            back_ms: held.back.percentiles(),
            recorded: held.recorded.as_deref().map(Recordings::of),
            target_used: used(held.target_used, held.target_memory_before),
            target_system_calls: held
                .target_calls
                .map(|calls| Calls::of(calls, wire.received, seconds)),
            bench_used: used(held.own_used, None),
            others_cores: held.others_cores,
            bench_late_ms: held.late.percentiles(),
            media_late_ms: held.media_late.percentiles(),
            over_time: held.over_time,
            target: held.target,
            failures,
            warnings: Vec::new(),
            limited_by: Vec::new(),
            broken_claims: Vec::new(),
        };
        summary.warnings = trust::warnings(&summary);
        summary.limited_by = trust::limits(&summary, trust::cores_here());
        summary.broken_claims = scenario.broken_claims(&summary);
        summary
    }

    /// Whether the scenario's claim held.
    pub(crate) fn claim_held(&self) -> bool {
        self.broken_claims.is_empty()
    }

    /// Whether the figures are the target's, and not the generator's or the machine's.
    pub(crate) fn is_result(&self) -> bool {
        self.limited_by.is_empty()
    }

    /// Of pictures, or of voices where nobody watches; none when there was nothing.
    pub(crate) fn latency(&self) -> Option<&Percentiles> {
        match (self.pictures_decoded, self.voices) {
            (0, 0) => None,
            (0, _) => Some(&self.voice_latency_ms),
            (_, _) => Some(&self.latency_ms),
        }
    }

    /// Where that latency lies.
    pub(crate) fn latency_buckets(&self) -> &[(f64, u64)] {
        match self.pictures_decoded {
            0 => &self.voice_latency_histogram,
            _ => &self.latency_histogram,
        }
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        let used = Used {
            cores: 0.5,
            cpu_s_per_million_packets: 20.0,
            ..Used::default()
        };
        Summary {
            scenario: "fanout",
            claim: "everyone sees it",
            target: "http://127.0.0.1:8080".to_owned(),
            publishers: 1,
            viewers: 10,
            rooms: 1,
            participants: 11,
            joined: 11,
            fps: 30,
            kbps: 1500,
            layers: 1,
            seconds: 10.0,
            delivered_percent: 100.0,
            target_used: Some(used),
            bench_used: Some(used),
            others_cores: Some(0.0),
            ..Summary::default()
        }
    }
}

/// To the second.
pub(crate) fn now_utc() -> String {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0);
    let text = now.map(|now| now.format(&Rfc3339));
    // Years of five digits have no such form.
    text.ok().and_then(Result::ok).unwrap_or_default()
}

/// Nothing of nothing is whole.
fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        _ => 100.0 * part as f64 / whole as f64,
    }
}
