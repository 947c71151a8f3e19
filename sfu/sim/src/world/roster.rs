//! The oracle of rosters: everyone is told the same, and what is so.

use std::collections::BTreeMap;
use std::time::Instant;

use sfu_protocol::ids::ParticipantId;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{Role, TrackState};

use super::World;
use crate::guest::{Guest, LOST_GRACE};

/// Somebody as others should see them.
type Face = (String, Role, bool, BTreeMap<Source, TrackState>);

impl World {
    pub(super) fn roster_faults(&self, guest: &Guest) -> Option<String> {
        let since = self.last_change().max(guest.joined_at);
        let hears = guest.is_listening() && !guest.forgotten && !guest.line.is_cut();
        let unsettled = self.guests.iter().any(|other| other.half_in);
        let unheard = guest.lost_since.is_some() || !hears || unsettled;
        if unheard || self.now < since + self.bounds.roster {
            return None;
        }
        let expected = self.expected_roster(guest);
        let roster = guest.participant().roster();
        let seen: BTreeMap<ParticipantId, Face> = roster
            .people()
            .map(|person| {
                let tracks = person.tracks.iter().map(|t| (t.id.source, t.state));
                let lost = person.lost && !self.is_troubled(person.id);
                let face = (person.name.clone(), person.role, lost, tracks.collect());
                (person.id, face)
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
    pub(super) fn last_change(&self) -> Instant {
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
                let lost = other.lost_since.is_some() && !self.is_troubled(other.id);
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

    /// Whether somebody's way is not whole, or was not until just now: the node may take them for
    /// lost or not.
    fn is_troubled(&self, id: ParticipantId) -> bool {
        let who = self.guests.iter().rfind(|guest| guest.id == id);
        who.is_some_and(|guest| {
            let calm = guest
                .calm_since
                .filter(|&since| self.now >= since + self.bounds.settle);
            !guest.gone && calm.is_none()
        })
    }
}
