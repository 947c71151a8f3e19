//! A room: who is here, what they publish, who is shown where. It knows no transport and no
//! packet; what it wants done is written to [`Effects`], which the shard carries out.

mod mailbox;
pub(crate) mod permission;
pub(crate) mod presence;
pub(crate) mod removed;
mod seat;
mod slots;
mod speakers;
mod spread;
mod tracks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_protocol::control::RoomEvent;
use sfu_protocol::ids::{ParticipantId, RoomId, TrackId};
use sfu_protocol::signal::{
    NodeMessage, RecordingNotice, RecordingTrouble, RefusedCode, SlotContent, TrackState,
};

use crate::io::{ConnectionId, Output};
use crate::media::keyframe::Mover;
use permission::{Action, may};
use presence::Bye;
use seat::Budget;
pub(crate) use seat::{Allowance, Seat};
use slots::{Candidate, Ranking, View, Wish};
pub(crate) use speakers::Levels;
use speakers::Speakers;

/// How long a room without anybody stays, so that a reload by the only participant is no end.
pub(crate) const EMPTY_LINGER: Duration = Duration::from_secs(5);

/// How long a room that exists only because somebody wants to record it waits for the first
/// participant.
const UNOPENED_LINGER: Duration = Duration::from_secs(120);

/// Participants whose arrivals are counted. Beyond it those are forgotten who have not come for a
/// while, and then all: their budgets begin anew.
const MAX_ARRIVALS: usize = 1_024;

/// A track to put into a slot, or nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) participant: ParticipantId,
    pub(crate) slot: usize,
    pub(crate) track: Option<TrackId>,
}

/// What a room wants done, in order.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Messages to clients.
    pub(crate) outputs: Vec<Output>,
    /// What followers are told.
    pub(crate) events: Vec<RoomEvent>,
    /// Slots that changed.
    pub(crate) placements: Vec<Placement>,
    /// Who has those slots changed.
    pub(crate) mover: Mover,
    /// Tracks that begin (true) or cease to flow.
    pub(crate) flows: Vec<(TrackId, bool)>,
    /// Who was sent out, with when their grant was made.
    pub(crate) removed: Vec<(ParticipantId, u64)>,
    /// Transports that are over.
    pub(crate) dropped: Vec<ConnectionId>,
    /// Who speaks, when that changed.
    pub(crate) speaking: Option<Vec<ParticipantId>>,
}

/// Why a wish was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: RefusedCode,
    pub(crate) message: &'static str,
}

impl Refusal {
    pub(crate) const fn new(code: RefusedCode, message: &'static str) -> Self {
        Refusal { code, message }
    }
}

/// A room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    seats: BTreeMap<ParticipantId, Seat>,
    next_order: u64,
    /// Pictures that a client who names nobody is shown at most.
    last_n: usize,
    speakers: Speakers,
    speaking: Vec<ParticipantId>,
    pub(crate) recording: Option<RecordingNotice>,
    opened: bool,
    arrivals: BTreeMap<ParticipantId, Budget>,
    /// Set while nobody is here.
    closes_at: Option<Instant>,
}

impl Room {
    pub(crate) fn new(id: RoomId, now: Instant, last_n: usize) -> Self {
        Room {
            id,
            seats: BTreeMap::new(),
            next_order: 0,
            last_n,
            speakers: Speakers::default(),
            speaking: Vec::new(),
            recording: None,
            opened: false,
            arrivals: BTreeMap::new(),
            closes_at: Some(now + UNOPENED_LINGER),
        }
    }

    pub(crate) fn seat(&self, participant: ParticipantId) -> Option<&Seat> {
        self.seats.get(&participant)
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn participants(&self) -> impl Iterator<Item = ParticipantId> + '_ {
        self.seats.keys().copied()
    }

    /// The participant's transport.
    pub(crate) fn set_connection(&mut self, participant: ParticipantId, connection: ConnectionId) {
        if let Some(seat) = self.seats.get_mut(&participant) {
            seat.connection = Some(connection);
            seat.at = Some(connection.shard);
            seat.spent = None;
        }
    }

