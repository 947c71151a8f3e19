//! What both ends say of the media: reports, and requests for packets and pictures
//! (RFC 3550, section 6; RFC 4585).

use std::time::{Duration, Instant};

use sfu_rtp::rtcp::{self, MAX_REPORTED, MAX_SENDINGS, Missing, Said, Sending};
use sfu_rtp::srtp::{Opener, rtcp_sender};
use sfu_rtp::window::Window;

use super::downlink::Slot;
use super::uplink::SenderReport;
use super::{Connection, ConnectionEvent, Step};
use crate::report::DropReason;

/// How often a client is told what was sent and received.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Most senders of RTCP of one client of which replays are refused: each of its streams is one.
/// Others are not heard.
const MAX_SENDERS: usize = 64;

/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// What is kept of what is said.
#[derive(Debug, Default)]
pub(super) struct Talk {
    senders: Vec<(u32, Window)>,
    /// When the client is told what was sent and received; none while nothing is.
    report_at: Option<Instant>,
    /// Who speaks for us where no stream of ours does.
    pub(super) own_ssrc: u32,
    /// The name that all our streams share.
    pub(super) name: String,
}

impl Talk {
    pub(super) fn new(own_ssrc: u32) -> Self {
        Talk {
            own_ssrc,
            name: format!("{own_ssrc:08x}"),
            ..Talk::default()
        }
    }

    /// Something was sent or received. True when the client is to be told and was not before.
    pub(super) fn has_news(&mut self, now: Instant) -> bool {
        let news = self.report_at.is_none();
        self.report_at.get_or_insert(now + REPORT_INTERVAL);
        news
    }

    /// When the client is told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.report_at
    }

    /// Opens what a sender says; none when it is not authentic, or came before.
    fn open(&mut self, opener: &Opener, bytes: &[u8], plain: &mut Vec<u8>) -> Option<()> {
        let sender = rtcp_sender(bytes)?;
        let known = self.senders.iter().position(|(ssrc, _)| *ssrc == sender);
        let mut first = Window::default();
        let window = match known {
            Some(at) => &mut self.senders[at].1,
            None if self.senders.len() < MAX_SENDERS => &mut first,
            None => return None,
        };
        opener.open_rtcp(window, bytes, plain).ok()?;
        if known.is_none() {
            self.senders.push((sender, first));
        }
        Some(())
    }
}

impl Connection {
    /// The client says something.
    pub(super) fn hear(&mut self, step: &mut Step<'_>, bytes: &[u8]) {
        if !self.feedback.has_room(bytes.len(), step.now) {
            return step.report.drop_one(DropReason::Feedback);
        }
        let Some(opener) = &self.opener else {
            return step.report.drop_one(DropReason::Unsecured);
        };
        let mut packet = std::mem::take(step.scratch);
        match self.talk.open(opener, bytes, &mut packet) {
            Some(()) => {
                self.feedback.admits(bytes.len(), step.now);
                self.hear_all(step, &packet);
            }
            None => step.report.transport_errors += 1,
        }
        *step.scratch = packet;
    }

    fn hear_all(&mut self, step: &mut Step<'_>, packet: &[u8]) {
        self.authentic = true;
        let (mut asked, mut heard) = (Vec::new(), Vec::new());
        rtcp::read(packet, |said| match said {
            Said::Sending(sending) => self.hear_sender(step, sending),
            Said::Missing { ssrc, packets } => asked.push((ssrc, packets)),
            Said::PictureLost { ssrc } => {
                let mut slots = self.slots();
                let slot = slots.find(|(_, slot)| slot.streams.media == ssrc);
                if let Some((slot, _)) = slot {
                    let event = ConnectionEvent::KeyframeWanted { slot };
                    step.tell(self.id, event);
                }
            }
            Said::Heard(report) => heard.push(report),
            Said::Arrivals(control) => self.hear_arrivals(step, control),
            Said::AtMost { bps } => self.hear_estimate(step, bps),
            Said::Bye { .. } => {}
        });
        self.hear_reports(step, &heard);
        // Clients name their streams in any order; the budget must not refuse by chance.
        asked.sort_by_key(|(ssrc, _)| *ssrc);
        for (ssrc, packets) in asked {
            self.send_again(step, ssrc, packets);
        }
    }

    fn hear_sender(&mut self, step: &mut Step<'_>, sending: Sending) {
        let Some(stream) = self.incoming.stream_mut(sending.ssrc) else {
            return;
        };
        stream.got.hear(step.now, (sending.ntp >> 16) as u32);
        let (line, layer) = stream.place;
        let Some(known) = self.uplink.line(line) else {
            return;
        };
        let event = ConnectionEvent::SenderReport {
            line,
            layer,
            report: SenderReport {
                ntp: sending.ntp,
                timestamp: known.anchored(layer, sending.timestamp),
            },
        };
        step.tell(self.id, event);
    }

