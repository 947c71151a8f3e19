//! Copies of what honest participants send, for attackers to imitate. A network shows them to
//! anybody on the way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;

/// Most datagrams of a kind that are kept; the oldest goes first, so that sequence numbers are
/// those of now.
const KEPT_OF_A_KIND: usize = 32;

/// Most addresses that are kept; the oldest goes first.
const KEPT_VICTIMS: usize = 64;

/// Of media packets, one in so many is kept.
const MEDIA_EVERY: u64 = 16;

/// What the first byte says a datagram is (RFC 7983), and RFC 5761 of media and its control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wire {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

impl Wire {
    /// None for what WebRTC does not send.
    pub(super) fn of(datagram: &[u8]) -> Option<Wire> {
        match (datagram.first()?, datagram.get(1)) {
            (0..=3, _) => Some(Wire::Stun),
            (20..=63, _) => Some(Wire::Dtls),
            (128..=191, Some(192..=223)) => Some(Wire::Rtcp),
            (128..=191, _) => Some(Wire::Rtp),
            _ => None,
        }
    }
}

/// An honest participant's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) local: SocketAddr,
    pub(super) node: SocketAddr,
}

#[derive(Debug, Default)]
struct Kept {
    victims: VecDeque<Path>,
    datagrams: [VecDeque<Vec<u8>>; 4],
    media_seen: u64,
}

/// The copies. Everyone of a run shares them.
#[derive(Debug, Default)]
pub(super) struct Captures(Mutex<Kept>);

impl Captures {
    /// Keeps what was sent from `local` to `node`.
    pub(super) fn keep(
        &self,
        local: SocketAddr,
        node: SocketAddr,
        datagram: &[u8],
        forgeable: bool,
    ) {
        let Some(wire) = Wire::of(datagram) else {
            return;
        };
        let mut kept = self.0.lock().expect("nobody panics while holding it");
        if wire == Wire::Rtp {
            kept.media_seen += 1;
            if kept.media_seen % MEDIA_EVERY != 1 {
                return;
            }
        }
        let path = Path { local, node };
        if forgeable && !kept.victims.contains(&path) {
            push(&mut kept.victims, path, KEPT_VICTIMS);
        }
        push(
            &mut kept.datagrams[wire as usize],
            datagram.to_vec(),
            KEPT_OF_A_KIND,
        );
    }

    /// A copy of some datagram of a kind, when there is one.
    pub(super) fn any(&self, wire: Wire, chance: &mut fastrand::Rng) -> Option<Vec<u8>> {
        let kept = self.0.lock().expect("nobody panics while holding it");
        let of_kind = &kept.datagrams[wire as usize];
        (!of_kind.is_empty()).then(|| of_kind[chance.usize(..of_kind.len())].clone())
    }

    /// Whose addresses may be forged.
    pub(super) fn victims(&self) -> Vec<SocketAddr> {
        let kept = self.0.lock().expect("nobody panics while holding it");
        kept.victims.iter().map(|path| path.local).collect()
    }

    /// Somebody's path, when anybody has sent anything.
    pub(super) fn victim(&self, chance: &mut fastrand::Rng) -> Option<Path> {
        let kept = self.0.lock().expect("nobody panics while holding it");
        let victims = &kept.victims;
        (!victims.is_empty()).then(|| victims[chance.usize(..victims.len())])
    }
}

fn push<T>(queue: &mut VecDeque<T>, one: T, most: usize) {
    queue.push_back(one);
    if queue.len() > most {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_victims_are_bounded_and_told_apart_by_their_first_bytes() {
        let captures = Captures::default();
        let node = SocketAddr::from(([127, 0, 0, 1], 7882));
        for port in 1..=1000 {
            let local = SocketAddr::from(([127, 0, 0, 1], port));
            for datagram in [[0, 1], [22, 254], [0x80, 96], [0x80, 200], [70, 0]] {
                captures.keep(local, node, &datagram, true);
            }
        }
        let kept = captures.0.lock().expect("unshared");
        assert_eq!(kept.victims.len(), KEPT_VICTIMS);
        for (of_kind, first) in kept.datagrams.iter().zip([0, 22, 0x80, 0x80]) {
            assert_eq!(of_kind.len(), KEPT_OF_A_KIND);
            assert!(of_kind.iter().all(|datagram| datagram[0] == first));
        }
    }

    #[test]
    fn whoever_is_not_to_be_forged_is_no_victim() {
        let captures = Captures::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        captures.keep(address, address, &[0, 1], false);
        let mut chance = fastrand::Rng::with_seed(1);
        assert_eq!(captures.victim(&mut chance), None);
        assert_eq!(captures.any(Wire::Stun, &mut chance), Some(vec![0, 1]));
    }
}
