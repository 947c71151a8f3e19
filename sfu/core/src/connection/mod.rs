//! Our end of one participant's transport: one `str0m::Rtc`, and the only code that may mutate
//! it. Every mutation is followed by a full drain ([`Connection::settle`]) before the next, as
//! str0m demands; what comes out goes to the step that caused it.
//!
//! ICE-lite (RFC 8445, section 2.5): the node answers checks and makes none.

pub(crate) mod downlink;
pub(crate) mod negotiate;
mod reach;
pub(crate) mod uplink;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::media::Codec;
use sfu_protocol::signal::MAX_SLOTS;
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc};

use crate::io::{ConnectionId, Departures};
use crate::media::packet::Packet;
use crate::report::{DropReason, Report};
use downlink::{Feed, Offered, Slot};
use negotiate::{OfferError, Plan};
use reach::Reach;
use uplink::{Line, Received, SenderReport, Uplink};

/// Rounds of "time has come, drain" in one step. Each lets str0m send what became due; a healthy
/// transport needs two. What is left goes with the next deadline.
const MAX_ROUNDS: usize = 16;

/// Outputs of one drain. str0m ends every drain by itself; this ends one that does not.
const MAX_OUTPUTS: usize = 20_000;

/// Slots that are kept for an m-line that comes back. Beyond it the oldest is forgotten, and its
/// numbers begin anew.
const MAX_PARKED: usize = MAX_SLOTS;

/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// What happened on a connection, in order.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "made for each packet: boxing it would allocate"
)]
pub(crate) enum ConnectionEvent {
    /// A publisher's packet on a line.
    Packet { line: usize, packet: Packet },
    /// A sender report for a layer of a line.
    SenderReport {
        line: usize,
        layer: u8,
        report: SenderReport,
    },
    /// The receiver lost a picture in a slot.
    KeyframeWanted { slot: usize },
    /// The receiver is reachable, for the first time or again: every slot begins anew.
    Reachable,
    /// The transport ended.
    Closed,
    /// A step of it broke an invariant.
    Broke,
}

/// What one step of a connection may write to.
pub(crate) struct Step<'a> {
    pub(crate) now: Instant,
    pub(crate) out: &'a mut Departures,
    pub(crate) events: &'a mut VecDeque<(ConnectionId, ConnectionEvent)>,
    pub(crate) report: &'a mut Report,
}

/// What a connection is made of.
pub(crate) struct Setup<'a> {
    pub(crate) id: ConnectionId,
    pub(crate) room: RoomId,
    pub(crate) participant: ParticipantId,
    pub(crate) credentials: IceCreds,
    pub(crate) advertise: &'a [SocketAddr],
    pub(crate) dtls: Option<DtlsCert>,
}

/// What an offer led to.
pub(crate) struct Negotiated {
    pub(crate) answer: String,
    /// Lines that are no longer published, with their places.
    pub(crate) ended: Vec<(usize, Line)>,
    /// What filled the slots that are gone, with the slots' places.
    pub(crate) unfed: Vec<(usize, Feed)>,
}

pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) room: RoomId,
    pub(crate) participant: ParticipantId,
    pub(crate) uplink: Uplink,
    slots: Vec<Option<Slot>>,
    /// Slots whose m-lines receive nothing for now, oldest first.
    parked: VecDeque<Slot>,
    rtc: Rtc,
    advertise: Vec<SocketAddr>,
    /// When the transport wants to be woken.
    wake_at: Instant,
    /// Payload types of retransmissions, one bit each.
    rtx_types: u128,
    closed: bool,
    reach: Reach,
    /// The client's certificate, as its first offer named it.
    fingerprint: Option<String>,
}

impl Connection {
    /// A transport that waits for its first offer.
    pub(crate) fn new(setup: Setup<'_>, now: Instant) -> Self {
        let mut config = Rtc::builder()
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .set_local_ice_credentials(setup.credentials)
            .enable_h265(false);
        if let Some(certificate) = setup.dtls {
            config = config.set_dtls_cert(certificate);
        }
        let mut rtc = config.build(now);
        for address in setup.advertise {
            if let Ok(candidate) = Candidate::host(*address, Protocol::Udp) {
                rtc.add_local_candidate(candidate);
            }
        }
        Connection {
            id: setup.id,
            room: setup.room,
            participant: setup.participant,
            uplink: Uplink::default(),
            slots: Vec::new(),
            rtc,
            advertise: setup.advertise.to_vec(),
            wake_at: now,
            rtx_types: 0,
            closed: false,
            reach: Reach::default(),
            parked: VecDeque::new(),
            fingerprint: None,
        }
    }

    /// Whether an offer is from the peer connection that this transport talks to.
    pub(crate) fn is_with(&self, plan: &Plan) -> bool {
        self.fingerprint == plan.fingerprint
    }

    /// When it wants to be woken.
    pub(crate) fn wake_at(&self) -> Instant {
        let give_up_at = self.reach.give_up_at().unwrap_or(self.wake_at);
        self.wake_at.min(give_up_at)
    }

