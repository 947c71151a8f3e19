//! Tells publishers which of their layers anybody receives.

use std::time::Instant;

use sfu_protocol::media::Source;
use sfu_protocol::signal::NodeMessage;

use super::Shard;
use super::signal::Sayer;
use crate::io::{ConnectionId, Departures};
use crate::wanted;

impl Shard {
    /// What is wanted of a publisher may have changed.
    pub(super) fn weigh_layers(&mut self, now: Instant, out: &mut Departures, id: ConnectionId) {
        let Some(publisher) = self.stage.get(id).map(|c| (c.room, c.participant)) else {
            return;
        };
        let told = wanted::weigh(&mut self.stage, now, id);
        self.tell_layers(now, publisher, told, out);
    }

    /// Tells a publisher that came back again, for it may have missed more than is kept.
    pub(super) fn repeat_layers(&mut self, now: Instant, publisher: Sayer, out: &mut Departures) {
        let (room, participant) = publisher;
        let room = self.rooms.get(&room);
        let seat = room.and_then(|room| room.seat(participant));
        let Some(id) = seat.and_then(|seat| seat.connection) else {
            return;
        };
        let told = wanted::told(&self.stage, id);
        self.tell_layers(now, publisher, told, out);
    }

    fn tell_layers(
        &mut self,
        now: Instant,
        (room, participant): Sayer,
        told: Vec<(Source, Vec<String>)>,
        out: &mut Departures,
    ) {
        for (source, wanted) in told {
            self.in_room(room, now, out, |room, effects| {
                room.tell(participant, NodeMessage::Layers { source, wanted }, effects)
            });
        }
    }
}
