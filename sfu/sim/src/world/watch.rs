//! The oracles that look at everyone every few milliseconds, and once at the end.

use std::collections::BTreeSet;
use std::time::Instant;

use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::TrackState;

use super::World;
use super::cast::held_for;
use crate::guest::Guest;

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
            if guest.is_listening() && !guest.line.is_cut() {
                faults.extend(self.standstills(guest));
            }
            faults.extend(self.leaks(guest));
            faults.extend(self.disconnection(guest));
            lasting.extend(faults.into_iter().map(|fault| (guest.name.clone(), fault)));
        }
        lasting.extend(self.house_faults().map(|fault| ("node".to_owned(), fault)));
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
        for (who, what) in found {
            self.violate(&who, what);
        }
    }

    /// A path that should stand by now, and never did.
    fn disconnection(&self, guest: &Guest) -> Option<String> {
        let limit = self.bounds.connect;
        let overdue = guest.connected_at.is_none() && held_for(guest.calm_since, self.now) > limit;
        overdue.then(|| format!("has no path after more than {limit:?}"))
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
                || shown.paused
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
            let stands = who.calm_since.zip(who.connected_at);
            let since = stands.map(|(calm, connected)| calm.max(connected));
            !who.gone && held_for(since, self.now) >= self.bounds.settle
        };
        settled(guest) && settled(sender) && held_for(Some(since), self.now) >= self.bounds.freeze
    }
}
