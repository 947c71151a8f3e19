//! A network that delays, loses, reorders and throttles, decided by one seed.
//!
//! The fate of a datagram is a hash of the seed, its direction, and what identifies it in the
//! clear: stream and sequence number for RTP, its number in its class for everything else. So it
//! depends neither on ciphertext nor on the order in which streams of one burst are drained.
//! DTLS is never lost: its timers draw from the operating system, and no seed decides them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One direction of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The least delay.
    pub latency_ms: u64,
    /// At most this much more, without changing the order.
    pub jitter_ms: u64,
    /// Of a million datagrams, this many are lost.
    pub loss_ppm: u32,
    /// Of a million datagrams, this many come `reorder_ms` later than they should.
    pub reorder_ppm: u32,
    /// How much later.
    pub reorder_ms: u64,
    /// Most that fits through. RTP and RTCP only: the sizes of handshake messages are random.
    pub rate_bps: Option<u64>,
    /// How long a datagram waits for its turn before it is dropped.
    pub queue_ms: u64,
}

impl Path {
    /// 10 ms and nothing lost.
    pub const OFFICE: Path = Path {
        latency_ms: 10,
        jitter_ms: 2,
        loss_ppm: 0,
        reorder_ppm: 0,
        reorder_ms: 0,
        rate_bps: None,
        queue_ms: 200,
    };

    /// 25 ms, 15 ms of jitter, 5 % lost, 1 % out of order.
    pub const LOSSY: Path = Path {
        latency_ms: 25,
        jitter_ms: 15,
        loss_ppm: 50_000,
        reorder_ppm: 10_000,
        reorder_ms: 20,
        rate_bps: None,
        queue_ms: 200,
    };
}

/// Both directions between a guest and the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// From the guest.
    pub up: Path,
    /// To the guest.
    pub down: Path,
}

impl Line {
    /// The same path both ways.
    pub fn both(path: Path) -> Self {
        Line {
            up: path,
            down: path,
        }
    }
}

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

/// What a datagram is, as far as the clear text says (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Dtls,
    Stun,
    Rtcp,
    Rtp { ssrc: u32, seq: u16 },
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
}

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
            if let Some(at) = self.arrival(now, &datagram, path) {
                self.serial += 1;
                self.underway.insert((at, self.serial), datagram);
            }
        }
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

    fn arrival(&mut self, now: Instant, datagram: &Datagram, path: Path) -> Option<Instant> {
        let class = class(&datagram.bytes);
        let ends = (datagram.source, datagram.destination);
        let direction = self.directions.entry(ends).or_default();
        let mut dice = Dice::new(self.seed, ends, direction.identify(class));
        if dice.chance_ppm(path.loss_ppm) && class != Class::Dtls {
            self.traffic.lost += 1;
            return None;
        }
        let Some(leaves) = direction.leaves(now, class, datagram.bytes.len(), path) else {
            self.traffic.overflowed += 1;
            return None;
        };
        let delay_ms = path.latency_ms + dice.below(path.jitter_ms + 1);
        let at = leaves + Duration::from_millis(delay_ms);
        if dice.chance_ppm(path.reorder_ppm) {
            return Some(at + Duration::from_millis(path.reorder_ms));
        }
        let at = direction.last_arrival.map_or(at, |last| at.max(last));
        direction.last_arrival = Some(at);
        Some(at)
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

fn class(bytes: &[u8]) -> Class {
    match bytes {
        [128..=191, kind, ..] if (192..=223).contains(kind) => Class::Rtcp,
        [128..=191, _, s0, s1, _, _, _, _, c0, c1, c2, c3, ..] => Class::Rtp {
            ssrc: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
            seq: u16::from_be_bytes([*s0, *s1]),
        },
        [20..=63, ..] => Class::Dtls,
        _ => Class::Stun,
    }
}

/// Numbers that follow from a seed and an identity (SplitMix64).
struct Dice(u64);

impl Dice {
    fn new(seed: u64, ends: (SocketAddr, SocketAddr), identity: u64) -> Self {
        let mut dice = Dice(seed);
        for part in [address_code(ends.0), address_code(ends.1), identity] {
            dice.0 = dice.next() ^ part;
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }
}

fn address_code(address: SocketAddr) -> u64 {
    let octets = match address.ip() {
        std::net::IpAddr::V4(v4) => u64::from(u32::from(v4)),
        std::net::IpAddr::V6(v6) => u128::from(v6) as u64,
    };
    octets << 16 | u64::from(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtp(ssrc: u32, seq: u16) -> Datagram {
        let mut bytes = vec![0x80, 96];
        bytes.extend_from_slice(&seq.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&ssrc.to_be_bytes());
        bytes.resize(1_000, 0);
        Datagram {
            source: SocketAddr::from(([10, 0, 0, 1], 1)),
            destination: SocketAddr::from(([10, 0, 0, 2], 2)),
            bytes,
        }
    }

    fn arrivals(network: &mut Network) -> Vec<(Instant, Datagram)> {
        std::iter::from_fn(|| {
            let at = network.next_arrival()?;
            Some((at, network.deliver(at)?))
        })
        .collect()
    }

    #[test]
    fn fate_depends_on_the_seed_and_the_packet_and_not_on_the_order_of_streams() {
        let now = Instant::now();
        let burst: Vec<_> = (0..2_000u16)
            .map(|n| (rtp(u32::from(n % 2), n), Path::LOSSY))
            .collect();
        let turned: Vec<_> = [1, 0]
            .into_iter()
            .flat_map(|odd| burst.iter().skip(odd).step_by(2).cloned())
            .collect();
        let run = |seed, burst: &[(Datagram, Path)]| {
            let mut network = Network::new(seed);
            network.take(now, burst.to_vec());
            (network.traffic().lost, arrivals(&mut network))
        };
        let (lost, first) = run(7, &burst);
        assert!((60..140).contains(&lost), "5 % of 2000, not {lost}");
        assert_eq!(first, run(7, &turned).1);
        assert_ne!(first, run(8, &burst).1);
    }

    #[test]
    fn a_full_path_drops_what_would_wait_too_long() {
        let now = Instant::now();
        let path = Path {
            rate_bps: Some(800_000),
            queue_ms: 100,
            ..Path::OFFICE
        };
        let mut network = Network::new(1);
        network.take(now, (0..50).map(|seq| (rtp(1, seq), path)).collect());
        // 1000 bytes take 10 ms: eleven find at most 100 ms of queue before them.
        assert_eq!(network.traffic().overflowed, 39);
        assert_eq!(arrivals(&mut network).len(), 11);
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let now = Instant::now();
        for (reorder_ppm, in_order) in [(0, true), (200_000, false)] {
            let path = Path {
                loss_ppm: 0,
                reorder_ppm,
                ..Path::LOSSY
            };
            let mut network = Network::new(3);
            for step in 0..100u16 {
                let at = now + Duration::from_millis(u64::from(step));
                network.take(at, vec![(rtp(1, step), path)]);
            }
            let seqs: Vec<_> = arrivals(&mut network)
                .iter()
                .map(|(_, d)| u16::from_be_bytes([d.bytes[2], d.bytes[3]]))
                .collect();
            assert_eq!(seqs.is_sorted(), in_order);
            assert_eq!(seqs.len(), 100);
        }
    }
}
