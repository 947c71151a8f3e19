//! Who and what is in the room, as the node tells it.

use std::collections::{BTreeMap, VecDeque};

use sfu_protocol::ids::{ParticipantId, RoomId, TrackId};
use sfu_protocol::media::Kind;
use sfu_protocol::signal::{
    Envelope, MAX_SLOTS, NodeMessage, Participant, PauseReason, RecordingNotice, RefusedCode, Slot,
    SlotContent, SlotId, SlotPause, Track, TrackState,
};

/// Most refusals that are remembered; the oldest goes first.
pub const MAX_REFUSALS: usize = 32;

/// A slot and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotView {
    /// Heard or seen.
    pub kind: Kind,
    /// What is in it, or nobody.
    pub track: Option<TrackId>,
    /// Why nothing comes in it, if the node said so.
    pub paused: Option<PauseReason>,
}

/// A message of ours that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The `type` of our message.
    pub about: String,
    /// Why.
    pub code: RefusedCode,
    /// What a person reads.
    pub message: String,
}

/// Everything that the node has told.
#[derive(Debug, Default)]
pub struct Roster {
    you: Option<ParticipantId>,
    room: Option<RoomId>,
    people: BTreeMap<ParticipantId, Participant>,
    slots: BTreeMap<SlotId, SlotView>,
    /// Contents that came before the answer that names their slot.
    early: BTreeMap<SlotId, Option<TrackId>>,
    speaking: Vec<ParticipantId>,
    recording: Option<RecordingNotice>,
    refusals: VecDeque<Refusal>,
    resume_key: Option<String>,
    last_seq: u64,
}

impl Roster {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Myself.
    pub fn you(&self) -> Option<ParticipantId> {
        self.you
    }

    /// The room.
    pub fn room(&self) -> Option<RoomId> {
        self.room
    }

    /// Everyone else.
    pub fn people(&self) -> impl Iterator<Item = &Participant> {
        self.people.values()
    }

    /// Somebody else.
    pub fn person(&self, id: ParticipantId) -> Option<&Participant> {
        self.people.get(&id)
    }

    /// Every track of everyone else.
    pub fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.people.values().flat_map(|person| &person.tracks)
    }

    /// One track.
    pub fn track(&self, id: TrackId) -> Option<&Track> {
        self.tracks().find(|track| track.id == id)
    }

    /// Own slots.
    pub fn slots(&self) -> &BTreeMap<SlotId, SlotView> {
        &self.slots
    }

    /// The slot that shows a track.
    pub fn slot_of(&self, track: TrackId) -> Option<&SlotId> {
        let mut slots = self.slots.iter();
        slots
            .find(|(_, view)| view.track == Some(track))
            .map(|(slot, _)| slot)
    }

    /// Who speaks, loudest first.
    pub fn speaking(&self) -> &[ParticipantId] {
        &self.speaking
    }

    /// Set while the room is recorded.
    pub fn recording(&self) -> Option<&RecordingNotice> {
        self.recording.as_ref()
    }

    /// What was refused.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.refusals.iter()
    }

    /// The last number of the node's messages.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub(super) fn resume_key(&self) -> Option<&str> {
        self.resume_key.as_deref()
    }

    /// Whether a message has not been seen yet. A join is always news: a fresh one counts from 1
    /// again, and one that kept the place repeats the last number seen. 0 is outside the count.
    pub(super) fn is_news(&self, envelope: &Envelope) -> bool {
        let joined = matches!(envelope.message, NodeMessage::Joined { .. });
        joined || envelope.seq == 0 || envelope.seq > self.last_seq
    }

    /// The track of what was received: by its CSRC, else by what is in the slot.
    pub fn track_in(&self, slot: &SlotId, csrc: Option<u32>) -> Option<TrackId> {
        match csrc {
            Some(csrc) => self.tracks().find(|t| t.csrc == csrc).map(|t| t.id),
            None => self.slots.get(slot).and_then(|view| view.track),
        }
    }

    /// Answers whether something that others see has changed.
    pub(super) fn apply(&mut self, envelope: Envelope) -> bool {
        if envelope.seq > 0 {
            self.last_seq = envelope.seq;
        }
        match envelope.message {
            NodeMessage::Joined {
                you,
                room,
                participants,
                recording,
                resume_key,
                resumed,
                ..
            } => {
                self.you = Some(you);
                self.room = Some(room);
                self.resume_key = Some(resume_key);
                self.recording = recording;
                // Also when the place was kept: who missed more than the node keeps is told no more
                // than this.
                self.people = participants.into_iter().map(|p| (p.id, p)).collect();
                if !resumed {
                    self.speaking.clear();
                }
            }
            NodeMessage::Answer { slots, .. } => self.learn_slots(slots),
            NodeMessage::ParticipantJoined { participant } => {
                self.people.insert(participant.id, participant);
            }
            NodeMessage::ParticipantLost { participant, lost } => {
                if let Some(person) = self.people.get_mut(&participant) {
                    person.lost = lost;
                }
            }
            NodeMessage::ParticipantLeft { participant, .. } => {
                self.people.remove(&participant);
                self.speaking.retain(|&speaker| speaker != participant);
            }
            NodeMessage::TrackChanged { track } => self.change_track(track),
            NodeMessage::TrackEnded { track } => self.end_track(track),
            NodeMessage::Slots { slots } => self.fill_slots(slots),
            NodeMessage::Paused { slots } => self.pause_slots(slots),
            NodeMessage::Speaking { participants } => self.speaking = participants,
            NodeMessage::Recording { recording } => self.recording = recording,
            NodeMessage::Refused {
                about,
                code,
                message,
            } => {
                self.refuse(Refusal {
                    about,
                    code,
                    message,
                });
                return false;
            }
            NodeMessage::MutedByHost { .. }
            | NodeMessage::Layers { .. }
            | NodeMessage::Pong { .. }
            | NodeMessage::Bye { .. } => return false,
        }
        true
    }

    fn learn_slots(&mut self, slots: Vec<Slot>) {
        for Slot { slot, kind } in slots {
            let track = self.early.remove(&slot).flatten();
            self.slots.entry(slot).or_insert(SlotView {
                kind,
                track,
                paused: None,
            });
        }
        self.early.clear();
    }

    fn fill_slots(&mut self, slots: Vec<SlotContent>) {
        for SlotContent { slot, track } in slots {
            match self.slots.get_mut(&slot) {
                Some(view) => (view.track, view.paused) = (track, None),
                None if self.early.len() < MAX_SLOTS => {
                    self.early.insert(slot, track);
                }
                None => {}
            }
        }
    }

    fn pause_slots(&mut self, slots: Vec<SlotPause>) {
        for SlotPause { slot, reason } in slots {
            if let Some(view) = self.slots.get_mut(&slot) {
                view.paused = reason;
            }
        }
    }

    fn change_track(&mut self, track: Track) {
        if track.state == TrackState::Off {
            return self.end_track(track.id);
        }
        let Some(person) = self.people.get_mut(&track.id.participant) else {
            return;
        };
        match person.tracks.iter_mut().find(|known| known.id == track.id) {
            Some(known) => *known = track,
            None => person.tracks.push(track),
        }
    }

    fn end_track(&mut self, track: TrackId) {
        if let Some(person) = self.people.get_mut(&track.participant) {
            person.tracks.retain(|known| known.id != track);
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.refusals.len() == MAX_REFUSALS {
            self.refusals.pop_front();
        }
        self.refusals.push_back(refusal);
    }
}
