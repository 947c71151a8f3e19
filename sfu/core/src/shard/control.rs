//! What `api` asks and link peers say: one function a request.

use std::time::Instant;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sfu_protocol::control::{ControlReply, ControlRequest, RoomReport};
use sfu_protocol::ids::{RecordingId, RoomId, TrackId};
use sfu_protocol::link::{EndReason, FromNode, LINK_VERSION, TapeEnd, ToNode};
use sfu_protocol::signal::{ByeReason, LeaveReason, RecordingNotice, RecordingTrouble};

use super::Shard;
use crate::comeback;
use crate::io::{Departures, Output, PeerId, RequestId};
use crate::link::Start;
use crate::room::Room;
use crate::room::presence::Bye;

impl Shard {
    pub(super) fn on_control(
        &mut self,
        now: Instant,
        request: RequestId,
        body: ControlRequest,
        out: &mut Departures,
    ) {
        let mut reply = ControlReply::Done {};
        match body {
            ControlRequest::CloseRoom { room, reason } => {
                let participants = self.participants();
                self.dismiss_room(now, out, room, (reason, participants));
            }
            ControlRequest::RemoveParticipant { room, participant } => {
                // One who is not here may have a grant all the same.
                self.removed
                    .remember(room, participant, None, self.clock.at(now));
                let (reason, bye) = (LeaveReason::Removed, Some(ByeReason::Removed.into()));
                self.in_room(room, now, out, |room, effects| {
                    room.leave(participant, reason, bye, now, effects);
                });
            }
            ControlRequest::ListRooms {} => reply = self.list_rooms(),
            ControlRequest::Drain {} => self.drain(now, out),
        }
        self.outputs.push_back(Output::Control { request, reply });
    }

    fn list_rooms(&self) -> ControlReply {
        let report = |room: &Room| RoomReport {
            room: room.id,
            participants: room.participants().collect(),
            recording: room.recording.as_ref().map(|notice| notice.recording),
        };
        ControlReply::Rooms {
            rooms: self.rooms.values().map(report).collect(),
        }
    }

    /// Takes nobody any more and sends everyone elsewhere.
    fn drain(&mut self, now: Instant, out: &mut Departures) {
        self.draining = true;
        let participants = self.participants();
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in rooms {
            if let Some(recording) = self.tapes.of_room(id) {
                self.end_recording(now, out, recording, EndReason::Draining);
            }
            self.dismiss_room(now, out, id, (ByeReason::Draining, participants));
        }
    }

    /// Sends everyone of a room away: those who may come back, at different moments, counted
    /// from how many participants are sent away at once.
    fn dismiss_room(
        &mut self,
        now: Instant,
        out: &mut Departures,
        room: RoomId,
        (reason, participants): (ByeReason, usize),
    ) {
        let mut chance = ChaCha12Rng::seed_from_u64(self.chance());
        let bye = || {
            let spread = || comeback::retry_after_ms(participants, chance.next_u64());
            Bye {
                reason,
                retry_after_ms: (reason == ByeReason::Draining).then(spread),
            }
        };
        self.in_room(room, now, out, |room, effects| {
            room.close(bye, now, effects)
        });
    }

    pub(super) fn on_link(
        &mut self,
        now: Instant,
        peer: PeerId,
        frame: ToNode,
        out: &mut Departures,
    ) {
        if !self.followers.knows(peer) {
            return;
        }
        match frame {
            ToNode::Hello { .. } => {
                let frame = FromNode::Welcome {
                    version: LINK_VERSION,
                    now: self.clock.at(now),
                };
                self.outputs.push_back(Output::Link { peer, frame });
            }
            ToNode::Follow { after } => {
                let missed = self.followers.follow(peer, after);
                let outputs = missed
                    .into_iter()
                    .map(|(peer, frame)| Output::Link { peer, frame });
                self.outputs.extend(outputs);
            }
            ToNode::Record {
                recording,
                room,
                started_by,
                have,
            } => self.on_record(now, peer, (recording, room, started_by, &have), out),
            ToNode::StopRecord { recording } => match self.tapes.room_of(recording) {
                Some(_) => self.end_recording(now, out, recording, EndReason::Asked),
                None => self.tapes.repeat_end(recording, peer, self.clock.at(now)),
            },
            ToNode::Ack {
                recording,
                tape,
                through,
            } => self.tapes.ack(recording, tape, through),
            ToNode::Trouble { recording, reason } => {
                if let Some(room) = self.tapes.room_held_by(recording, peer) {
                    let trouble = reason.map(|reason| RecordingTrouble {
                        reason,
                        since_ms: self.clock.at(now).as_ms(),
                    });
                    self.in_room(room, now, out, |room, effects| {
                        room.set_recording_trouble(trouble, effects)
                    });
                }
            }
        }
    }

    pub(super) fn on_link_closed(&mut self, peer: PeerId) {
        self.followers.closed(peer);
        self.tapes.peer_gone(peer);
    }

    fn on_record(
        &mut self,
        now: Instant,
        peer: PeerId,
        (recording, room, started_by, have): (RecordingId, RoomId, String, &[TapeEnd]),
        out: &mut Departures,
    ) {
        let at = self.clock.at(now);
        let full = self.rooms.len() >= self.limits.rooms;
        let known = self.tapes.knows(recording);
        if !known && (self.draining || (full && !self.rooms.contains_key(&room))) {
            return self.tapes.repeat_end(recording, peer, at);
        }
        match self.tapes.start(recording, room, peer, have, at) {
            Start::New => {}
            Start::Again { gaps: true } => return self.refresh_tapes(now, out, recording),
            Start::Again { gaps: false } | Start::Refused => return,
        }
        self.rooms
            .entry(room)
            .or_insert_with(|| Room::new(room, now, self.limits.last_n));
        let notice = RecordingNotice {
            recording,
            started_by,
            started_at_ms: at.as_ms(),
            trouble: None,
        };
        self.in_room(room, now, out, |room, effects| {
            room.set_recording(Some(notice), effects)
        });
        self.record_everyone(now, out, room);
    }

    fn record_everyone(&mut self, now: Instant, out: &mut Departures, room: RoomId) {
        for id in self.connections_of(room) {
            let (Some((_, participant)), Some(uplink)) =
                (self.stage.owner(id), self.stage.uplink(id))
            else {
                continue;
            };
            let lines = uplink.lines();
            let lines: Vec<_> = lines.map(|(index, line)| (index, line.source)).collect();
            for (index, source) in lines {
                let track = TrackId {
                    participant,
                    source,
                };
                self.record_line(now, out, room, (id, index), track);
            }
        }
    }
}
