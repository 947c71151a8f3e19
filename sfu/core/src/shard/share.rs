//! Plans what each slot of a receiver gets, with what its room knows, and tells the receiver.

use std::time::Instant;

use sfu_protocol::link::shards::News;

use super::Shard;
use crate::io::{ConnectionId, Departures};
use crate::share;

impl Shard {
    /// It is time for another plan.
    pub(super) fn share(&mut self, now: Instant, out: &mut Departures, id: ConnectionId) {
        let Some(owner) = self.stage.owner(id) else {
            return;
        };
        let speaker = self.speaker_for(owner.0, owner.1);
        let slots = share::plan(&mut self.stage, now, out, id, speaker);
        if !slots.is_empty() {
            self.tell_home(now, out, id, owner, News::Paused { slots });
        }
    }
}