    /// Sends a message to one participant.
    pub(crate) fn tell(
        &mut self,
        participant: ParticipantId,
        message: NodeMessage,
        effects: &mut Effects,
    ) {
        if let Some(seat) = self.seats.get_mut(&participant) {
            seat.mailbox.send(message, &mut effects.outputs);
        }
    }

    /// Sends a message to everyone but one.
    fn tell_others(&mut self, but: ParticipantId, message: &NodeMessage, effects: &mut Effects) {
        let message = Arc::new(message.clone());
        for seat in self.seats.values_mut().filter(|seat| seat.id != but) {
            seat.mailbox
                .send(Arc::clone(&message), &mut effects.outputs);
        }
    }

    fn tell_all(&mut self, message: &NodeMessage, effects: &mut Effects) {
        let message = Arc::new(message.clone());
        for seat in self.seats.values_mut() {
            seat.mailbox
                .send(Arc::clone(&message), &mut effects.outputs);
        }
    }

    /// Takes a message off a client's budget.
    pub(crate) fn spend(&mut self, participant: ParticipantId, now: Instant) -> Allowance {
        self.seats
            .get_mut(&participant)
            .map_or(Allowance::Refused, |seat| seat.budget.spend(now))
    }

    /// Takes an arrival off a participant's budget. It outlasts the seat: whoever comes and goes
    /// is heard of by everybody.
    pub(crate) fn spend_arrival(&mut self, participant: ParticipantId, now: Instant) -> Allowance {
        if self.arrivals.len() >= MAX_ARRIVALS {
            self.arrivals.retain(|_, budget| !budget.is_full(now));
        }
        if self.arrivals.len() >= MAX_ARRIVALS {
            self.arrivals.clear();
        }
        let budget = self
            .arrivals
            .entry(participant)
            .or_insert_with(Budget::for_arrivals);
        budget.spend(now)
    }

    /// Takes something that everybody will be told off a client's budget.
    pub(crate) fn spend_change(&mut self, participant: ParticipantId, now: Instant) -> Allowance {
        self.seats
            .get_mut(&participant)
            .map_or(Allowance::Refused, |seat| seat.changes.spend(now))
    }

    /// Takes an offer off it.
    pub(crate) fn spend_offer(&mut self, participant: ParticipantId, now: Instant) -> Allowance {
        self.seats
            .get_mut(&participant)
            .map_or(Allowance::Refused, |seat| seat.offers.spend(now))
    }

    /// Recording began or ended.
    pub(crate) fn set_recording(&mut self, notice: Option<RecordingNotice>, effects: &mut Effects) {
        let before = std::mem::replace(&mut self.recording, notice.clone());
        match (&before, &notice) {
            (None, Some(started)) => effects.events.push(RoomEvent::RecordingStarted {
                recording: started.recording,
            }),
            (Some(ended), None) => effects.events.push(RoomEvent::RecordingEnded {
                recording: ended.recording,
            }),
            _ => {}
        }
        if before != notice {
            self.tell_all(&NodeMessage::Recording { recording: notice }, effects);
        }
    }

    /// The recording cannot be written, or can again. The moment at which that began stays.
    pub(crate) fn set_recording_trouble(
        &mut self,
        trouble: Option<RecordingTrouble>,
        effects: &mut Effects,
    ) {
        let Some(mut notice) = self.recording.clone() else {
            return;
        };
        let reason = |trouble: &RecordingTrouble| trouble.reason;
        if notice.trouble.as_ref().map(reason) == trouble.as_ref().map(reason) {
            return;
        }
        let since_ms = notice.trouble.map(|before| before.since_ms);
        notice.trouble = trouble.map(|now| RecordingTrouble {
            since_ms: since_ms.unwrap_or(now.since_ms),
            ..now
        });
        self.set_recording(Some(notice), effects);
    }

    /// Notes how loud somebody is.
    pub(crate) fn observe_level(&mut self, who: ParticipantId, level_dbov: i8, now: Instant) {
        self.speakers.observe(who, level_dbov, now);
    }

    /// When the speakers are computed again.
    pub(crate) fn speakers_at(&self) -> Option<Instant> {
        self.speakers.next_at()
    }