    /// Packets of a slot that its client misses go again, as far as the budget goes.
    fn send_again(&mut self, step: &mut Step<'_>, ssrc: u32, packets: Missing<'_>) {
        let is_it = |slot: &Option<Slot>| {
            let slot = slot.as_ref();
            slot.is_some_and(|slot| slot.streams.media == ssrc)
        };
        let Some(slot) = self.slots.iter().position(is_it) else {
            return;
        };
        for seq in packets {
            self.send_one_again(step, slot, seq);
        }
    }

    /// Asks the publisher for a keyframe of a layer of which something came.
    pub(crate) fn request_keyframe(&mut self, step: &mut Step<'_>, line: usize, layer: u8) {
        let Some(ssrc) = self.incoming.ssrc_of((line, layer)) else {
            return;
        };
        step.report.keyframe_requests_sent += 1;
        let lost = rtcp::picture_loss(self.talk.own_ssrc, ssrc);
        self.say_of(step, ssrc, &lost);
    }

    /// Says what is due: what is missing, when packets arrived, reports.
    pub(super) fn say(&mut self, step: &mut Step<'_>) {
        for (ssrc, missing) in self.incoming.ask(step.now) {
            let nack = rtcp::nack(self.talk.own_ssrc, ssrc, missing.into_iter());
            self.say_of(step, ssrc, &nack);
        }
        let arrivals = |this: &Self| this.incoming.arrivals.due();
        while arrivals(self).is_some_and(|at| at <= step.now) {
            let own = self.talk.own_ssrc;
            let of = self.incoming.streams_mut().first();
            let of = of.map_or(0, |stream| stream.got.ssrc);
            if let Some(told) = self.incoming.arrivals.take(step.now, own, of) {
                self.say_one(step, told);
            }
        }
        if self.talk.report_at.is_some_and(|at| at <= step.now) {
            self.report(step);
        }
    }

    /// Tells what was sent and received since the last time; nothing more once there was nothing.
    fn report(&mut self, step: &mut Step<'_>) {
        self.talk.report_at = None;
        let ntp = ntp_of(step.clock.at(step.now).0);
        let mut sendings = Vec::new();
        let since = self.outgoing.since(step.now);
        for slot in self.slots.iter_mut().flatten() {
            slot.history.age(since);
            if let Some(timestamp) = slot.moment(step.now) {
                sendings.push(Sending {
                    ssrc: slot.streams.media,
                    ntp,
                    timestamp,
                    packets: slot.gone.packets,
                    bytes: slot.gone.bytes,
                });
            }
        }
        let mut receptions = Vec::new();
        for stream in self.incoming.streams_mut() {
            receptions.extend(stream.got.report(step.now));
        }
        if sendings.is_empty() && !self.incoming.has_news() {
            return;
        }
        self.talk.has_news(step.now);
        for some in sendings.chunks(MAX_SENDINGS) {
            let reports = rtcp::sender_reports(some, &self.talk.name);
            self.say_one(step, reports);
        }
        for some in receptions.chunks(MAX_REPORTED) {
            let report = rtcp::receiver_report(self.talk.own_ssrc, some);
            self.say_one(step, report);
        }
    }

    /// Says something about a stream behind a report of it (RFC 4585, section 3.1).
    fn say_of(&mut self, step: &mut Step<'_>, ssrc: u32, feedback: &[u8]) {
        let stream = self.incoming.stream_mut(ssrc);
        let reception = stream.and_then(|stream| stream.got.report(step.now));
        let mut packet = rtcp::receiver_report(self.talk.own_ssrc, reception.as_slice());
        packet.extend_from_slice(feedback);
        self.say_one(step, packet);
    }

    fn say_one(&mut self, step: &mut Step<'_>, mut packet: Vec<u8>) {
        let (Some(to), Some(sealer)) = (self.way.media(step.now), self.outgoing.sealer()) else {
            return;
        };
        if sealer.seal_rtcp(&mut packet).is_ok() {
            step.report.datagrams_out += 1;
            step.report.bytes_out += packet.len() as u64;
            step.out.push(to, &packet);
        }
    }
}

/// 32.32 fixed point (RFC 3550, section 4) of microseconds since 1970.
pub(super) fn ntp_of(unix_us: u64) -> u64 {
    let seconds = (unix_us / 1_000_000).wrapping_add(NTP_TO_UNIX_S);
    let fraction = ((unix_us % 1_000_000) << 32) / 1_000_000;
    seconds << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900_in_fixed_point() {
        assert_eq!(ntp_of(0), NTP_TO_UNIX_S << 32);
        assert_eq!(ntp_of(500_000) & 0xffff_ffff, 1 << 31);
    }
}
