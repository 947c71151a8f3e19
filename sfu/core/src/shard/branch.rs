//! What a shard does for rooms whose home is another: it has connections of theirs, and says what
//! becomes of them. The room's mind is at home.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::link::shards::{
    Answered, AnsweredLine, AnsweredSlot, Offer, Put, ShardFrame, SlotWish,
};

use super::Shard;
use crate::connection::Negotiated;
use crate::connection::uplink::Subscriber;
use crate::deadlines::Wake;
use crate::io::{ConnectionId, Departures};
use crate::media::keyframe::Mover;
use crate::room::{Levels, Refusal};
use crate::{span, subscribe, wanted};

/// How often the home is told how loud voices are: several times in each of its windows.
const LEVELS_EVERY: Duration = Duration::from_millis(50);

/// What is kept of a room whose home is another shard.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) home: u16,
    pub(super) connections: BTreeMap<ParticipantId, ConnectionId>,
    /// Who speaks, the loudest first.
    pub(super) speaking: Vec<ParticipantId>,
    pub(super) levels: Levels,
}

impl Branch {
    fn of(home: u16) -> Self {
        Branch {
            home,
            connections: BTreeMap::new(),
            speaking: Vec::new(),
            levels: Levels::default(),
        }
    }
}

impl Shard {
    /// A home has an offer answered.
    pub(super) fn on_offered(
        &mut self,
        now: Instant,
        out: &mut Departures,
        home: u16,
        offer: &Offer,
    ) {
        let is_mine = |branch: &Branch| branch.home == home;
        if self.rooms.contains_key(&offer.room)
            || !self.branches.get(&offer.room).is_none_or(is_mine)
        {
            return;
        }
        let branch = self.branches.entry(offer.room);
        branch.or_insert_with(|| Branch::of(home));
        let request = offer.request;
        let frame = match self.take_offer(now, offer, out) {
            Ok(answered) => {
                // Its last transport may have ended only now.
                let branch = self.branches.entry(offer.room);
                let branch = branch.or_insert_with(|| Branch::of(home));
                let connection = answered.connection;
                branch.connections.insert(offer.participant, connection);
                let answered = Box::new(answered);
                ShardFrame::Answered { request, answered }
            }
            Err(Refusal { code, message }) => ShardFrame::Refused {
                request,
                code,
                message: message.to_owned(),
            },
        };
        self.stage.tell_shard(home, frame);
        self.tidy_branch(offer.room);
    }

    /// A transport of a room of another shard is no longer here.
    pub(super) fn left_branch(&mut self, (room, participant): (RoomId, ParticipantId)) {
        if let Some(branch) = self.branches.get_mut(&room) {
            branch.connections.remove(&participant);
            branch.levels.forget(participant);
        }
        self.tidy_branch(room);
    }

    fn tidy_branch(&mut self, room: RoomId) {
        let branch = self.branches.get(&room);
        if branch.is_some_and(|branch| branch.connections.is_empty()) {
            self.branches.remove(&room);
            self.stage.deadlines.clear(Wake::Speakers(room));
        }
    }

    /// A home says what is in slots of connections here.
    pub(super) fn on_put(
        &mut self,
        now: Instant,
        out: &mut Departures,
        puts: &[Put],
        charged: bool,
    ) {
        let mover = match charged {
            true => Mover::Receiver,
            false => Mover::Node,
        };
        for put in puts {
            let Some((room, _)) = self.stage.owner(put.connection) else {
                continue;
            };
            let fill = put.fill;
            let feed = fill.map(|fill| span::feed_of(&mut self.stage, now, room, fill));
            let to = Subscriber {
                connection: put.connection,
                slot: usize::from(put.slot),
            };
            subscribe::put(&mut self.stage, now, out, to, feed, mover);
        }
    }

    /// How a client of a connection here wants its slots.
    pub(super) fn serve(
        &mut self,
        now: Instant,
        out: &mut Departures,
        connection: ConnectionId,
        wishes: &[SlotWish],
    ) {
        for wish in wishes {
            let slot = usize::from(wish.slot);
            let receiver = self.stage.get_mut(connection);
            if let Some(slot) = receiver.and_then(|receiver| receiver.slot_mut(slot)) {
                slot.max_height = wish.max_height;
                slot.priority = wish.priority;
            }
            let to = Subscriber { connection, slot };
            subscribe::aim(&mut self.stage, now, out, to, Mover::Receiver);
        }
    }

