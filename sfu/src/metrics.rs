//! A node's figures for Prometheus; the only place where their names exist.
//!
//! What adds up, for each shard:
//! - `packets_in` = `packets_accepted` + all `packets_dropped` by reason. Each RTP packet of a
//!   publisher is counted once, after decryption, duplicates left out. Sound that is taken from
//!   a later packet (`packets_recovered`) counts as well, and is dropped as `recovered` should it
//!   still come itself.
//! - An accepted packet is forwarded to none, one or many participants (`packets_forwarded`
//!   counts copies) and goes to none, one or many tapes (`packets_recorded`).
//! - A packet that came from another shard (`shard_packets` with direction `in`) was counted in
//!   `packets_in` there; here only its copies and tapes are counted. Those that went out and never
//!   came in were lost in a queue (`shard_packets_lost`), or nobody received them any more.
//! - `datagrams_dropped` are refused before anything is decrypted; they are part of
//!   `datagrams` with direction `in`, and never of `packets_in`.
//! - `socket_dropped` never reached the shard (`oversized`, `receive_overflow`) or left it and
//!   were not sent (`send_blocked`, `send_refused`).
//!
//! A shard publishes once a second and once more when it ends.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, core::Collector,
};
use sfu_core::report::{DropReason, Report};

use crate::net::udp::SocketCounts;

mod streams;

pub(crate) use streams::{StreamEnd, StreamFigures};

/// How a figure is read.
type Read<T> = fn(&T) -> u64;

/// Figures that only grow.
const COUNTERS: [(&str, &str, Read<Report>); 14] = [
    (
        "packets_in_total",
        "RTP packets of publishers, decrypted, without duplicates; with what was recovered.",
        |r| r.packets_in,
    ),
    (
        "packets_recovered_total",
        "RTP packets of sound taken from the redundancy of a later one.",
        |r| r.packets_recovered,
    ),
    (
        "packets_accepted_total",
        "RTP packets offered to subscribers and tapes.",
        |r| r.packets_accepted,
    ),
    (
        "packets_forwarded_total",
        "RTP packets sent to subscribers, each copy counted.",
        |r| r.packets_forwarded,
    ),
    ("packets_recorded_total", "RTP packets put on tapes.", |r| {
        r.packets_recorded
    }),
    ("tape_entries_total", "Tape entries of every kind.", |r| {
        r.tape_entries
    }),
    (
        "tape_entries_lost_total",
        "Tape entries dropped from a full ring before a recorder had them.",
        |r| r.tape_entries_lost,
    ),
    (
        "packets_unrecorded_total",
        "RTP packets of recorded rooms that no tape had a place for.",
        |r| r.packets_unrecorded,
    ),
    (
        "retransmissions_total",
        "RTP packets sent again because a subscriber asked.",
        |r| r.retransmissions_out,
    ),
    (
        "retransmissions_refused_total",
        "RTP packets that a subscriber asked for again beyond its budget.",
        |r| r.retransmissions_refused,
    ),
    (
        "probes_total",
        "Probes of what a receiver's path carries.",
        |r| r.probes,
    ),
    (
        "paths_lost_total",
        "Times that nothing came any more from a client whose media was flowing.",
        |r| r.paths_lost,
    ),
    (
        "transport_errors_total",
        "DTLS, SRTP and other transport errors; none ends a session.",
        |r| r.transport_errors,
    ),
    (
        "caught_panics_total",
        "Broken invariants, each of which cost one connection. Every one is a fault of ours.",
        |r| r.panics,
    ),
];

/// Figures that rise and fall.
const GAUGES: [(&str, &str, Read<Report>); 8] = [
    ("rooms", "Rooms now.", |r| r.rooms),
    ("participants", "Participants now.", |r| r.participants),
    ("connections", "Media connections now.", |r| r.connections),
    (
        "connections_watching",
        "Connections to which pictures are sent now.",
        |r| r.watching,
    ),
    (
        "estimated_bits_per_second",
        "What the paths to those who watch are estimated to carry, together.",
        |r| r.estimated_bps,
    ),
    (
        "slots_paused",
        "Slots now that are paused: their client's path has no room for them.",
        |r| r.slots_paused,
    ),
    ("recordings", "Recordings running now.", |r| r.recordings),
    (
        "ring_bytes",
        "Bytes held until recorders have them on disk.",
        |r| r.ring_bytes,
    ),
];

/// Figures with one more label: name, text, label, and what each value of the label counts.
type Labelled<T> = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, Read<T>)],
);

