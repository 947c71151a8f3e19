//! What link peers get: numbered room events to those who follow, tapes to those who record.
//! Ordered; what a peer missed while it was away is sent again as far as it is kept.

mod recording;
mod ring;

pub(crate) use recording::{Start, Tapes};

use std::collections::{BTreeMap, VecDeque};

use sfu_protocol::control::{NodeEvent, RoomEvent};
use sfu_protocol::ids::RoomId;
use sfu_protocol::link::FromNode;
use sfu_protocol::media::MediaTime;

use crate::io::PeerId;

/// Room events that are kept for a follower that comes back. A follower that was away for longer
/// sees the jump in the numbers and asks for the rooms anew.
const MAX_HISTORY: usize = 4096;

/// Link peers of one shard: recorders and api processes. More are not answered.
const MAX_PEERS: usize = 256;

/// Who follows, and what happened lately.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    /// True for those who follow.
    peers: BTreeMap<PeerId, bool>,
    history: VecDeque<NodeEvent>,
    last_number: u64,
}

impl Followers {
    pub(crate) fn opened(&mut self, peer: PeerId) {
        if self.peers.len() < MAX_PEERS {
            self.peers.insert(peer, false);
        }
    }

    pub(crate) fn closed(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
    }

    pub(crate) fn knows(&self, peer: PeerId) -> bool {
        self.peers.contains_key(&peer)
    }

    /// A peer follows from now on; answers what it missed.
    pub(crate) fn follow(&mut self, peer: PeerId, after: u64) -> Vec<(PeerId, FromNode)> {
        if let Some(follows) = self.peers.get_mut(&peer) {
            *follows = true;
        }
        let missed = self.history.iter().filter(|event| event.number > after);
        missed
            .map(|event| (peer, FromNode::Event(event.clone())))
            .collect()
    }

    /// Something happened; answers what is to be sent.
    pub(crate) fn tell(
        &mut self,
        room: RoomId,
        at: MediaTime,
        event: RoomEvent,
    ) -> Vec<(PeerId, FromNode)> {
        self.last_number += 1;
        let event = NodeEvent {
            number: self.last_number,
            room,
            at,
            event,
        };
        if self.history.len() == MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(event.clone());
        let following = self.peers.iter().filter(|(_, follows)| **follows);
        following
            .map(|(peer, _)| (*peer, FromNode::Event(event.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(frames: &[(PeerId, FromNode)]) -> Vec<u64> {
        let number = |(_, frame): &(PeerId, FromNode)| match frame {
            FromNode::Event(event) => event.number,
            _ => 0,
        };
        frames.iter().map(number).collect()
    }

    #[test]
    fn a_follower_gets_what_it_missed_and_then_what_happens() {
        let room = RoomId(uuid::Uuid::from_u128(1));
        let mut followers = Followers::default();
        let tell = |f: &mut Followers| f.tell(room, MediaTime(0), RoomEvent::RoomOpened {});
        followers.opened(PeerId(1));
        assert_eq!(tell(&mut followers), []);
        tell(&mut followers);
        assert_eq!(numbers(&followers.follow(PeerId(1), 1)), [2]);
        assert_eq!(numbers(&tell(&mut followers)), [3]);
        followers.closed(PeerId(1));
        assert_eq!(tell(&mut followers), []);
        followers.opened(PeerId(2));
        assert_eq!(numbers(&followers.follow(PeerId(2), 3)), [4]);
    }

    #[test]
    fn the_oldest_event_is_forgotten_at_the_bound() {
        let room = RoomId(uuid::Uuid::from_u128(1));
        let mut followers = Followers::default();
        for _ in 0..MAX_HISTORY + 2 {
            followers.tell(room, MediaTime(0), RoomEvent::RoomClosed {});
        }
        let missed = numbers(&followers.follow(PeerId(1), 0));
        assert_eq!((missed.len(), missed[0]), (MAX_HISTORY, 3));
    }

    #[test]
    fn peers_beyond_the_bound_are_not_known() {
        let mut followers = Followers::default();
        for peer in 0..=MAX_PEERS as u64 {
            followers.opened(PeerId(peer));
        }
        assert!(!followers.knows(PeerId(MAX_PEERS as u64)));
    }
}
