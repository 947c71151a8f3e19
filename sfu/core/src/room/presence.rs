//! Coming, being lost, coming back and going.

use std::time::{Duration, Instant};

use sfu_protocol::control::RoomEvent;
use sfu_protocol::grant::Grant;
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::MediaTime;
use sfu_protocol::signal::{
    ByeReason, LeaveReason, NodeMessage, RefusedCode, SlotContent, TrackState,
};

use super::permission::{Action, may};
use super::seat::Seat;
use super::{EMPTY_LINGER, Effects, Refusal, Room};
use crate::io::{ConnectionId, SignalId};

/// How long a participant whose WebSocket is lost keeps the place. A train's tunnel takes half a
/// minute, and coming back some seconds more.
pub(crate) const LOST_GRACE: Duration = Duration::from_secs(60);

/// The same for a participant whose page went away: a page that is loaded again is back within
/// seconds, and one that was closed does not come back.
pub(crate) const RELOAD_GRACE: Duration = Duration::from_secs(15);

/// How long somebody without a WebSocket keeps the place when ICE hears nothing any more, which it
/// says after 15 s: then the client's own consent is over, too (RFC 7675, section 5.1).
pub(crate) const SILENT_GRACE: Duration = Duration::from_secs(15);

/// A WebSocket that was let in.
pub(crate) struct Arrival<'a> {
    pub(crate) signal: SignalId,
    pub(crate) grant: &'a Grant,
    pub(crate) resume: Option<(String, u64)>,
    /// Lets its holder come back to this place.
    pub(crate) new_key: String,
    /// In what span it comes back when it is lost.
    pub(crate) reconnect_within_ms: u32,
    pub(crate) now: Instant,
    pub(crate) at: MediaTime,
}

/// What a client is told when it is sent away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bye {
    pub(crate) reason: ByeReason,
    pub(crate) retry_after_ms: Option<u32>,
}

impl From<ByeReason> for Bye {
    fn from(reason: ByeReason) -> Self {
        Bye {
            reason,
            retry_after_ms: None,
        }
    }
}

impl Room {
    /// Somebody comes, or comes back.
    pub(crate) fn arrive(&mut self, arrival: Arrival<'_>, effects: &mut Effects) {
        let id = arrival.grant.participant;
        if let Some(seat) = self.seats.get(&id) {
            let key = arrival.resume.as_ref().map(|(key, _)| key);
            if key == Some(&seat.resume_key) {
                return self.come_back(arrival, effects);
            }
            let reason = LeaveReason::Replaced;
            self.leave(
                id,
                reason,
                Some(ByeReason::Replaced.into()),
                arrival.now,
                effects,
            );
        }
        self.join(arrival, effects);
    }