    /// Whether media can be sent to the client.
    pub(crate) fn is_reachable(&self) -> bool {
        self.reach.is_open()
    }

    /// The certificate of a client whose handshake was finished: its peer connection knows no
    /// other transport and cannot begin one.
    pub(crate) fn bound_to(&self) -> Option<&str> {
        let secured = self.reach.was_secured();
        self.fingerprint.as_deref().filter(|_| secured)
    }

    /// Whether an offer was ever answered.
    pub(crate) fn was_negotiated(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// A datagram that is for this connection.
    pub(crate) fn receive(&mut self, step: &mut Step<'_>, source: SocketAddr, bytes: &[u8]) {
        match Receive::new(Protocol::Udp, source, self.local(source), bytes) {
            Ok(datagram) => {
                let input = Input::Receive(step.now, datagram);
                self.feed(step, input);
            }
            Err(_) => step.report.drop_one(DropReason::NotMedia),
        }
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

    /// Its time has come.
    pub(crate) fn tick(&mut self, step: &mut Step<'_>) {
        let input = Input::Timeout(step.now);
        self.feed(step, input);
        if self.reach.give_up_at().is_some_and(|at| at <= step.now) && !self.closed {
            self.closed = true;
            step.events.push_back((self.id, ConnectionEvent::Closed));
        }
    }

    fn feed(&mut self, step: &mut Step<'_>, input: Input<'_>) {
        // A bad datagram is an error of whoever sent it and never ends the session: an attacker
        // who guessed an address would end calls with it.
        if self.rtc.handle_input(input).is_err() {
            step.report.transport_errors += 1;
        }
        self.settle(step);
    }

    /// Applies an offer that was planned, and answers.
    pub(crate) fn negotiate(
        &mut self,
        step: &mut Step<'_>,
        sdp: &str,
        plan: &Plan,
        next_credentials: IceCreds,
        chance: &mut dyn FnMut() -> u64,
    ) -> Result<Negotiated, OfferError> {
        let before = self.rtc.direct_api().local_ice_credentials();
        let offer = SdpOffer::from_sdp_string(&negotiate::without_candidates(sdp));
        let accepted = offer.map_err(|_| OfferError::Unusable).and_then(|offer| {
            self.rtc
                .sdp_api()
                .accept_offer(offer)
                .map_err(|_| OfferError::Unusable)
        });
        self.settle(step);
        let mut answer = accepted?.to_sdp_string();
        let after = self.rtc.direct_api().local_ice_credentials();
        if after != before {
            // An ICE restart: str0m made up credentials that name no connection of ours.
            answer = answer
                .replace(&after.ufrag, &next_credentials.ufrag)
                .replace(&after.pass, &next_credentials.pass);
            self.rtc
                .direct_api()
                .set_local_ice_credentials(next_credentials);
            self.settle(step);
        }
        self.fingerprint = plan.fingerprint.clone();
        self.reach.answered(step.now);
        let ended = self.uplink.apply(&plan.lines, self.rtc.codec_config());
        self.rtx_types = self
            .rtc
            .codec_config()
            .params()
            .iter()
            .filter_map(|p| p.resend())
            .fold(0, |types, pt| types | 1u128 << (*pt & 0x7f));
        let unfed = self.apply_slots(plan, chance);
        self.settle(step);
        Ok(Negotiated {
            answer,
            ended,
            unfed,
        })
    }

    /// Keeps the slots that are still planned, in their places; answers what filled the others.
    fn apply_slots(&mut self, plan: &Plan, chance: &mut dyn FnMut() -> u64) -> Vec<(usize, Feed)> {
        let planned = |slot: &Slot| plan.slots.iter().any(|planned| planned.slot == slot.id);
        let mut unfed = Vec::new();
        for (index, place) in self.slots.iter_mut().enumerate() {
            let Some(mut slot) = place.take_if(|slot| !planned(slot)) else {
                continue;
            };
            unfed.extend(slot.feed.map(|feed| (index, feed)));
            slot.put(None);
            if self.parked.len() == MAX_PARKED {
                self.parked.pop_front();
            }
            self.parked.push_back(slot);
        }
        for planned in &plan.slots {
            let mid = Mid::from(planned.slot.0.as_str());
            if self.slots.iter().flatten().any(|slot| slot.mid == mid) {
                continue;
            }
            let stream = self
                .rtc
                .direct_api()
                .stream_tx_by_mid(mid, None)
                .map(|s| s.ssrc());
            let Some(ssrc) = stream else {
                continue;
            };
            // The stream of an m-line that comes back is the same to its receiver, so its
            // numbers go on.
            let is_it = |slot: &Slot| slot.mid == mid && slot.ssrc == ssrc;
            let known = self.parked.iter().position(is_it);
            let slot = known.and_then(|at| self.parked.remove(at));
            let slot = Some(slot.unwrap_or_else(|| {
                Slot::new(planned.slot.clone(), planned.kind, mid, ssrc, chance())
            }));
            match self.slots.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = slot,
                None => self.slots.push(slot),
            }
        }
        for slot in self.slots.iter_mut().flatten() {
            slot.formats = formats_of(&self.rtc, slot.mid);
        }
        unfed
    }

    pub(crate) fn slot(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)?.as_ref()
    }

