//! Plans what each slot of a receiver gets, with what its room knows, and tells the receiver.

use std::time::Instant;

use sfu_protocol::ids::ParticipantId;
use sfu_protocol::signal::NodeMessage;

use super::Shard;
use crate::io::{ConnectionId, Departures};
use crate::share::{self, Rank};

impl Shard {
    /// It is time for another plan.
    pub(super) fn share(&mut self, now: Instant, out: &mut Departures, id: ConnectionId) {
        let Some((room_id, participant)) = self.stage.get(id).map(|c| (c.room, c.participant))
        else {
            return;
        };
        let room = self.rooms.get(&room_id);
        let seat = room.and_then(|room| room.seat(participant));
        let speaker = room.and_then(|room| room.speaker_for(participant));
        let rank = |place: usize, shown: ParticipantId| Rank {
            priority: seat
                .and_then(|seat| seat.slots.get(place)?.as_ref())
                .map_or(0, |slot| slot.priority),
            is_speaker: speaker == Some(shown),
        };
        let slots = share::plan(&mut self.stage, now, out, id, rank);
        if slots.is_empty() {
            return;
        }
        self.in_room(room_id, now, out, |room, effects| {
            room.tell(participant, NodeMessage::Paused { slots }, effects)
        });
    }
}
