//! What goes between the shards of the node. It takes time, and a shard that stands still takes
//! nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sfu_core::crossing::{Crossing, End};
use sfu_core::io::Input;
use sfu_protocol::link::shards::{ConnectionId, ShardFrame};

use super::World;

/// How long a frame takes from one shard to another.
const CROSSING_DELAY: Duration = Duration::from_millis(1);

/// Every pair of shards.
#[derive(Debug, Default)]
pub(super) struct Crossings {
    between: BTreeMap<(u16, u16), Crossing>,
    /// When a shard looks at what came from another.
    due: BTreeMap<(u16, u16), Instant>,
    /// Shards that take nothing.
    held: BTreeSet<u16>,
    /// Every packet that was sent: from where, to where, which.
    packets: Vec<Crossed>,
    /// Packets that found their queue full.
    lost: u64,
    /// Whether a shard ever lost another.
    has_parted: bool,
}

/// A packet that went from one shard to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crossed {
    /// The shard it was for.
    pub to: u16,
    /// Whose it is.
    pub publisher: ConnectionId,
    /// The place of its line.
    pub line: u8,
    /// Its layer.
    pub layer: u8,
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: Instant,
}

fn pair(one: u16, other: u16) -> ((u16, u16), End) {
    match one < other {
        true => ((one, other), End::Lower),
        false => ((other, one), End::Higher),
    }
}

impl Crossings {
    pub(super) fn between(now: Instant, shards: u16, (media, control): (usize, usize)) -> Self {
        let mut crossings = Crossings::default();
        for lower in 0..shards {
            for higher in lower + 1..shards {
                let crossing = Crossing::with_room(media, control);
                crossings.between.insert((lower, higher), crossing);
                crossings.due.insert((lower, higher), now);
                crossings.due.insert((higher, lower), now);
            }
        }
        crossings
    }

    pub(super) fn put(&mut self, now: Instant, from: u16, to: u16, frame: ShardFrame) {
        let (pair, end) = pair(from, to);
        let Some(crossing) = self.between.get_mut(&pair) else {
            return;
        };
        if let ShardFrame::Packet { line, packet } = &frame {
            self.packets.push(Crossed {
                to,
                publisher: line.publisher,
                line: line.line,
                layer: packet.layer,
                seq: packet.seq,
                at: now,
            });
        }
        self.lost += u64::from(!crossing.put(end, frame));
        for (at, by) in [(to, from), (from, to)] {
            self.due.entry((at, by)).or_insert(now + CROSSING_DELAY);
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self
            .due
            .iter()
            .filter(|((at, _), _)| !self.held.contains(at));
        due.map(|(_, due)| *due).min()
    }
}

impl World {
    /// Takes what has come for shards from others.
    pub(super) fn take_crossings(&mut self) {
        let crossings = &self.node.crossings;
        let due = crossings.due.iter();
        let due = due.filter(|((at, _), due)| **due <= self.now && !crossings.held.contains(at));
        let due: Vec<(u16, u16)> = due.map(|(who, _)| *who).collect();
        for (at, by) in due {
            self.node.crossings.due.remove(&(at, by));
            let (pair, end) = pair(at, by);
            let Some(crossing) = self.node.crossings.between.get_mut(&pair) else {
                continue;
            };
            let arrived = crossing.take(end, usize::MAX);
            if crossing.has_news(end) {
                self.node.crossings.due.insert((at, by), self.now);
            }
            if arrived.closed {
                self.node.crossings.has_parted = true;
                self.note("node", &format!("shard {at} has lost shard {by}"));
                self.tell_shard_at(at, Input::ShardClosed { shard: by });
            }
            if arrived.opened {
                self.tell_shard_at(at, Input::ShardOpened { shard: by });
            }
            for frame in arrived.frames {
                self.tell_shard_at(at, Input::Shard { shard: by, frame });
            }
        }
    }

    /// From now on a shard takes nothing of what comes from others, or does again.
    pub fn hold_crossings(&mut self, shard: u16, holds: bool) {
        match holds {
            true => self.node.crossings.held.insert(shard),
            false => self.node.crossings.held.remove(&shard),
        };
    }

    /// Packets that went from one shard to another, and were not lost there.
    pub fn crossed(&self) -> &[Crossed] {
        &self.node.crossings.packets
    }

    /// Whether a shard ever lost another.
    pub fn has_parted(&self) -> bool {
        self.node.crossings.has_parted
    }

    /// Packets between shards that found their queue full.
    pub fn crossings_lost(&self) -> u64 {
        self.node.crossings.lost
    }
}