    pub(crate) fn slot_mut(&mut self, index: usize) -> Option<&mut Slot> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// The slots with their places.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    }

    /// Every codec that some slot can take.
    pub(crate) fn codecs(&self) -> Vec<Codec> {
        let formats = self.slots().flat_map(|(_, slot)| &slot.formats);
        let mut codecs: Vec<Codec> = formats.map(|(format, _)| format.codec).collect();
        codecs.sort_unstable();
        codecs.dedup();
        codecs
    }

    /// Sends a packet of a slot's feed. True when the slot cannot begin without a keyframe.
    /// Nothing is sent to a client that cannot be reached.
    pub(crate) fn send(&mut self, step: &mut Step<'_>, slot: usize, packet: &Packet) -> bool {
        let Some(Some(slot)) = self.slots.get_mut(slot) else {
            return false;
        };
        if !self.reach.is_open() {
            slot.pause();
            return false;
        }
        match slot.offer(packet, step.now) {
            Offered::NeedsKeyframe => true,
            Offered::Nothing => false,
            Offered::Write(write) => {
                let ssrc = slot.ssrc;
                if let Some(stream) = self.rtc.direct_api().stream_tx(&ssrc) {
                    stream.write_rtp(write);
                    step.report.packets_forwarded += 1;
                }
                self.drain(step);
                // Time has to move for str0m to send what was written.
                self.tick(step);
                false
            }
        }
    }

    /// Asks the publisher for a keyframe of a layer.
    pub(crate) fn request_keyframe(&mut self, step: &mut Step<'_>, line: usize, layer: u8) {
        let Some(line) = self.uplink.line(line) else {
            return;
        };
        let (mid, rid) = (line.mid, line.rid(layer));
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, rid) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            step.report.keyframe_requests_sent += 1;
        }
        self.drain(step);
        self.tick(step);
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
    fn settle(&mut self, step: &mut Step<'_>) {
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

    fn drain(&mut self, step: &mut Step<'_>) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.wake_at = at;
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    let bytes: &[u8] = &transmit.contents;
                    self.count_departure(step.report, bytes);
                    step.out.push(transmit.destination, bytes);
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
        if !self.rtc.is_alive() && !self.closed {
            self.closed = true;
            step.events.push_back((self.id, ConnectionEvent::Closed));
        }
    }

    fn count_departure(&self, report: &mut Report, bytes: &[u8]) {
        report.datagrams_out += 1;
        report.bytes_out += bytes.len() as u64;
        // RFC 7983: RTP and RTCP begin with 128 to 191; str0m's payload types tell them apart.
        if let [128..=191, second, ..] = bytes
            && self.rtx_types & 1 << (second & 0x7f) != 0
        {
            report.retransmissions_out += 1;
        }
    }

    fn on_event(&mut self, step: &mut Step<'_>, event: Event) {
        let event = match event {
            Event::RtpPacket(rtp) => {
                step.report.packets_in += 1;
                let mut direct = self.rtc.direct_api();
                let ssrc = rtp.header.ssrc;
                let place = self.uplink.place_of(ssrc, || direct.stream_rx(&ssrc));
                match self.uplink.read(place, rtp) {
                    Received::Packet(line, packet) => ConnectionEvent::Packet { line, packet },
                    Received::UnknownTrack => {
                        return step.report.drop_one(DropReason::UnknownTrack);
                    }
                    Received::UnknownCodec => {
                        return step.report.drop_one(DropReason::UnknownCodec);
                    }
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
                let report = SenderReport {
                    ntp: ntp_of(since),
                    timestamp: feedback.sender_info.rtp_time.numer() as u32,
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
            Event::IceConnectionStateChange(state)
                if self.reach.answers(!state.is_disconnected()) =>
            {
                ConnectionEvent::Reachable
            }
            // The end is noticed by the drain, once str0m has said goodbye.
            _ => return,
        };
        step.events.push_back((self.id, event));
    }
}

/// 32.32 fixed point (RFC 3550, section 4).
fn ntp_of(since_unix: Duration) -> u64 {
    let seconds = since_unix.as_secs().wrapping_add(NTP_TO_UNIX_S);
    let fraction = (u64::from(since_unix.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

/// What the client can take on an m-line.
fn formats_of(rtc: &Rtc, mid: Mid) -> Vec<(crate::media::packet::Format, str0m::media::Pt)> {
    let Some(media) = rtc.media(mid) else {
        return Vec::new();
    };
    let params = rtc.codec_config().params().iter();
    params
        .filter(|params| media.remote_pts().contains(&params.pt()))
        .filter_map(|params| Some((uplink::format_of(&params.spec())?, params.pt())))
        .collect()
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
