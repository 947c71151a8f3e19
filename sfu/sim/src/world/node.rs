//! The node's life: one shard at a time, which may die with everything it has in memory and begin
//! anew, and what goes in and out of it.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use sfu_core::io::{Deadline, Departures, Input, Output};
use sfu_core::report::Report;
use sfu_core::shard::{Limits, Shard, ShardConfig};
use sfu_core::stream::Advertise;

use super::letters::Letter;
use super::{World, certificate, node_address};
use crate::network::{Datagram, Path};

/// The node's wall clock when a story begins: 2025-01-01.
pub(super) const ORIGIN_UNIX_US: u64 = 1_735_689_600_000_000;

/// A shard, or none while the node is down.
pub(super) struct Node {
    shard: Option<Shard>,
    departures: Departures,
    /// What the lives that ended had counted.
    ended: Vec<Report>,
}

impl Node {
    /// A node that starts at `now`, in a world that began at `start`.
    pub(super) fn begin(start: Instant, now: Instant, chance: &mut ChaCha8Rng) -> Self {
        Node {
            shard: Some(shard(start, now, chance)),
            departures: Departures::new(),
            ended: Vec::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.shard.is_some()
    }

    pub(super) fn die(&mut self) {
        self.ended
            .extend(self.shard.take().map(|shard| shard.report()));
    }

    pub(super) fn live_again(&mut self, start: Instant, now: Instant, chance: &mut ChaCha8Rng) {
        self.shard = Some(shard(start, now, chance));
    }

    /// What this life counts; while the node is down, what the last one counted.
    pub(super) fn report(&self) -> Report {
        let now = self.shard.as_ref().map(Shard::report);
        now.or_else(|| self.ended.last().cloned())
            .unwrap_or_default()
    }

    pub(super) fn ended(&self) -> &[Report] {
        &self.ended
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.shard.as_ref().map(Shard::deadline)
    }
}

fn shard(start: Instant, now: Instant, chance: &mut ChaCha8Rng) -> Shard {
    let mut entropy = [0; 32];
    chance.fill_bytes(&mut entropy);
    Shard::new(ShardConfig {
        shard: 0,
        advertise: Advertise {
            udp: vec![node_address()],
            tcp: Vec::new(),
        },
        origin: now,
        origin_unix_us: ORIGIN_UNIX_US + (now - start).as_micros() as u64,
        entropy,
        dtls: Some(certificate()),
        limits: Limits::default(),
    })
}

impl World {
    /// Gives the shard an input, sends what departs and takes what it says. A node that is down
    /// hears nothing.
    pub(crate) fn tell_shard(&mut self, input: Input<'_>) {
        let Some(shard) = &mut self.node.shard else {
            return;
        };
        shard.handle(self.now, input, &mut self.node.departures);
        self.collect_departures();
        while let Some(output) = self.node.shard.as_mut().and_then(Shard::poll) {
            self.route(output);
        }
    }

    fn collect_departures(&mut self) {
        let departures = std::mem::take(&mut self.node.departures);
        for (destination, bytes) in departures.iter() {
            let guest = self
                .guests
                .iter()
                .rfind(|guest| guest.seen_as == destination);
            let path = guest.map_or(Path::OFFICE, |guest| guest.line.down);
            let datagram = Datagram {
                source: node_address(),
                destination,
                bytes: bytes.to_vec(),
            };
            self.watch_departure(&datagram);
            self.post_datagram(datagram, path);
        }
        self.node.departures = departures;
        self.node.departures.clear();
    }

    fn route(&mut self, output: Output) {
        match output {
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
