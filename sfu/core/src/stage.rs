//! The connections of a shard and the mirrors of others, and one step of one of them: the place
//! where a broken invariant is caught, counted, and costs that connection only.

mod elsewhere;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::link::shards::ShardFrame;
use sfu_protocol::media::Kind;
use str0m::IceCreds;
use str0m::config::DtlsCert;

use crate::clock::MediaClock;
use crate::connection::downlink::Slot;
use crate::connection::{Connection, ConnectionEvent, Extensions, Setup, Step};
use crate::deadlines::{Deadlines, Wake};
use crate::demux::{Demux, Route, write_ufrag};
use crate::io::{ConnectionId, Departures};
use crate::mirror::Mirror;
use crate::report::{DropReason, Report};
use crate::stream::Advertise;

/// Connections of one shard: a place is two bytes in our ICE user name. A shard that is full
/// refuses offers.
const MAX_CONNECTIONS: usize = 0xffff;

/// A transport that has had its step sleeps at least this long, whatever it asks for: no
/// transport can keep a shard busy by itself.
const LEAST_SLEEP: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Place {
    generation: u16,
    connection: Option<Box<Connection>>,
}

/// Every transport of a shard with what wakes it.
pub(crate) struct Stage {
    places: Vec<Place>,
    free: Vec<u16>,
    shard: u16,
    clock: MediaClock,
    advertise: Advertise,
    dtls: Option<DtlsCert>,
    demux: Demux,
    pub(crate) deadlines: Deadlines,
    pub(crate) events: VecDeque<(ConnectionId, ConnectionEvent)>,
    pub(crate) report: Report,
    scratch: Vec<u8>,
    /// Publishers on other shards of whom somebody here receives something.
    mirrors: BTreeMap<ConnectionId, Mirror>,
    /// Shards that can be reached.
    reached: BTreeSet<u16>,
    /// What they are to be told.
    frames: VecDeque<(u16, ShardFrame)>,
}

impl Stage {
    pub(crate) fn new(
        shard: u16,
        clock: MediaClock,
        advertise: Advertise,
        dtls: Option<DtlsCert>,
    ) -> Self {
        Stage {
            clock,
            places: Vec::new(),
            free: Vec::new(),
            shard,
            advertise,
            dtls,
            demux: Demux::new(shard),
            deadlines: Deadlines::default(),
            events: VecDeque::new(),
            report: Report::default(),
            scratch: Vec::new(),
            mirrors: BTreeMap::new(),
            reached: BTreeSet::new(),
            frames: VecDeque::new(),
        }
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        let place = self.places.get(usize::from(id.place))?;
        place
            .connection
            .as_deref()
            .filter(|connection| connection.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let place = self.places.get_mut(usize::from(id.place))?;
        place
            .connection
            .as_deref_mut()
            .filter(|connection| connection.id == id)
    }

    /// The shard stood still until now: nobody's silence meanwhile says anything.
    pub(crate) fn stood_still(&mut self, now: Instant) {
        let connections = self.places.iter_mut();
        for connection in connections.filter_map(|place| place.connection.as_deref_mut()) {
            connection.stood_still(now);
        }
    }

    /// How the paths to those who watch stand.
    pub(crate) fn count_paths(&self, report: &mut Report) {
        let places = self.places.iter();
        for connection in places.filter_map(|place| place.connection.as_deref()) {
            let filled = |slot: &&Slot| slot.kind == Kind::Video && slot.feed.is_some();
            let slots = connection.slots().map(|(_, slot)| slot).filter(filled);
            let mut slots = slots.peekable();
            if connection.is_reachable() && slots.peek().is_some() {
                report.watching += 1;
                report.estimated_bps += connection.path().estimator.estimate_bps();
            }
            let paused = slots.filter(|slot| slot.share.is_paused());
            report.slots_paused += paused.count() as u64;
        }
    }

    /// Makes a connection; none when the shard is full.
    pub(crate) fn open(
        &mut self,
        room: RoomId,
        participant: ParticipantId,
        extensions: &Extensions,
        chance: &mut dyn FnMut() -> u64,
        now: Instant,
    ) -> Option<ConnectionId> {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.places.len() < MAX_CONNECTIONS => {
                self.places.push(Place::default());
                (self.places.len() - 1) as u16
            }
            None => return None,
        };
        let generation = self.places[usize::from(place)].generation;
        let id = ConnectionId {
            shard: self.shard,
            place,
            generation,
        };
        let setup = Setup {
            id,
            room,
            participant,
            credentials: self.credentials(id, chance),
            advertise: &self.advertise,
            dtls: self.dtls.clone(),
            extensions,
            ssrc: (chance() as u32).max(1),
        };
        let connection = Connection::new(setup, now);
        self.places[usize::from(place)].connection = Some(Box::new(connection));
        self.report.connections += 1;
        Some(id)
    }

    /// Fresh ICE credentials that name a connection.
    pub(crate) fn credentials(
        &self,
        id: ConnectionId,
        chance: &mut dyn FnMut() -> u64,
    ) -> IceCreds {
        IceCreds {
            ufrag: write_ufrag(id, chance() as u32),
            pass: format!("{:016x}{:016x}", chance(), chance()),
        }
    }

    /// Where a datagram goes.
    pub(crate) fn route(&self, source: SocketAddr, bytes: &[u8]) -> Route {
        self.demux.route(source, bytes)
    }

