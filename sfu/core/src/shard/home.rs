//! A room and its transports, which may be on other shards: where each goes, what is told of them
//! and what they tell. What concerns a transport of this shard is done at once.

use std::time::Instant;

use sfu_protocol::ids::RoomId;
use sfu_protocol::link::shards::{Answered, AnsweredLine, News, Offer, ShardFrame};
use sfu_protocol::signal::{NodeMessage, PublishLine, RefusedCode};

use super::Shard;
use super::signal::Sayer;
use crate::connection::uplink::Line;
use crate::io::{ConnectionId, Departures};
use crate::mirror::Mirror;
use crate::room::Refusal;
use crate::span;

/// Offers that other shards have not answered. Beyond it offers are refused.
pub(super) const MAX_PENDING: usize = 4_096;

/// An offer that another shard is to answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) shard: u16,
    pub(super) sayer: Sayer,
    /// The participant's place in the order of joining: somebody who joined again is another.
    pub(super) order: u64,
    pub(super) revision: u32,
    pub(super) publish: Vec<PublishLine>,
}

impl Shard {
    /// Something happened to a transport that is here: its room hears of it.
    pub(super) fn tell_home(
        &mut self,
        now: Instant,
        out: &mut Departures,
        connection: ConnectionId,
        (room, participant): Sayer,
        news: News,
    ) {
        if self.rooms.contains_key(&room) {
            return self.on_news(now, out, connection, (room, participant), news);
        }
        let closed = matches!(news, News::Closed { .. });
        if let Some(home) = self.branches.get(&room).map(|branch| branch.home) {
            let frame = ShardFrame::News { connection, news };
            self.stage.tell_shard(home, frame);
        }
        if closed {
            self.left_branch((room, participant));
        }
    }

    /// Something happened to a transport of a room that is here.
    pub(super) fn on_news(
        &mut self,
        now: Instant,
        out: &mut Departures,
        id: ConnectionId,
        (room, participant): Sayer,
        news: News,
    ) {
        match news {
            News::Path { lost } => {
                self.in_room(room, now, out, |room, effects| {
                    room.set_path(participant, id, lost, effects)
                });
            }
            News::Silent => {
                self.in_room(room, now, out, |room, effects| {
                    room.set_silent(participant, id, now, effects)
                });
            }
            News::Closed { bound_to, broke } => {
                self.forget_publisher(now, id);
                self.in_room(room, now, out, |room, effects| {
                    room.disconnect(participant, (id, bound_to), now, effects)
                });
                if broke {
                    self.ask_for_another((room, participant), now, out);
                }
            }
            News::Codec { line, codec } => {
                let from = (id, usize::from(line));
                if let Some(mirror) = self.stage.line_mut(from) {
                    mirror.codec = Some(codec);
                }
                let Some((room, track)) = self.track_of(from) else {
                    return;
                };
                self.in_room(room, now, out, |room, effects| {
                    room.set_codec(track, codec, effects)
                });
                self.record_line(now, out, room, from, track);
            }
            News::Layers { source, wanted } => {
                let message = NodeMessage::Layers { source, wanted };
                self.tell(now, (room, participant), message, out);
            }
            News::Paused { slots } => {
                let message = NodeMessage::Paused { slots };
                self.tell(now, (room, participant), message, out);
            }
        }
    }

    /// A client is told that its connection is no more and that it is to begin another.
    fn ask_for_another(&mut self, sayer: Sayer, now: Instant, out: &mut Departures) {
        let refused = NodeMessage::Refused {
            about: "offer".to_owned(),
            code: RefusedCode::Internal,
            message: "the connection broke and was ended: make a new one".to_owned(),
        };
        self.tell(now, sayer, refused, out);
    }

    /// The shard that a participant's transport is or is to be on.
    pub(super) fn shard_for(&mut self, (room, participant): Sayer) -> u16 {
        let here = self.stage.shard();
        // In the order in which they are filled.
        let after = self.stage.others().filter(|shard| *shard > here);
        let before = self.stage.others().filter(|shard| *shard < here);
        let shards: Vec<u16> = [here].into_iter().chain(after).chain(before).collect();
        let per_shard = self.limits.participants_per_shard;
        let room = self.rooms.get_mut(&room);
        room.map_or(here, |room| room.shard_for(participant, &shards, per_shard))
    }

    /// Has another shard answer an offer.
    pub(super) fn hand_on(
        &mut self,
        shard: u16,
        (sayer, revision): (Sayer, u32),
        (spent, sdp, publish): (Option<String>, &str, &[PublishLine]),
    ) -> Result<(), Refusal> {
        let (room, participant) = sayer;
        let order = self.seat_of(sayer).map_or(0, |seat| seat.order);
        if self.pending.len() >= MAX_PENDING {
            return Err(Refusal::new(RefusedCode::LimitReached, "too many offers"));
        }
        self.last_request += 1;
        let request = self.last_request;
        let pending = Pending {
            shard,
            sayer,
            order,
            revision,
            publish: publish.to_vec(),
        };
        self.pending.insert(request, pending);
        let offer = Box::new(Offer {
            request,
            room,
            participant,
            spent,
            sdp: sdp.to_owned(),
            publish: publish.to_vec(),
        });
        self.stage.tell_shard(shard, ShardFrame::Offer(offer));
        Ok(())
    }

