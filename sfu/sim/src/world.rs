//! A node, its guests, a keeper and the network between them, on a virtual clock.
//!
//! The clock has milliseconds. In each, everything that is due is done, again and again until
//! nothing is; then the clock moves to the next thing that is due.

mod cast;
mod crossings;
mod letters;
mod node;
mod rights;
mod roster;
mod strangers;
mod troubles;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sfu_core::io::{Input, SignalId, WakeReason};
use sfu_core::report::Report;
use sfu_protocol::ids::RoomId;
use str0m::config::DtlsCert;
use uuid::Uuid;

use crate::chronicle::Chronicle;
use crate::guest::{Departing, Guest};
use crate::keeper::Keeper;
use crate::moment::first_moment;
use crate::network::{Datagram, Network, Path};
use crate::oracle::{Bounds, Violation};
pub use crossings::Crossed;
use letters::{Letter, Post};
pub use node::House;
use node::Node;
use strangers::Strangers;
pub use strangers::{MAX_OVERHEARD, MAX_TOLD};

/// How often the oracles look.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// How often the keeper makes durable what it has.
const SYNC_EVERY: Duration = Duration::from_millis(200);

/// Most rounds in one millisecond. A shard that still has something to do after so many turns
/// in a circle.
const MAX_ROUNDS: u32 = 50;

/// Most violations that are kept: the first tell the story.
const MAX_VIOLATIONS: usize = 40;

