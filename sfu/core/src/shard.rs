//! Owns its rooms and connections, and orders: takes one input, passes it to whoever decides,
//! carries out what they want. Decisions live in the leaves.

mod branch;
mod carry;
mod control;
mod fill;
mod home;
mod layers;
mod neighbours;
mod offer;
mod share;
mod signal;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sfu_protocol::ids::{ParticipantId, RoomId, TrackId};
use sfu_protocol::link::shards::News;
use sfu_protocol::media::Source;
use str0m::config::DtlsCert;

use crate::clock::MediaClock;
use crate::connection::ConnectionEvent;
use crate::connection::uplink::Subscriber;
use crate::deadlines::Wake;
use crate::demux::{self, Route};
use crate::forward;
use crate::io::{ConnectionId, Deadline, Departures, Input, Output, SignalId, WakeReason};
use crate::link::{Followers, Tapes};
use crate::media::packet::Packet;
use crate::report::{DropReason, Report};
use crate::room::presence::{LOST_GRACE, RELOAD_GRACE};
use crate::room::removed::Removed;
use crate::room::{Effects, Room, Seat};
use crate::stage::Stage;
use crate::stream::Advertise;
use crate::{span, subscribe, wanted};
use branch::Branch;
use home::Pending;
use signal::Sayer;

/// How much one shard takes on.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Participants of one room. Further ones are refused with `limit_reached`.
    pub participants_per_room: usize,
    /// Participants of one room whose media this shard takes on. Those of further ones goes over
    /// other shards of the node, as long as there are some with room.
    pub participants_per_shard: usize,
    /// Pictures of a room that a client who names nobody is shown at most: what is shared, then of
    /// those who spoke last.
    pub last_n: usize,
    /// Rooms of this shard. Further ones are refused with `limit_reached`.
    pub rooms: usize,
    /// Bytes of tape entries that are kept for a recorder that has not acknowledged them. Beyond
    /// it the oldest are dropped and named as a gap.
    pub ring_bytes_per_recording: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            participants_per_room: 200,
            participants_per_shard: 150,
            last_n: 25,
            rooms: 2_000,
            ring_bytes_per_recording: 64 * 1024 * 1024,
        }
    }
}

/// What a shard is made of.
pub struct ShardConfig {
    /// Its number on the node; written into our ICE user names.
    pub shard: u16,
    /// Where clients reach it.
    pub advertise: Advertise,
    /// Where the media clock stood at `origin_unix_us`.
    pub origin: Instant,
    /// Microseconds since the Unix epoch at `origin`.
    pub origin_unix_us: u64,
    /// Seeds every random choice of the shard.
    pub entropy: [u8; 32],
    /// The certificate of every connection; made once for a node. None: one each, slowly.
    pub dtls: Option<DtlsCert>,
    /// How much it takes on.
    pub limits: Limits,
}

/// Makes a certificate for [`ShardConfig::dtls`]. Its randomness is the cryptography library's.
pub fn make_certificate() -> Option<DtlsCert> {
    str0m::crypto::from_feature_flags()
        .dtls_provider
        .generate_certificate()
}

/// How late the shard is woken when it stood still: the machine slept, or was busy elsewhere.
/// What was sent to it meanwhile waits to be read.
const STOOD_STILL: Duration = Duration::from_millis(250);

/// How long nothing was in a hurry before a shard rests.
const RESTS_AFTER: Duration = Duration::from_millis(500);

/// What connections told and nobody has carried out: more than a batch of datagrams brings.
const MAX_EVENTS: usize = 1_024;

/// A room-owning state machine with its own transports. Shares nothing.
pub struct Shard {
    clock: MediaClock,
    chance: ChaCha12Rng,
    limits: Limits,
    stage: Stage,
    tapes: Tapes,
    followers: Followers,
    rooms: BTreeMap<RoomId, Room>,
    removed: Removed,
    signals: BTreeMap<SignalId, (RoomId, ParticipantId)>,
    /// Rooms of other shards that have connections here.
    branches: BTreeMap<RoomId, Branch>,
    /// Offers that other shards are to answer.
    pending: BTreeMap<u64, Pending>,
    last_request: u64,
    outputs: VecDeque<Output>,
    draining: bool,
    /// When it was last seen that the shard had stood still: once for a batch.
    excused_at: Option<Instant>,
    /// When something last was in a hurry: media that flows, a handshake, a word from outside.
    stirred_at: Instant,
    /// Packets that go together; empty between steps.
    run: Vec<Arc<Packet>>,
    now: Instant,
}