    /// Another shard has answered an offer.
    pub(super) fn on_answer(
        &mut self,
        now: Instant,
        out: &mut Departures,
        request: u64,
        answered: Answered,
    ) {
        let Some(pending) = self.pending.remove(&request) else {
            return;
        };
        let room = pending.sayer.0;
        let seat = self.seat_of(pending.sayer);
        if seat.is_none_or(|seat| seat.order != pending.order) {
            let connection = answered.connection;
            let shard = connection.shard;
            self.stage
                .tell_shard(shard, ShardFrame::Close { connection });
            return;
        }
        let speaking = self.rooms.get(&room).map(|room| room.speaking().to_vec());
        self.mirror_lines(now, pending.sayer, &answered);
        let frame = ShardFrame::Speaking {
            room,
            participants: speaking.unwrap_or_default(),
        };
        self.stage.tell_shard(answered.connection.shard, frame);
        let (revision, publish) = (pending.revision, &pending.publish);
        self.on_answered(now, pending.sayer, (revision, publish), answered, out);
    }

    /// Another shard refuses an offer.
    pub(super) fn on_refused(
        &mut self,
        now: Instant,
        out: &mut Departures,
        request: u64,
        (code, message): (RefusedCode, String),
    ) {
        let Some(pending) = self.pending.remove(&request) else {
            return;
        };
        let seat = self.seat_of(pending.sayer);
        if seat.is_some_and(|seat| seat.order == pending.order) {
            let about = "offer".to_owned();
            let refused = NodeMessage::Refused {
                about,
                code,
                message,
            };
            self.tell(now, pending.sayer, refused, out);
        }
    }

    /// Keeps a mirror of what somebody on another shard publishes now.
    fn mirror_lines(&mut self, now: Instant, (room, participant): Sayer, answered: &Answered) {
        let id = answered.connection;
        let mirror = self
            .stage
            .mirror(id, || Mirror::new(room, participant, true));
        mirror.is_kept = true;
        mirror.fingerprint = answered.fingerprint.clone();
        let known: Vec<(usize, u32)> = mirror
            .uplink
            .lines()
            .map(|(index, line)| (index, line.take))
            .collect();
        let mut ended = Vec::new();
        for (index, take) in known {
            let is_it = |line: &AnsweredLine| (usize::from(line.line), line.take) == (index, take);
            if !answered.lines.iter().any(is_it) {
                ended.extend(mirror.uplink.replace(index, None));
            }
        }
        for line in &answered.lines {
            let index = usize::from(line.line);
            if mirror.uplink.line(index).is_none() {
                let fresh = Line::mirror(line.source, line.take);
                mirror.uplink.replace(index, Some(fresh));
            }
        }
        for line in &ended {
            self.close_tapes(now, &line.tapes);
            span::unfeed(&mut self.stage, Some(line));
        }
    }

    /// A publisher on another shard is no more.
    pub(super) fn forget_publisher(&mut self, now: Instant, id: ConnectionId) {
        let Some(mut mirror) = self.stage.remove_mirror(id) else {
            return;
        };
        for (_, line) in mirror.uplink.lines_mut() {
            self.close_tapes(now, &line.tapes);
            span::unfeed(&mut self.stage, Some(line));
        }
    }

    /// A shard is gone, and the transports that it had: their clients are asked for others, which
    /// go elsewhere, or there again once it is back.
    pub(super) fn forget_branch(&mut self, now: Instant, out: &mut Departures, shard: u16) {
        let (lost, rest) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(_, pending)| pending.shard == shard);
        self.pending = rest;
        let mut askers: Vec<Sayer> = lost.into_values().map(|pending| pending.sayer).collect();
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            let Some(known) = self.rooms.get_mut(&room) else {
                continue;
            };
            for (participant, connection) in known.leave_shard(shard) {
                let Some(id) = connection else {
                    continue;
                };
                askers.push((room, participant));
                // Whether its handshake was finished nobody can say any more.
                let mirror = self.stage.find_mirror(id);
                let bound_to = mirror.and_then(|mirror| mirror.fingerprint.clone());
                let news = News::Closed {
                    bound_to,
                    broke: false,
                };
                self.on_news(now, out, id, (room, participant), news);
            }
        }
        askers.sort_unstable();
        askers.dedup();
        for asker in askers {
            self.ask_for_another(asker, now, out);
        }
    }
}
