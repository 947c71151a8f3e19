//! Who wakes next, and why. Nobody else is touched: an idle connection costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sfu_protocol::ids::RoomId;

use crate::io::{ConnectionId, Deadline, WakeReason};

/// How long a shard without any deadline sleeps.
const IDLE: Duration = Duration::from_secs(10);

/// Who can ask to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wake {
    /// The transport of a connection.
    Transport(ConnectionId),
    /// A held keyframe request to a publisher.
    Keyframe(ConnectionId),
    /// Which layers a publisher is to send.
    Layers(ConnectionId),
    /// What each slot of a receiver gets.
    Share(ConnectionId),
    /// A room's speakers.
    Speakers(RoomId),
    /// A room's lost participants, or its own end.
    Expiry(RoomId),
}

impl Wake {
    fn reason(self) -> WakeReason {
        match self {
            Wake::Transport(_) => WakeReason::Transport,
            Wake::Keyframe(_) => WakeReason::Keyframe,
            Wake::Layers(_) => WakeReason::Layers,
            Wake::Share(_) => WakeReason::Share,
            Wake::Speakers(_) => WakeReason::Speakers,
            Wake::Expiry(_) => WakeReason::Expiry,
        }
    }
}

/// One deadline for each who asked; bounded by connections and rooms.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    order: BTreeSet<(Instant, Wake)>,
    at: BTreeMap<Wake, Instant>,
}

impl Deadlines {
    /// Wakes `who` at this time instead of the one asked for before.
    pub(crate) fn set(&mut self, who: Wake, at: Instant) {
        if let Some(before) = self.at.insert(who, at) {
            if before == at {
                return;
            }
            self.order.remove(&(before, who));
        }
        self.order.insert((at, who));
    }

    /// Wakes `who` at this time or at the one asked for before, whichever comes first.
    pub(crate) fn set_sooner(&mut self, who: Wake, at: Instant) {
        if self.at.get(&who).is_none_or(|before| at < *before) {
            self.set(who, at);
        }
    }

    pub(crate) fn clear(&mut self, who: Wake) {
        if let Some(before) = self.at.remove(&who) {
            self.order.remove(&(before, who));
        }
    }

    /// Takes the next one whose time has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Wake> {
        let &(at, who) = self.order.first()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.at.remove(&who);
        Some(who)
    }

    /// When to come back.
    pub(crate) fn next(&self, now: Instant) -> Deadline {
        match self.order.first() {
            Some(&(at, who)) => Deadline {
                at,
                reason: who.reason(),
            },
            None => Deadline {
                at: now + IDLE,
                reason: WakeReason::Idle,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(place: u16) -> Wake {
        Wake::Transport(ConnectionId {
            shard: 0,
            place,
            generation: 0,
        })
    }

    #[test]
    fn only_those_whose_time_has_come_are_woken_and_in_order() {
        let t0 = crate::testing::start();
        let ms = Duration::from_millis;
        let mut deadlines = Deadlines::default();
        deadlines.set(transport(1), t0 + ms(30));
        deadlines.set(transport(2), t0 + ms(10));
        deadlines.set(transport(3), t0 + ms(20));
        deadlines.set(transport(3), t0 + ms(50));
        deadlines.set_sooner(transport(1), t0 + ms(40));
        deadlines.clear(transport(9));

        assert_eq!(deadlines.next(t0).at, t0 + ms(10));
        assert_eq!(deadlines.pop_due(t0 + ms(30)), Some(transport(2)));
        assert_eq!(deadlines.pop_due(t0 + ms(30)), Some(transport(1)));
        assert_eq!(deadlines.pop_due(t0 + ms(30)), None);
        assert_eq!(deadlines.next(t0).at, t0 + ms(50));
        deadlines.clear(transport(3));
        assert_eq!(deadlines.next(t0).reason, WakeReason::Idle);
    }
}
