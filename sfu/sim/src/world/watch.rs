//! The oracles that look at everyone every few milliseconds, and once at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sfu_protocol::ids::ParticipantId;
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{Role, TrackState};

use super::World;
use super::cast::held_for;
use crate::guest::{Guest, LOST_GRACE};

/// Somebody as others should see them.
type Face = (String, Role, bool, BTreeMap<Source, TrackState>);

impl World {
    pub(super) fn watch(&mut self) {
        let mut found = Vec::new();
        for guest in &mut self.guests {
            for fault in guest.sight.take_faults() {
                found.push((guest.name.clone(), fault));
            }
        }
        let mut lasting = BTreeSet::new();
        for guest in self.guests.iter().filter(|guest| !guest.gone) {
            let mut faults = self.silences(guest);
            faults.extend(self.roster_faults(guest));
            faults.extend(self.standstills(guest));
            lasting.extend(faults.into_iter().map(|fault| (guest.name.clone(), fault)));
        }
        // A state that lasts is told once.
        found.extend(lasting.difference(&self.complaints).cloned());
        self.complaints = lasting;
        for (who, what) in found {
            self.violate(&who, what);
        }
    }

    /// What can only be said of the whole: call it once, at the end.
    pub fn close(&mut self) {
        let mut found = Vec::new();
        for guest in &self.guests {
            let faults = guest.sight.line_faults(&self.bounds);
            found.extend(faults.into_iter().map(|fault| (guest.name.clone(), fault)));
            let counters = guest.participant().counters();
            if self.bounds.lossless && counters.packets_lost > 0 {
                let what = format!("loss on a path that loses nothing: {counters:?}");
                found.push((guest.name.clone(), what));
            }
        }
        let report = self.report();
        if report.panics > 0 {
            found.push(("node".to_owned(), format!("{} panics", report.panics)));
        }
        for (who, what) in found {
            self.violate(&who, what);
        }
    }

    fn roster_faults(&self, guest: &Guest) -> Option<String> {
        let since = self.last_change().max(guest.joined_at);
        if guest.lost_since.is_some() || self.now < since + self.bounds.roster {
            return None;
        }
        let expected = self.expected_roster(guest);
        let roster = guest.participant().roster();
        let seen: BTreeMap<ParticipantId, Face> = roster
            .people()
            .map(|person| {
                let tracks = person.tracks.iter().map(|t| (t.id.source, t.state));
                (
                    person.id,
                    (
                        person.name.clone(),
                        person.role,
                        person.lost,
                        tracks.collect(),
                    ),
                )
            })
            .collect();
        if seen != expected {
            return Some(format!("the roster is {seen:?} and should be {expected:?}"));
        }
        (roster.recording().is_some() != self.recorded).then(|| {
            format!(
                "recording is {:?} and should be {}",
                roster.recording(),
                self.recorded
            )
        })
    }

    /// When rosters changed last. Giving up a lost guest is a change as well.
    fn last_change(&self) -> Instant {
        let lost = self.guests.iter().filter_map(|guest| guest.lost_since);
        let given_up = lost.map(|since| since + LOST_GRACE);
        given_up
            .filter(|&at| at <= self.now)
            .fold(self.changed_at, Instant::max)
    }

    fn expected_roster(&self, guest: &Guest) -> BTreeMap<ParticipantId, Face> {
        let listed = |other: &&Guest| other.id != guest.id && other.is_listed(self.now);
        self.guests
            .iter()
            .filter(listed)
            .map(|other| {
                let lost = other.lost_since.is_some();
                let tracks = other
                    .tracks
                    .iter()
                    .map(|(&source, &(state, _))| (source, state));
                let shown = tracks
                    .filter(|&(_, state)| state != TrackState::Off)
                    .collect();
                (other.id, (other.name.clone(), other.role, lost, shown))
            })
            .collect()
    }

    /// Speakers that a guest should hear and does not.
    fn silences(&self, guest: &Guest) -> Vec<String> {
        let speakers = self.guests.iter().filter(|speaker| {
            let (state, since) = speaker
                .tracks
                .get(&Source::Microphone)
                .map_or((TrackState::Off, self.now), |&track| track);
            speaker.id != guest.id
                && state == TrackState::Live
                && self.flows_to(guest, speaker, since)
                && held_for(speaker.speaks_since, self.now) >= self.bounds.settle
        });
        speakers
            .filter_map(|speaker| {
                let heard = guest.sight.of(speaker.author, Source::Microphone);
                let last = heard.map(|heard| heard.last_at);
                let silence = held_for(Some(last.unwrap_or(self.start)), self.now);
                (silence > self.bounds.silence).then(|| {
                    format!(
                        "has not heard {} for more than {:?}",
                        speaker.name, self.bounds.silence
                    )
                })
            })
            .collect()
    }

    /// Slots that show somebody who sends, and stand still.
    fn standstills(&self, guest: &Guest) -> Vec<String> {
        let mut faults = Vec::new();
        for (slot, shown) in guest.sight.shown() {
            let Some(track) = shown.track else {
                continue;
            };
            let here = |other: &&Guest| other.id == track.participant && other.is_listed(self.now);
            let Some(owner) = self.guests.iter().rfind(here) else {
                if held_for(Some(self.last_change().max(shown.since)), self.now)
                    > self.bounds.roster
                {
                    faults.push(format!("slot {} shows {track}, who is gone", slot.0));
                }
                continue;
            };
            let (state, since) = owner
                .tracks
                .get(&track.source)
                .map_or((TrackState::Off, self.now), |&t| t);
            let began = since.max(shown.since);
            if shown.kind == Kind::Audio
                || state != TrackState::Live
                || !self.flows_to(guest, owner, began)
            {
                continue;
            }
            let last = guest
                .sight
                .of(owner.author, track.source)
                .map_or(began, |seen| seen.last_at);
            let still = held_for(Some(last.max(began)), self.now);
            if still > self.bounds.freeze {
                let limit = self.bounds.freeze;
                faults.push(format!(
                    "{}'s {} stands still for more than {limit:?}",
                    owner.name, track.source
                ));
            }
        }
        faults
    }

    /// Whether media must flow by now from a source that is as it is since `since`.
    fn flows_to(&self, guest: &Guest, sender: &Guest, since: Instant) -> bool {
        let settled = |who: &Guest| {
            !who.gone && held_for(Some(who.joined_at), self.now) >= self.bounds.settle
        };
        settled(guest) && settled(sender) && held_for(Some(since), self.now) >= self.bounds.freeze
    }
}
