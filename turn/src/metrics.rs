//! The relay's metrics: the only place where their names exist.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use turn_core::server::Counters;

/// What the relay counts.
#[derive(Clone)]
pub(crate) struct Metrics {
    allocations: IntGauge,
    allocated: IntCounter,
    refused: IntCounterVec,
    pub(crate) packets: IntCounterVec,
    pub(crate) bytes: IntCounterVec,
    pub(crate) dropped: IntCounter,
    last: Counters,
}

/// From a client to its peer.
pub(crate) const TO_PEER: &str = "to_peer";
/// From a peer to its client.
pub(crate) const TO_CLIENT: &str = "to_client";

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let metrics = Metrics {
            allocations: IntGauge::new("colloquy_turn_allocations", "Allocations now.")?,
            allocated: IntCounter::new("colloquy_turn_allocated_total", "Allocations made.")?,
            refused: IntCounterVec::new(
                Opts::new(
                    "colloquy_turn_refused_total",
                    "Requests and packets refused.",
                ),
                &["reason"],
            )?,
            packets: IntCounterVec::new(
                Opts::new("colloquy_turn_relayed_packets_total", "Packets relayed."),
                &["direction"],
            )?,
            bytes: IntCounterVec::new(
                Opts::new(
                    "colloquy_turn_relayed_bytes_total",
                    "Payload bytes relayed.",
                ),
                &["direction"],
            )?,
            dropped: IntCounter::new(
                "colloquy_turn_dropped_packets_total",
                "Packets dropped because a socket or the relay's queue was full.",
            )?,
            last: Counters::default(),
        };
        registry.register(Box::new(metrics.allocations.clone()))?;
        registry.register(Box::new(metrics.allocated.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.packets.clone()))?;
        registry.register(Box::new(metrics.bytes.clone()))?;
        registry.register(Box::new(metrics.dropped.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn relayed(&self, direction: &str, bytes: usize) {
        self.packets.with_label_values(&[direction]).inc();
        self.bytes
            .with_label_values(&[direction])
            .inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn report(&mut self, allocations: usize, now: Counters) {
        self.allocations
            .set(i64::try_from(allocations).unwrap_or(i64::MAX));
        self.allocated.inc_by(now.allocated - self.last.allocated);
        for (reason, value, before) in [
            (
                "unauthenticated",
                now.unauthenticated,
                self.last.unauthenticated,
            ),
            ("peer", now.peer_refused, self.last.peer_refused),
            ("quota", now.quota_refused, self.last.quota_refused),
            ("unreadable", now.unreadable, self.last.unreadable),
        ] {
            self.refused
                .with_label_values(&[reason])
                .inc_by(value - before);
        }
        self.last = now;
    }
}