    /// Computes the speakers again.
    pub(crate) fn tick_speakers(&mut self, now: Instant, effects: &mut Effects) {
        let Some(named) = self.speakers.tick(now) else {
            return;
        };
        self.speaking = named.to_vec();
        let participants = self.speaking.clone();
        effects.events.push(RoomEvent::Speaking {
            participants: participants.clone(),
        });
        effects.speaking = Some(participants.clone());
        self.tell_all(&NodeMessage::Speaking { participants }, effects);
        self.place_all(effects);
    }

    /// Who speaks, as somebody sees it: the loudest of the others.
    pub(crate) fn speaker_for(&self, viewer: ParticipantId) -> Option<ParticipantId> {
        self.speaking.iter().copied().find(|who| *who != viewer)
    }

    /// Puts into every slot what belongs there now, and tells whose slots changed.
    pub(crate) fn place_all(&mut self, effects: &mut Effects) {
        let everyone: Vec<ParticipantId> = self.participants().collect();
        let ranking = self.ranking();
        for participant in everyone {
            self.place_from(participant, &ranking, effects);
        }
    }

    /// The same for one participant.
    pub(crate) fn place(&mut self, participant: ParticipantId, effects: &mut Effects) {
        let ranking = self.ranking();
        self.place_from(participant, &ranking, effects);
    }

    fn place_from(&mut self, participant: ParticipantId, ranking: &Ranking, effects: &mut Effects) {
        let Some(seat) = self.seats.get(&participant) else {
            return;
        };
        if seat.slots.is_empty() {
            return;
        }
        let view = View {
            ranking,
            viewer: participant,
            codecs: &seat.codecs,
            subscribes: may(&seat.rights, Action::Subscribe),
            last_n: self.last_n,
        };
        let speaker = self.speaker_for(participant);
        let open: Vec<(usize, Wish)> = seat
            .slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| slot.as_ref().map(|slot| (index, wish(slot))))
            .collect();
        let wishes: Vec<Wish> = open.iter().map(|(_, wish)| *wish).collect();
        let placed = slots::place(&wishes, view, speaker);
        let mut changed = Vec::new();
        let Some(seat) = self.seats.get_mut(&participant) else {
            return;
        };
        for ((index, _), track) in open.into_iter().zip(placed) {
            let Some(slot) = seat.slots[index]
                .as_mut()
                .filter(|slot| slot.content != track)
            else {
                continue;
            };
            slot.content = track;
            changed.push(SlotContent {
                slot: slot.id.clone(),
                track,
            });
            effects.placements.push(Placement {
                participant,
                slot: index,
                track,
            });
        }
        if !changed.is_empty() {
            seat.mailbox
                .send(NodeMessage::Slots { slots: changed }, &mut effects.outputs);
        }
    }

    /// The tracks that somebody may be shown. Whoever is hidden is not shown.
    fn ranking(&self) -> Ranking {
        let mut candidates = Vec::new();
        let seats = self.seats.values();
        for seat in seats.filter(|seat| seat.connection.is_some() && seat.visible()) {
            let tracks = seat.tracks.iter();
            for (source, published) in tracks.filter(|(_, track)| track.state != TrackState::Off) {
                let heard_at = self.speakers.heard_at(seat.id);
                candidates.push(Candidate {
                    track: TrackId {
                        participant: seat.id,
                        source: *source,
                    },
                    live: published.state == TrackState::Live,
                    order: seat.order,
                    heard_at,
                    codec: published.codec,
                });
            }
        }
        Ranking::new(&candidates)
    }

    /// Sends everyone away, each with a goodbye of its own.
    pub(crate) fn close(
        &mut self,
        mut bye: impl FnMut() -> Bye,
        now: Instant,
        effects: &mut Effects,
    ) {
        let everyone: Vec<ParticipantId> = self.participants().collect();
        for participant in everyone {
            self.leave(
                participant,
                sfu_protocol::signal::LeaveReason::RoomClosed,
                Some(bye()),
                now,
                effects,
            );
        }
        self.closes_at = Some(now);
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.seats.is_empty() && self.closes_at.is_some_and(|at| at <= now)
    }

    /// Whether anybody ever came.
    pub(crate) fn was_opened(&self) -> bool {
        self.opened
    }
}

fn wish(slot: &seat::SeatSlot) -> Wish {
    Wish {
        kind: slot.kind,
        show: slot.show,
        content: slot.content,
    }
}

#[cfg(test)]
mod tests;
