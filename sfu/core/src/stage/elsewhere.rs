//! Other shards as a stage sees them: the publishers of theirs that somebody here receives from,
//! and what they are to be told.

use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::link::shards::ShardFrame;

use super::Stage;
use crate::clock::MediaClock;
use crate::connection::uplink::{Line, Uplink};
use crate::deadlines::Wake;
use crate::io::ConnectionId;
use crate::mirror::Mirror;

impl Stage {
    /// Its number on the node.
    pub(crate) fn shard(&self) -> u16 {
        self.shard
    }

    pub(crate) fn clock(&self) -> MediaClock {
        self.clock
    }

    /// Whether a connection is, or was, one of this shard.
    pub(crate) fn is_here(&self, id: ConnectionId) -> bool {
        id.shard == self.shard
    }

    /// What a publisher sends, wherever its connection is.
    pub(crate) fn uplink(&self, publisher: ConnectionId) -> Option<&Uplink> {
        match self.is_here(publisher) {
            true => Some(&self.get(publisher)?.uplink),
            false => Some(&self.mirrors.get(&publisher)?.uplink),
        }
    }

    /// The same, to change it.
    pub(crate) fn uplink_mut(&mut self, publisher: ConnectionId) -> Option<&mut Uplink> {
        match self.is_here(publisher) {
            true => Some(&mut self.get_mut(publisher)?.uplink),
            false => Some(&mut self.mirrors.get_mut(&publisher)?.uplink),
        }
    }

    pub(crate) fn line(&self, (publisher, index): (ConnectionId, usize)) -> Option<&Line> {
        self.uplink(publisher)?.line(index)
    }

    pub(crate) fn line_mut(
        &mut self,
        (publisher, index): (ConnectionId, usize),
    ) -> Option<&mut Line> {
        self.uplink_mut(publisher)?.line_mut(index)
    }

    /// Whose a transport is, wherever it is.
    pub(crate) fn owner(&self, id: ConnectionId) -> Option<(RoomId, ParticipantId)> {
        match self.is_here(id) {
            true => self.get(id).map(|c| (c.room, c.participant)),
            false => self.mirrors.get(&id).map(|m| (m.room, m.participant)),
        }
    }

    /// Every connection of this shard.
    pub(crate) fn connections(&self) -> Vec<ConnectionId> {
        let places = self.places.iter();
        let connections = places.filter_map(|place| place.connection.as_deref());
        connections.map(|connection| connection.id).collect()
    }

    /// The publisher on another shard, made when it is not known.
    pub(crate) fn mirror(
        &mut self,
        publisher: ConnectionId,
        make: impl FnOnce() -> Mirror,
    ) -> &mut Mirror {
        self.mirrors.entry(publisher).or_insert_with(make)
    }

    pub(crate) fn find_mirror(&self, publisher: ConnectionId) -> Option<&Mirror> {
        self.mirrors.get(&publisher)
    }

    /// The publishers of a shard that somebody here receives from.
    pub(crate) fn mirrors_of(&self, shard: u16) -> Vec<ConnectionId> {
        let of_shard = self.mirrors.keys().filter(|id| id.shard == shard);
        of_shard.copied().collect()
    }

    /// Forgets a publisher on another shard.
    pub(crate) fn remove_mirror(&mut self, publisher: ConnectionId) -> Option<Mirror> {
        self.deadlines.clear(Wake::Keyframe(publisher));
        self.deadlines.clear(Wake::Layers(publisher));
        self.mirrors.remove(&publisher)
    }

    /// Forgets the lines of a publisher on another shard that nobody here receives.
    pub(crate) fn tidy_mirror(&mut self, publisher: ConnectionId) {
        let Some(uplink) = self.uplink_mut(publisher) else {
            return;
        };
        let unused = uplink
            .lines()
            .filter(|(_, line)| line.subscribers.is_empty() && line.tapes.is_empty());
        let unused: Vec<usize> = unused.map(|(index, _)| index).collect();
        for index in unused {
            uplink.replace(index, None);
        }
        if uplink.lines().next().is_none() {
            self.remove_mirror(publisher);
        }
    }

    /// Another shard can be reached from now on, or no more.
    pub(crate) fn set_reached(&mut self, shard: u16, reached: bool) {
        match reached {
            true => self.reached.insert(shard),
            false => self.reached.remove(&shard),
        };
    }

    pub(crate) fn reaches(&self, shard: u16) -> bool {
        self.reached.contains(&shard)
    }

    /// The shards that can be reached, in order.
    pub(crate) fn others(&self) -> impl Iterator<Item = u16> + '_ {
        self.reached.iter().copied()
    }

    /// Says something to another shard. False when it cannot be reached.
    pub(crate) fn tell_shard(&mut self, shard: u16, frame: ShardFrame) -> bool {
        let reached = self.reaches(shard) || matches!(frame, ShardFrame::Hello { .. });
        if reached {
            self.frames.push_back((shard, frame));
        }
        reached
    }

    /// The next that another shard is to be told.
    pub(crate) fn next_frame(&mut self) -> Option<(u16, ShardFrame)> {
        self.frames.pop_front()
    }
}