    /// A client may have missed which layers are wanted of it.
    pub(super) fn repeat_layers_of(
        &mut self,
        now: Instant,
        out: &mut Departures,
        id: ConnectionId,
    ) {
        let told = wanted::told(&self.stage, id);
        self.tell_layers(now, out, id, told);
    }

    /// A home ends a transport here.
    pub(super) fn on_close(&mut self, now: Instant, out: &mut Departures, id: ConnectionId) {
        let Some(owner) = self.stage.get(id).map(|c| (c.room, c.participant)) else {
            return;
        };
        self.end_connection(now, out, id);
        self.left_branch(owner);
    }

    /// Notes how loud somebody was whose room is elsewhere.
    pub(super) fn note_level(
        &mut self,
        now: Instant,
        (room, participant): (RoomId, ParticipantId),
        level_dbov: i8,
    ) {
        if let Some(branch) = self.branches.get_mut(&room) {
            branch.levels.note(participant, level_dbov);
            let at = now + LEVELS_EVERY;
            self.stage.deadlines.set_sooner(Wake::Speakers(room), at);
        }
    }

    /// Tells the home who was loud.
    pub(super) fn tell_levels(&mut self, room: RoomId) {
        let Some(branch) = self.branches.get_mut(&room) else {
            return;
        };
        let voices = branch.levels.take();
        let home = branch.home;
        if !voices.is_empty() {
            self.stage
                .tell_shard(home, ShardFrame::Levels { room, voices });
        }
    }

    /// A home is gone: so are the connections that it had here.
    pub(super) fn forget_home(&mut self, now: Instant, out: &mut Departures, home: u16) {
        let gone: Vec<RoomId> = self
            .branches
            .iter()
            .filter(|(_, branch)| branch.home == home)
            .map(|(room, _)| *room)
            .collect();
        for room in gone {
            let branch = self.branches.remove(&room);
            self.stage.deadlines.clear(Wake::Speakers(room));
            for (_, id) in branch.into_iter().flat_map(|branch| branch.connections) {
                self.end_connection(now, out, id);
            }
        }
    }

    /// The transport of somebody that is here.
    pub(super) fn transport_of(
        &self,
        room: RoomId,
        participant: ParticipantId,
    ) -> Option<ConnectionId> {
        let seated = || self.rooms.get(&room)?.seat(participant)?.connection;
        let branched = || {
            self.branches
                .get(&room)?
                .connections
                .get(&participant)
                .copied()
        };
        let id = seated().or_else(branched)?;
        self.stage.is_here(id).then_some(id)
    }

    /// Who speaks, as somebody sees it: the loudest of the others.
    pub(super) fn speaker_for(&self, room: RoomId, viewer: ParticipantId) -> Option<ParticipantId> {
        if let Some(room) = self.rooms.get(&room) {
            return room.speaker_for(viewer);
        }
        let mut speaking = self.branches.get(&room)?.speaking.iter();
        speaking.find(|who| **who != viewer).copied()
    }

    /// Answered, as it is told to whoever asked.
    pub(super) fn answered(&self, id: ConnectionId, negotiated: Negotiated) -> Answered {
        let connection = self.stage.get(id);
        let slots = connection.into_iter().flat_map(|c| c.slots());
        let slots = slots.map(|(place, slot)| AnsweredSlot {
            place: place as u16,
            slot: slot.id.clone(),
            kind: slot.kind,
        });
        let lines = connection.into_iter().flat_map(|c| c.uplink.lines());
        let lines = lines.map(|(line, known)| AnsweredLine {
            line: line as u8,
            take: known.take,
            source: known.source,
        });
        let ended = negotiated.ended.iter().map(|(_, line)| line.source);
        Answered {
            connection: id,
            fingerprint: connection.and_then(|c| c.fingerprint()).map(str::to_owned),
            slots: slots.collect(),
            codecs: connection.map(|c| c.codecs()).unwrap_or_default(),
            lines: lines.collect(),
            ended: ended.collect(),
            sdp: negotiated.answer,
        }
    }
}
