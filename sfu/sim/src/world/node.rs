//! The node's life: its shards, which may die with everything they have in memory and begin anew,
//! and what goes in and out of them.

use std::net::SocketAddr;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use sfu_core::crossing::{CONTROL_WAITING, MEDIA_WAITING};
use sfu_core::io::{Deadline, Departures, Input, Output};
use sfu_core::report::Report;
use sfu_core::shard::{Limits, Shard, ShardConfig};
use sfu_core::stream::Advertise;

use super::crossings::Crossings;
use super::letters::Letter;
use super::{World, certificate, node_address};
use crate::network::{Datagram, Path};

/// The node's wall clock when a story begins: 2025-01-01.
pub(super) const ORIGIN_UNIX_US: u64 = 1_735_689_600_000_000;

/// How many shards the node has, and what each takes on.
#[derive(Debug, Clone)]
pub struct House {
    /// The first is the home of the room.
    pub shards: u16,
    /// What each takes on.
    pub limits: Limits,
    /// How much waits between two of them at most: media, and everything else.
    pub waiting: (usize, usize),
}

impl Default for House {
    fn default() -> Self {
        House {
            shards: 1,
            limits: Limits::default(),
            waiting: (MEDIA_WAITING, CONTROL_WAITING),
        }
    }
}

/// The shards, or none while the node is down.
pub(super) struct Node {
    house: House,
    shards: Vec<Shard>,
    pub(super) crossings: Crossings,
    departures: Departures,
    /// What the lives that ended had counted.
    ended: Vec<Report>,
}

impl Node {
    /// A node that starts at `now`, in a world that began at `start`.
    pub(super) fn begin(
        house: House,
        start: Instant,
        now: Instant,
        chance: &mut ChaCha8Rng,
    ) -> Self {
        let mut node = Node {
            house,
            shards: Vec::new(),
            crossings: Crossings::default(),
            departures: Departures::new(),
            ended: Vec::new(),
        };
        node.live_again(start, now, chance);
        node
    }

    pub(super) fn is_up(&self) -> bool {
        !self.shards.is_empty()
    }

    pub(super) fn die(&mut self) {
        self.ended.extend(self.shards.first().map(Shard::report));
        self.shards.clear();
        self.crossings = Crossings::default();
    }

    pub(super) fn live_again(&mut self, start: Instant, now: Instant, chance: &mut ChaCha8Rng) {
        let numbers = 0..self.house.shards;
        let limits = &self.house.limits;
        let shards = numbers.map(|number| shard(number, limits, (start, now), chance));
        self.shards = shards.collect();
        self.crossings = Crossings::between(now, self.house.shards, self.house.waiting);
    }

    /// What this life of the room's home counts; while the node is down, what the last one counted.
    pub(super) fn report(&self) -> Report {
        let now = self.shards.first().map(Shard::report);
        now.or_else(|| self.ended.last().cloned())
            .unwrap_or_default()
    }

    /// What each shard counts.
    pub(super) fn reports(&self) -> Vec<Report> {
        self.shards.iter().map(Shard::report).collect()
    }

    pub(super) fn ended(&self) -> &[Report] {
        &self.ended
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let deadlines = self.shards.iter().map(Shard::deadline);
        deadlines.min_by_key(|deadline| deadline.at)
    }
}

fn shard(
    number: u16,
    limits: &Limits,
    (start, now): (Instant, Instant),
    chance: &mut ChaCha8Rng,
) -> Shard {
    let mut entropy = [0; 32];
    chance.fill_bytes(&mut entropy);
    Shard::new(ShardConfig {
        shard: number,
        advertise: Advertise {
            udp: vec![address_of(number)],
            tcp: vec![address_of(number)],
        },
        origin: now,
        origin_unix_us: ORIGIN_UNIX_US + (now - start).as_micros() as u64,
        entropy,
        dtls: Some(certificate()),
        limits: limits.clone(),
    })
}

/// Where a shard is.
fn address_of(shard: u16) -> SocketAddr {
    let first = node_address();
    SocketAddr::new(first.ip(), first.port() + shard)
}

impl World {
    /// Gives the room's home an input, sends what departs and takes what it says. A node that is
    /// down hears nothing.
    pub(crate) fn tell_shard(&mut self, input: Input<'_>) {
        self.tell_shard_at(0, input);
    }

    pub(super) fn tell_shard_at(&mut self, number: u16, input: Input<'_>) {
        let Some(shard) = self.node.shards.get_mut(usize::from(number)) else {
            return;
        };
        shard.handle(self.now, input, &mut self.node.departures);
        self.collect_departures(number);
        let poll = |world: &mut World| world.node.shards.get_mut(usize::from(number))?.poll();
        while let Some(output) = poll(self) {
            self.route(number, output);
        }
    }

    /// The shard that is at an address of the node.
    pub(super) fn shard_at(&self, address: SocketAddr) -> Option<u16> {
        (0..self.node.house.shards).find(|shard| address_of(*shard) == address)
    }

    /// Lets every shard whose time has come go on.
    pub(super) fn tick_shards(&mut self) {
        for number in 0..self.node.house.shards {
            let due = self.node.shards.get(usize::from(number));
            let due = due.map(Shard::deadline).filter(|due| due.at <= self.now);
            if let Some(due) = due {
                *self.wakes.entry(due.reason).or_insert(0) += 1;
                self.tell_shard_at(number, Input::Tick);
            }
        }
    }

    fn collect_departures(&mut self, number: u16) {
        let departures = std::mem::take(&mut self.node.departures);
        for (destination, bytes) in departures.iter() {
            let guest = self
                .guests
                .iter()
                .rfind(|guest| guest.seen_as == destination);
            let path = guest.map_or(Path::OFFICE, |guest| guest.line.down);
            let datagram = Datagram {
                source: address_of(number),
                destination,
                bytes: bytes.to_vec(),
            };
            self.watch_departure(&datagram);
            self.post_datagram(datagram, path);
        }
        self.node.departures = departures;
        self.node.departures.clear();
    }

    fn route(&mut self, number: u16, output: Output) {
        match output {
            Output::Shard { shard, frame } => {
                self.node.crossings.put(self.now, number, shard, frame)
            }
            Output::Signal { signal, envelope } => {
                self.post
                    .send(self.now, Letter::ToGuest { signal, envelope });
            }
            Output::CloseSignal { signal } => {
                self.post.send(self.now, Letter::CloseGuest { signal });
            }
            Output::Link { peer, frame } => {
                self.post.send(self.now, Letter::ToKeeper { peer, frame });
            }
            Output::Control { reply, .. } => {
                let line = format!("{reply:?}");
                self.note("node", &line);
            }
        }
    }
}
