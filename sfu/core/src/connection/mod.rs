//! Our end of one participant's transport: one `str0m::Rtc`, and the only code that may mutate
//! it. Every mutation is followed by a full drain ([`Connection::settle`]) before the next, as
//! str0m demands; what comes out goes to the step that caused it.
//!
//! ICE-lite (RFC 8445, section 2.5): the node answers checks and makes none.

mod answer;
mod bindings;
mod checks;
pub(crate) mod downlink;
mod drive;
mod event;
mod extensions;
pub(crate) mod negotiate;
mod reach;
mod recover;
mod repair;
mod silence;
mod transport_wide;
pub(crate) mod uplink;
mod way;

pub(crate) use answer::Negotiated;
pub(crate) use event::ConnectionEvent;
pub(crate) use extensions::Extensions;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::media::Codec;
use sfu_protocol::signal::MAX_SLOTS;
use str0m::config::DtlsCert;
use str0m::media::KeyframeRequestKind;
use str0m::net::Protocol;
use str0m::{Candidate, IceCreds, Rtc};

use crate::io::{ConnectionId, Departures};
use crate::media::packet::Packet;
use crate::media::policer::Policer;
use crate::media::red::Load;
use crate::report::{DropReason, Report};
use bindings::Bindings;
use checks::Checks;
use downlink::{Offered, Slot};
use negotiate::Plan;
use reach::Reach;
use repair::{RepairBudget, Turns};
use silence::Silence;
use transport_wide::TransportWide;
use uplink::Uplink;
use way::Way;

/// Slots that are kept for an m-line that comes back. Beyond it the oldest is forgotten, and its
/// numbers begin anew.
const MAX_PARKED: usize = MAX_SLOTS;

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
    /// Of the first offer.
    pub(crate) extensions: &'a Extensions,
}

/// What was written to the transport: str0m sends it when time is fed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    /// Something, and nobody knows.
    Something,
    /// Something, and the shard was asked for a tick.
    Asked,
    /// Asked as before, and all of it has left since.
    Left,
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
    written: Written,
    /// Payload types of retransmissions, one bit each.
    rtx_types: u128,
    closed: bool,
    reach: Reach,
    way: Way,
    silence: Silence,
    bindings: Bindings,
    checks: Checks,
    feedback: Policer,
    transport_wide: TransportWide,
    repair: RepairBudget,
    turns: Turns,
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
            .set_extension_map(setup.extensions.table());
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
            written: Written::Nothing,
            rtx_types: 0,
            closed: false,
            reach: Reach::default(),
            way: Way::default(),
            silence: Silence::default(),
            bindings: Bindings::default(),
            checks: Checks::default(),
            feedback: Policer::for_rtcp(),
            transport_wide: TransportWide::new(setup.extensions.first_transport_wide()),
            repair: RepairBudget::default(),
            turns: Turns::default(),
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
        let others = [self.reach.give_up_at(), self.silence.ends_at()];
        let sooner = others.into_iter().flatten().min();
        sooner.map_or(self.wake_at, |at| at.min(self.wake_at))
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

    /// Whether an offer was ever answered.
    pub(crate) fn was_negotiated(&self) -> bool {
        self.fingerprint.is_some()
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

    /// Writes a packet of a slot's feed; it leaves with the next tick. True when the slot cannot
    /// begin without a keyframe. Nothing is written for a client that cannot be reached, or whose
    /// path is lost.
    pub(crate) fn send(
        &mut self,
        step: &mut Step<'_>,
        slot: usize,
        packet: &Packet,
        load: &mut Load,
    ) -> bool {
        let Some(Some(slot)) = self.slots.get_mut(slot) else {
            return false;
        };
        if !self.reach.is_open() || self.silence.is_lost() {
            slot.pause();
            return false;
        }
        match slot.offer(packet, load, step.now) {
            Offered::NeedsKeyframe => slot.credit.wait(step.now),
            Offered::Nothing => false,
            Offered::Write(write) => {
                let ssrc = slot.ssrc;
                if let Some(stream) = self.rtc.direct_api().stream_tx(&ssrc) {
                    stream.write_rtp(write);
                    step.report.packets_forwarded += 1;
                    self.written = match self.written {
                        Written::Nothing | Written::Something => Written::Something,
                        Written::Asked | Written::Left => Written::Asked,
                    };
                }
                false
            }
        }
    }

    /// Whether it wants a tick for what was written, and has not said so before.
    pub(crate) fn asks_to_leave(&mut self) -> bool {
        let asks = self.written == Written::Something;
        if asks {
            self.written = Written::Asked;
        }
        asks
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
}
