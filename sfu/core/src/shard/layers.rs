//! Tells publishers which of their layers anybody receives, and other shards which we do.

use std::time::Instant;

use sfu_protocol::link::shards::{News, ShardFrame};
use sfu_protocol::media::Source;

use super::Shard;
use super::signal::Sayer;
use crate::io::{ConnectionId, Departures};
use crate::{span, wanted};

impl Shard {
    /// What is wanted of a publisher may have changed.
    pub(super) fn weigh_layers(&mut self, now: Instant, out: &mut Departures, id: ConnectionId) {
        if !self.stage.is_here(id) {
            return span::pull(&mut self.stage, now, id);
        }
        let told = wanted::weigh(&mut self.stage, now, id);
        self.tell_layers(now, out, id, told);
    }

    /// Tells a publisher that came back again, for it may have missed more than is kept.
    pub(super) fn repeat_layers(&mut self, now: Instant, publisher: Sayer, out: &mut Departures) {
        let seat = self.seat_of(publisher);
        let Some(connection) = seat.and_then(|seat| seat.connection) else {
            return;
        };
        if self.stage.is_here(connection) {
            return self.repeat_layers_of(now, out, connection);
        }
        let frame = ShardFrame::Repeat { connection };
        self.stage.tell_shard(connection.shard, frame);
    }

    pub(super) fn tell_layers(
        &mut self,
        now: Instant,
        out: &mut Departures,
        id: ConnectionId,
        told: Vec<(Source, Vec<String>)>,
    ) {
        let Some(owner) = self.stage.owner(id) else {
            return;
        };
        for (source, wanted) in told {
            self.tell_home(now, out, id, owner, News::Layers { source, wanted });
        }
    }
}
