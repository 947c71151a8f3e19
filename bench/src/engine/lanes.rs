//! A bad network inside the generator: datagrams that wait for their turn, in both directions of
//! one participant.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Instant;

use sfu_client::impair::path::{Fate, Lane, Path};

/// Most datagrams that are under way in one direction: a second of 20 Mbit/s. What is more is
/// lost, as in a queue that is full.
const MAX_UNDER_WAY: usize = 2_048;

/// A datagram on its way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnderWay {
    arrives: Instant,
    order: u64,
    pub(super) socket: usize,
    pub(super) peer: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// One direction.
pub(super) struct Lanes {
    lane: Lane,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    sent: u64,
    /// How many were lost on purpose.
    pub(super) lost: u64,
}

impl Lanes {
    pub(super) fn new(path: Path, seed: u64) -> Self {
        Lanes {
            lane: Lane::new(path, seed),
            under_way: BinaryHeap::new(),
            sent: 0,
            lost: 0,
        }
    }

    /// Sends a datagram on its way.
    pub(super) fn send(&mut self, now: Instant, socket: usize, peer: SocketAddr, bytes: Vec<u8>) {
        let Fate::Arrives(arrives) = self.lane.datagram(now, bytes.len()) else {
            self.lost += 1;
            return;
        };
        if self.under_way.len() == MAX_UNDER_WAY {
            self.lost += 1;
            return;
        }
        self.sent += 1;
        self.under_way.push(Reverse(UnderWay {
            arrives,
            order: self.sent,
            socket,
            peer,
            bytes,
        }));
    }

    /// When the next one arrives.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(next)| next.arrives)
    }

    /// One that has arrived.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<UnderWay> {
        self.next_at().filter(|at| *at <= now)?;
        self.under_way.pop().map(|Reverse(arrived)| arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PEER: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

    #[test]
    fn a_clear_path_keeps_the_order_and_a_late_one_its_delay() {
        let now = Instant::now();
        let mut clear = Lanes::new(Path::CLEAR, 1);
        for byte in 0..5 {
            clear.send(now, 0, PEER, vec![byte]);
        }
        let order: Vec<u8> = std::iter::from_fn(|| clear.arrived(now))
            .map(|arrived| arrived.bytes[0])
            .collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        let mut late = Lanes::new(
            Path {
                delay_ms: 20,
                ..Path::CLEAR
            },
            1,
        );
        late.send(now, 0, PEER, vec![1]);
        assert!(late.arrived(now + Duration::from_millis(19)).is_none());
        assert!(late.arrived(now + Duration::from_millis(20)).is_some());
    }

    #[test]
    fn what_is_under_way_is_bounded_and_losses_are_counted() {
        let now = Instant::now();
        let mut full = Lanes::new(
            Path {
                delay_ms: 1,
                ..Path::CLEAR
            },
            1,
        );
        for _ in 0..MAX_UNDER_WAY + 3 {
            full.send(now, 0, PEER, vec![0]);
        }
        assert_eq!(full.lost, 3);
        let mut lossy = Lanes::new(
            Path {
                loss_ppm: 50_000,
                ..Path::CLEAR
            },
            7,
        );
        for _ in 0..20_000 {
            lossy.send(now, 0, PEER, vec![0]);
            lossy.arrived(now);
        }
        assert!((900..1_100).contains(&lossy.lost), "{}", lossy.lost);
    }
}
