//! A network that delays, loses, doubles, reorders, throttles and goes dark, decided by one seed.
//!
//! The fate of a datagram is a hash of the seed, its direction, and what identifies it in the
//! clear: stream and sequence number for RTP, its number in its class for everything else. So it
//! depends neither on ciphertext nor on the order in which streams of one burst are drained.

mod fate;
mod path;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fate::{Class, Dice, class};
pub use path::{Line, Path};

/// A datagram on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// From where.
    pub source: SocketAddr,
    /// To where.
    pub destination: SocketAddr,
    /// The payload.
    pub bytes: Vec<u8>,
}

/// What the network did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams taken.
    pub taken: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the path was full.
    pub overflowed: u64,
    /// Delivered twice.
    pub doubled: u64,
    /// Dropped because the path carried nothing.
    pub darkened: u64,
}

/// How much later the second of two copies comes.
const DOUBLE_LATER: Duration = Duration::from_millis(3);

/// How much longer than a round trip a stream waits before it sends again what was lost.
const STREAM_AGAIN_MS: u64 = 20;

/// One direction's memory.
#[derive(Debug, Clone, Default)]
struct Direction {
    counts: [u64; 3],
    last_arrival: Option<Instant>,
    free_at: Option<Instant>,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    seed: u64,
    directions: BTreeMap<(SocketAddr, SocketAddr), Direction>,
    underway: BTreeMap<(Instant, u64), Datagram>,
    serial: u64,
    traffic: Traffic,
}

impl Network {
    /// An empty network.
    pub fn new(seed: u64) -> Self {
        Network {
            seed,
            directions: BTreeMap::new(),
            underway: BTreeMap::new(),
            serial: 0,
            traffic: Traffic::default(),
        }
    }

    /// Takes everything that was sent at `now`, each over its path.
    pub fn take(&mut self, now: Instant, mut burst: Vec<(Datagram, Path)>) {
        burst.sort_by_cached_key(|(datagram, _)| {
            let stream = match class(&datagram.bytes) {
                Class::Dtls | Class::Stun => (0, 0),
                Class::Rtcp => (1, 0),
                Class::Rtp { ssrc, .. } => (2, ssrc),
            };
            (datagram.destination, datagram.source, stream)
        });
        for (datagram, path) in burst {
            self.traffic.taken += 1;
            if path.blackout {
                self.traffic.darkened += 1;
                continue;
            }
            if let Some((at, twice)) = self.arrival(now, &datagram, path) {
                if twice {
                    self.traffic.doubled += 1;
                    self.put(at + DOUBLE_LATER, datagram.clone());
                }
                self.put(at, datagram);
            }
        }
    }

    fn put(&mut self, at: Instant, datagram: Datagram) {
        self.serial += 1;
        self.underway.insert((at, self.serial), datagram);
    }

    /// The next datagram that has arrived by `now`.
    pub fn deliver(&mut self, now: Instant) -> Option<Datagram> {
        let entry = self.underway.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// When the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.underway.keys().next().map(|&(at, _)| at)
    }

    /// What it did so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// When a datagram arrives, and whether it comes a second time.
    fn arrival(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        path: Path,
    ) -> Option<(Instant, bool)> {
        let class = class(&datagram.bytes);
        let ends = (datagram.source, datagram.destination);
        let direction = self.directions.entry(ends).or_default();
        let mut dice = Dice::new(self.seed, ends, direction.identify(class));
        let mut again_ms = 0;
        if dice.chance_ppm(path.loss_ppm) {
            self.traffic.lost += 1;
            if !path.streams {
                return None;
            }
            again_ms = 2 * path.latency_ms + STREAM_AGAIN_MS;
        }
        let Some(leaves) = direction.leaves(now, class, datagram.bytes.len(), path) else {
            self.traffic.overflowed += 1;
            return None;
        };
        let delay_ms = path.latency_ms + dice.below(path.jitter_ms + 1) + again_ms;
        let at = leaves + Duration::from_millis(delay_ms);
        let late = !path.streams && dice.chance_ppm(path.reorder_ppm);
        let twice = !path.streams && dice.chance_ppm(path.duplicate_ppm);
        if late {
            return Some((at + Duration::from_millis(path.reorder_ms), twice));
        }
        let at = direction.last_arrival.map_or(at, |last| at.max(last));
        direction.last_arrival = Some(at);
        Some((at, twice))
    }
}

impl Direction {
    fn identify(&mut self, class: Class) -> u64 {
        let index = match class {
            Class::Rtp { ssrc, seq } => return u64::from(ssrc) << 16 | u64::from(seq),
            Class::Dtls => 0,
            Class::Stun => 1,
            Class::Rtcp => 2,
        };
        self.counts[index] += 1;
        (self.counts[index] << 2 | index as u64) << 48
    }

    /// When a datagram has passed the bottleneck; none when the queue before it is full.
    fn leaves(&mut self, now: Instant, class: Class, bytes: usize, path: Path) -> Option<Instant> {
        let media = matches!(class, Class::Rtp { .. } | Class::Rtcp);
        let (Some(rate_bps), true) = (path.rate_bps, media) else {
            return Some(now);
        };
        let starts = self.free_at.map_or(now, |free| free.max(now));
        if starts > now + Duration::from_millis(path.queue_ms) {
            return None;
        }
        let takes = Duration::from_micros(bytes as u64 * 8 * 1_000_000 / rate_bps.max(1));
        self.free_at = Some(starts + takes);
        Some(starts + takes)
    }
}