    fn join(&mut self, arrival: Arrival<'_>, effects: &mut Effects) {
        let id = arrival.grant.participant;
        self.closes_at = None;
        if !std::mem::replace(&mut self.opened, true) {
            effects.events.push(RoomEvent::RoomOpened {});
        }
        self.next_order += 1;
        let joined_at_ms = arrival.at.as_ms();
        let key = arrival.new_key;
        let mut seat = Seat::new(arrival.grant, self.next_order, joined_at_ms, key);
        seat.mailbox.signal = Some(arrival.signal);
        effects.events.push(RoomEvent::ParticipantJoined {
            participant: id,
            name: seat.name.clone(),
            role: seat.role,
        });
        let shown = seat.visible().then(|| seat.shown());
        self.seats.insert(id, seat);
        let joined = self.joined(id, false, arrival.reconnect_within_ms, arrival.at);
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.mailbox.begin(joined, &mut effects.outputs);
        }
        if !self.speaking.is_empty() {
            let participants = self.speaking.clone();
            self.tell(id, NodeMessage::Speaking { participants }, effects);
        }
        if let Some(participant) = shown {
            self.tell_others(id, &NodeMessage::ParticipantJoined { participant }, effects);
        }
    }

    fn come_back(&mut self, arrival: Arrival<'_>, effects: &mut Effects) {
        let id = arrival.grant.participant;
        let joined = self.joined(id, true, arrival.reconnect_within_ms, arrival.at);
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        seat.mailbox.close(&mut effects.outputs);
        seat.kept_until = None;
        let was_lost = seat.is_lost();
        seat.lost_since = None;
        let seen = arrival.resume.map_or(0, |(_, seen)| seen);
        let outputs = &mut effects.outputs;
        if !seat
            .mailbox
            .resume(arrival.signal, seen, joined.clone(), outputs)
        {
            seat.mailbox.begin(joined, outputs);
            let slots = seat.slots.iter().flatten().map(|slot| SlotContent {
                slot: slot.id.clone(),
                track: slot.content,
            });
            let slots = slots.collect();
            seat.mailbox.send(NodeMessage::Slots { slots }, outputs);
        }
        self.tell_lost(id, was_lost, effects);
    }

    /// Tells the others when somebody is lost or back, which they were not before.
    fn tell_lost(&mut self, id: ParticipantId, was_lost: bool, effects: &mut Effects) {
        let Some(seat) = self.seats.get(&id) else {
            return;
        };
        let lost = seat.is_lost();
        if lost != was_lost && seat.visible() {
            let participant = id;
            let message = NodeMessage::ParticipantLost { participant, lost };
            self.tell_others(id, &message, effects);
        }
    }

    /// The path of somebody whose media was flowing is lost, or there again. The place, the slots
    /// and the tracks stay as they are.
    pub(crate) fn set_path(
        &mut self,
        id: ParticipantId,
        connection: ConnectionId,
        lost: bool,
        effects: &mut Effects,
    ) {
        let seat = self.seats.get_mut(&id);
        if let Some(seat) = seat.filter(|seat| seat.connection == Some(connection)) {
            let was_lost = seat.is_lost();
            seat.path_lost = lost;
            if seat.with_transport && !lost {
                seat.kept_until = None;
            }
            self.tell_lost(id, was_lost, effects);
        }
    }

    /// Somebody who has just come has no WebSocket: the place is kept as long as the transport.
    pub(crate) fn keep_with_transport(&mut self, id: ParticipantId) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.with_transport = true;
        }
    }

    /// A client no longer answers for its address. Others have a WebSocket that tells whether they
    /// are there.
    pub(crate) fn set_silent(
        &mut self,
        id: ParticipantId,
        connection: ConnectionId,
        now: Instant,
        effects: &mut Effects,
    ) {
        let seat = self.seats.get_mut(&id);
        let is_it = |seat: &&mut Seat| seat.with_transport && seat.connection == Some(connection);
        if let Some(seat) = seat.filter(is_it) {
            let was_lost = seat.is_lost();
            seat.path_lost = true;
            seat.kept_until = Some(now + SILENT_GRACE);
            self.tell_lost(id, was_lost, effects);
        }
    }

    fn joined(
        &self,
        you: ParticipantId,
        resumed: bool,
        reconnect_within_ms: u32,
        at: MediaTime,
    ) -> NodeMessage {
        let others = self
            .seats
            .values()
            .filter(|seat| seat.id != you && seat.visible());
        NodeMessage::Joined {
            you,
            room: self.id,
            participants: others.map(Seat::shown).collect(),
            recording: self.recording.clone(),
            resume_key: self
                .seats
                .get(&you)
                .map(|seat| seat.resume_key.clone())
                .unwrap_or_default(),
            resumed,
            server_time_ms: at.as_ms(),
            reconnect_within_ms,
        }
    }

    /// A WebSocket is gone. Its participant keeps the place for `grace`.
    pub(crate) fn lose(
        &mut self,
        id: ParticipantId,
        (signal, grace): (SignalId, Duration),
        now: Instant,
        effects: &mut Effects,
    ) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        if seat.mailbox.signal != Some(signal) {
            return;
        }
        if seat.with_transport {
            // Nobody can come back to it.
            return self.leave(id, LeaveReason::Lost, None, now, effects);
        }
        let was_lost = seat.is_lost();
        seat.mailbox.signal = None;
        seat.lost_since = Some(now);
        seat.kept_until = Some(now + grace);
        self.tell_lost(id, was_lost, effects);
    }

    /// Somebody goes. `bye` is said to the client, where it still listens.
    pub(crate) fn leave(
        &mut self,
        id: ParticipantId,
        reason: LeaveReason,
        bye: Option<Bye>,
        now: Instant,
        effects: &mut Effects,
    ) {
        let Some(mut seat) = self.seats.remove(&id) else {
            return;
        };
        if reason == LeaveReason::Removed {
            effects.removed.push((id, seat.granted_at_s));
        }
        if let Some(bye) = bye {
            let bye = NodeMessage::Bye {
                reason: bye.reason,
                retry_after_ms: bye.retry_after_ms,
            };
            seat.mailbox.send(bye, &mut effects.outputs);
        }
        seat.mailbox.close(&mut effects.outputs);
        effects.dropped.extend(seat.connection);
        for (source, published) in &seat.tracks {
            if published.state != TrackState::Off {
                effects.events.push(RoomEvent::TrackChanged {
                    track: TrackId {
                        participant: id,
                        source: *source,
                    },
                    state: TrackState::Off,
                    codec: published.codec,
                });
            }
        }
        effects.events.push(RoomEvent::ParticipantLeft {
            participant: id,
            reason,
        });
        self.speakers.forget(id, now);
        if seat.visible() {
            let left = NodeMessage::ParticipantLeft {
                participant: id,
                reason,
            };
            self.tell_others(id, &left, effects);
        }
        if self.seats.is_empty() {
            self.closes_at = Some(now + EMPTY_LINGER);
        }
        self.place_all(effects);
    }

    /// A transport is gone by itself. Its participant stays and may offer again, from a peer
    /// connection with another certificate than `bound_to`; one without a WebSocket goes, too.
    pub(crate) fn disconnect(
        &mut self,
        id: ParticipantId,
        (connection, bound_to): (ConnectionId, Option<String>),
        now: Instant,
        effects: &mut Effects,
    ) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        if seat.connection != Some(connection) {
            return;
        }
        seat.connection = None;
        seat.at = None;
        if seat.with_transport {
            let (reason, bye) = match bound_to {
                // Whoever was connected has said goodbye.
                Some(_) => (LeaveReason::Left, ByeReason::Left),
                None => (LeaveReason::Lost, ByeReason::Refused),
            };
            return self.leave(id, reason, Some(bye.into()), now, effects);
        }
        seat.spent = bound_to;
        seat.slots.clear();
        let sources: Vec<_> = seat.tracks.keys().copied().collect();
        for source in sources {
            self.end_track(
                TrackId {
                    participant: id,
                    source,
                },
                effects,
            );
        }
        self.speakers.forget(id, now);
        self.place_all(effects);
    }

    /// A host sends somebody out.
    pub(crate) fn remove(
        &mut self,
        by: ParticipantId,
        whom: ParticipantId,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let allowed = self
            .seats
            .get(&by)
            .is_some_and(|seat| may(&seat.rights, Action::Remove));
        if !allowed {
            return Err(Refusal::new(
                RefusedCode::NotAllowed,
                "you may not send others out",
            ));
        }
        if !self.seats.contains_key(&whom) {
            return Err(Refusal::new(
                RefusedCode::NotFound,
                "this participant is not here",
            ));
        }
        self.leave(
            whom,
            LeaveReason::Removed,
            Some(ByeReason::Removed.into()),
            now,
            effects,
        );
        Ok(())
    }

    /// When somebody's grace is over, or the room is.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        let lost = self.seats.values().filter_map(|seat| seat.kept_until).min();
        lost.into_iter().chain(self.closes_at).min()
    }

    /// Sends away whose grace is over.
    pub(crate) fn expire(&mut self, now: Instant, effects: &mut Effects) {
        let over = |seat: &Seat| seat.kept_until.is_some_and(|until| until <= now);
        let gone: Vec<_> = self
            .seats
            .values()
            .filter(|seat| over(seat))
            .map(|seat| seat.id)
            .collect();
        for id in gone {
            self.leave(id, LeaveReason::Lost, None, now, effects);
        }
    }
}
