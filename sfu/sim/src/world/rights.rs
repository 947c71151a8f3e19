//! The oracles of what must not happen: media for somebody who has no right to it, and a node
//! that keeps more than it should.

use std::time::Duration;

use sfu_core::report::Report;
use sfu_protocol::media::Kind;
use sfu_protocol::signal::TrackState;

use super::World;
use super::cast::held_for;
use crate::guest::Guest;
use crate::network::Datagram;

/// How long media may still leave for somebody who is out.
const REMOVAL: Duration = Duration::from_secs(1);

/// How long media may still leave for the address that somebody had before.
const MOVING: Duration = Duration::from_secs(2);

/// How long what was under way when a track stopped may still arrive.
const STOPPING: Duration = Duration::from_secs(1);

impl World {
    /// Looks at a datagram that the node sends: media goes to whoever is here and nobody else.
    pub(super) fn watch_departure(&mut self, datagram: &Datagram) {
        if !is_rtp(&datagram.bytes) {
            return;
        }
        let destination = datagram.destination;
        let somebody = self
            .guests
            .iter()
            .rfind(|guest| guest.seen_as == destination || guest.was_at(destination));
        let Some(guest) = somebody else {
            return self.violate_once("node", format!("sends media to a stranger: {destination}"));
        };
        let name = guest.name.clone();
        let out = held_for(guest.out_since, self.now) > REMOVAL;
        let left_behind = guest.seen_as != destination
            && !guest.gone
            && held_for(guest.calm_since, self.now) > MOVING;
        if out {
            self.violate_once(&name, format!("is out and is sent media after {REMOVAL:?}"));
        }
        if left_behind {
            self.violate_once(&name, format!("has moved; media goes on to {destination}"));
        }
    }

    /// What somebody receives and must not: tracks that are muted or off, slots that show nobody.
    pub(super) fn leaks(&self, guest: &Guest) -> Vec<String> {
        let mut faults = Vec::new();
        for other in self.guests.iter().filter(|other| other.id != guest.id) {
            for (&source, &(state, since)) in &other.tracks {
                let seen = guest.sight.of(other.author, source);
                let late = seen.is_some_and(|seen| seen.last_at > since + STOPPING);
                if state != TrackState::Live && late && other.calm_since.is_some() {
                    faults.push(format!(
                        "receives {}'s {source}, which is {state:?}",
                        other.name
                    ));
                }
            }
        }
        let told = guest.is_listening() && guest.lost_since.is_none();
        for (slot, shown) in guest.sight.shown().filter(|_| told) {
            let last_at = guest.sight.last_packet_at(slot);
            let empty = shown.track.is_none();
            if empty && last_at.is_some_and(|at| at > shown.since + STOPPING) {
                faults.push(format!("slot {} shows nobody and receives packets", slot.0));
            }
            let again = guest.sight.shown().any(|(other, also)| {
                other != slot && also.track == shown.track && also.kind == Kind::Video
            });
            if again && !empty && shown.kind == Kind::Video {
                faults.push(format!("{:?} is in two slots", shown.track));
            }
        }
        faults
    }

    /// What the node holds or counts that cannot be right.
    pub(super) fn house_faults(&self) -> impl Iterator<Item = String> {
        let reports = self.reports();
        let mut faults = Vec::new();
        for report in &reports {
            if report.panics > 0 {
                faults.push(format!("{} panics", report.panics));
            }
            let (taken, dropped) = (report.packets_accepted, report.packets_dropped());
            if report.packets_in != taken + dropped {
                let came = report.packets_in;
                faults.push(format!(
                    "{came} packets came, {taken} were taken, {dropped} dropped"
                ));
            }
            let most = sfu_core::shard::Limits::default().ring_bytes_per_recording as u64;
            if report.ring_bytes > most {
                faults.push(format!("{} bytes wait for the recorder", report.ring_bytes));
            }
        }
        let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
        let (open, here) = (sum(|r| r.connections), sum(|r| r.participants));
        // Those that were told to close are for a moment on their way.
        if open > here && reports.len() == 1 {
            faults.push(format!("{open} connections for {here} participants"));
        }
        faults.into_iter()
    }
}

fn is_rtp(bytes: &[u8]) -> bool {
    matches!(bytes, [128..=191, kind, ..] if !(192..=223).contains(kind))
}
