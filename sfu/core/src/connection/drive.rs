//! Drives the `Rtc`: datagrams and time in, everything that follows out.

use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Event, Input, Output};

use super::bindings::{is_rtcp, ssrc_of};
use super::repair::{self, Repair};
use super::uplink::{Line, Received, SenderReport};
use super::{Connection, ConnectionEvent, Step, Written};
use crate::demux::answered;
use crate::report::{DropReason, Report};

/// Rounds of "time has come, drain" in one step. Each lets str0m send what became due; a healthy
/// transport needs two. What is left goes with the next deadline.
const MAX_ROUNDS: usize = 16;

/// Outputs of one drain. str0m ends every drain by itself; this ends one that does not.
const MAX_OUTPUTS: usize = 20_000;

/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

impl Connection {
    /// A datagram that is for this connection. One that only says so, from an address that ICE has
    /// not verified, is no sign of life unless it proves to be the client's.
    pub(crate) fn receive(
        &mut self,
        step: &mut Step<'_>,
        source: SocketAddr,
        bytes: &[u8],
        introduced: bool,
    ) {
        if is_rtcp(bytes) && !self.feedback.admits(bytes.len(), step.now) {
            return step.report.drop_one(DropReason::Feedback);
        }
        let ssrc = ssrc_of(bytes);
        if ssrc.is_some_and(|ssrc| !self.admits_number(bytes, ssrc, step.now)) {
            return step.report.drop_one(DropReason::FarNumber);
        }
        let Ok(datagram) = Receive::new(Protocol::Udp, source, self.local(source), bytes) else {
            return step.report.drop_one(DropReason::NotMedia);
        };
        let input = Input::Receive(step.now, datagram);
        self.authentic = false;
        self.way.receives(step.now, source, bytes);
        match ssrc.filter(|ssrc| !self.bindings.knows(*ssrc)) {
            Some(ssrc) => self.try_ssrc(step, ssrc, input),
            None => self.feed(step, input),
        }
        let counts = self.authentic || !introduced;
        if counts && self.silence.heard(step.now, self.authentic) {
            // What was sent into the silence is too old to be seen; pictures begin anew.
            self.forget_sent();
            step.events.push_back((self.id, ConnectionEvent::PathBack));
        }
    }

    /// Whether the transport may see an RTP packet for its transport-wide number, if it has one.
    fn admits_number(&mut self, rtp: &[u8], ssrc: u32, now: Instant) -> bool {
        let heard = self.bindings.is_media(ssrc) && !self.is_retransmission(rtp);
        self.transport_wide.admits(rtp, heard, now)
    }

    /// The address of ours that ICE takes a datagram to be for: the first advertised one of the
    /// source's family. The kernel would name one behind a NAT or a wildcard, which ICE does not
    /// know.
    fn local(&self, source: SocketAddr) -> SocketAddr {
        let same_family = |local: &&SocketAddr| local.is_ipv4() == source.is_ipv4();
        let fitting = self.advertise.iter().find(same_family);
        fitting
            .or(self.advertise.first())
            .copied()
            .unwrap_or(source)
    }

    /// Whether ICE has verified this address.
    pub(crate) fn accepts(&self, source: SocketAddr, now: Instant) -> bool {
        /// Looks like RTP; only its source is asked about.
        const MEDIA: [u8; 12] = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Receive::new(Protocol::Udp, source, self.local(source), &MEDIA)
            .is_ok_and(|datagram| self.rtc.accepts(&Input::Receive(now, datagram)))
    }

    /// Its time has come, or what was written is to leave.
    pub(crate) fn wake(&mut self, step: &mut Step<'_>) {
        let written = std::mem::replace(&mut self.written, Written::Nothing);
        if written != Written::Left || self.wake_at() <= step.now {
            self.tick(step);
        }
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, step: &mut Step<'_>) {
        let input = Input::Timeout(step.now);
        self.feed(step, input);
        if self.reach.give_up_at().is_some_and(|at| at <= step.now) && !self.closed {
            self.closed = true;
            step.events.push_back((self.id, ConnectionEvent::Closed));
        }
        if self.silence.check(step.now) {
            step.report.paths_lost += 1;
            step.events.push_back((self.id, ConnectionEvent::PathLost));
        }
    }

    pub(super) fn feed(&mut self, step: &mut Step<'_>, input: Input<'_>) {
        if self.written == Written::Asked {
            self.written = Written::Left;
        }
        // A bad datagram is an error of whoever sent it and never ends the session: an attacker
        // who guessed an address would end calls with it.
        if self.rtc.handle_input(input).is_err() {
            step.report.transport_errors += 1;
        }
        self.settle(step);
    }

    /// Says goodbye on the transport.
    pub(crate) fn close(&mut self, step: &mut Step<'_>) {
        self.closed = true;
        if self.rtc.close().is_err() {
            step.report.transport_errors += 1;
        }
        self.settle(step);
    }

    /// Drains, and lets what is due now happen.
    pub(super) fn settle(&mut self, step: &mut Step<'_>) {
        self.drain(step);
        for _ in 0..MAX_ROUNDS {
            if self.wake_at > step.now {
                return;
            }
            if self.rtc.handle_input(Input::Timeout(step.now)).is_err() {
                step.report.transport_errors += 1;
            }
            self.drain(step);
        }
    }

