//! Tracks and slots: what is published, muted, ended, and what clients ask to see.

use std::time::Instant;

use sfu_protocol::control::RoomEvent;
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::link::shards::SlotWish;
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_protocol::signal::{NodeMessage, RefusedCode, Show, SlotId, TrackState, Want};

use crate::media::keyframe::Mover;

use super::permission::{Action, may};
use super::seat::{Published, SeatSlot};
use super::{Effects, Refusal, Room};

const NOT_HERE: Refusal = Refusal::new(RefusedCode::NotFound, "this participant is not here");
const NO_TRACK: Refusal = Refusal::new(RefusedCode::NotFound, "there is no such track");

impl Room {
    /// Whether a participant may publish all of these.
    pub(crate) fn may_publish(
        &self,
        id: ParticipantId,
        sources: impl IntoIterator<Item = Source>,
    ) -> bool {
        let Some(seat) = self.seats.get(&id) else {
            return false;
        };
        sources
            .into_iter()
            .all(|source| may(&seat.rights, Action::Publish(source)))
    }

    /// An offer was answered: these sources are published from now on, and no others.
    pub(crate) fn publish(
        &mut self,
        id: ParticipantId,
        lines: &[(Source, TrackState)],
        chance: &mut dyn FnMut() -> u64,
        effects: &mut Effects,
    ) {
        let Some(seat) = self.seats.get(&id) else {
            return;
        };
        let offered = |source: &Source| lines.iter().any(|(line, _)| line == source);
        let ended: Vec<Source> = seat
            .tracks
            .keys()
            .copied()
            .filter(|source| !offered(source))
            .collect();
        for source in ended {
            self.end_track(
                TrackId {
                    participant: id,
                    source,
                },
                effects,
            );
        }
        for (source, state) in lines {
            let csrc = self.new_csrc(chance);
            let Some(seat) = self.seats.get_mut(&id) else {
                return;
            };
            let published = seat.tracks.entry(*source).or_insert(Published {
                state: TrackState::Off,
                csrc,
                codec: None,
            });
            // A track that exists keeps its state: a host may have muted it since.
            if published.state == TrackState::Off && *state != TrackState::Off {
                published.state = *state;
                self.track_changed(
                    TrackId {
                        participant: id,
                        source: *source,
                    },
                    effects,
                );
            } else {
                let flows = published.state == TrackState::Live;
                effects.flows.push((
                    TrackId {
                        participant: id,
                        source: *source,
                    },
                    flows,
                ));
            }
        }
        self.place_all(effects);
    }

    /// CSRCs are told apart inside a room; zero is none.
    fn new_csrc(&self, chance: &mut dyn FnMut() -> u64) -> u32 {
        /// Drawing a used one twice in a row is as good as impossible.
        const MAX_DRAWS: usize = 8;
        let used = |csrc: u32| {
            let mut tracks = self.seats.values().flat_map(|seat| seat.tracks.values());
            tracks.any(|track| track.csrc == csrc)
        };
        let mut csrc = chance() as u32 | 1;
        for _ in 0..MAX_DRAWS {
            if !used(csrc) {
                break;
            }
            csrc = chance() as u32 | 1;
        }
        csrc
    }

    /// A participant's own track starts, is muted or stops.
    pub(crate) fn set_track(
        &mut self,
        id: ParticipantId,
        source: Source,
        state: TrackState,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let seat = self.seats.get_mut(&id).ok_or(NOT_HERE)?;
        let published = seat.tracks.get_mut(&source).ok_or(NO_TRACK)?;
        let before = std::mem::replace(&mut published.state, state);
        if before == state {
            return Ok(());
        }
        if source == Source::Microphone && state != TrackState::Live {
            self.speakers.forget(id, now);
        }
        self.track_changed(
            TrackId {
                participant: id,
                source,
            },
            effects,
        );
        self.place_all(effects);
        Ok(())
    }

