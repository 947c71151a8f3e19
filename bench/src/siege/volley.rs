//! The flood of datagrams: one thread, at a rate, from many addresses and under forged ones.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::captures::{Captures, Path};
use super::forge::Forge;
use super::quiver::{Arrow, make};

/// Sockets of strangers that are open at the same time.
const STRANGERS: usize = 64;

/// After so many datagrams the oldest stranger goes and another comes, with another address.
const STRANGER_AFTER: u64 = 256;

/// How often the rate is kept: what is due is sent at once.
const TURN: Duration = Duration::from_millis(1);

/// A turn that comes late sends no more than this at once: the kernel's buffer is not a target.
const MOST_IN_A_TURN: u64 = 400;

/// Of ten datagrams, so many are forged where that is allowed.
const FORGED_OF_TEN: u8 = 3;

/// What is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) datagrams: u64,
    pub(super) per_second: u64,
    /// Where media goes.
    pub(super) node: SocketAddr,
    /// Where the relay listens, when there is one.
    pub(super) relay: Option<SocketAddr>,
    /// Of which kinds.
    pub(super) arrows: Vec<Arrow>,
    /// Whether some bear participants' addresses, where the kernel allows it.
    pub(super) forging: bool,
    pub(super) seed: u64,
}

/// What was sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    pub(super) datagrams: u64,
    /// Of them in the name of participants.
    pub(super) forged: u64,
    /// Different addresses of strangers.
    pub(super) strangers: u64,
    /// Those that this machine's kernel did not take, not counted as sent.
    pub(super) refused: u64,
    pub(super) by_kind: BTreeMap<&'static str, u64>,
    pub(super) took: Duration,
}

impl Sent {
    pub(super) fn per_second(&self) -> f64 {
        self.datagrams as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

/// Sends until everything is sent or `stop` is set.
pub(super) fn fly(order: Order, captures: &Captures, stop: &Arc<AtomicBool>) -> Sent {
    let mut archer = Archer {
        chance: fastrand::Rng::with_seed(order.seed),
        forge: order.forging.then(Forge::open).flatten(),
        strangers: Vec::new(),
        sent: Sent::default(),
        order,
    };
    let began = Instant::now();
    let mut turns = 0;
    while archer.sent.datagrams < archer.order.datagrams && !stop.load(Ordering::Relaxed) {
        let due = began.elapsed().as_secs_f64() * archer.order.per_second as f64;
        let behind = (due as u64).saturating_sub(archer.sent.datagrams);
        let left = archer.order.datagrams - archer.sent.datagrams;
        for _ in 0..behind.min(MOST_IN_A_TURN).min(left) {
            archer.shoot(captures);
        }
        turns += 1;
        if behind < MOST_IN_A_TURN {
            thread::sleep((began + TURN * turns).saturating_duration_since(Instant::now()));
        }
    }
    archer.sent.took = began.elapsed();
    archer.sent
}

struct Archer {
    order: Order,
    chance: fastrand::Rng,
    forge: Option<Forge>,
    strangers: Vec<UdpSocket>,
    sent: Sent,
}

impl Archer {
    fn shoot(&mut self, captures: &Captures) {
        let arrow = self.order.arrows[self.chance.usize(..self.order.arrows.len())];
        let bytes = make(arrow, captures, &mut self.chance);
        let forged = self.chance.u8(..10) < FORGED_OF_TEN && arrow != Arrow::Turn;
        let victim = captures.victim(&mut self.chance);
        let flew = match (&self.forge, victim) {
            (Some(forge), Some(victim)) if forged => {
                let node = self.order.node;
                let flew = forge.send(Path { node, ..victim }, &bytes);
                self.sent.forged += u64::from(flew);
                flew
            }
            _ => self.shoot_as_stranger(arrow, &bytes),
        };
        if flew {
            self.sent.datagrams += 1;
            *self.sent.by_kind.entry(arrow.as_str()).or_default() += 1;
        } else {
            self.sent.refused += 1;
        }
    }

    fn shoot_as_stranger(&mut self, arrow: Arrow, bytes: &[u8]) -> bool {
        let target = match (arrow, self.order.relay) {
            (Arrow::Turn, Some(relay)) => relay,
            _ => self.order.node,
        };
        let tired = self.sent.datagrams.is_multiple_of(STRANGER_AFTER);
        if (self.strangers.len() < STRANGERS || tired)
            && let Some(stranger) = self.stranger()
        {
            if self.strangers.len() == STRANGERS {
                self.strangers.remove(0);
            }
            self.sent.strangers += 1;
            self.strangers.push(stranger);
        }
        let Some(stranger) = self.chance.choice(&self.strangers) else {
            return false;
        };
        stranger.send_to(bytes, target).is_ok()
    }

    /// Some loopback address that nobody else has: Linux lets anyone take any of 127.0.0.0/8.
    fn stranger(&mut self) -> Option<UdpSocket> {
        let [a, b, c] = [1, 0, 2].map(|least| self.chance.u8(least..255));
        UdpSocket::bind((Ipv4Addr::new(127, a, b, c), 0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_counted_as_sent_went_to_the_node_or_to_the_relay() {
        let [node, relay] = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
        let order = Order {
            datagrams: 300,
            per_second: 1_000_000,
            node: node.local_addr().expect("bound"),
            relay: relay.local_addr().ok(),
            arrows: Arrow::ALL.to_vec(),
            forging: true,
            seed: 5,
        };
        let sent = fly(order, &Captures::default(), &Arc::default());
        assert_eq!(sent.datagrams, 300);
        assert_eq!(sent.by_kind.values().sum::<u64>(), 300);
        assert_eq!(sent.by_kind.len(), Arrow::ALL.len());
        assert!(sent.strangers >= STRANGERS as u64);
        assert_eq!(sent.forged, 0, "nobody's name is known");
        relay.set_nonblocking(true).expect("settable");
        let mut buffer = [0; 4096];
        let at_relay = std::iter::from_fn(|| relay.recv_from(&mut buffer).ok()).count();
        assert_eq!(at_relay as u64, sent.by_kind["turn"]);
    }
}
