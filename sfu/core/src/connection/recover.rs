//! Sound that comes twice: what a client sends as redundancy (RFC 2198) is the packet that was
//! lost, and goes on as if it had come itself.

use std::sync::Arc;

use str0m::format::CodecConfig;

use super::uplink::{Line, format_of};
use super::{Connection, ConnectionEvent, Step};
use crate::media::anchor::Arrived;
use crate::media::packet::{Format, Packet};
use crate::media::piece::Piece;
use crate::media::red::{self, Carried, Earlier};
use crate::report::DropReason;

/// A payload type that carries packets of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Redundant {
    pub(super) payload_type: u8,
    pub(super) primary: u8,
}

impl Redundant {
    /// The one that was negotiated.
    pub(super) fn of(codecs: &CodecConfig) -> Option<Self> {
        codecs.params().iter().find_map(|params| {
            format_of(&params.spec())?;
            Some(Redundant {
                payload_type: *params.red()?,
                primary: *params.pt(),
            })
        })
    }

    /// Takes a payload apart; none for one that is empty, which is padding.
    pub(super) fn open<'a>(&self, payload: &'a [u8]) -> Result<Option<Carried<'a>>, DropReason> {
        if payload.is_empty() {
            return Ok(None);
        }
        let carried = red::parse(payload, self.primary);
        carried.map(Some).ok_or(DropReason::UnknownCodec)
    }
}

impl Line {
    /// Adds what came with a packet and never came before. It has no extensions of its own, and
    /// it is late: no slot begins with it.
    pub(super) fn recover(
        &mut self,
        (layer, format): (u8, Format),
        carrier: Arrived,
        carried: &[Earlier<'_>],
        out: &mut Vec<Packet>,
    ) {
        let anchor = &self.anchors[usize::from(layer)];
        let given = &mut self.given[usize::from(layer)];
        for block in carried {
            // Each is a packet of the track, though its bytes are paid for by what carried it.
            if !self.policer.admits(0, carrier.at) {
                continue;
            }
            let place = anchor.before(carrier, block.distance, block.offset);
            let Some(place) = place.filter(|place| given.take(place.seq)) else {
                continue;
            };
            out.push(Packet {
                layer,
                format,
                seq: place.seq,
                timestamp: place.timestamp,
                marker: false,
                payload: block.payload.into(),
                arrived: carrier.at,
                late: place.late,
                entry_point: true,
                simulcast: false,
                piece: Piece::default(),
                audio_level: None,
                orientation: None,
            });
        }
    }
}

impl Connection {
    /// Hands on what came as redundancy only.
    pub(super) fn recovered(&self, step: &mut Step<'_>, line: usize, packets: Vec<Packet>) {
        for packet in packets {
            step.report.packets_in += 1;
            step.report.packets_recovered += 1;
            let packet = Arc::new(packet);
            let event = ConnectionEvent::Packet { line, packet };
            step.events.push_back((self.id, event));
        }
    }
}
