//! The events of all shards in one order, with one count for the node, and whoever follows them.
//!
//! A shard counts its own events; here they get the node's number. Events of one room keep their
//! order because a room lives on one shard.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use sfu_core::io::PeerId;
use sfu_protocol::control::NodeEvent;
use sfu_protocol::link::FromNode;

use crate::outlet::PeerOutlet;

/// Most events that are kept for a follower that was away. A meeting of ten makes some hundred
/// an hour apart from `speaking`. Beyond it the oldest is forgotten; the follower sees the hole
/// in the numbers and asks what is ([`sfu_protocol::control::ControlRequest::ListRooms`]).
pub(crate) const KEPT_EVENTS: usize = 16_384;

/// The node's event log. Cloning shares it.
///
/// The lock is taken for events and followers only, never for a packet.
#[derive(Clone, Default)]
pub(crate) struct EventLog(Arc<Mutex<Events>>);

#[derive(Default)]
struct Events {
    last_number: u64,
    kept: VecDeque<NodeEvent>,
    followers: BTreeMap<PeerId, PeerOutlet>,
}

impl EventLog {
    fn lock(&self) -> MutexGuard<'_, Events> {
        self.0.lock().expect("nobody panics while holding the log")
    }

    /// Numbers an event and tells every follower. One that is cut off is forgotten.
    pub(crate) fn append(&self, mut event: NodeEvent) {
        let mut events = self.lock();
        events.last_number += 1;
        event.number = events.last_number;
        if events.kept.len() == KEPT_EVENTS {
            events.kept.pop_front();
        }
        events.kept.push_back(event.clone());
        events
            .followers
            .retain(|_, outlet| outlet.put(FromNode::Event(event.clone())).is_ok());
    }

    /// Tells `peer` every kept event after `after`, then each that comes. A number that this
    /// process has not reached is another process's: everything kept is told.
    pub(crate) fn follow(&self, peer: PeerId, after: u64, outlet: PeerOutlet) {
        let mut events = self.lock();
        let after = if after > events.last_number { 0 } else { after };
        let reached = events
            .kept
            .iter()
            .filter(|event| event.number > after)
            .all(|event| outlet.put(FromNode::Event(event.clone())).is_ok());
        if reached {
            events.followers.insert(peer, outlet);
        }
    }

    /// Tells `peer` nothing more.
    pub(crate) fn unfollow(&self, peer: PeerId) {
        self.lock().followers.remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlet::PeerQueue;
    use sfu_protocol::control::RoomEvent;
    use sfu_protocol::ids::RoomId;
    use sfu_protocol::media::MediaTime;
    use uuid::Uuid;

    fn event(at: u64) -> NodeEvent {
        NodeEvent {
            // As two shards would: both count from 1.
            number: 1,
            room: RoomId(Uuid::from_u128(7)),
            at: MediaTime(at),
            event: RoomEvent::RoomOpened {},
        }
    }

    fn told(frames: &mut PeerQueue) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| frames.try_recv().ok())
            .map(|frame| match frame {
                FromNode::Event(event) => (event.number, event.at.0),
                other => panic!("only events are told here: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn events_of_several_shards_get_one_count_and_a_follower_gets_the_rest_it_lacks() {
        let log = EventLog::default();
        log.append(event(10));
        log.append(event(11));
        let (outlet, mut frames, _) = PeerOutlet::new();
        log.follow(PeerId(1), 1, outlet);
        log.append(event(12));
        assert_eq!(told(&mut frames), [(2, 11), (3, 12)]);
        log.unfollow(PeerId(1));
        log.append(event(13));
        assert_eq!(told(&mut frames), []);
    }

    #[test]
    fn a_number_from_another_process_gets_everything_kept() {
        let log = EventLog::default();
        log.append(event(10));
        let (outlet, mut frames, _) = PeerOutlet::new();
        log.follow(PeerId(1), 500, outlet);
        assert_eq!(told(&mut frames), [(1, 10)]);
    }

    #[test]
    fn beyond_the_bound_the_oldest_event_is_forgotten() {
        let log = EventLog::default();
        for at in 0..=KEPT_EVENTS as u64 {
            log.append(event(at));
        }
        let (outlet, mut frames, _) = PeerOutlet::new();
        log.follow(PeerId(1), 0, outlet);
        let told = told(&mut frames);
        assert_eq!(told.len(), KEPT_EVENTS);
        assert_eq!(told[0], (2, 1));
    }

    #[test]
    fn a_follower_that_is_gone_is_forgotten() {
        let log = EventLog::default();
        let (outlet, frames, _) = PeerOutlet::new();
        log.follow(PeerId(1), 0, outlet);
        drop(frames);
        log.append(event(1));
        assert!(log.lock().followers.is_empty());
    }
}