    pub(super) fn drain(&mut self, step: &mut Step<'_>) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.wake_at = at;
                    break;
                }
                Ok(Output::Transmit(transmit)) if self.is_retransmission(&transmit.contents) => {
                    if self.turns.wait(transmit) {
                        self.send_again(step);
                    }
                }
                Ok(Output::Transmit(transmit)) => self.depart(step, &transmit),
                Ok(Output::Event(event)) => self.on_event(step, event),
                Err(_) => {
                    step.report.transport_errors += 1;
                    if !self.rtc.is_alive() {
                        break;
                    }
                }
            }
        }
        self.send_again(step);
        if !self.rtc.is_alive() && !self.closed {
            self.closed = true;
            step.events.push_back((self.id, ConnectionEvent::Closed));
        }
    }

    /// A datagram leaves.
    fn depart(&mut self, step: &mut Step<'_>, transmit: &Transmit) {
        let bytes: &[u8] = &transmit.contents;
        self.authentic |= answered(bytes).is_some();
        self.checks.departs(bytes);
        if payload_type(bytes).is_some() && !self.is_retransmission(bytes) {
            self.repair.earn(bytes.len());
        }
        step.report.datagrams_out += 1;
        step.report.bytes_out += bytes.len() as u64;
        let destination = self.way.departs(step.now, transmit.destination, bytes);
        step.out.push(destination, bytes);
    }

    fn is_retransmission(&self, bytes: &[u8]) -> bool {
        payload_type(bytes).is_some_and(|number| self.rtx_types & 1 << number != 0)
    }

    /// Those that waited for their turn leave, as far as the budget goes.
    fn send_again(&mut self, step: &mut Step<'_>) {
        for transmit in self.turns.take() {
            if self.may_repair(step.report, transmit.contents.len()) {
                self.depart(step, &transmit);
            }
        }
    }

    fn may_repair(&mut self, report: &mut Report, bytes: usize) -> bool {
        let repair = self.repair.spend(bytes);
        match repair {
            Repair::Granted => report.retransmissions_out += 1,
            Repair::Refused | Repair::Abused => report.retransmissions_refused += 1,
        }
        if repair == Repair::Abused {
            self.forget_sent();
        }
        repair == Repair::Granted
    }

    /// Forgets what could be sent again, and with it whatever was asked for: its client asks for
    /// more than anybody loses. What is sent from now on can be repaired as before.
    fn forget_sent(&mut self) {
        let mut direct = self.rtc.direct_api();
        for slot in self.slots.iter().flatten() {
            if let Some(stream) = direct.stream_tx(&slot.ssrc) {
                repair::remember(stream);
            }
        }
    }

    fn on_event(&mut self, step: &mut Step<'_>, event: Event) {
        let event = match event {
            Event::RtpPacket(rtp) => {
                step.report.packets_in += 1;
                self.authentic = true;
                if let Some(number) = rtp.header.ext_vals.transport_cc {
                    self.transport_wide.learn(number, step.now);
                }
                let mut direct = self.rtc.direct_api();
                let ssrc = rtp.header.ssrc;
                let place = self.uplink.place_of(ssrc, || direct.stream_rx(&ssrc));
                let mut earlier = Vec::new();
                let received = self.uplink.read(place, rtp, &mut earlier);
                self.recovered(step, place, earlier);
                match received {
                    Received::Packet(line, packet) => {
                        if self.uplink.line(line).is_some_and(Line::is_expected) {
                            self.silence.media(step.now);
                        }
                        ConnectionEvent::Packet { line, packet }
                    }
                    Received::Dropped(reason) => return step.report.drop_one(reason),
                }
            }
            Event::SenderFeedback(feedback) => {
                let Some((line, layer)) = self.uplink.place_of_mid(feedback.mid, feedback.rid)
                else {
                    return;
                };
                let Ok(since) = feedback.sender_info.ntp_time.duration_since(UNIX_EPOCH) else {
                    return;
                };
                let timestamp = feedback.sender_info.rtp_time.numer() as u32;
                let known = self.uplink.line(line);
                let report = SenderReport {
                    ntp: ntp_of(since),
                    timestamp: known.map_or(timestamp, |line| line.anchored(layer, timestamp)),
                };
                ConnectionEvent::SenderReport {
                    line,
                    layer,
                    report,
                }
            }
            Event::KeyframeRequest(request) => {
                let slot = self.slots().find(|(_, slot)| slot.mid == request.mid);
                match slot.map(|(index, _)| index) {
                    Some(slot) => ConnectionEvent::KeyframeWanted { slot },
                    None => return,
                }
            }
            Event::Connected if self.reach.secure() => ConnectionEvent::Reachable,
            Event::IceConnectionStateChange(state) if state.is_disconnected() => {
                self.reach.answers(false);
                ConnectionEvent::Silent
            }
            Event::IceConnectionStateChange(_) if self.reach.answers(true) => {
                ConnectionEvent::Reachable
            }
            // The end is noticed by the drain, once str0m has said goodbye.
            _ => return,
        };
        step.tell(self.id, event);
    }
}

/// The payload type of an RTP packet. RTP and RTCP begin with 128 to 191 (RFC 7983); str0m's
/// payload types tell them apart.
fn payload_type(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [128..=191, second, ..] if !is_rtcp(bytes) => Some(second & 0x7f),
        _ => None,
    }
}

/// 32.32 fixed point (RFC 3550, section 4).
fn ntp_of(since_unix: Duration) -> u64 {
    let seconds = since_unix.as_secs().wrapping_add(NTP_TO_UNIX_S);
    let fraction = (u64::from(since_unix.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900_in_fixed_point() {
        let half_a_second = Duration::from_millis(500);
        assert_eq!(ntp_of(Duration::ZERO), NTP_TO_UNIX_S << 32);
        assert_eq!(ntp_of(half_a_second) & 0xffff_ffff, 1 << 31);
    }
}
