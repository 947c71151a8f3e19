//! A packet's journey, top to bottom: a publisher's line, then every slot that shows it, then
//! every tape that records it. The one place, with the shard, that sees publishers, receivers
//! and tapes together.

use std::time::Instant;

use sfu_protocol::link::{TapeBody, TapeEntry};
use sfu_protocol::media::{Codec, Kind};

use crate::connection::uplink::SenderReport;
use crate::io::{ConnectionId, Departures};
use crate::link::Tapes;
use crate::media::packet::Packet;
use crate::media::red::Load;
use crate::media::select::Admission;
use crate::report::DropReason;
use crate::stage::Stage;
use crate::subscribe::{choose_again, still_waiting, subscriber};

/// What a packet told about its track, for the room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Noticed {
    /// The codec, when it is new.
    pub(crate) codec: Option<Codec>,
    /// Loudness in dBov.
    pub(crate) level_dbov: Option<i8>,
}

/// Sends a packet to everyone who takes it. None when its track does not flow; else it is for
/// the tapes too, once what was noticed is known: it may be the one that opens them.
pub(crate) fn forward(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    packet: &Packet,
) -> Option<Noticed> {
    let noticed = admit(stage, now, out, from, packet)?;
    if packet.payload.is_empty() {
        stage.report.drop_one(DropReason::Padding);
        close_places(stage, from, packet);
        return Some(noticed);
    }
    stage.report.packets_accepted += 1;
    to_slots(stage, now, out, from, packet);
    Some(noticed)
}

/// The line's own bookkeeping. None when the track does not flow.
fn admit(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    (publisher, index): (ConnectionId, usize),
    packet: &Packet,
) -> Option<Noticed> {
    let line = stage.get_mut(publisher)?.uplink.line_mut(index)?;
    if !line.flowing {
        stage.report.drop_one(DropReason::Muted);
        return None;
    }
    if packet.entry_point {
        line.gates[usize::from(packet.layer)].arrived();
    }
    let codec = packet.format.codec;
    let new_codec = line.codec.replace(codec) != Some(codec);
    if line.layers.observe(packet.layer, now, packet.height) {
        choose_again(stage, now, out, (publisher, index));
    }
    Some(Noticed {
        codec: new_codec.then_some(codec),
        level_dbov: packet.level_dbov.filter(|_| codec.kind() == Kind::Audio),
    })
}

fn to_slots(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    from: (ConnectionId, usize),
    packet: &Packet,
) {
    let mut waiting = false;
    let mut load = load_of(stage, from, packet);
    let mut next = 0;
    while let Some(to) = subscriber(stage, from, next) {
        next += 1;
        let send = stage.write(to.connection, now, out, |connection, step| {
            connection.send(step, to.slot, packet, &mut load)
        });
        waiting |= send.unwrap_or(false);
    }
    if waiting {
        still_waiting(stage, now, out, from, packet);
    }
}

/// What a packet of sound can carry of those before it.
fn load_of(stage: &mut Stage, from: (ConnectionId, usize), packet: &Packet) -> Load {
    let publisher = stage.get_mut(from.0);
    let line = publisher.and_then(|c| c.uplink.line_mut(from.1));
    let line = line.filter(|line| line.source.kind() == Kind::Audio);
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
    let Some(line) = stage
        .get_mut(from.0)
        .and_then(|c| c.uplink.line_mut(from.1))
    else {
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
            Admission::Drop => {}
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
    (publisher, index): (ConnectionId, usize),
    layer: u8,
    report: SenderReport,
) {
    let Some(line) = stage
        .get_mut(publisher)
        .and_then(|c| c.uplink.line_mut(index))
    else {
        return;
    };
    line.reports[usize::from(layer)] = Some(report);
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

/// Closes the places of a packet that carries nothing in every slot that had the layer.
fn close_places(stage: &mut Stage, from: (ConnectionId, usize), packet: &Packet) {
    let mut next = 0;
    while let Some(to) = subscriber(stage, from, next) {
        next += 1;
        if let Some(slot) = stage
            .get_mut(to.connection)
            .and_then(|c| c.slot_mut(to.slot))
        {
            slot.skip(packet);
        }
    }
}
