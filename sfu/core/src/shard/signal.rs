//! What clients say: one function a message.

use std::time::{Duration, Instant};

use sfu_protocol::grant::Grant;
use sfu_protocol::ids::{ParticipantId, RoomId, TrackId};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, Envelope, LeaveReason, NodeMessage, RefusedCode, TrackState, Want,
};

use super::Shard;
use crate::comeback;
use crate::io::{Departures, Output, SignalId};
use crate::room::presence::Arrival;
use crate::room::{Allowance, Refusal, Room};

/// How long a client that was refused for want of room waits before it tries again.
const RETRY_AFTER_REFUSAL_MS: u32 = 5_000;

/// Who says it.
pub(super) type Sayer = (RoomId, ParticipantId);

impl Shard {
    pub(super) fn on_signal_opened(
        &mut self,
        now: Instant,
        signal: SignalId,
        grant: &Grant,
        resume: Option<(String, u64)>,
        out: &mut Departures,
    ) {
        if self.signals.contains_key(&signal) {
            return;
        }
        if let Some(refusal) = self.no_room_for(grant, now) {
            return self.turn_away(signal, refusal);
        }
        let room = self.rooms.get_mut(&grant.room);
        let allowance = room.map(|room| room.spend_arrival(grant.participant, now));
        if allowance.is_some_and(|allowance| allowance != Allowance::Granted) {
            let refusal = Refusal::new(RefusedCode::LimitReached, "you come and go too often");
            return self.turn_away(signal, refusal);
        }
        let reconnect_within_ms = comeback::reconnect_within_ms(self.participants() + 1);
        let new_key = format!("{:016x}{:016x}", self.chance(), self.chance());
        let at = self.clock.at(now);
        let room = self
            .rooms
            .entry(grant.room)
            .or_insert_with(|| Room::new(grant.room, now, self.limits.last_n));
        let id = room.id;
        let arrival = Arrival {
            signal,
            grant,
            resume,
            new_key,
            reconnect_within_ms,
            now,
            at,
        };
        self.in_room(id, now, out, |room, effects| room.arrive(arrival, effects));
        let arrived = (id, grant.participant);
        self.signals.insert(signal, arrived);
        self.repeat_layers(now, arrived, out);
    }

    pub(super) fn on_posted(
        &mut self,
        now: Instant,
        signal: SignalId,
        grant: &Grant,
        out: &mut Departures,
    ) {
        self.on_signal_opened(now, signal, grant, None, out);
        let room = self.rooms.get_mut(&grant.room);
        if let (Some(room), true) = (room, self.signals.contains_key(&signal)) {
            room.keep_with_transport(grant.participant);
        }
    }

    fn no_room_for(&self, grant: &Grant, now: Instant) -> Option<Refusal> {
        if self.draining {
            return Some(Refusal::new(RefusedCode::Draining, "this node is stopping"));
        }
        if self.removed.forbids(grant, self.clock.at(now)) {
            return Some(Refusal::new(
                RefusedCode::NotAllowed,
                "you were sent out of this room",
            ));
        }
        match self.rooms.get(&grant.room) {
            None if self.rooms.len() >= self.limits.rooms => Some(Refusal::new(
                RefusedCode::LimitReached,
                "this node has no place for another room",
            )),
            Some(room)
                if room.len() >= self.limits.participants_per_room
                    && room.seat(grant.participant).is_none() =>
            {
                Some(Refusal::new(RefusedCode::LimitReached, "the room is full"))
            }
            _ => None,
        }
    }

    /// Says no to a WebSocket that is not let in.
    fn turn_away(&mut self, signal: SignalId, refusal: Refusal) {
        let draining = refusal.code == RefusedCode::Draining;
        let refused = NodeMessage::Refused {
            about: "join".to_owned(),
            code: refusal.code,
            message: refusal.message.to_owned(),
        };
        let (reason, retry_after_ms) = if draining {
            let chance = self.chance();
            let wait = comeback::retry_after_ms(self.participants(), chance);
            (ByeReason::Draining, wait)
        } else {
            (ByeReason::Refused, RETRY_AFTER_REFUSAL_MS)
        };
        let bye = NodeMessage::Bye {
            reason,
            retry_after_ms: Some(retry_after_ms),
        };
        for (seq, message) in (1..).zip([refused, bye]) {
            let envelope = Box::new(Envelope { seq, message });
            self.outputs.push_back(Output::Signal { signal, envelope });
        }
        self.outputs.push_back(Output::CloseSignal { signal });
    }

    pub(super) fn on_signal_closed(
        &mut self,
        now: Instant,
        (signal, grace): (SignalId, Duration),
        out: &mut Departures,
    ) {
        if let Some((room, participant)) = self.signals.remove(&signal) {
            self.in_room(room, now, out, |room, effects| {
                room.lose(participant, (signal, grace), now, effects)
            });
        }
    }