    /// A host mutes somebody else. Nobody can be unmuted by another.
    pub(crate) fn mute_other(
        &mut self,
        by: ParticipantId,
        track: TrackId,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let allowed = self
            .seats
            .get(&by)
            .is_some_and(|seat| may(&seat.rights, Action::MuteOther));
        if !allowed {
            return Err(Refusal::new(
                RefusedCode::NotAllowed,
                "you may not mute others",
            ));
        }
        let seat = self.seats.get(&track.participant).ok_or(NOT_HERE)?;
        let published = seat.tracks.get(&track.source).ok_or(NO_TRACK)?;
        if published.state != TrackState::Live {
            return Ok(());
        }
        self.set_track(
            track.participant,
            track.source,
            TrackState::Muted,
            now,
            effects,
        )?;
        let source = track.source;
        self.tell(
            track.participant,
            NodeMessage::MutedByHost { source },
            effects,
        );
        Ok(())
    }

    /// Media of a track began, or changed its codec.
    pub(crate) fn set_codec(&mut self, track: TrackId, codec: Codec, effects: &mut Effects) {
        let seat = self.seats.get_mut(&track.participant);
        let Some(published) = seat.and_then(|seat| seat.tracks.get_mut(&track.source)) else {
            return;
        };
        if published.codec.replace(codec) != Some(codec) {
            self.track_changed(track, effects);
            self.place_all(effects);
        }
    }

    /// A track is no longer published.
    pub(super) fn end_track(&mut self, track: TrackId, effects: &mut Effects) {
        let Some(seat) = self.seats.get_mut(&track.participant) else {
            return;
        };
        if let Some(published) = seat.tracks.get_mut(&track.source)
            && published.state != TrackState::Off
        {
            published.state = TrackState::Off;
            self.track_changed(track, effects);
        }
        if let Some(seat) = self.seats.get_mut(&track.participant) {
            seat.tracks.remove(&track.source);
        }
    }

    /// Tells everybody about a track as it is now.
    fn track_changed(&mut self, track: TrackId, effects: &mut Effects) {
        let Some(seat) = self.seats.get(&track.participant) else {
            return;
        };
        let Some(published) = seat.tracks.get(&track.source) else {
            return;
        };
        effects
            .flows
            .push((track, published.state == TrackState::Live));
        effects.events.push(RoomEvent::TrackChanged {
            track,
            state: published.state,
            codec: published.codec,
        });
        let message = match seat.track(track.source) {
            Some(track) => NodeMessage::TrackChanged { track },
            None => NodeMessage::TrackEnded { track },
        };
        if seat.visible() {
            self.tell_others(track.participant, &message, effects);
        }
    }

    /// The slots that a participant has now, by place, and what it can decode.
    pub(crate) fn set_slots(
        &mut self,
        id: ParticipantId,
        slots: Vec<(usize, SlotId, Kind)>,
        codecs: Vec<Codec>,
        effects: &mut Effects,
    ) {
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        let places = slots
            .iter()
            .map(|(index, _, _)| index + 1)
            .max()
            .unwrap_or(0);
        let mut before = std::mem::take(&mut seat.slots);
        seat.slots.resize(places, None);
        for (index, slot, kind) in slots {
            let kept = before.get_mut(index).and_then(Option::take);
            let kept = kept.filter(|kept| kept.id == slot);
            seat.slots[index] = Some(kept.unwrap_or(SeatSlot {
                id: slot,
                kind,
                show: Show::Auto,
                content: None,
            }));
        }
        seat.codecs = codecs;
        self.place(id, effects);
    }

    /// What a client wants to see. Answers how it wants the slots to be served.
    pub(crate) fn want(
        &mut self,
        id: ParticipantId,
        wants: &[Want],
        effects: &mut Effects,
    ) -> Result<Vec<SlotWish>, Refusal> {
        let seat = self.seats.get_mut(&id).ok_or(NOT_HERE)?;
        let find = |slots: &[Option<SeatSlot>], wanted: &SlotId| {
            slots
                .iter()
                .position(|slot| slot.as_ref().is_some_and(|slot| slot.id == *wanted))
        };
        let places: Option<Vec<usize>> = wants
            .iter()
            .map(|want| find(&seat.slots, &want.slot))
            .collect();
        let places = places.ok_or(Refusal::new(RefusedCode::NotFound, "there is no such slot"))?;
        let mut wishes = Vec::with_capacity(places.len());
        for (place, want) in places.into_iter().zip(wants) {
            if let Some(slot) = seat.slots[place].as_mut() {
                slot.show = want.show;
            }
            wishes.push(SlotWish {
                slot: place as u16,
                max_height: want.max_height,
                priority: want.priority,
            });
        }
        effects.mover = Mover::Receiver;
        self.place(id, effects);
        Ok(wishes)
    }
}
