//! What a run with a relay says: JSON, a table, and how far to trust it.

use std::fmt::Write;

use serde::Serialize;

use super::carry::{Load, Outcome};
use super::line::Transport;
use super::run::Held;
use super::tally::Counts;
use crate::measure::histogram::{Histogram, Percentiles};
use crate::measure::host::Usage;
use crate::report::{Summary, Used, table, trust};

/// What may be lost.
const MOST_LOST_PERCENT: f64 = 0.1;

/// Within which 99 % are to be back.
const MOST_ROUND_TRIP_MS: f64 = 50.0;

/// A run in figures. Its JSON form is what other tools read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Relayed {
    pub(super) scenario: &'static str,
    pub(super) target: String,
    pub(super) allocations: usize,
    pub(super) payload_bytes: u16,
    /// Of each allocation.
    pub(super) rate: u32,
    pub(super) seconds: f64,
    /// From the first request until it was granted.
    pub(super) allocation_ms: Percentiles,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) loss_percent: f64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    pub(super) foreign: u64,
    /// What came out of the relay at the peer.
    pub(super) reached_peer: u64,
    /// Payloads that were due and for which there was no room on the way to the relay.
    pub(super) unsent: u64,
    /// From a client to the peer and back; both crossings of the relay are in it.
    pub(super) round_trip_ms: Percentiles,
    /// Where the round trips lie: upper ends of buckets in ms, and how many are in each.
    pub(super) round_trip_histogram: Vec<(f64, u64)>,
    /// In the window; a payload that came back was relayed twice.
    pub(super) relayed_packets_per_second: f64,
    pub(super) relayed_mbit_per_second: f64,
    /// What the relay used in the window; none when it is not on this machine.
    pub(super) relay_used: Option<Cost>,
    pub(super) bench_used: Option<Cost>,
    /// Cores that others of this machine used.
    pub(super) others_cores: Option<f64>,
    /// How late payloads left.
    pub(super) late_ms: Percentiles,
    /// One for each allocation.
    pub(super) each: Vec<Counts>,
    /// Different reasons for which allocations ended.
    pub(super) failures: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// What was measured besides the relay. With any of these it is no result.
    pub(super) limited_by: Vec<String>,
    pub(super) broken_claims: Vec<String>,
}

/// What a process used in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Cost {
    pub(super) cores: f64,
    pub(super) cpu_s_per_million_relayed: f64,
    pub(super) memory_mb: f64,
    /// More than before the first; none for the generator.
    pub(super) memory_kb_per_allocation: Option<f64>,
    pub(super) context_switches_per_second: f64,
    /// Datagrams that its sockets had no room for.
    pub(super) socket_drops: u64,
}

impl Relayed {
    pub(super) fn of(target: String, load: &Load, held: &Held) -> Self {
        let seconds = held.measured.as_secs_f64();
        let (mut allocation, mut round_trip, mut late) =
            <(Histogram, Histogram, Histogram)>::default();
        let mut said = Relayed {
            scenario: super::NAME,
            target,
            allocations: load.allocations,
            payload_bytes: load.payload_bytes,
            rate: load.packets_per_second,
            seconds: load.window.as_secs_f64(),
            reached_peer: held.reached_peer,
            relayed_packets_per_second: held.relayed as f64 / seconds,
            others_cores: held.others_cores,
            ..Relayed::default()
        };
        for Outcome {
            tally,
            late: one,
            allocated_after,
            unsent,
            failure,
        } in &held.outcomes
        {
            let counts = tally.counts();
            said.sent += counts.sent;
            said.received += counts.received;
            said.lost += counts.lost;
            said.duplicates += counts.duplicates;
            said.reordered += counts.reordered;
            said.foreign += counts.foreign;
            said.unsent += unsent;
            said.each.push(counts);
            said.failures.extend(failure.clone());
            round_trip.merge(&tally.round_trip);
            late.merge(one);
            if let Some(after) = allocated_after {
                allocation.record(*after);
            }
        }
        let bits = f64::from(load.payload_bytes) * 8.0;
        said.relayed_mbit_per_second = said.relayed_packets_per_second * bits / 1e6;
        said.loss_percent = 100.0 * said.lost as f64 / said.sent.max(1) as f64;
        said.allocation_ms = allocation.percentiles();
        said.round_trip_ms = round_trip.percentiles();
        said.round_trip_histogram = round_trip.buckets_ms();
        said.late_ms = late.percentiles();
        let cost =
            |usage: Option<Usage>, before: Option<u64>| Some(Cost::of(&usage?, before, held, load));
        said.relay_used = cost(held.relay_used, held.relay_memory_before);
        said.bench_used = cost(held.own_used, None);
        said.judge(&load.transport, trust::cores_here());
        said
    }

