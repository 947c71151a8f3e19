//! What is heard of the path to a client, and what is sent to learn more of it.

use std::time::Duration;

use sfu_protocol::media::Kind;
use sfu_rtp::feedback::Feedback;
use sfu_rtp::rtcp::Heard;
use sfu_rtp::rtp;

use super::downlink::Slot;
use super::feedback::ntp_of;
use super::outgoing::Padding;
use super::{ADDED_BYTES, Connection, ConnectionEvent, Step};
use crate::bandwidth::estimate::Probe;

/// Most padding of a packet: its length has a byte (RFC 3550, section 5.1).
const MOST_PADDING_BYTES: usize = 255;

/// Less of it is not worth a packet.
const LEAST_PADDING_BYTES: usize = 32;

/// Packets of a probe that leave at once.
const MOST_PACKETS: usize = 80;

/// Round trips that a report can tell of.
const LONGEST_ROUND_TRIP: u32 = 10 << 16;

impl Connection {
    /// Feedback says which packets came when.
    pub(super) fn hear_arrivals(&mut self, step: &mut Step<'_>, control: &[u8]) {
        let Some(feedback) = Feedback::read(control) else {
            return;
        };
        let told = feedback.told().map(|told| (told.seq, told.arrival));
        let path = &mut self.outgoing.path.estimator;
        path.feedback(step.now, feedback.reference, told);
        self.follow(step);
    }

    /// The client has an estimate of its own.
    pub(super) fn hear_estimate(&mut self, step: &mut Step<'_>, bps: u64) {
        self.outgoing.path.estimator.remb(step.now, bps);
        self.follow(step);
    }

    /// What was heard of streams of ours.
    pub(super) fn hear_reports(&mut self, step: &mut Step<'_>, reports: &[Heard]) {
        let (mut packets, mut lost, mut round_trip) = (0_u64, 0_u64, None);
        for heard in reports {
            let mut slots = self.slots.iter_mut().flatten();
            let Some(slot) = slots.find(|slot| slot.streams.media == heard.ssrc) else {
                continue;
            };
            let gone = &mut slot.gone;
            let since = u64::from(gone.packets.wrapping_sub(gone.heard));
            gone.heard = gone.packets;
            packets += since;
            lost += since * u64::from(heard.fraction_lost);
            round_trip = round_trip.or(round_trip_of(step, heard));
        }
        if let Some(fraction) = lost.checked_div(packets) {
            let path = &mut self.outgoing.path.estimator;
            let fraction = u8::try_from(fraction).unwrap_or(u8::MAX);
            path.receiver_report(step.now, (packets, fraction), round_trip);
            self.follow(step);
        }
    }

    fn follow(&mut self, step: &mut Step<'_>) {
        if self.outgoing.path.follow(step.now) {
            step.events.push_back((self.id, ConnectionEvent::Budget));
        }
    }

    /// Sends what is due of a probe.
    pub(super) fn probe(&mut self, step: &mut Step<'_>) {
        let path = &mut self.outgoing.path.estimator;
        if path.wake_at().is_none_or(|at| step.now < at) {
            return;
        }
        let (_, begun) = path.counts();
        let probe = path.probe(step.now);
        step.report.probes += path.counts().1 - begun;
        if let Some(probe) = probe.filter(|_| !self.silence.is_lost()) {
            let padded = self.pad(step, probe);
            self.outgoing.path.estimator.can_probe(padded);
        }
        self.follow(step);
    }

    /// Sends padding on the stream of retransmissions, where a receiver expects no order. False
    /// when there is none.
    fn pad(&mut self, step: &mut Step<'_>, probe: Probe) -> bool {
        let to = self.way.media(step.now).filter(|_| self.reach.is_open());
        let mut slots = self.slots.iter_mut().flatten();
        let slot = slots.find_map(|slot| Some((padded_on(slot)?, slot)));
        let Some((to, ((ssrc, payload_type), slot))) = to.zip(slot) else {
            return false;
        };
        let mut left = probe.bytes;
        for _ in 0..MOST_PACKETS {
            let fits = left.saturating_sub(ADDED_BYTES);
            let bytes = fits.clamp(LEAST_PADDING_BYTES, MOST_PADDING_BYTES) as u8;
            let padding = Padding {
                to,
                head: rtp::Outgoing {
                    payload_type,
                    marker: false,
                    padding: true,
                    seq: slot.gone.repair_index as u16,
                    timestamp: slot.gone.last.map_or(0, |(_, timestamp)| timestamp),
                    ssrc,
                    csrc: None,
                },
                index: slot.gone.repair_index,
                mid: &slot.id.0,
                before: slot.gone.repairs,
                bytes,
                probe: probe.cluster,
            };
            let written = self.outgoing.pad(step.now, step.out, &padding);
            if written == 0 {
                return false;
            }
            slot.gone.repair_index += 1;
            slot.gone.repairs = slot.gone.repairs.saturating_add(1);
            step.report.datagrams_out += 1;
            step.report.bytes_out += written as u64;
            left = left.saturating_sub(written);
            if left == 0 {
                break;
            }
        }
        true
    }
}

/// The stream and payload type of a slot's retransmissions.
fn padded_on(slot: &Slot) -> Option<(u32, u8)> {
    let repair = slot.streams.repair.filter(|_| slot.kind == Kind::Video)?;
    let mut formats = slot.formats.iter();
    Some((repair, formats.find_map(|accepted| accepted.repair_type)?))
}

/// How long a report took both ways (RFC 3550, section 6.4.1).
fn round_trip_of(step: &Step<'_>, heard: &Heard) -> Option<Duration> {
    let now = (ntp_of(step.clock.at(step.now).0) >> 16) as u32;
    let took = now
        .wrapping_sub(heard.last_report)
        .wrapping_sub(heard.delay);
    let plausible = heard.last_report != 0 && took < LONGEST_ROUND_TRIP;
    plausible.then(|| Duration::from_micros((u64::from(took) * 1_000_000) >> 16))
}