    /// Whether a connection is to see a check from an address that is not known to be its
    /// client's. One that another participant uses now is taken: nobody else's path can be had by
    /// forging it.
    pub(crate) fn may_introduce(
        &mut self,
        id: ConnectionId,
        source: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        if self.is_taken(id, source, now) {
            return Err(DropReason::AddressTaken);
        }
        self.get_mut(id)
            .map_or(Ok(()), |connection| connection.admits_check(bytes, now))
    }

    fn is_taken(&self, id: ConnectionId, source: SocketAddr, now: Instant) -> bool {
        let owner = self.demux.owner(source).and_then(|owner| self.get(owner));
        let (Some(owner), Some(named)) = (owner, self.get(id)) else {
            return false;
        };
        let same = (owner.room, owner.participant) == (named.room, named.participant);
        !same && owner.uses(source, now)
    }

    /// Remembers a source once its connection has verified it.
    pub(crate) fn learn_if_verified(&mut self, id: ConnectionId, source: SocketAddr, now: Instant) {
        let verified = |connection: &&mut Connection| connection.accepts(source, now);
        if let Some(connection) = self.get_mut(id).filter(verified) {
            let in_use = connection.learned(now);
            self.demux.learn(source, id, in_use);
        }
    }

    /// One step of one connection. None when it does not exist, or broke.
    pub(crate) fn step<T>(
        &mut self,
        id: ConnectionId,
        now: Instant,
        out: &mut Departures,
        act: impl FnOnce(&mut Connection, &mut Step<'_>) -> T,
    ) -> Option<T> {
        let (value, connection) = self.guarded(id, now, out, act)?;
        // Most steps put a deadline off, which costs nothing: what was asked for before is kept,
        // and asks again.
        if let Some(at) = connection.wakes_sooner() {
            let at = at.max(now + LEAST_SLEEP);
            connection.scheduled_at = Some(at);
            self.deadlines.set(Wake::Transport(id), at);
        }
        Some(value)
    }

    /// Its time has come.
    pub(crate) fn wake(&mut self, id: ConnectionId, now: Instant, out: &mut Departures) {
        if let Some(connection) = self.get_mut(id) {
            connection.scheduled_at = None;
        }
        self.step(id, now, out, |connection, step| connection.wake(step));
    }

    /// A broken invariant ends here.
    fn guarded<T>(
        &mut self,
        id: ConnectionId,
        now: Instant,
        out: &mut Departures,
        act: impl FnOnce(&mut Connection, &mut Step<'_>) -> T,
    ) -> Option<(T, &mut Connection)> {
        let place = self.places.get_mut(usize::from(id.place))?;
        let connection = place
            .connection
            .as_deref_mut()
            .filter(|connection| connection.id == id)?;
        let mut step = Step {
            now,
            clock: self.clock,
            out,
            events: &mut self.events,
            report: &mut self.report,
            scratch: &mut self.scratch,
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| act(connection, &mut step)));
        match outcome {
            Ok(value) => Some((value, connection)),
            Err(_) => {
                self.report.panics += 1;
                tracing::error!(
                    place = id.place,
                    "a connection broke an invariant and was dropped"
                );
                // What is left of it is not trusted; the shard hears of its end as of any other.
                self.deadlines.clear(Wake::Transport(id));
                self.events.push_back((id, ConnectionEvent::Broke));
                None
            }
        }
    }

    /// Ends a connection and frees its place.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Box<Connection>> {
        let place = self.places.get_mut(usize::from(id.place))?;
        let connection = place.connection.take_if(|connection| connection.id == id)?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(id.place);
        self.demux.forget(id);
        self.deadlines.clear(Wake::Transport(id));
        self.deadlines.clear(Wake::Keyframe(id));
        self.deadlines.clear(Wake::Layers(id));
        self.deadlines.clear(Wake::Share(id));
        self.report.connections -= 1;
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        let clock = MediaClock {
            origin: crate::testing::start(),
            origin_unix_us: 0,
        };
        let advertise = Advertise {
            udp: vec![SocketAddr::from(([127, 0, 0, 1], 7000))],
            tcp: Vec::new(),
        };
        Stage::new(0, clock, advertise, None)
    }

    fn open(stage: &mut Stage, now: Instant) -> ConnectionId {
        let id = uuid::Uuid::nil();
        let mut chance = || 5;
        let none = Extensions::default();
        let opened = stage.open(RoomId(id), ParticipantId(id), &none, &mut chance, now);
        opened.expect("there is a place")
    }

    #[test]
    fn a_broken_invariant_costs_its_connection_only() {
        let now = crate::testing::start();
        let mut stage = stage();
        let (first, second) = (open(&mut stage, now), open(&mut stage, now));
        let mut out = Departures::new();
        let broke: Option<()> = stage.step(first, now, &mut out, |_, _| panic!("as the test asks"));
        assert_eq!(broke, None);
        assert_eq!(stage.report.panics, 1);
        assert!(
            matches!(stage.events.pop_front(), Some((id, ConnectionEvent::Broke)) if id == first)
        );
        let step = stage.step(second, now, &mut out, |connection, step| {
            connection.wake(step)
        });
        assert_eq!(step, Some(()));
    }

    #[test]
    fn a_place_is_used_again_under_another_name() {
        let now = crate::testing::start();
        let mut stage = stage();
        let first = open(&mut stage, now);
        assert!(stage.remove(first).is_some());
        let second = open(&mut stage, now);
        assert_eq!((second.place, second.generation), (first.place, 1));
        assert!(stage.get(first).is_none());
        assert!(stage.remove(first).is_none());
        assert_eq!(stage.report.connections, 1);
    }
}