    /// Says what to know, what was measured besides, and what does not hold.
    fn judge(&mut self, transport: &Transport, cores: f64) {
        let ended = self.failures.len();
        self.failures.sort();
        self.failures.dedup();
        let used = |cost: Option<Cost>| {
            cost.map(|cost| Used {
                cores: cost.cores,
                socket_drops: cost.socket_drops,
                ..Used::default()
            })
        };
        let seen = Summary {
            seconds: self.seconds,
            target_used: used(self.relay_used),
            bench_used: used(self.bench_used),
            others_cores: self.others_cores,
            bench_late_ms: self.late_ms,
            ..Summary::default()
        };
        self.warnings = trust::warnings(&seen);
        self.limited_by = trust::limits(&seen, cores);
        self.broken_claims = Vec::new();
        if self.foreign > 0 {
            let problem = format!("{} payloads came back cut or changed", self.foreign);
            self.broken_claims.push(problem);
        }
        match (self.unsent, transport) {
            (0, _) => {}
            (unsent, Transport::Udp) => self.limited_by.push(format!(
                "the generator's own sockets had no room for {unsent} payloads"
            )),
            (unsent, _) => self.broken_claims.push(format!(
                "the relay held {unsent} payloads back: it does not read its streams as fast"
            )),
        }
        if ended > 0 {
            self.broken_claims
                .push(format!("{ended} allocations ended before the run"));
        }
        if self.loss_percent > MOST_LOST_PERCENT {
            self.broken_claims.push(format!(
                "{:.3} % were lost, {MOST_LOST_PERCENT} % at most is claimed",
                self.loss_percent
            ));
        }
        if self.round_trip_ms.p99 > MOST_ROUND_TRIP_MS {
            self.broken_claims.push(format!(
                "99 % were back after {:.1} ms, {MOST_ROUND_TRIP_MS} ms are claimed",
                self.round_trip_ms.p99
            ));
        }
    }

    /// For a person: one figure a line, then what to know about them.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<14} {value}");
        }
        let notes = [
            ("failed", &self.failures),
            ("warning", &self.warnings),
            ("NO RESULT", &self.limited_by),
            ("claim broken", &self.broken_claims),
        ];
        for (kind, notes) in notes {
            for note in notes {
                let _ = writeln!(text, "{kind:<14} {note}");
            }
        }
        if self.broken_claims.is_empty() && self.limited_by.is_empty() {
            text.push_str("claim          holds\n");
        }
        text
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let load = format!(
            "{} allocations, {} packets/s of {} bytes each, for {} s",
            self.allocations, self.rate, self.payload_bytes, self.seconds
        );
        let packets = format!(
            "{} sent, {} back, {} lost ({:.3} %), {} reordered, {} twice",
            self.sent, self.received, self.lost, self.loss_percent, self.reordered, self.duplicates
        );
        let relayed = format!(
            "{:.0} packets/s, {:.1} Mbit/s, both crossings counted",
            self.relayed_packets_per_second, self.relayed_mbit_per_second
        );
        let mut lines = vec![
            ("scenario", self.scenario.to_owned()),
            ("target", self.target.clone()),
            ("load", load),
            ("allocation", table::milliseconds(&self.allocation_ms)),
            ("round trip", table::milliseconds(&self.round_trip_ms)),
            ("packets", packets),
            ("at the peer", format!("{} came", self.reached_peer)),
            ("relayed", relayed),
        ];
        if let Some(cost) = &self.relay_used {
            let each = cost.memory_kb_per_allocation.unwrap_or(0.0);
            lines.push(("relay used", cost.words()));
            let memory = format!("{:.0} MB, {each:.0} kB an allocation", cost.memory_mb);
            lines.push(("relay memory", memory));
        }
        if let Some(cost) = &self.bench_used {
            lines.push(("bench used", cost.words()));
        }
        lines.push(("sent late", table::milliseconds(&self.late_ms)));
        lines
    }
}

