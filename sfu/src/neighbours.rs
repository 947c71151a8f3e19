//! What a shard's thread says to the other shards of the node, and hears. A lock is taken once for
//! all that a turn of the thread brings, never for a packet, and held for as long as it takes to
//! move a list.

use std::sync::{Arc, Mutex, PoisonError};

use sfu_core::crossing::{Arrived, Crossing, End};
use sfu_protocol::link::shards::ShardFrame;

use crate::net::wake::Bell;

/// Most that is taken from one shard before the rest of a turn: what it brings for many receivers
/// is sent before there is more.
const FRAMES_PER_TURN: usize = 256;

/// Another shard of the node.
struct Neighbour {
    shard: u16,
    end: End,
    between: Arc<Mutex<Crossing>>,
    bell: Bell,
    /// What this turn says to it.
    said: Vec<ShardFrame>,
}

/// The other shards of the node, as one of them sees them.
pub(crate) struct Neighbours {
    all: Vec<Neighbour>,
    own_bell: Bell,
    lost: u64,
}

impl Neighbours {
    /// Those of every shard, whose threads wake by these bells.
    pub(crate) fn of_all(bells: &[Bell]) -> Vec<Neighbours> {
        let alone = |bell: &Bell| Neighbours {
            all: Vec::new(),
            own_bell: bell.clone(),
            lost: 0,
        };
        let mut shards: Vec<Neighbours> = bells.iter().map(alone).collect();
        for lower in 0..bells.len() {
            for higher in lower + 1..bells.len() {
                let between = Arc::<Mutex<Crossing>>::default();
                let ends = [(lower, higher, End::Lower), (higher, lower, End::Higher)];
                for (own, other, end) in ends {
                    shards[own].all.push(Neighbour {
                        shard: other as u16,
                        end,
                        between: Arc::clone(&between),
                        bell: bells[other].clone(),
                        said: Vec::new(),
                    });
                }
            }
        }
        shards
    }

    /// Says something to a shard, with the rest of this turn.
    pub(crate) fn say(&mut self, shard: u16, frame: ShardFrame) {
        let mut all = self.all.iter_mut();
        if let Some(neighbour) = all.find(|neighbour| neighbour.shard == shard) {
            neighbour.said.push(frame);
        }
    }

    /// Brings what this turn said.
    pub(crate) fn bring(&mut self) {
        for neighbour in &mut self.all {
            if neighbour.said.is_empty() {
                continue;
            }
            let mut crossing = lock(&neighbour.between);
            for frame in neighbour.said.drain(..) {
                self.lost += u64::from(!crossing.put(neighbour.end, frame));
            }
            let parted = crossing.has_news(neighbour.end);
            drop(crossing);
            neighbour.bell.ring();
            if parted {
                self.own_bell.ring();
            }
        }
    }

    /// Takes what the others said. Each comes with its number; what is left, and one that parted and is
    /// back, comes with the next ring.
    pub(crate) fn hear(&mut self, mut hears: impl FnMut(u16, Arrived)) {
        for neighbour in &self.all {
            let mut crossing = lock(&neighbour.between);
            if !crossing.has_news(neighbour.end) {
                continue;
            }
            let arrived = crossing.take(neighbour.end, FRAMES_PER_TURN);
            let more = crossing.has_news(neighbour.end);
            drop(crossing);
            if more {
                self.own_bell.ring();
            }
            hears(neighbour.shard, arrived);
        }
    }

    /// Packets that found a queue full.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for neighbour in &self.all {
            lock(&neighbour.between).end(neighbour.end);
            neighbour.bell.ring();
        }
    }
}

/// A thread that failed leaves nothing half done in a list.
fn lock(between: &Mutex<Crossing>) -> std::sync::MutexGuard<'_, Crossing> {
    between.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> ShardFrame {
        ShardFrame::Hello { version: 1 }
    }

    fn heard(neighbours: &mut Neighbours) -> Vec<(u16, Arrived)> {
        let mut all = Vec::new();
        neighbours.hear(|shard, arrived| all.push((shard, arrived)));
        all
    }

    fn three() -> Vec<Neighbours> {
        let bells: Vec<Bell> = (0..3).map(|_| Bell::new().expect("an eventfd")).collect();
        let mut shards = Neighbours::of_all(&bells);
        for shard in &mut shards {
            let opened = heard(shard);
            assert!(opened.iter().all(|(_, arrived)| arrived.opened));
            assert_eq!(opened.len(), 2);
        }
        shards
    }

    #[test]
    fn what_a_turn_says_comes_to_the_shard_that_it_is_for() {
        let mut shards = three();
        shards[0].say(2, hello());
        assert_eq!(heard(&mut shards[2]), [], "not before the turn ends");
        shards[0].bring();
        assert_eq!(heard(&mut shards[1]), []);
        let came = heard(&mut shards[2]);
        let frames: Vec<_> = came.iter().map(|(by, a)| (*by, a.frames.len())).collect();
        assert_eq!(frames, [(0, 1)]);
        assert_eq!(shards[0].lost(), 0);
    }

    #[test]
    fn a_thread_that_ends_is_told_to_the_others() {
        let mut shards = three();
        drop(shards.remove(1));
        for shard in &mut shards {
            let told = heard(shard);
            assert!(matches!(&told[..], [(1, arrived)] if arrived.closed));
            assert_eq!(heard(shard), []);
        }
    }
}