const LABELLED: [Labelled<Report>; 4] = [
    (
        "datagrams_total",
        "UDP datagrams.",
        "direction",
        &[("in", |r| r.datagrams_in), ("out", |r| r.datagrams_out)],
    ),
    (
        "bytes_total",
        "UDP payload bytes.",
        "direction",
        &[("in", |r| r.bytes_in), ("out", |r| r.bytes_out)],
    ),
    (
        "shard_packets_total",
        "RTP packets of rooms over several shards, from and to other shards of the node.",
        "direction",
        &[
            ("in", |r| r.shard_packets_in),
            ("out", |r| r.shard_packets_out),
        ],
    ),
    (
        "keyframe_requests_total",
        "Keyframe requests for publishers: sent, or held because one was just sent.",
        "outcome",
        &[
            ("sent", |r| r.keyframe_requests_sent),
            ("held", |r| r.keyframe_requests_held),
        ],
    ),
];

const SOCKET_DROPS: Labelled<SocketCounts> = (
    "socket_dropped_total",
    "UDP datagrams too long to read, for which the receive buffer had no room, or that the \
     kernel did not take.",
    "reason",
    &[
        ("receive_overflow", |c| c.overflowed),
        ("oversized", |c| c.oversized),
        ("send_blocked", |c| c.blocked),
        ("send_refused", |c| c.refused),
    ],
);

const SOCKET_SENT: Labelled<SocketCounts> = (
    "socket_sent_total",
    "UDP datagrams that the kernel took, one by one or several to one receiver with one call.",
    "how",
    &[
        ("single", |c| c.sent - c.sent_in_bursts),
        ("burst", |c| c.sent_in_bursts),
    ],
);

/// Upper bounds of the histogram of how long packets are on their way through a shard, in seconds.
const FORWARD_BUCKETS_S: [f64; 12] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_35, 0.000_5, 0.001, 0.001_5, 0.002_5, 0.005, 0.01, 0.025, 0.1,
];

/// What comes of a post that is not refused.
pub(crate) const JOINED: &str = "joined";

/// Why a node closed a WebSocket on its own, or did not open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalEnd {
    /// `Origin` is not in the list.
    Origin,
    /// As many WebSockets as are allowed.
    TooMany,
    /// As many from one address as are allowed.
    AddressLimit,
    /// It had shown no grant when strangers' places ran out, and had waited longest.
    CrowdedOut,
    /// No first message in time.
    JoinDeadline,
    /// The first message, version or grant was refused.
    JoinRefused,
    /// The node is stopping.
    Draining,
    /// The client broke the protocol or sent too much.
    Misbehaved,
    /// The client said nothing for too long, or did not take what was sent.
    Silent,
    /// The client was a whole queue behind.
    Overflowed,
    /// The client closed, or its network did.
    Gone,
    /// The page that held it was closed or is being loaded again.
    WentAway,
    /// The shard said so: the participant left, was removed, the room closed.
    Closed,
}

impl SignalEnd {
    const ALL: [SignalEnd; 13] = [
        SignalEnd::Origin,
        SignalEnd::TooMany,
        SignalEnd::AddressLimit,
        SignalEnd::CrowdedOut,
        SignalEnd::JoinDeadline,
        SignalEnd::JoinRefused,
        SignalEnd::Draining,
        SignalEnd::Misbehaved,
        SignalEnd::Silent,
        SignalEnd::Overflowed,
        SignalEnd::Gone,
        SignalEnd::WentAway,
        SignalEnd::Closed,
    ];

    fn as_str(self) -> &'static str {
        match self {
            SignalEnd::Origin => "origin",
            SignalEnd::TooMany => "too_many",
            SignalEnd::AddressLimit => "address_limit",
            SignalEnd::CrowdedOut => "crowded_out",
            SignalEnd::JoinDeadline => "join_deadline",
            SignalEnd::JoinRefused => "join_refused",
            SignalEnd::Draining => "draining",
            SignalEnd::Misbehaved => "misbehaved",
            SignalEnd::Silent => "silent",
            SignalEnd::Overflowed => "overflowed",
            SignalEnd::Gone => "gone",
            SignalEnd::WentAway => "went_away",
            SignalEnd::Closed => "closed",
        }
    }
}

/// The node's figures.
#[derive(Clone)]
pub(crate) struct Metrics {
    counters: Vec<(IntCounterVec, Read<Report>)>,
    gauges: Vec<(IntGaugeVec, Read<Report>)>,
    labelled: Vec<(IntCounterVec, Labelled<Report>)>,
    socket_drops: IntCounterVec,
    socket_sent: IntCounterVec,
    forward_seconds: HistogramVec,
    datagrams_dropped: IntCounterVec,
    packets_dropped: IntCounterVec,
    inbox_waiting: IntGaugeVec,
    shard_packets_lost: IntCounterVec,
    shards_running: IntGauge,
    links_cut_off: IntCounter,
    signals_open: IntGauge,
    signals_ended: IntCounterVec,
    posted: IntGauge,
    posts: IntCounterVec,
    /// Of media streams over TCP.
    pub(crate) streams: StreamFigures,
}