impl Shard {
    /// A shard without rooms.
    pub fn new(config: ShardConfig) -> Self {
        let clock = MediaClock {
            origin: config.origin,
            origin_unix_us: config.origin_unix_us,
        };
        Shard {
            clock,
            chance: ChaCha12Rng::from_seed(config.entropy),
            stage: Stage::new(config.shard, clock, config.advertise, config.dtls),
            tapes: Tapes::new(clock, config.limits.ring_bytes_per_recording),
            limits: config.limits,
            followers: Followers::default(),
            rooms: BTreeMap::new(),
            removed: Removed::default(),
            signals: BTreeMap::new(),
            branches: BTreeMap::new(),
            pending: BTreeMap::new(),
            last_request: 0,
            outputs: VecDeque::new(),
            draining: false,
            excused_at: None,
            stirred_at: config.origin,
            run: Vec::new(),
            now: config.origin,
        }
    }

    /// Takes one input. Datagrams that leave are added to `out`; control waits for
    /// [`Shard::poll`]. What a datagram brings others leaves with the [`Input::Tick`] that
    /// [`Shard::deadline`] asks for at once: of a batch of datagrams each receiver gets what it
    /// gets together. Time never goes back: an earlier `now` counts as the latest seen.
    pub fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Departures) {
        let now = now.max(self.now);
        if now >= self.deadline().at + STOOD_STILL && self.excused_at != Some(now) {
            self.stage.stood_still(now);
            self.excused_at = Some(now);
        }
        self.now = now;
        if !input.is_media() {
            self.settle(now, out);
        }
        if !matches!(input, Input::Datagram { .. } | Input::Tick) {
            self.stirred_at = now;
        }
        match input {
            Input::Datagram { source, bytes, .. } => {
                self.on_datagram(now, source, bytes, out);
                if self.stage.events.len() >= MAX_EVENTS {
                    self.settle(now, out);
                }
                return;
            }
            Input::Shard { shard, frame } if frame.is_media() => {
                self.on_shard(now, shard, frame, out);
                if self.stage.events.len() >= MAX_EVENTS {
                    self.settle(now, out);
                }
                return;
            }
            Input::ShardOpened { shard } => self.on_shard_opened(shard),
            Input::Shard { shard, frame } => self.on_shard(now, shard, frame, out),
            Input::ShardClosed { shard } => self.on_shard_closed(now, shard, out),
            Input::SignalOpened {
                signal,
                grant,
                resume,
            } => self.on_signal_opened(now, signal, &grant, resume, out),
            Input::Posted { signal, grant } => self.on_posted(now, signal, &grant, out),
            Input::Signal { signal, message } => self.on_signal(now, signal, message, out),
            Input::SignalClosed { signal } => self.on_signal_closed(now, (signal, LOST_GRACE), out),
            Input::SignalWentAway { signal } => {
                self.on_signal_closed(now, (signal, RELOAD_GRACE), out)
            }
            Input::LinkOpened { peer } => self.followers.opened(peer),
            Input::Link { peer, frame } => self.on_link(now, peer, frame, out),
            Input::LinkClosed { peer } => self.on_link_closed(peer),
            Input::Control { request, body } => self.on_control(now, request, body, out),
            Input::Tick => {}
        }
        self.settle(now, out);
        self.wake_due(now, out);
    }

    /// The next piece of control that leaves.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if let Some((shard, frame)) = self.stage.next_frame() {
            return Some(Output::Shard { shard, frame });
        }
        let (peer, frame) = self.tapes.next_frame()?;
        Some(Output::Link { peer, frame })
    }

    /// When to come back with [`Input::Tick`], and why.
    pub fn deadline(&self) -> Deadline {
        match self.stage.events.is_empty() {
            true => self.stage.deadlines.next(self.now),
            false => Deadline {
                at: self.now,
                reason: WakeReason::Batch,
            },
        }
    }

    /// Whether nothing here is in a hurry: no media flows, nobody comes in, nothing is said. What
    /// arrives then (checks, reports) may wait a few milliseconds for more of its kind.
    pub fn rests(&self) -> bool {
        self.now >= self.stirred_at + RESTS_AFTER
    }

    /// How it stands and what it did.
    pub fn report(&self) -> Report {
        let mut report = self.stage.report.clone();
        self.tapes.count(&mut report);
        self.stage.count_paths(&mut report);
        report.rooms = self.rooms.len() as u64;
        report.participants = self.participants() as u64;
        report
    }

    fn on_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        bytes: &[u8],
        out: &mut Departures,
    ) {
        self.stage.report.datagrams_in += 1;
        self.stage.report.bytes_in += bytes.len() as u64;
        let (id, introduced) = match self.stage.route(source, bytes) {
            Route::Known(id) => (id, false),
            Route::Introduced(id) => (id, true),
            Route::Drop(reason) => return self.stage.report.drop_one(reason),
        };
        if self.stage.get(id).is_none() {
            return self.stage.report.drop_one(DropReason::UnknownConnection);
        }
        if introduced && let Err(reason) = self.stage.may_introduce(id, source, bytes, now) {
            return self.stage.report.drop_one(reason);
        }
        if introduced || demux::is_handshake(bytes) {
            self.stirred_at = now;
        }
        self.stage.step(id, now, out, |connection, step| {
            connection.receive(step, source, bytes, introduced)
        });
        if introduced {
            self.stage.learn_if_verified(id, source, now);
        }
    }

    /// Wakes everyone whose time has come, once.
    fn wake_due(&mut self, now: Instant, out: &mut Departures) {
        /// More than every connection and room of a full shard; what is left comes with the next
        /// tick, whose deadline has passed already.
        const MAX_WAKES: usize = 10_000;
        for _ in 0..MAX_WAKES {
            let Some(wake) = self.stage.deadlines.pop_due(now) else {
                return;
            };
            match wake {
                Wake::Transport(id) => self.stage.wake(id, now, out),
                Wake::Keyframe(id) => subscribe::release_keyframes(&mut self.stage, now, out, id),
                Wake::Layers(id) => self.weigh_layers(now, out, id),
                Wake::Share(id) => self.share(now, out, id),
                Wake::Speakers(room) if !self.rooms.contains_key(&room) => self.tell_levels(room),
                Wake::Speakers(room) => {
                    self.in_room(room, now, out, |room, effects| {
                        room.tick_speakers(now, effects)
                    });
                }
                Wake::Expiry(room) => {
                    self.in_room(room, now, out, |room, effects| room.expire(now, effects));
                }
            }
            self.settle(now, out);
        }
    }

    /// Carries out what the connections told, until they are silent.
    fn settle(&mut self, now: Instant, out: &mut Departures) {
        while let Some((id, event)) = self.stage.events.pop_front() {
            match event {
                ConnectionEvent::Packet { line, packet } => {
                    self.on_packets(now, out, (id, line), packet);
                }
                ConnectionEvent::SenderReport {
                    line,
                    layer,
                    report,
                } => {
                    let from = (id, line);
                    forward::sender_report(
                        &mut self.stage,
                        &mut self.tapes,
                        now,
                        from,
                        layer,
                        report,
                    );
                }
                ConnectionEvent::KeyframeWanted { slot } => {
                    let to = Subscriber {
                        connection: id,
                        slot,
                    };
                    subscribe::picture_lost(&mut self.stage, now, out, to);
                }
                ConnectionEvent::Reachable | ConnectionEvent::PathBack => {
                    self.on_path(now, out, id, false);
                    subscribe::aim_all(&mut self.stage, now, out, id);
                }
                ConnectionEvent::Budget => self.share(now, out, id),
                ConnectionEvent::Silent => self.on_silent(now, out, id),
                ConnectionEvent::PathLost => self.on_path(now, out, id, true),
                ConnectionEvent::Closed => self.on_closed(now, out, id, false),
                ConnectionEvent::Broke => self.on_closed(now, out, id, true),
            }
        }
    }

    /// A packet came, and those that came right after it on its line.
    fn on_packets(
        &mut self,
        now: Instant,
        out: &mut Departures,
        from: (ConnectionId, usize),
        first: Arc<Packet>,
    ) {
        let mut run = std::mem::take(&mut self.run);
        let mut next = Some(first);
        while let Some(packet) = next {
            if let Some(noticed) = forward::admit(&mut self.stage, now, out, from, &packet) {
                self.on_noticed(now, out, from, noticed);
                run.push(packet);
            }
            next = match run.len() < forward::MAX_RUN {
                true => self.next_of(from),
                false => None,
            };
        }
        if !run.is_empty() {
            self.stirred_at = now;
        }
        forward::to_slots(&mut self.stage, now, out, from, &run);
        span::to_shards(&mut self.stage, now, from, &run);
        for packet in run.drain(..) {
            forward::to_tapes(&mut self.stage, &mut self.tapes, now, out, from, &packet);
        }
        self.run = run;
    }

    /// The next packet, if it is of this line.
    fn next_of(&mut self, (of, on): (ConnectionId, usize)) -> Option<Arc<Packet>> {
        let (id, event) = self.stage.events.front()?;
        let same =
            matches!(event, ConnectionEvent::Packet { line, .. } if (*id, *line) == (of, on));
        match same.then(|| self.stage.events.pop_front())?? {
            (_, ConnectionEvent::Packet { packet, .. }) => Some(packet),
            _ => None,
        }
    }

    /// What a packet told about its track.
    fn on_noticed(
        &mut self,
        now: Instant,
        out: &mut Departures,
        from: (ConnectionId, usize),
        noticed: forward::Noticed,
    ) {
        if noticed.codec.is_none() && noticed.level_dbov.is_none() {
            return;
        }
        let Some((room, track)) = self.track_of(from) else {
            return;
        };
        if let Some(codec) = noticed.codec {
            let line = from.1 as u8;
            let owner = (room, track.participant);
            self.tell_home(now, out, from.0, owner, News::Codec { line, codec });
        }
        if let (Some(level), Source::Microphone) = (noticed.level_dbov, track.source) {
            self.on_level(now, (room, track.participant), level);
        }
    }

    /// Somebody was so loud.
    fn on_level(&mut self, now: Instant, (id, who): (RoomId, ParticipantId), level_dbov: i8) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return self.note_level(now, (id, who), level_dbov);
        };
        room.observe_level(who, level_dbov, now);
        if let Some(at) = room.speakers_at() {
            self.stage.deadlines.set(Wake::Speakers(id), at);
        }
    }

    /// A participant's path is lost, or there again.
    fn on_path(&mut self, now: Instant, out: &mut Departures, id: ConnectionId, lost: bool) {
        let Some(owner) = self.stage.owner(id) else {
            return;
        };
        wanted::changed_by(&mut self.stage, now, id);
        self.tell_home(now, out, id, owner, News::Path { lost });
    }

    /// A client whose handshake was finished no longer answers.
    fn on_silent(&mut self, now: Instant, out: &mut Departures, id: ConnectionId) {
        let connection = self.stage.get(id).filter(|c| c.bound_to().is_some());
        if let Some(owner) = connection.map(|c| (c.room, c.participant)) {
            self.tell_home(now, out, id, owner, News::Silent);
        }
    }

    /// A transport ended; `broke`: by an invariant of ours, and its client is told to begin another.
    fn on_closed(&mut self, now: Instant, out: &mut Departures, id: ConnectionId, broke: bool) {
        let Some(connection) = self.stage.get(id) else {
            return;
        };
        let owner = (connection.room, connection.participant);
        let bound_to = connection.bound_to().map(str::to_owned);
        self.end_connection(now, out, id);
        self.tell_home(now, out, id, owner, News::Closed { bound_to, broke });
    }

    /// Whose line it is.
    fn track_of(&self, from: (ConnectionId, usize)) -> Option<(RoomId, TrackId)> {
        let source = self.stage.line(from)?.source;
        let (room, participant) = self.stage.owner(from.0)?;
        Some((
            room,
            TrackId {
                participant,
                source,
            },
        ))
    }

    /// Somebody's place in a room that is here.
    fn seat_of(&self, (room, participant): Sayer) -> Option<&Seat> {
        self.rooms.get(&room)?.seat(participant)
    }

    /// Lets a room decide and carries out what it wants.
    fn in_room<T>(
        &mut self,
        room: RoomId,
        now: Instant,
        out: &mut Departures,
        decide: impl FnOnce(&mut Room, &mut Effects) -> T,
    ) -> Option<T> {
        let mut effects = Effects::default();
        let decided = decide(self.rooms.get_mut(&room)?, &mut effects);
        self.carry_out(now, out, room, effects);
        Some(decided)
    }

    fn participants(&self) -> usize {
        self.rooms.values().map(Room::len).sum()
    }

    fn chance(&mut self) -> u64 {
        self.chance.next_u64()
    }
}
