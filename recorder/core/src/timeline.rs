//! Who was there when, which tracks they had, and when those were muted: from the room's events
//! and the tapes together, since each tells what the other may lack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sfu_protocol::control::{NodeEvent, RoomEvent};
use sfu_protocol::ids::{ParticipantId, TapeId, TrackId};
use sfu_protocol::media::{Codec, MediaTime, Source};
use sfu_protocol::signal::{Role, TrackState};

use crate::stretch::{Stretch, clipped, union, without};

/// What the files were made from, one tape each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeFacts {
    /// Which.
    pub tape: TapeId,
    /// What is on it.
    pub track: TrackId,
    /// The participant's name when it was opened.
    pub name: String,
    /// Its codec.
    pub codec: Codec,
    /// When it was opened.
    pub opened_at: MediaTime,
    /// When it was closed, or when its last entry arrived.
    pub closed_at: MediaTime,
    /// Mutes in order.
    pub mutes: Vec<(MediaTime, bool)>,
    /// Set when its node was gone before it was closed: when the track was there again, or else
    /// the node.
    pub cut_off_until: Option<MediaTime>,
}

/// One participant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who.
    pub participant: ParticipantId,
    /// The name shown last.
    pub name: String,
    /// None when the events do not say.
    pub role: Option<Role>,
    /// When they were in the room.
    pub present: Vec<Stretch>,
}

/// One track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackLine {
    /// Which.
    pub track: TrackId,
    /// When it was published.
    pub published: Vec<Stretch>,
    /// When it was muted.
    pub muted: Vec<Stretch>,
    /// When frames of it are in the files.
    pub covered: Vec<Stretch>,
    /// When there was no node to receive it although it was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut_off: Vec<Stretch>,
}

impl TrackLine {
    /// When it was published and not muted.
    pub fn live(&self) -> Vec<Stretch> {
        without(&self.published, &self.muted)
    }
}

/// One event on the recording's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// Microseconds from the recording's start; negative before it.
    pub at_us: i64,
    /// What.
    #[serde(flatten)]
    pub event: RoomEvent,
}

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Microseconds from start to end.
    pub duration_us: i64,
    /// In the order in which they came.
    pub participants: Vec<Presence>,
    /// In the order of their ids.
    pub tracks: Vec<TrackLine>,
    /// What happened, in order.
    pub events: Vec<TimelineEvent>,
}

/// How far two frames of a source may be apart before there is a hole between them. A shared
/// screen that does not change sends nothing.
pub fn patience_us(source: Source) -> i64 {
    match source {
        Source::Microphone | Source::ScreenAudio => 1_000_000,
        Source::Camera => 2_000_000,
        Source::Screen => i64::MAX,
    }
}

/// Makes the timeline of a recording that ran from `start` to `end`. `covered` says when frames
/// of each track are in the files.
pub fn build(
    start: MediaTime,
    end: MediaTime,
    events: &[NodeEvent],
    tapes: &[TapeFacts],
    covered: &BTreeMap<TrackId, Vec<Stretch>>,
) -> Timeline {
    let end_us = on_clock(start, end);
    let at = |time: MediaTime| on_clock(start, time);
    let mut tracks: BTreeMap<TrackId, TrackStates> = BTreeMap::new();
    let mut people = People::default();
    for event in events {
        people.take(at(event.at), &event.event);
        if let RoomEvent::TrackChanged { track, state, .. } = &event.event {
            let muted = *state != TrackState::Live;
            tracks
                .entry(*track)
                .or_default()
                .states
                .push((at(event.at), muted));
        }
    }
    for tape in tapes {
        let stretch = Stretch::new(at(tape.opened_at), at(tape.closed_at));
        people.seen(tape.track.participant, &tape.name, stretch);
        let track = tracks.entry(tape.track).or_default();
        track.published.push(stretch);
        let cut_off = tape.cut_off_until.map(at);
        track
            .cut_off
            .extend(cut_off.map(|until_us| Stretch::new(stretch.to_us, until_us)));
        track
            .states
            .extend(tape.mutes.iter().map(|(when, muted)| (at(*when), *muted)));
    }
    Timeline {
        duration_us: end_us,
        participants: people.finish(end_us),
        tracks: tracks
            .into_iter()
            .filter(|(_, states)| !states.published.is_empty())
            .map(|(track, states)| {
                let covered = covered.get(&track).cloned().unwrap_or_default();
                states.finish(track, covered, end_us)
            })
            .collect(),
        events: events
            .iter()
            .map(|event| TimelineEvent {
                at_us: at(event.at),
                event: event.event.clone(),
            })
            .collect(),
    }
}

fn on_clock(start: MediaTime, time: MediaTime) -> i64 {
    time.0.cast_signed().saturating_sub(start.0.cast_signed())
}