    pub(super) fn on_signal(
        &mut self,
        now: Instant,
        signal: SignalId,
        message: ClientMessage,
        out: &mut Departures,
    ) {
        let Some(&sayer) = self.signals.get(&signal) else {
            return;
        };
        let (room, participant) = sayer;
        let about = message.name();
        let allowance = self
            .rooms
            .get_mut(&room)
            .map(|room| room.spend(participant, now));
        let outcome = match allowance {
            Some(Allowance::Granted) => self.carry_message(now, sayer, message, out),
            Some(Allowance::Exhausted) => {
                return self.send_away(now, sayer, ByeReason::Refused, out);
            }
            _ => Err(Refusal::new(RefusedCode::LimitReached, "too many messages")),
        };
        if let Err(refusal) = outcome {
            let refused = NodeMessage::Refused {
                about: about.to_owned(),
                code: refusal.code,
                message: refusal.message.to_owned(),
            };
            self.tell(now, sayer, refused, out);
        }
    }

    fn carry_message(
        &mut self,
        now: Instant,
        sayer: Sayer,
        message: ClientMessage,
        out: &mut Departures,
    ) -> Result<(), Refusal> {
        match message {
            ClientMessage::Join { .. } => {
                Err(Refusal::new(RefusedCode::Malformed, "you are in already"))
            }
            ClientMessage::Offer {
                revision,
                sdp,
                publish,
            } => self.on_offer(now, sayer, (revision, &sdp, &publish), out),
            ClientMessage::Want { wants } => self.on_want(now, sayer, &wants, out),
            ClientMessage::SetTrack { source, state } => {
                self.on_set_track(now, sayer, source, state, out)
            }
            ClientMessage::MuteOther {
                participant,
                source,
            } => {
                let track = TrackId {
                    participant,
                    source,
                };
                self.decide(now, sayer, out, |room, by, effects| {
                    room.mute_other(by, track, now, effects)
                })
            }
            ClientMessage::Remove { participant } => {
                self.decide(now, sayer, out, |room, by, effects| {
                    room.remove(by, participant, now, effects)
                })
            }
            ClientMessage::Leave {} => {
                self.send_away(now, sayer, ByeReason::Left, out);
                Ok(())
            }
            ClientMessage::Ping { sent_at_ms } => {
                let server_time_ms = self.clock.at(now).as_ms();
                let pong = NodeMessage::Pong {
                    sent_at_ms,
                    server_time_ms,
                };
                self.tell(now, sayer, pong, out);
                Ok(())
            }
        }
    }

    fn decide(
        &mut self,
        now: Instant,
        (room, by): Sayer,
        out: &mut Departures,
        decide: impl FnOnce(&mut Room, ParticipantId, &mut crate::room::Effects) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let decided = self.in_room(room, now, out, |room, effects| decide(room, by, effects));
        decided.unwrap_or(Ok(()))
    }

    pub(super) fn tell(
        &mut self,
        now: Instant,
        (room, participant): Sayer,
        message: NodeMessage,
        out: &mut Departures,
    ) {
        self.in_room(room, now, out, |room, effects| {
            room.tell(participant, message, effects)
        });
    }

    fn send_away(
        &mut self,
        now: Instant,
        (room, participant): Sayer,
        bye: ByeReason,
        out: &mut Departures,
    ) {
        let reason = LeaveReason::Left;
        self.in_room(room, now, out, |room, effects| {
            room.leave(participant, reason, Some(bye.into()), now, effects);
        });
    }

    fn on_set_track(
        &mut self,
        now: Instant,
        sayer: Sayer,
        source: Source,
        state: TrackState,
        out: &mut Departures,
    ) -> Result<(), Refusal> {
        self.decide(now, sayer, out, |room, by, effects| {
            if room.spend_change(by, now) != Allowance::Granted {
                return Err(Refusal::new(RefusedCode::LimitReached, "too many changes"));
            }
            room.set_track(by, source, state, now, effects)
        })
    }

    fn on_want(
        &mut self,
        now: Instant,
        sayer: Sayer,
        wants: &[Want],
        out: &mut Departures,
    ) -> Result<(), Refusal> {
        let (room, participant) = sayer;
        let connection = self.seat_of(sayer).and_then(|seat| seat.connection);
        let wishes = self.in_room(room, now, out, |room, effects| {
            room.want(participant, wants, effects)
        });
        let wishes = wishes.unwrap_or(Ok(Vec::new()))?;
        if let Some(connection) = connection {
            self.serve_at(now, out, connection, wishes);
        }
        Ok(())
    }
}
