//! What other shards of the node say: one function a frame.

use std::time::Instant;

use sfu_protocol::link::shards::{ConnectionId, News, SHARD_LINK_VERSION, ShardFrame};

use super::Shard;
use crate::connection::uplink::SenderReport;
use crate::io::Departures;
use crate::media::demand::LayerSet;
use crate::media::packet::MAX_LAYERS;
use crate::{forward, span, subscribe};

impl Shard {
    /// Another shard can be reached, once it has said so too.
    pub(super) fn on_shard_opened(&mut self, shard: u16) {
        let version = SHARD_LINK_VERSION;
        self.stage.tell_shard(shard, ShardFrame::Hello { version });
    }

    /// Another shard cannot be reached. What either had of the other is over.
    pub(super) fn on_shard_closed(&mut self, now: Instant, shard: u16, out: &mut Departures) {
        self.stage.set_reached(shard, false);
        span::forget_shard(&mut self.stage, now, shard);
        self.forget_home(now, out, shard);
        self.forget_branch(now, out, shard);
    }

    pub(super) fn on_shard(
        &mut self,
        now: Instant,
        shard: u16,
        frame: ShardFrame,
        out: &mut Departures,
    ) {
        if let ShardFrame::Hello { version } = frame {
            self.stage.set_reached(shard, version == SHARD_LINK_VERSION);
            return span::reached(&mut self.stage, now, shard);
        }
        if !self.stage.reaches(shard) {
            return;
        }
        match frame {
            ShardFrame::Pull { .. }
            | ShardFrame::Release { .. }
            | ShardFrame::Keyframe { .. }
            | ShardFrame::Shape { .. }
            | ShardFrame::Packet { .. }
            | ShardFrame::SenderReport { .. } => self.on_crossing(now, shard, frame, out),
            ShardFrame::Answered { .. }
            | ShardFrame::Refused { .. }
            | ShardFrame::News { .. }
            | ShardFrame::Levels { .. } => self.on_branch(now, frame, out),
            frame => self.on_home(now, shard, frame, out),
        }
    }

    /// A home says what is to be done.
    fn on_home(&mut self, now: Instant, home: u16, frame: ShardFrame, out: &mut Departures) {
        match frame {
            ShardFrame::Offer(offer) => self.on_offered(now, out, home, &offer),
            ShardFrame::Put { puts, charged } => self.on_put(now, out, &puts, charged),
            ShardFrame::Want { connection, wishes } => self.serve(now, out, connection, &wishes),
            ShardFrame::Flow { line, flows } => {
                let from = span::place_of(line);
                let known = self.stage.line(from);
                if known.is_some_and(|known| known.take == line.take) {
                    subscribe::set_flowing(&mut self.stage, now, out, from, flows);
                }
            }
            ShardFrame::Speaking { room, participants } => {
                if let Some(branch) = self.branches.get_mut(&room) {
                    branch.speaking = participants;
                }
            }
            ShardFrame::Repeat { connection } => self.repeat_layers_of(now, out, connection),
            ShardFrame::Close { connection } => self.on_close(now, out, connection),
            _ => {}
        }
    }

    /// A branch says what happened.
    fn on_branch(&mut self, now: Instant, frame: ShardFrame, out: &mut Departures) {
        match frame {
            ShardFrame::Answered { request, answered } => {
                self.on_answer(now, out, request, *answered);
            }
            ShardFrame::Refused {
                request,
                code,
                message,
            } => self.on_refused(now, out, request, (code, message)),
            ShardFrame::News { connection, news } => self.on_news_of(now, out, connection, news),
            ShardFrame::Levels { room, voices } => {
                for (who, level_dbov) in voices {
                    if self.rooms.get(&room).is_some_and(|room| room.hears(who)) {
                        self.on_level(now, (room, who), level_dbov);
                    }
                }
            }
            _ => {}
        }
    }

    /// Of a transport that ended meanwhile nothing is news.
    fn on_news_of(
        &mut self,
        now: Instant,
        out: &mut Departures,
        connection: ConnectionId,
        news: News,
    ) {
        if let Some(owner) = self.stage.owner(connection) {
            self.on_news(now, out, connection, owner, news);
        }
    }

    /// Media, and what is said of it.
    fn on_crossing(&mut self, now: Instant, shard: u16, frame: ShardFrame, out: &mut Departures) {
        let stage = &mut self.stage;
        match frame {
            ShardFrame::Pull { line, layers } => {
                let layers = Some(LayerSet::of_bits(layers));
                span::pulled(stage, now, shard, line, layers);
            }
            ShardFrame::Release { line } => span::pulled(stage, now, shard, line, None),
            ShardFrame::Keyframe { line, layer } => span::asked(stage, now, out, line, layer),
            ShardFrame::Shape { line, shape } => span::shaped(stage, now, out, line, &shape),
            ShardFrame::Packet { line, packet } => span::came(stage, now, line, packet),
            ShardFrame::SenderReport {
                line,
                layer,
                ntp,
                timestamp,
            } => {
                let known = span::mirrors(stage, line) && usize::from(layer) < MAX_LAYERS;
                let report = SenderReport { ntp, timestamp };
                let from = span::place_of(line);
                if known {
                    let tapes = &mut self.tapes;
                    forward::sender_report(stage, tapes, now, from, layer, report);
                }
            }
            _ => {}
        }
    }
}
