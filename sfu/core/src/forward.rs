//! A packet's journey, top to bottom: a publisher's line, then every slot that shows it, then
//! every tape that records it. The one place, with the shard, that sees publishers, receivers
//! and tapes together.

use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::link::{TapeBody, TapeEntry};
use sfu_protocol::media::{Codec, Kind};

use crate::connection::ADDED_BYTES;
use crate::connection::uplink::SenderReport;
use crate::io::{ConnectionId, Departures};
use crate::link::Tapes;
use crate::media::packet::Packet;
use crate::media::red::Load;
use crate::media::select::Admission;
use crate::report::DropReason;
use crate::span;
use crate::stage::Stage;
use crate::subscribe::{choose_again, still_waiting};

/// What a packet told about its track, for the room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Noticed {
    /// The codec, when it is new.
    pub(crate) codec: Option<Codec>,
    /// Loudness in dBov.
    pub(crate) level_dbov: Option<i8>,
}

/// Packets that go together through a line's slots: a bit each says for whom there is to wait.
pub(crate) const MAX_RUN: usize = u64::BITS as usize;

/// The line's own bookkeeping. None when the track does not flow; else the packet is for the slots
/// and the tapes, once what was noticed is known: it may be the one that opens them.
pub(crate) fn admit(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    packet: &Packet,
) -> Option<Noticed> {
    let line = stage.line_mut(from)?;
    if !line.flowing {
        if line.mirrored.is_none() {
            stage.report.drop_one(DropReason::Muted);
        }
        return None;
    }
    if packet.entry_point {
        line.gates[usize::from(packet.layer)].arrived();
    }
    let layer = match line.layers.is_simulcast() {
        true => packet.layer,
        false => packet.piece.spatial_id,
    };
    let of = (layer, packet.piece.temporal_id);
    line.rates.add(of, now, packet.payload.len() + ADDED_BYTES);
    if line.mirrored.is_some() {
        // All that is to be known of it was noticed where it came from.
        return Some(Noticed::default());
    }
    let codec = packet.format.codec;
    let new_codec = line.codec.replace(codec) != Some(codec);
    if line.layers.observe(packet, now) {
        choose_again(stage, now, out, from);
        span::tell_shape(stage, now, from);
    }
    match packet.payload.is_empty() {
        true => stage.report.drop_one(DropReason::Padding),
        false => stage.report.packets_accepted += 1,
    }
    Some(Noticed {
        codec: new_codec.then_some(codec),
        level_dbov: packet.level_dbov().filter(|_| codec.kind() == Kind::Audio),
    })
}

/// Sends packets of a line, which came together, to everyone who takes them: one receiver after
/// the other, so that each is visited once and what it gets leaves as a burst. A packet without
/// payload closes its place.
pub(crate) fn to_slots(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    packets: &[Arc<Packet>],
) {
    let Some(line) = stage.line_mut(from) else {
        return;
    };
    // Each packet of sound carries others; pictures come by the frame.
    let run = match line.source.kind() {
        Kind::Audio => 1,
        Kind::Video => MAX_RUN,
    };
    let subscribers = std::mem::take(&mut line.subscribers);
    for run in packets.chunks(run) {
        let mut load = load_of(stage, from, &run[0]);
        let mut waiting = 0;
        for to in &subscribers {
            let sent = stage.step(to.connection, now, out, |connection, step| {
                connection.send(step, to.slot, run, &mut load)
            });
            waiting |= sent.unwrap_or(0);
        }
        for (place, packet) in run.iter().enumerate() {
            if waiting >> place & 1 != 0 {
                still_waiting(stage, now, out, from, packet);
            }
        }
    }
    if let Some(line) = stage.line_mut(from) {
        line.subscribers = subscribers;
    }
}

/// What a packet of sound can carry of those before it.
fn load_of(stage: &mut Stage, from: (ConnectionId, usize), packet: &Packet) -> Load {
    let line = stage
        .line_mut(from)
        .filter(|line| line.source.kind() == Kind::Audio);
    line.map_or_else(Load::default, |line| line.recent.load(packet))
}

/// Writes a packet to every tape that records its line, padding too: a tape keeps the
/// publisher's own numbers, and without its padding a hole would look lost.
pub(crate) fn to_tapes(
    stage: &mut Stage,
    tapes: &mut Tapes,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    packet: &Packet,
) {
    let Some(line) = stage.line_mut(from) else {
        return;
    };
    let mut waiting = false;
    if line.unrecorded {
        tapes.miss();
    }
    for feed in &mut line.tapes {
        if feed.codec != packet.format.codec {
            tapes.miss_on(feed.recording, feed.tape);
            continue;
        }
        let entry_point = packet.entry_point && !packet.late;
        let admission = feed.selector.admit(packet.layer, entry_point);
        if admission == Admission::Switch
            && let Some(report) = line.reports[usize::from(packet.layer)]
        {
            let body = body_of(report);
            tapes.write(
                feed.recording,
                feed.tape,
                entry(tapes, now, packet.layer, body),
            );
        }
        match admission {
            Admission::Drop | Admission::LeaveOut { .. } => {}
            Admission::Wait => waiting = true,
            Admission::Switch | Admission::Forward => {
                let body = TapeBody::Rtp {
                    seq: packet.seq,
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    retransmitted: packet.late,
                    payload: packet.payload.clone(),
                };
                tapes.write(
                    feed.recording,
                    feed.tape,
                    entry(tapes, packet.arrived, packet.layer, body),
                );
            }
        }
    }
    if waiting {
        still_waiting(stage, now, out, from, packet);
    }
}

/// A sender report goes to the tapes whose layer it is about.
pub(crate) fn sender_report(
    stage: &mut Stage,
    tapes: &mut Tapes,
    now: Instant,
    from: (ConnectionId, usize),
    layer: u8,
    report: SenderReport,
) {
    let Some(line) = stage.line_mut(from) else {
        return;
    };
    line.reports[usize::from(layer)] = Some(report);
    span::report_to_shards(stage, from, layer, report);
    let Some(line) = stage.line_mut(from) else {
        return;
    };
    for feed in &line.tapes {
        if feed.selector.current() == Some(layer) {
            tapes.write(
                feed.recording,
                feed.tape,
                entry(tapes, now, layer, body_of(report)),
            );
        }
    }
}

fn body_of(report: SenderReport) -> TapeBody {
    TapeBody::SenderReport {
        ntp: report.ntp,
        timestamp: report.timestamp,
    }
}

fn entry(tapes: &Tapes, arrived: Instant, layer: u8, body: TapeBody) -> TapeEntry {
    TapeEntry {
        arrived: tapes.clock.at(arrived),
        layer,
        body,
    }
}
