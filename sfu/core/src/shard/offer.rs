//! An offer: planned, applied to a transport, answered, told to the room.

use std::time::Instant;

use rand_chacha::rand_core::RngCore;
use sfu_protocol::media::Kind;
use sfu_protocol::signal::{NodeMessage, PublishLine, RefusedCode, Slot, SlotId};

use super::Shard;
use super::signal::Sayer;
use crate::connection::Negotiated;
use crate::connection::negotiate::{self, OfferError, Plan};
use crate::connection::uplink::Subscriber;
use crate::io::{ConnectionId, Departures};
use crate::room::{Allowance, Refusal};
use crate::subscribe;

const GONE: Refusal = Refusal::new(RefusedCode::NotFound, "the room is gone");

impl Shard {
    pub(super) fn on_offer(
        &mut self,
        now: Instant,
        sayer: Sayer,
        (revision, sdp, publish): (u32, &str, &[PublishLine]),
        out: &mut Departures,
    ) -> Result<(), Refusal> {
        let (room_id, participant) = sayer;
        let room = self.rooms.get_mut(&room_id).ok_or(GONE)?;
        if room.spend_offer(participant, now) != Allowance::Granted {
            return Err(Refusal::new(RefusedCode::LimitReached, "too many offers"));
        }
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
            subscribe::unsubscribe(&mut self.stage, now, to, *feed);
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
        let spent = seat.and_then(|seat| seat.spent.as_ref());
        if spent.is_some() && spent == plan.fingerprint.as_ref() {
            // It keeps the keys of the transport that ended and would wait for ever.
            return Err(Refusal::new(
                RefusedCode::OfferUnusable,
                "the transport of this peer connection has ended: make a new one",
            ));
        }
        if let Some(id) = seat.and_then(|seat| seat.connection) {
            let known = self.stage.get(id);
            if known.is_some_and(|connection| connection.is_with(plan)) {
                return Ok(id);
            }
            self.on_closed(now, out, id);
        }
        let chance = &mut self.chance;
        let mut chance = || chance.next_u64();
        let opened = self
            .stage
            .open(room, participant, &plan.extensions, &mut chance, now);
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
        OfferError::BadExtensions => Refusal::new(
            RefusedCode::OfferUnusable,
            "every header extension needs a number of its own, the same in every m-line",
        ),
        OfferError::Unusable => Refusal::new(
            RefusedCode::OfferUnusable,
            "the session description could not be applied",
        ),
    }
}