#[derive(Default)]
struct TrackStates {
    published: Vec<Stretch>,
    cut_off: Vec<Stretch>,
    states: Vec<(i64, bool)>,
}

impl TrackStates {
    fn finish(mut self, track: TrackId, covered: Vec<Stretch>, end_us: i64) -> TrackLine {
        self.states.sort_by_key(|(at_us, _)| *at_us);
        let mut muted = Vec::new();
        let mut since = None;
        for (at_us, now_muted) in self.states {
            match (since, now_muted) {
                (None, true) => since = Some(at_us),
                (Some(from_us), false) => {
                    muted.push(Stretch::new(from_us, at_us));
                    since = None;
                }
                _ => {}
            }
        }
        muted.extend(since.map(|from_us| Stretch::new(from_us, end_us)));
        TrackLine {
            track,
            published: clipped(self.published, end_us),
            muted: clipped(muted, end_us),
            covered: clipped(covered, end_us),
            cut_off: clipped(self.cut_off, end_us),
        }
    }
}

#[derive(Default)]
struct People {
    order: Vec<ParticipantId>,
    known: BTreeMap<ParticipantId, Person>,
}

#[derive(Default)]
struct Person {
    name: String,
    role: Option<Role>,
    since_us: Option<i64>,
    present: Vec<Stretch>,
}

impl People {
    fn person(&mut self, participant: ParticipantId) -> &mut Person {
        self.known.entry(participant).or_insert_with(|| {
            self.order.push(participant);
            Person::default()
        })
    }

    fn take(&mut self, at_us: i64, event: &RoomEvent) {
        match event {
            RoomEvent::ParticipantJoined {
                participant,
                name,
                role,
            } => {
                let person = self.person(*participant);
                person.name.clone_from(name);
                person.role = Some(*role);
                person.since_us.get_or_insert(at_us);
            }
            RoomEvent::ParticipantLeft { participant, .. } => {
                self.person(*participant).leave(at_us)
            }
            RoomEvent::RoomClosed {} => {
                self.known
                    .values_mut()
                    .for_each(|person| person.leave(at_us));
            }
            RoomEvent::RoomOpened {}
            | RoomEvent::TrackChanged { .. }
            | RoomEvent::Speaking { .. }
            | RoomEvent::RecordingStarted { .. }
            | RoomEvent::RecordingEnded { .. } => {}
        }
    }

    fn seen(&mut self, participant: ParticipantId, name: &str, stretch: Stretch) {
        let person = self.person(participant);
        if person.name.is_empty() {
            person.name = name.to_owned();
        }
        person.present.push(stretch);
    }

    fn finish(mut self, end_us: i64) -> Vec<Presence> {
        let mut participants: Vec<Presence> = Vec::new();
        for participant in self.order {
            let Some(mut person) = self.known.remove(&participant) else {
                continue;
            };
            person.leave(end_us);
            let present = clipped(union(person.present), end_us);
            if !present.is_empty() {
                participants.push(Presence {
                    participant,
                    name: person.name,
                    role: person.role,
                    present,
                });
            }
        }
        participants
    }
}

impl Person {
    fn leave(&mut self, at_us: i64) {
        if let Some(since_us) = self.since_us.take() {
            self.present.push(Stretch::new(since_us, at_us));
        }
    }
}

/// The present state of a room, folded from its events: what a recording that begins midway
/// needs of the past.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    joined: BTreeMap<ParticipantId, NodeEvent>,
    tracks: BTreeMap<TrackId, NodeEvent>,
}

impl Roster {
    /// Takes the next event of the room.
    pub fn take(&mut self, event: &NodeEvent) {
        match &event.event {
            RoomEvent::ParticipantJoined { participant, .. } => {
                self.joined.insert(*participant, event.clone());
            }
            RoomEvent::ParticipantLeft { participant, .. } => {
                self.joined.remove(participant);
                self.tracks
                    .retain(|track, _| track.participant != *participant);
            }
            RoomEvent::TrackChanged {
                track,
                state: TrackState::Off,
                ..
            } => {
                self.tracks.remove(track);
            }
            RoomEvent::TrackChanged { track, .. } => {
                self.tracks.insert(*track, event.clone());
            }
            RoomEvent::RoomOpened {} | RoomEvent::RoomClosed {} => *self = Roster::default(),
            RoomEvent::Speaking { .. }
            | RoomEvent::RecordingStarted { .. }
            | RoomEvent::RecordingEnded { .. } => {}
        }
    }

    /// Nobody is there.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }

    /// The events that lead to the present state, in order.
    pub fn events(&self) -> Vec<NodeEvent> {
        let mut events: Vec<NodeEvent> = self
            .joined
            .values()
            .chain(self.tracks.values())
            .cloned()
            .collect();
        events.sort_by_key(|event| event.number);
        events
    }
}

#[cfg(test)]
mod tests;