fn opts(name: &str, text: &str) -> Opts {
    Opts::new(format!("colloquy_sfu_{name}"), text)
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn signals_ended() -> prometheus::Result<IntCounterVec> {
    let text = "Signalling WebSockets refused or closed, by reason.";
    let ended = IntCounterVec::new(opts("signals_ended_total", text), &["reason"])?;
    // There from the start, so that their first rise can be seen.
    for end in SignalEnd::ALL {
        ended.with_label_values(&[end.as_str()]);
    }
    Ok(ended)
}

fn forward_seconds() -> prometheus::Result<HistogramVec> {
    let opts = opts(
        "forward_seconds",
        "From when the kernel had a packet of media to when it had been sent on.",
    );
    let opts = HistogramOpts::from(opts).buckets(FORWARD_BUCKETS_S.to_vec());
    HistogramVec::new(opts, &["shard"])
}

impl Metrics {
    /// Registers every family.
    ///
    /// # Errors
    /// When the registry has one of them already: a second node in one process.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Metrics> {
        let counter = |name, text, labels: &[&str]| {
            registered(registry, IntCounterVec::new(opts(name, text), labels))
        };
        let gauge = |name, text| registered(registry, IntGauge::with_opts(opts(name, text)));
        Ok(Metrics {
            counters: COUNTERS
                .into_iter()
                .map(|(name, text, read)| Ok((counter(name, text, &["shard"])?, read)))
                .collect::<prometheus::Result<_>>()?,
            gauges: GAUGES
                .into_iter()
                .map(|(name, text, read)| {
                    let family = IntGaugeVec::new(opts(name, text), &["shard"]);
                    Ok((registered(registry, family)?, read))
                })
                .collect::<prometheus::Result<_>>()?,
            labelled: LABELLED
                .into_iter()
                .map(|row| Ok((counter(row.0, row.1, &["shard", row.2])?, row)))
                .collect::<prometheus::Result<_>>()?,
            socket_drops: counter(SOCKET_DROPS.0, SOCKET_DROPS.1, &["shard", SOCKET_DROPS.2])?,
            socket_sent: counter(SOCKET_SENT.0, SOCKET_SENT.1, &["shard", SOCKET_SENT.2])?,
            forward_seconds: registered(registry, forward_seconds())?,
            datagrams_dropped: counter(
                "datagrams_dropped_total",
                "UDP datagrams refused before anything was decrypted.",
                &["shard", "reason"],
            )?,
            packets_dropped: counter(
                "packets_dropped_total",
                "RTP packets of publishers that were not offered to anybody.",
                &["shard", "reason"],
            )?,
            inbox_waiting: registered(
                registry,
                IntGaugeVec::new(
                    opts("inbox_waiting", "Commands that wait for a shard."),
                    &["shard"],
                ),
            )?,
            shard_packets_lost: counter(
                "shard_packets_lost_total",
                "RTP packets for which the queue to another shard of the node had no room.",
                &["shard"],
            )?,
            shards_running: gauge("shards_running", "Shard threads that run.")?,
            links_cut_off: registered(
                registry,
                IntCounter::with_opts(opts(
                    "links_cut_off_total",
                    "Links closed because the peer was a whole queue behind.",
                )),
            )?,
            signals_open: gauge("signals_open", "Signalling WebSockets now.")?,
            signals_ended: registered(registry, signals_ended())?,
            posted: gauge(
                "posted",
                "Participants without a WebSocket now (WHIP, WHEP).",
            )?,
            posts: counter(
                "posts_total",
                "Offers posted to /whip and /whep: joined, or the code of the refusal.",
                &["door", "outcome"],
            )?,
            streams: StreamFigures::register(registry)?,
        })
    }

    /// The figures of one shard.
    pub(crate) fn of_shard(&self, index: u16) -> ShardMetrics {
        ShardMetrics {
            forward_seconds: self
                .forward_seconds
                .with_label_values(&[&index.to_string()]),
            families: self.clone(),
            label: index.to_string(),
        }
    }

    pub(crate) fn shards_running(&self, running: usize) {
        self.shards_running
            .set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    pub(crate) fn signal_opened(&self) {
        self.signals_open.inc();
    }

    pub(crate) fn signal_closed(&self) {
        self.signals_open.dec();
    }

    pub(crate) fn signal_ended(&self, why: SignalEnd) {
        self.signals_ended.with_label_values(&[why.as_str()]).inc();
    }

    /// Offers will be posted to a door. What may come of them is there from the start, so that
    /// its first rise can be seen.
    pub(crate) fn awaits_posts(&self, door: &str, refusals: &[&str]) {
        for outcome in refusals.iter().chain([&JOINED]) {
            self.posts.with_label_values(&[door, outcome]);
        }
    }

    /// An offer was posted to a door.
    pub(crate) fn posted(&self, door: &str, outcome: &str) {
        self.posts.with_label_values(&[door, outcome]).inc();
    }

    pub(crate) fn posted_came(&self) {
        self.posted.inc();
    }

    pub(crate) fn posted_gone(&self) {
        self.posted.dec();
    }
}

/// One shard's view of the families.
#[derive(Clone)]
pub(crate) struct ShardMetrics {
    families: Metrics,
    label: String,
    forward_seconds: Histogram,
}

impl ShardMetrics {
    /// A packet of media was on its way through the shard for so long.
    pub(crate) fn forwarded(&self, delay: Duration) {
        self.forward_seconds.observe(delay.as_secs_f64());
    }

    /// Publishes totals.
    pub(crate) fn publish(&self, report: &Report, socket: &SocketCounts) {
        let shard = self.label.as_str();
        let families = &self.families;
        for (family, read) in &families.counters {
            raise(&family.with_label_values(&[shard]), read(report));
        }
        for (family, read) in &families.gauges {
            let value = i64::try_from(read(report)).unwrap_or(i64::MAX);
            family.with_label_values(&[shard]).set(value);
        }
        for (family, (_, _, _, values)) in &families.labelled {
            for (value, read) in *values {
                raise(&family.with_label_values(&[shard, value]), read(report));
            }
        }
        let of_socket = [
            (SOCKET_DROPS, &families.socket_drops),
            (SOCKET_SENT, &families.socket_sent),
        ];
        for ((.., values), family) in of_socket {
            for (value, read) in values {
                raise(&family.with_label_values(&[shard, value]), read(socket));
            }
        }
        for reason in DropReason::ALL {
            let family = if !reason.is_about_packets() {
                &families.datagrams_dropped
            } else {
                &families.packets_dropped
            };
            let total = report.dropped.get(&reason).copied().unwrap_or_default();
            raise(&family.with_label_values(&[shard, reason.as_str()]), total);
        }
    }

    /// How many commands wait.
    pub(crate) fn inbox_waiting(&self, waiting: usize) {
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        let family = &self.families.inbox_waiting;
        family.with_label_values(&[&self.label]).set(waiting);
    }

    /// How many frames were dropped since the shard began.
    pub(crate) fn stream_frames_dropped(&self, total: u64) {
        let family = &self.families.streams.frames_dropped;
        raise(&family.with_label_values(&[&self.label]), total);
    }

    /// How many packets found the queue to another shard full since this one began.
    pub(crate) fn shard_packets_lost(&self, total: u64) {
        let family = &self.families.shard_packets_lost;
        raise(&family.with_label_values(&[&self.label]), total);
    }

    pub(crate) fn link_cut_off(&self) {
        self.families.links_cut_off.inc();
    }
}

/// Brings a counter up to a total that only grows.
fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{Encoder, TextEncoder};

    fn page(registry: &Registry) -> String {
        let mut page = Vec::new();
        TextEncoder::new()
            .encode(&registry.gather(), &mut page)
            .expect("figures can be written");
        String::from_utf8(page).expect("UTF-8")
    }

    #[test]
    fn totals_are_published_once_however_often_they_are_reported() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("an empty registry");
        let mut report = Report {
            packets_in: 10,
            packets_accepted: 7,
            packets_forwarded: 14,
            rooms: 2,
            ..Report::default()
        };
        report.dropped.insert(DropReason::Muted, 2);
        report.dropped.insert(DropReason::Padding, 1);
        report.dropped.insert(DropReason::UnverifiedAddress, 5);
        let socket = SocketCounts {
            blocked: 3,
            ..SocketCounts::default()
        };
        let shard = metrics.of_shard(1);
        shard.publish(&report, &socket);
        shard.publish(&report, &socket);
        let page = page(&registry);
        for line in [
            "colloquy_sfu_packets_in_total{shard=\"1\"} 10",
            "colloquy_sfu_packets_accepted_total{shard=\"1\"} 7",
            "colloquy_sfu_packets_dropped_total{reason=\"muted\",shard=\"1\"} 2",
            "colloquy_sfu_packets_dropped_total{reason=\"padding\",shard=\"1\"} 1",
            "colloquy_sfu_packets_dropped_total{reason=\"unknown_codec\",shard=\"1\"} 0",
            "colloquy_sfu_datagrams_dropped_total{reason=\"unverified_address\",shard=\"1\"} 5",
            "colloquy_sfu_socket_dropped_total{reason=\"send_blocked\",shard=\"1\"} 3",
            "colloquy_sfu_rooms{shard=\"1\"} 2",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn a_second_node_in_one_process_is_refused() {
        let registry = Registry::new();
        Metrics::register(&registry).expect("an empty registry");
        assert!(Metrics::register(&registry).is_err());
    }
}
