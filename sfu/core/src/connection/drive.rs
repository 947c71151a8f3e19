//! Drives the transport: datagrams and time in, everything that follows out. STUN and DTLS are the
//! `Rtc`'s; media is ours. What the `Rtc` would send of RTP and RTCP is withheld: with the same keys
//! it would use numbers twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::error::NetError;
use str0m::net::{Receive, Transmit};
use str0m::{Event, Input, Output};

use super::incoming::{Came, Opened, Unopened};
use super::uplink::Line;
use super::{Connection, ConnectionEvent, Step};
use crate::demux::answered;
use crate::report::DropReason;
use crate::stream;

/// Rounds of "time has come, drain" in one step. Each lets str0m send what became due; a healthy
/// transport needs two. What is left goes with the next deadline.
const MAX_ROUNDS: usize = 16;

/// Outputs of one drain. str0m ends every drain by itself; this ends one that does not.
const MAX_OUTPUTS: usize = 20_000;

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
        self.authentic = false;
        if sfu_rtp::is_media(bytes) {
            match sfu_rtp::is_rtcp(bytes) {
                true => self.hear(step, bytes),
                false => self.take_media(step, bytes),
            }
            if self.authentic {
                self.way.receives(step.now, source, bytes);
            }
        } else {
            let Ok(datagram) = self.received(source, bytes) else {
                return step.report.drop_one(DropReason::NotMedia);
            };
            self.streams.note(source, self.way.current());
            self.way.receives(step.now, source, bytes);
            self.feed(step, Input::Receive(step.now, datagram));
        }
        let counts = self.authentic || !introduced;
        if counts && self.silence.heard(step.now, self.authentic) {
            // What was sent into the silence is too old to be seen; pictures begin anew.
            self.forget_sent();
            self.outgoing.path.estimator.came_back();
            step.events.push_back((self.id, ConnectionEvent::PathBack));
        }
    }

    /// A packet of media.
    fn take_media(&mut self, step: &mut Step<'_>, bytes: &[u8]) {
        let Some(opener) = &self.opener else {
            return step.report.drop_one(DropReason::Unsecured);
        };
        if !self.media.has_room(bytes.len(), step.now) {
            return step.report.drop_one(DropReason::Flood);
        }
        let opened = self.incoming.open(step.now, opener, &self.uplink, bytes);
        match opened {
            Ok(opened) => {
                self.media.admits(bytes.len(), step.now);
                self.authentic = true;
                self.talk.has_news(step.now);
                if let Opened::Media(came) = opened {
                    self.read(step, came);
                }
            }
            Err(Unopened::Dropped(reason)) => step.report.drop_one(reason),
            Err(Unopened::Forged) => step.report.transport_errors += 1,
        }
    }

    fn read(&mut self, step: &mut Step<'_>, came: Came<'_>) {
        step.report.packets_in += 1;
        let place = came.place;
        let mut earlier = Vec::new();
        let read = self.uplink.read(step.now, came, &mut earlier);
        self.recovered(step, place.0, earlier);
        match read {
            Ok(packet) => {
                let (line, _) = place;
                if self.uplink.line(line).is_some_and(Line::is_expected) {
                    self.silence.media(step.now);
                }
                let packet = Arc::new(packet);
                let event = ConnectionEvent::Packet { line, packet };
                step.events.push_back((self.id, event));
            }
            Err(reason) => step.report.drop_one(reason),
        }
    }

    /// A datagram, or a frame of a stream, as ICE takes it. The address of ours is the first
    /// advertised one of the source's family: the kernel would name one behind a NAT or a
    /// wildcard, which ICE does not know.
    fn received<'a>(&self, source: SocketAddr, bytes: &'a [u8]) -> Result<Receive<'a>, NetError> {
        let (protocol, source) = stream::reached(source);
        let advertised = self.advertise.by(protocol);
        let same_family = |local: &&SocketAddr| local.is_ipv4() == source.is_ipv4();
        let fitting = advertised.iter().find(same_family);
        let local = fitting.or(advertised.first()).copied();
        Receive::new(protocol, source, local.unwrap_or(source), bytes)
    }

    /// Whether ICE has verified this address.
    pub(crate) fn accepts(&self, source: SocketAddr, now: Instant) -> bool {
        /// Looks like RTP; only its source is asked about.
        const MEDIA: [u8; 12] = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        self.received(source, &MEDIA)
            .is_ok_and(|datagram| self.rtc.accepts(&Input::Receive(now, datagram)))
    }

    /// Its time has come.
    pub(crate) fn wake(&mut self, step: &mut Step<'_>) {
        if self.rtc_at <= step.now {
            self.feed(step, Input::Timeout(step.now));
        }
        self.say(step);
        self.probe(step);
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
            if self.rtc_at > step.now {
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
                    self.rtc_at = at;
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    if !sfu_rtp::is_media(&transmit.contents) {
                        self.depart(step, &transmit);
                    }
                }
                Ok(Output::Event(event)) => self.on_event(step, event),
                Err(_) => {
                    step.report.transport_errors += 1;
                    if !self.rtc.is_alive() {
                        break;
                    }
                }
            }
        }
        self.secure();
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
        let to = self.streams.address(transmit.proto, transmit.destination);
        let Some(to) = to else {
            // Its stream was forgotten for newer ones.
            return;
        };
        step.report.datagrams_out += 1;
        step.report.bytes_out += bytes.len() as u64;
        let destination = self.way.departs(step.now, to, bytes);
        step.out.push(destination, bytes);
    }

    /// Takes over the keys once the handshake is done.
    fn secure(&mut self) {
        if self.opener.is_some() {
            return;
        }
        let Some((keying, own)) = self.keys.get() else {
            return;
        };
        let keys = keying
            .opener(own.other())
            .ok()
            .zip(keying.sealer(*own).ok());
        if let Some((opener, sealer)) = keys {
            self.opener = Some(opener);
            self.outgoing.secure(sealer);
        }
    }

    fn on_event(&mut self, step: &mut Step<'_>, event: Event) {
        let event = match event {
            Event::Connected => {
                self.secure();
                self.reach.secure().then_some(ConnectionEvent::Reachable)
            }
            Event::IceConnectionStateChange(state) if state.is_disconnected() => {
                self.reach.answers(false);
                Some(ConnectionEvent::Silent)
            }
            Event::IceConnectionStateChange(_) => {
                let open = self.reach.answers(true);
                open.then_some(ConnectionEvent::Reachable)
            }
            // The end is noticed by the drain, once str0m has said goodbye.
            _ => None,
        };
        step.events.extend(event.map(|event| (self.id, event)));
    }
}