/// The world.
pub struct World {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) guests: Vec<Guest>,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) bounds: Bounds,
    pub(crate) post: Post,
    /// When something that rosters show changed last.
    pub(crate) changed_at: Instant,
    /// Whether the room is being recorded, as everyone should know.
    pub(crate) recorded: bool,
    pub(crate) room: RoomId,
    pub(crate) links: u64,
    pub(crate) signals: u64,
    pub(crate) step: String,
    pub(crate) strangers: Strangers,
    /// When the keeper dials a node that came back.
    pub(crate) redial_at: Option<Instant>,
    /// How often the shard was woken because it was time, by reason.
    wakes: BTreeMap<WakeReason, u64>,
    chance: ChaCha8Rng,
    node: Node,
    network: Network,
    burst: Vec<(Datagram, Path)>,
    next_watch: Instant,
    next_sync: Instant,
    chronicle: Chronicle,
    violations: Vec<Violation>,
    /// What was wrong when the oracles looked last.
    complaints: BTreeSet<(String, String)>,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64, bounds: Bounds) -> Self {
        Self::with_house(seed, bounds, House::default())
    }

    /// An empty world with such a node.
    pub fn with_house(seed: u64, bounds: Bounds, house: House) -> Self {
        // Before the seed: what comes first in a process must not draw from it.
        let start = first_moment();
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        fastrand::seed(chance.next_u64());
        sfu_core::handshake::install(Some(|| fastrand::u64(..)));
        let node = Node::begin(house, start, start, &mut chance);
        let network = Network::new(chance.next_u64());
        World {
            start,
            now: start,
            guests: Vec::new(),
            keeper: None,
            bounds,
            post: Post::default(),
            changed_at: start,
            recorded: false,
            room: RoomId(Uuid::from_u128(0x0e00)),
            links: 0,
            signals: 0,
            step: String::new(),
            strangers: Strangers::default(),
            redial_at: None,
            wakes: BTreeMap::new(),
            chance,
            node,
            network,
            burst: Vec::new(),
            next_watch: start,
            next_sync: start,
            chronicle: Chronicle::default(),
            violations: Vec::new(),
            complaints: BTreeSet::new(),
        }
    }

    /// Lets time pass.
    pub fn run_ms(&mut self, duration_ms: u64) {
        let end = self.now + Duration::from_millis(duration_ms);
        while self.now < end {
            self.settle();
            self.now = self.next_due().min(end);
        }
        self.settle();
    }

    /// Lets time pass until everyone who is here has a path, at most as long as that may take.
    pub fn run_until_connected(&mut self) {
        let connected = |guest: &Guest| guest.gone || guest.connected_at.is_some();
        let latest = self.now + self.bounds.connect;
        while self.now < latest && !self.guests.iter().all(connected) {
            self.run_ms(100);
        }
    }

    /// What the shard counts.
    pub fn report(&self) -> Report {
        self.node.report()
    }

    /// What each shard counts.
    pub fn reports(&self) -> Vec<Report> {
        self.node.reports()
    }

    /// How often the shard was woken because it was time, by reason.
    pub fn wakes(&self) -> &BTreeMap<WakeReason, u64> {
        &self.wakes
    }

    /// What the network did.
    pub fn traffic(&self) -> crate::network::Traffic {
        self.network.traffic()
    }

    /// What everyone's participant counts, a line each.
    pub fn counters(&self) -> String {
        let lines = self.guests.iter().map(|guest| {
            let counters = guest.participant().counters();
            format!("{}: {counters:?}\n", guest.name)
        });
        lines.collect()
    }

    /// What happened.
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// What was wrong.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Milliseconds since the story began.
    pub fn now_ms(&self) -> u64 {
        (self.now - self.start).as_millis() as u64
    }

    /// Writes into the chronicle.
    pub fn note(&mut self, who: &str, what: &str) {
        let at_ms = self.now_ms();
        self.chronicle.note(at_ms, who, format_args!("{what}"));
    }

    /// Says that something is wrong.
    pub fn violate(&mut self, who: &str, what: String) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation {
                at_ms: self.now_ms(),
                step: self.step.clone(),
                who: who.to_owned(),
                what,
            });
        }
    }

    /// The same, once: what lasts is told when it begins.
    pub(crate) fn violate_once(&mut self, who: &str, what: String) {
        let said = |known: &Violation| known.who == who && known.what == what;
        if !self.violations.iter().any(said) {
            self.violate(who, what);
        }
    }

    /// Puts a datagram on its way.
    pub(crate) fn post_datagram(&mut self, datagram: Datagram, path: Path) {
        self.burst.push((datagram, path));
    }

    /// Everything that is due now, until nothing is.
    fn settle(&mut self) {
        for _ in 0..MAX_ROUNDS {
            self.round();
            let burst = std::mem::take(&mut self.burst);
            self.network.take(self.now, burst);
            if !self.is_due() {
                self.look();
                return;
            }
        }
        let deadline = self.node.deadline();
        self.violate(
            "world",
            format!("something is always due; the shard says {deadline:?}"),
        );
    }

    fn round(&mut self) {
        while let Some(datagram) = self.network.deliver(self.now) {
            self.deliver(datagram);
        }
        while let Some(letter) = self.post.deliver(self.now) {
            self.open(letter);
        }
        for index in 0..self.guests.len() {
            if !self.guests[index].gone && self.guests[index].due() <= self.now {
                let departing = self.guests[index].step(self.now);
                self.depart(index, departing);
            }
        }
        if self.redial_at.is_some_and(|at| at <= self.now) {
            self.redial_at = None;
            self.redial();
        }
        self.take_crossings();
        self.tick_shards();
    }

    fn deliver(&mut self, datagram: Datagram) {
        self.strangers.overhear(&datagram);
        let Datagram {
            source,
            destination,
            bytes,
        } = datagram;
        if let Some(shard) = self.shard_at(destination) {
            let datagram = Input::Datagram {
                source,
                destination,
                bytes: &bytes,
            };
            return self.tell_shard_at(shard, datagram);
        }
        let here = |guest: &Guest| guest.seen_as == destination && !guest.gone;
        if let Some(index) = self.guests.iter().position(here) {
            self.guests[index].receive(self.now, source, &bytes);
            self.drain_guest(index);
        }
    }

    /// Takes what leaves a guest.
    pub(crate) fn drain_guest(&mut self, index: usize) {
        self.depart(index, Departing::default());
    }

    fn depart(&mut self, index: usize, mut departing: Departing) {
        if departing.hangs_up {
            self.hang_up(index);
        }
        if departing.calls {
            self.call(index);
        }
        self.guests[index].drain(self.now, node_address(), &mut departing);
        let guest = &self.guests[index];
        let (signal, up, name) = (guest.signal, guest.line.up, guest.name.clone());
        for datagram in departing.datagrams {
            self.burst.push((datagram, up));
        }
        for message in departing.messages {
            self.post.send(self.now, Letter::ToNode { signal, message });
        }
        for note in departing.notes {
            self.note(&name, &note);
        }
    }

    pub(crate) fn guest_at(&self, signal: SignalId) -> Option<usize> {
        self.guests.iter().position(|guest| guest.signal == signal)
    }

    /// The oracles look, and the keeper makes durable what it has.
    fn look(&mut self) {
        if self.now >= self.next_sync {
            self.next_sync = self.now + SYNC_EVERY;
            self.sync_keeper();
        }
        if self.now >= self.next_watch {
            self.next_watch = self.now + WATCH_EVERY;
            self.watch();
        }
    }

    fn is_due(&self) -> bool {
        self.next_event().is_some_and(|at| at <= self.now)
    }

    fn next_event(&self) -> Option<Instant> {
        let guests = self
            .guests
            .iter()
            .filter(|guest| !guest.gone)
            .map(Guest::due);
        let moving = self.network.next_arrival().into_iter();
        moving
            .chain(self.post.next_arrival())
            .chain(guests)
            .chain(self.redial_at)
            .chain(self.node.crossings.next_due())
            .chain(self.node.deadline().map(|deadline| deadline.at))
            .min()
    }

    /// The next millisecond in which something is due, at least the next one.
    fn next_due(&self) -> Instant {
        let watch = self.next_watch.min(self.next_sync);
        let due = self.next_event().map_or(watch, |due| due.min(watch));
        let since = due.saturating_duration_since(self.start).as_nanos();
        let ms = since.div_ceil(1_000_000) as u64;
        let at = self.start + Duration::from_millis(ms);
        at.max(self.now + Duration::from_millis(1))
    }
}

/// Where the node is: its first shard. Each further one has the next port.
pub fn node_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7_882))
}

/// One certificate for all: two have different sizes, and making one costs time.
pub(crate) fn certificate() -> DtlsCert {
    static CERTIFICATE: OnceLock<DtlsCert> = OnceLock::new();
    let made = CERTIFICATE.get_or_init(|| {
        let provider = str0m::crypto::from_feature_flags();
        let made = provider.dtls_provider.generate_certificate();
        made.expect("the provider of this build makes certificates")
    });
    made.clone()
}