impl Cost {
    fn of(usage: &Usage, memory_before: Option<u64>, held: &Held, load: &Load) -> Self {
        let (cpu_s, seconds) = (usage.cpu.as_secs_f64(), held.measured.as_secs_f64());
        let more = memory_before.map(|before| usage.anonymous_bytes.saturating_sub(before));
        Cost {
            cores: cpu_s / seconds,
            cpu_s_per_million_relayed: cpu_s * 1e6 / held.relayed.max(1) as f64,
            memory_mb: usage.memory_bytes as f64 / 1e6,
            memory_kb_per_allocation: more.map(|more| more as f64 / 1e3 / load.allocations as f64),
            context_switches_per_second: usage.context_switches as f64 / seconds,
            socket_drops: usage.socket_drops,
        }
    }

    fn words(&self) -> String {
        format!(
            "{:.2} cores, {:.1} CPU-s per million relayed, {:.0} context switches/s, {} dropped",
            self.cores,
            self.cpu_s_per_million_relayed,
            self.context_switches_per_second,
            self.socket_drops
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine() -> Relayed {
        Relayed {
            scenario: "turn",
            allocations: 2,
            seconds: 10.0,
            sent: 1_000,
            received: 1_000,
            relay_used: Some(Cost::default()),
            bench_used: Some(Cost::default()),
            others_cores: Some(0.0),
            ..Relayed::default()
        }
    }

    fn p99(p99: f64) -> Percentiles {
        Percentiles {
            p99,
            ..Percentiles::default()
        }
    }

    #[test]
    fn each_promise_that_is_broken_is_said_and_never_beside_that_it_holds() {
        let mut good = fine();
        good.judge(&Transport::Udp, 4.0);
        assert!(good.render().ends_with("claim          holds\n"));
        let cases: [(Relayed, &str); 5] = [
            (
                Relayed {
                    loss_percent: 0.11,
                    ..fine()
                },
                "0.110 % were lost",
            ),
            (
                Relayed {
                    round_trip_ms: p99(50.1),
                    ..fine()
                },
                "after 50.1 ms",
            ),
            (
                Relayed {
                    foreign: 3,
                    ..fine()
                },
                "3 payloads came back cut",
            ),
            (
                Relayed {
                    unsent: 4,
                    ..fine()
                },
                "held 4 payloads back",
            ),
            (
                Relayed {
                    failures: vec!["gone".to_owned(), "gone".to_owned()],
                    ..fine()
                },
                "2 allocations ended",
            ),
        ];
        for (mut said, words) in cases {
            said.judge(&Transport::Tcp, 4.0);
            assert_eq!(said.broken_claims.len(), 1, "{words}");
            let text = said.render();
            assert!(text.contains(words) && !text.contains("holds"), "{text}");
        }
    }

    #[test]
    fn what_measured_the_generator_or_the_machine_is_no_result() {
        let busy = Some(Cost {
            cores: 3.8,
            ..Cost::default()
        });
        let dropped = Some(Cost {
            socket_drops: 2,
            ..Cost::default()
        });
        let cases: [(Relayed, &str); 5] = [
            (
                Relayed {
                    late_ms: p99(11.0),
                    ..fine()
                },
                "late",
            ),
            (
                Relayed {
                    others_cores: Some(0.5),
                    ..fine()
                },
                "other programs",
            ),
            (
                Relayed {
                    bench_used: busy,
                    ..fine()
                },
                "full",
            ),
            (
                Relayed {
                    bench_used: dropped,
                    ..fine()
                },
                "own sockets dropped",
            ),
            (
                Relayed {
                    unsent: 4,
                    ..fine()
                },
                "no room for 4",
            ),
        ];
        for (mut said, words) in cases {
            said.judge(&Transport::Udp, 4.0);
            assert_eq!(said.limited_by.len(), 1, "{words}");
            let text = said.render();
            assert!(text.contains("NO RESULT") && text.contains(words), "{text}");
            assert!(!text.contains("holds"), "{text}");
        }
    }
}
