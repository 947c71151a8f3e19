//! An offer: planned, applied to a transport, answered, told to the room.

use std::time::Instant;

use rand_chacha::rand_core::RngCore;
use sfu_protocol::link::shards::{Answered, Offer};
use sfu_protocol::signal::{NodeMessage, PublishLine, RefusedCode, Slot};

use super::Shard;
use super::signal::Sayer;
use crate::connection::Negotiated;
use crate::connection::negotiate::{self, OfferError, Plan};
use crate::connection::uplink::Subscriber;
use crate::io::{ConnectionId, Departures};
use crate::room::{Allowance, Refusal};
use crate::{span, subscribe};

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
        // Malformed comes before not allowed, and is the same on every shard.
        if !room.may_publish(participant, publish.iter().map(|line| line.source)) {
            negotiate::plan(sdp, publish).map_err(refusal_of)?;
            return Err(Refusal::new(
                RefusedCode::NotAllowed,
                "you may not publish this",
            ));
        }
        let seat = room.seat(participant);
        let spent = seat.and_then(|seat| seat.spent.clone());
        let shard = self.shard_for(sayer);
        if shard != self.stage.shard() {
            return self.hand_on(shard, (sayer, revision), (spent, sdp, publish));
        }
        let offer = Offer {
            request: 0,
            room: room_id,
            participant,
            spent,
            sdp: sdp.to_owned(),
            publish: publish.to_vec(),
        };
        let answered = self.take_offer(now, &offer, out)?;
        self.on_answered(now, sayer, (revision, publish), answered, out);
        Ok(())
    }

    /// Answers an offer that its room allows: the transport is on this shard.
    pub(super) fn take_offer(
        &mut self,
        now: Instant,
        offer: &Offer,
        out: &mut Departures,
    ) -> Result<Answered, Refusal> {
        let plan = negotiate::plan(&offer.sdp, &offer.publish).map_err(refusal_of)?;
        let id = self.connection_for(now, offer, &plan, out)?;
        let negotiated = self.negotiate(now, id, &offer.sdp, &plan, out)?;
        for (_, line) in &negotiated.ended {
            self.close_tapes(now, &line.tapes);
            span::unfeed(&mut self.stage, Some(line));
        }
        for (slot, feed) in &negotiated.unfed {
            let to = Subscriber {
                connection: id,
                slot: *slot,
            };
            subscribe::unsubscribe(&mut self.stage, now, to, *feed);
        }
        Ok(self.answered(id, negotiated))
    }

    /// An offer was answered: the client and the room are told.
    pub(super) fn on_answered(
        &mut self,
        now: Instant,
        sayer: Sayer,
        (revision, publish): (u32, &[PublishLine]),
        answered: Answered,
        out: &mut Departures,
    ) {
        let (room, participant) = sayer;
        let slots = answered.slots.iter();
        let answer = NodeMessage::Answer {
            revision,
            sdp: answered.sdp,
            slots: slots
                .map(|known| Slot {
                    slot: known.slot.clone(),
                    kind: known.kind,
                })
                .collect(),
        };
        let slots = answered.slots.into_iter();
        let slots = slots.map(|known| (usize::from(known.place), known.slot, known.kind));
        let (slots, codecs) = (slots.collect(), answered.codecs);
        let lines: Vec<_> = publish
            .iter()
            .map(|line| (line.source, line.state))
            .collect();
        let mut draws: Vec<u64> = (0..lines.len() * 9)
            .map(|_| self.chance.next_u64())
            .collect();
        self.in_room(room, now, out, |room, effects| {
            let mut chance = || draws.pop().unwrap_or(1);
            room.set_connection(participant, answered.connection);
            room.tell(participant, answer, effects);
            room.set_slots(participant, slots, codecs, effects);
            room.publish(participant, &lines, &mut chance, effects);
        });
        self.put_again(now, out, sayer, &answered.ended);
    }

    /// The participant's transport, or a new one: for the first offer, and when a browser made a
    /// new peer connection (its certificate differs).
    fn connection_for(
        &mut self,
        now: Instant,
        offer: &Offer,
        plan: &Plan,
        out: &mut Departures,
    ) -> Result<ConnectionId, Refusal> {
        let (room, participant) = (offer.room, offer.participant);
        if offer.spent.is_some() && offer.spent == plan.fingerprint {
            // It keeps the keys of the transport that ended and would wait for ever.
            return Err(Refusal::new(
                RefusedCode::OfferUnusable,
                "the transport of this peer connection has ended: make a new one",
            ));
        }
        if let Some(id) = self.transport_of(room, participant) {
            let known = self.stage.get(id);
            if known.is_some_and(|connection| connection.is_with(plan)) {
                return Ok(id);
            }
            self.on_closed(now, out, id, false);
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
