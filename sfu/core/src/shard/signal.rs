//! What clients say: one function a message.

use std::time::Instant;

use rand_chacha::rand_core::RngCore;
use sfu_protocol::grant::Grant;
use sfu_protocol::ids::{ParticipantId, RoomId, TrackId};
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{
    ByeReason, ClientMessage, Envelope, LeaveReason, NodeMessage, PublishLine, RefusedCode, Slot,
    SlotId, TrackState, Want,
};

use super::Shard;
use crate::connection::Negotiated;
use crate::connection::negotiate::{self, OfferError, Plan};
use crate::connection::uplink::Subscriber;
use crate::forward;
use crate::io::{ConnectionId, Departures, Output, SignalId};
use crate::room::presence::Arrival;
use crate::room::{Allowance, Refusal, Room};

/// How long a client that was refused for want of room waits before it tries again.
const RETRY_AFTER_REFUSAL_MS: u32 = 5_000;

/// Who says it.
type Sayer = (RoomId, ParticipantId);

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
        if let Some(refusal) = self.no_room_for(grant) {
            return self.turn_away(signal, refusal);
        }
        let new_key = format!("{:016x}{:016x}", self.chance(), self.chance());
        let at = self.clock.at(now);
        let room = self
            .rooms
            .entry(grant.room)
            .or_insert_with(|| Room::new(grant.room, now));
        let id = room.id;
        let arrival = Arrival {
            signal,
            grant,
            resume,
            new_key,
            now,
            at,
        };
        self.in_room(id, now, out, |room, effects| room.arrive(arrival, effects));
        self.signals.insert(signal, (id, grant.participant));
    }

    fn no_room_for(&self, grant: &Grant) -> Option<Refusal> {
        if self.draining {
            return Some(Refusal::new(RefusedCode::Draining, "this node is stopping"));
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
        let bye = NodeMessage::Bye {
            reason: if draining {
                ByeReason::Draining
            } else {
                ByeReason::Refused
            },
            retry_after_ms: Some(RETRY_AFTER_REFUSAL_MS),
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
        signal: SignalId,
        out: &mut Departures,
    ) {
        if let Some((room, participant)) = self.signals.remove(&signal) {
            self.in_room(room, now, out, |room, effects| {
                room.lose(participant, signal, now, effects)
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
        let about = name_of(&message);
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

    fn tell(
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
            room.leave(participant, reason, Some(bye), now, effects);
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
        let seat = self
            .rooms
            .get(&room)
            .and_then(|room| room.seat(participant));
        let connection = seat.and_then(|seat| seat.connection);
        let heights = self.in_room(room, now, out, |room, effects| {
            room.want(participant, wants, effects)
        });
        let heights = heights.unwrap_or(Ok(Vec::new()))?;
        let Some(connection) = connection else {
            return Ok(());
        };
        for (slot, max_height) in heights {
            let to = Subscriber { connection, slot };
            if let Some(slot) = self
                .stage
                .get_mut(connection)
                .and_then(|c| c.slot_mut(slot))
            {
                slot.max_height = max_height;
            }
            forward::aim(&mut self.stage, now, out, to);
        }
        Ok(())
    }

    fn on_offer(
        &mut self,
        now: Instant,
        sayer: Sayer,
        (revision, sdp, publish): (u32, &str, &[PublishLine]),
        out: &mut Departures,
    ) -> Result<(), Refusal> {
        let (room_id, participant) = sayer;
        let plan = negotiate::plan(sdp, publish).map_err(refusal_of)?;
        let room = self.rooms.get(&room_id).ok_or(GONE)?;
        if !room.may_publish(participant, publish.iter().map(|line| line.source)) {
            return Err(Refusal::new(
                RefusedCode::NotAllowed,
                "you may not publish this",
            ));
        }
        let id = self.connection_for(now, sayer, &plan, out)?;
        let negotiated = self.negotiate(now, id, sdp, &plan, out)?;
        for (_, line) in &negotiated.ended {
            self.close_tapes(now, &line.tapes);
        }
        for (slot, feed) in &negotiated.unfed {
            let to = Subscriber {
                connection: id,
                slot: *slot,
            };
            forward::unsubscribe(&mut self.stage, to, *feed);
        }
        let slots = self.slots_of(id);
        let answer = NodeMessage::Answer {
            revision,
            sdp: negotiated.answer,
            slots: slots
                .iter()
                .map(|(_, slot, kind)| Slot {
                    slot: slot.clone(),
                    kind: *kind,
                })
                .collect(),
        };
        let codecs = self.stage.get(id).map(|c| c.codecs()).unwrap_or_default();
        let lines: Vec<_> = publish
            .iter()
            .map(|line| (line.source, line.state))
            .collect();
        let mut draws: Vec<u64> = (0..lines.len() * 9)
            .map(|_| self.chance.next_u64())
            .collect();
        self.in_room(room_id, now, out, |room, effects| {
            let mut chance = || draws.pop().unwrap_or(1);
            room.set_connection(participant, id);
            room.tell(participant, answer, effects);
            room.set_slots(participant, slots, codecs, effects);
            room.publish(participant, &lines, &mut chance, effects);
        });
        for (_, line) in &negotiated.ended {
            self.put_again(now, out, room_id, line);
        }
        Ok(())
    }

    /// The participant's transport, or a new one: for the first offer, and when a browser made a
    /// new peer connection (its certificate differs).
    fn connection_for(
        &mut self,
        now: Instant,
        sayer: Sayer,
        plan: &Plan,
        out: &mut Departures,
    ) -> Result<ConnectionId, Refusal> {
        let (room, participant) = sayer;
        let seat = self
            .rooms
            .get(&room)
            .and_then(|room| room.seat(participant));
        if let Some(id) = seat.and_then(|seat| seat.connection) {
            let known = self.stage.get(id);
            if known.is_some_and(|connection| connection.is_with(plan)) {
                return Ok(id);
            }
            self.on_closed(now, out, id);
        }
        let chance = &mut self.chance;
        let opened = self
            .stage
            .open(room, participant, &mut || chance.next_u64(), now);
        opened.ok_or(Refusal::new(
            RefusedCode::LimitReached,
            "this node has no place for another connection",
        ))
    }

    fn negotiate(
        &mut self,
        now: Instant,
        id: ConnectionId,
        sdp: &str,
        plan: &Plan,
        out: &mut Departures,
    ) -> Result<Negotiated, Refusal> {
        let chance = &mut self.chance;
        let mut chance = || chance.next_u64();
        let credentials = self.stage.credentials(id, &mut chance);
        let negotiated = self.stage.step(id, now, out, |connection, step| {
            connection.negotiate(step, sdp, plan, credentials, &mut chance)
        });
        let failed = match negotiated {
            Some(Ok(negotiated)) => return Ok(negotiated),
            Some(Err(error)) => refusal_of(error),
            None => Refusal::new(RefusedCode::Internal, "the offer could not be handled"),
        };
        if self
            .stage
            .get(id)
            .is_some_and(|connection| !connection.was_negotiated())
        {
            self.end_connection(now, out, id);
        }
        Err(failed)
    }

    fn slots_of(&self, id: ConnectionId) -> Vec<(usize, SlotId, Kind)> {
        let Some(connection) = self.stage.get(id) else {
            return Vec::new();
        };
        connection
            .slots()
            .map(|(index, slot)| (index, slot.id.clone(), slot.kind))
            .collect()
    }
}

const GONE: Refusal = Refusal::new(RefusedCode::NotFound, "the room is gone");

fn refusal_of(error: OfferError) -> Refusal {
    match error {
        OfferError::TooLarge => Refusal::new(RefusedCode::LimitReached, "the offer is too large"),
        OfferError::TooManySlots => Refusal::new(RefusedCode::LimitReached, "too many slots"),
        OfferError::BadMid => Refusal::new(
            RefusedCode::OfferUnusable,
            "every m-line needs a short mid of its own",
        ),
        OfferError::BadPublish => Refusal::new(
            RefusedCode::OfferUnusable,
            "publish names an m-line that does not send this source",
        ),
        OfferError::BadLayers => Refusal::new(
            RefusedCode::OfferUnusable,
            "the simulcast layers cannot be used",
        ),
        OfferError::Unusable => Refusal::new(
            RefusedCode::OfferUnusable,
            "the session description could not be applied",
        ),
    }
}

/// The `type` of a message on the wire.
fn name_of(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Join { .. } => "join",
        ClientMessage::Offer { .. } => "offer",
        ClientMessage::Want { .. } => "want",
        ClientMessage::SetTrack { .. } => "set_track",
        ClientMessage::MuteOther { .. } => "mute_other",
        ClientMessage::Remove { .. } => "remove",
        ClientMessage::Leave {} => "leave",
        ClientMessage::Ping { .. } => "ping",
    }
}
