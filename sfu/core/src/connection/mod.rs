//! Our end of one participant's transport: one `str0m::Rtc`, and the only code that may mutate
//! it. Every mutation is followed by a full drain ([`Connection::settle`]) before the next, as
//! str0m demands; what comes out goes to the step that caused it.
//!
//! ICE-lite (RFC 8445, section 2.5): the node answers checks and makes none. The `Rtc` does ICE,
//! DTLS and session descriptions. Media is ours, with the keys that its DTLS agreed on: packets
//! in (`incoming`), packets out (`outgoing`, `sent`), what both ends say of them (`feedback`).

mod answer;
mod checks;
pub(crate) mod downlink;
mod drive;
mod event;
mod extensions;
mod feedback;
mod incoming;
pub(crate) mod negotiate;
mod outgoing;
mod probing;
mod reach;
mod recover;
mod repair;
mod sent;
mod silence;
pub(crate) mod uplink;
mod way;
mod wording;

pub(crate) use answer::Negotiated;
pub(crate) use event::ConnectionEvent;
pub(crate) use extensions::Extensions;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::media::Codec;
use sfu_protocol::signal::MAX_SLOTS;
use sfu_rtp::keying;
use sfu_rtp::srtp::Opener;
use str0m::config::DtlsCert;
use str0m::net::{Protocol, TcpType};
use str0m::{Candidate, IceCreds, Rtc};

use crate::bandwidth::path::Path;
use crate::clock::MediaClock;
use crate::io::{ConnectionId, Departures};
use crate::media::packet::Packet;
use crate::media::policer::Policer;
use crate::media::red::Load;
use crate::media::rewrite::Numbers;
use crate::report::{DropReason, Report};
use crate::stream::{Advertise, Streams};
use checks::Checks;
use downlink::{Offered, Outbound, Slot};
use feedback::Talk;
use incoming::Incoming;
use negotiate::Plan;
use outgoing::{Outgoing, Writing};
use reach::Reach;
use repair::{Repair, RepairBudget};
use sent::Unaged;
use silence::Silence;
use uplink::Uplink;
use way::Way;

/// Slots that are kept for an m-line that comes back. Beyond it the oldest is forgotten, and its
/// numbers begin anew.
const MAX_PARKED: usize = MAX_SLOTS;

/// What a packet has beside its payload, about: header, extensions, seal.
pub(crate) const ADDED_BYTES: usize = 48;

/// What one step of a connection may write to.
pub(crate) struct Step<'a> {
    pub(crate) now: Instant,
    pub(crate) clock: MediaClock,
    pub(crate) out: &'a mut Departures,
    pub(crate) events: &'a mut VecDeque<(ConnectionId, ConnectionEvent)>,
    pub(crate) report: &'a mut Report,
    /// Room for a message that is being read.
    pub(crate) scratch: &'a mut Vec<u8>,
}

/// What a connection is made of.
pub(crate) struct Setup<'a> {
    pub(crate) id: ConnectionId,
    pub(crate) room: RoomId,
    pub(crate) participant: ParticipantId,
    pub(crate) credentials: IceCreds,
    pub(crate) advertise: &'a Advertise,
    pub(crate) dtls: Option<DtlsCert>,
    /// Of the first offer.
    pub(crate) extensions: &'a Extensions,
    /// Speaks for us where no stream of ours does.
    pub(crate) ssrc: u32,
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
    advertise: Advertise,
    streams: Streams,
    /// When the `Rtc` wants to be woken.
    rtc_at: Instant,
    /// When the shard is going to wake it.
    pub(crate) scheduled_at: Option<Instant>,
    closed: bool,
    keys: keying::Place,
    opener: Option<Opener>,
    incoming: Incoming,
    outgoing: Outgoing,
    talk: Talk,
    extensions: Extensions,
    reach: Reach,
    way: Way,
    silence: Silence,
    checks: Checks,
    feedback: Policer,
    media: Policer,
    repair: RepairBudget,
    /// Whether the datagram in hand proved to be the client's.
    authentic: bool,
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
            .enable_opus(true, true)
            .enable_h265(false)
            .set_extension_map(setup.extensions.table())
            .set_crypto_provider(keying::provider());
        if let Some(certificate) = setup.dtls {
            config = config.set_dtls_cert(certificate);
        }
        let (mut rtc, keys) = keying::laid_while(|| config.build(now));
        for address in &setup.advertise.udp {
            if let Ok(candidate) = Candidate::host(*address, Protocol::Udp) {
                rtc.add_local_candidate(candidate);
            }
        }
        for address in &setup.advertise.tcp {
            // RFC 6544, section 4.5: the client opens the stream.
            let candidate = Candidate::builder().tcp().host(*address);
            if let Ok(candidate) = candidate.tcptype(TcpType::Passive).build() {
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
            advertise: setup.advertise.clone(),
            streams: Streams::default(),
            rtc_at: now,
            scheduled_at: None,
            closed: false,
            keys,
            opener: None,
            incoming: Incoming::new(now),
            outgoing: Outgoing::new(now),
            talk: Talk::new(setup.ssrc),
            extensions: setup.extensions.clone(),
            reach: Reach::default(),
            way: Way::default(),
            silence: Silence::default(),
            checks: Checks::default(),
            feedback: Policer::for_rtcp(),
            media: Policer::for_client(),
            repair: RepairBudget::default(),
            authentic: false,
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
        let others = [
            self.reach.give_up_at(),
            self.silence.ends_at(),
            self.incoming.due(),
            self.talk.due(),
            self.outgoing.path.estimator.wake_at(),
        ];
        let sooner = others.into_iter().flatten().min();
        sooner.map_or(self.rtc_at, |at| at.min(self.rtc_at))
    }

    /// Whether media can be sent to the client.
    pub(crate) fn is_reachable(&self) -> bool {
        self.reach.is_open() && !self.silence.is_lost()
    }

    /// Whether its client is lost: nothing comes from it though it should.
    pub(crate) fn is_lost(&self) -> bool {
        self.silence.is_lost()
    }

    /// A line was let flow or stopped, or its publisher told what to send. A client whose lines all rest says little on its path.
    pub(crate) fn lines_changed(&mut self) {
        let mut lines = self.uplink.lines();
        if !lines.any(|(_, line)| line.is_expected()) {
            self.silence.rests();
        }
    }

    /// The shard stood still until now.
    pub(crate) fn stood_still(&mut self, now: Instant) {
        self.silence.excuse(now);
    }

    /// Whether its client uses an address now: ICE verified it and still hears from it.
    pub(crate) fn uses(&self, address: SocketAddr, now: Instant) -> bool {
        self.reach.is_answered() && self.accepts(address, now)
    }

    /// Whether ICE is to see a check from an address that is not known to be its client's.
    pub(crate) fn admits_check(&mut self, bytes: &[u8], now: Instant) -> Result<(), DropReason> {
        self.checks.admits(bytes, now)
    }

    /// A new address is its client's. Answers the one that is in use, which is to be kept.
    pub(crate) fn learned(&mut self, now: Instant) -> Option<SocketAddr> {
        self.checks.learned(now);
        self.way.current()
    }

    /// The certificate of a client whose handshake was finished: its peer connection knows no
    /// other transport and cannot begin one.
    pub(crate) fn bound_to(&self) -> Option<&str> {
        let secured = self.reach.was_secured();
        self.fingerprint.as_deref().filter(|_| secured)
    }

    /// The client's certificate, as its first offer named it.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// Whether an offer was ever answered.
    pub(crate) fn was_negotiated(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// What the way to its client carries.
    pub(crate) fn path(&self) -> &Path {
        &self.outgoing.path
    }

    /// The same, to plan with.
    pub(crate) fn path_mut(&mut self) -> &mut Path {
        &mut self.outgoing.path
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
        let mut codecs: Vec<Codec> = formats.map(|accepted| accepted.format.codec).collect();
        codecs.sort_unstable();
        codecs.dedup();
        codecs
    }

    /// Sends packets of a slot's feed, in order; `load` is what the first can carry of those before
    /// it. Answers for which of them the slot cannot begin without a keyframe, one bit each.
    /// Nothing is sent to a client that cannot be reached, or whose path is lost.
    pub(crate) fn send(
        &mut self,
        step: &mut Step<'_>,
        index: usize,
        packets: &[Arc<Packet>],
        load: &mut Load,
    ) -> u64 {
        let Some(Some(slot)) = self.slots.get_mut(index) else {
            return 0;
        };
        let reachable = self.reach.is_open() && !self.silence.is_lost();
        let Some(to) = self.way.media(step.now).filter(|_| reachable) else {
            slot.pause();
            return 0;
        };
        let mut waiting = 0;
        let before = slot.gone.packets;
        for (place, packet) in packets.iter().enumerate() {
            if packet.payload.is_empty() {
                slot.skip(packet);
                continue;
            }
            match slot.offer(packet, load, step.now) {
                Offered::NeedsKeyframe if slot.credit.wait(step.now) => waiting |= 1 << place,
                Offered::NeedsKeyframe | Offered::Nothing => {}
                Offered::Write(outbound) => {
                    let bytes = write(&mut self.outgoing, step, to, slot, packet, outbound);
                    self.repair.earn(bytes);
                }
            }
        }
        if slot.gone.packets != before {
            self.talk.has_news(step.now);
        }
        waiting
    }

    /// A packet of a slot goes again (RFC 4588), if it is remembered and the budget has it.
    fn send_one_again(&mut self, step: &mut Step<'_>, index: usize, seq: u16) {
        let Some(Some(slot)) = self.slots.get_mut(index) else {
            return;
        };
        let since = self.outgoing.since(step.now);
        let (Some(sent), Some(ssrc)) = (slot.history.find(since, seq), slot.streams.repair) else {
            return;
        };
        let Some(to) = self.way.media(step.now) else {
            return;
        };
        let path_bps = self.outgoing.path.estimator.estimate_bps();
        let bytes = sent.packet.payload.len() + ADDED_BYTES;
        let repair = self.repair.spend(bytes, path_bps);
        match repair {
            Repair::Granted => step.report.retransmissions_out += 1,
            Repair::Refused | Repair::Abused => step.report.retransmissions_refused += 1,
        }
        if repair != Repair::Granted {
            if repair == Repair::Abused {
                self.forget_sent();
            }
            return;
        }
        let mut head = sent.head(ssrc);
        head.seq = slot.gone.repair_index as u16;
        let writing = Writing {
            to,
            head,
            index: slot.gone.repair_index,
            mid: &slot.id.0,
            before: slot.gone.repairs,
            packet: &sent.packet,
            change: sent.numbers.change,
        };
        let bytes = self.outgoing.write(step.now, step.out, &writing, |buffer| {
            buffer.extend_from_slice(&seq.to_be_bytes());
            fill(buffer, &sent.packet, sent.numbers);
        });
        slot.gone.repair_index += 1;
        slot.gone.repairs = slot.gone.repairs.saturating_add(1);
        step.report.datagrams_out += u64::from(bytes > 0);
        step.report.bytes_out += bytes as u64;
    }

    /// Forgets what could be sent again: its client asks for more than anybody loses, or was not
    /// there. What is sent from now on can be repaired as before.
    fn forget_sent(&mut self) {
        for slot in self.slots.iter_mut().flatten() {
            slot.history.clear();
        }
    }

    /// Whether it is to be woken sooner than the shard knows.
    pub(crate) fn wakes_sooner(&self) -> Option<Instant> {
        let wake_at = self.wake_at();
        let late = self.scheduled_at.is_none_or(|at| wake_at < at);
        late.then_some(wake_at)
    }
}

/// Writes a packet under a slot's own stream. Answers how long it became.
fn write(
    outgoing: &mut Outgoing,
    step: &mut Step<'_>,
    to: SocketAddr,
    slot: &mut Slot,
    packet: &Arc<Packet>,
    outbound: Outbound,
) -> usize {
    let writing = Writing {
        to,
        head: outbound.head(slot.streams.media),
        index: outbound.numbers.seq,
        mid: &slot.id.0,
        before: slot.gone.packets,
        packet,
        change: outbound.numbers.change,
    };
    let bytes = outgoing.write(step.now, step.out, &writing, |buffer| {
        match &outbound.loaded {
            // Padding of one byte, which says so.
            _ if outbound.is_filler => buffer.push(1),
            Some(loaded) => buffer.extend_from_slice(loaded),
            None => fill(buffer, packet, outbound.numbers),
        }
    });
    if bytes == 0 {
        step.report.transport_errors += 1;
        return 0;
    }
    let gone = &mut slot.gone;
    gone.packets = gone.packets.wrapping_add(1);
    gone.bytes = gone.bytes.wrapping_add(packet.payload.len() as u32);
    if !packet.late {
        gone.last = Some((packet.arrived, outbound.numbers.timestamp));
    }
    step.report.packets_forwarded += 1;
    step.report.datagrams_out += 1;
    step.report.bytes_out += bytes as u64;
    if let Some(repair_type) = outbound.repair_type {
        let unaged = Unaged {
            packet: Arc::clone(packet),
            numbers: outbound.numbers,
            csrc: outbound.csrc,
            marker: outbound.marker,
            repair_type,
        };
        slot.history.note(outgoing.since(step.now), unaged);
    }
    bytes
}

/// Adds a packet's payload with the numbers that it has where it goes.
fn fill(buffer: &mut Vec<u8>, packet: &Packet, numbers: Numbers) {
    let begin = buffer.len();
    buffer.extend_from_slice(&packet.payload);
    let numbered = &packet.piece.numbered;
    numbered.write(&mut buffer[begin..], numbers.picture);
}
