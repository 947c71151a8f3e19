//! What a story can make happen.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_core::io::{PeerId, SignalId};
use sfu_protocol::ids::{ParticipantId, RecordingId};
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{ClientMessage, Show, SlotId, TrackState, Want};
use uuid::Uuid;

use super::letters::Letter;
use super::{World, certificate};
use crate::guest::{Guest, Invite, Place, Played, Sighting};
use crate::keeper::Keeper;
use crate::network::{Line, Path};

/// How long a page takes from its end to the first message of the next.
const RELOAD_MS: u64 = 400;

impl World {
    /// Somebody joins over a good line, as a member with camera and microphone.
    pub fn join(&mut self, name: &str) {
        self.join_with(name, Invite::over(Line::both(Path::OFFICE)));
    }

    /// Somebody joins. The same name is the same participant, each time from another address.
    pub fn join_with(&mut self, name: &str, invite: Invite) {
        let number = self.guests.len() as u32 + 1;
        let [_, _, high, low] = number.to_be_bytes();
        self.signals += 1;
        let seed = self.draw();
        let before = self.guests.iter().find(|guest| guest.name == name);
        let fresh = ParticipantId(Uuid::from_u128(0x9a00 + u128::from(number)));
        let place = Place {
            name: name.to_owned(),
            id: before.map_or(fresh, |guest| guest.id),
            author: number,
            address: SocketAddr::from(([10, 1, high, low], 5_000)),
            signal: SignalId(self.signals),
            certificate: certificate(),
            seed,
        };
        self.changed_at = self.now;
        self.guests.push(Guest::join(self.now, place, &invite));
        self.drain_guest(self.guests.len() - 1);
    }

    /// Somebody leaves properly.
    pub fn leave(&mut self, name: &str) {
        let index = self.index(name);
        self.changed_at = self.now;
        self.guests[index].say(self.now, ClientMessage::Leave {});
        self.drain_guest(index);
        self.guests[index].gone = true;
        self.guests[index].out_since = Some(self.now);
    }

    /// Somebody is gone without a word: the WebSocket closes, nothing more is sent.
    pub fn vanish(&mut self, name: &str) {
        let index = self.index(name);
        let signal = self.guests[index].signal;
        self.changed_at = self.now;
        self.guests[index].gone = true;
        self.guests[index].lost_since = Some(self.now);
        self.post.send(self.now, Letter::GuestClosed { signal });
    }

    /// Somebody's WebSocket is lost; their media goes on.
    pub fn lose_signal(&mut self, name: &str) {
        let index = self.index(name);
        let signal = self.guests[index].signal;
        self.changed_at = self.now;
        self.guests[index].lost_since = Some(self.now);
        self.guests[index].stay_away();
        self.post.send(self.now, Letter::GuestClosed { signal });
    }

    /// Somebody whose WebSocket was lost comes back over another.
    pub fn signal_returns(&mut self, name: &str) {
        let index = self.index(name);
        self.call(index);
        self.drain_guest(index);
    }

    /// Somebody loads the page again: nothing of the old one runs, the same participant joins with
    /// the tracks as they were.
    pub fn reload(&mut self, name: &str) {
        let invite = self.guest(name).invite();
        let speaks = self.guest(name).speaks_since.is_some();
        self.vanish(name);
        self.run_ms(RELOAD_MS);
        self.join_with(name, invite);
        self.speak(name, speaks);
    }

    /// Somebody says something.
    pub fn say(&mut self, name: &str, message: ClientMessage) {
        let index = self.index(name);
        if !matches!(
            message,
            ClientMessage::Want { .. } | ClientMessage::Ping { .. }
        ) {
            self.changed_at = self.now;
        }
        self.guests[index].say(self.now, message);
        self.drain_guest(index);
    }

    /// Somebody starts, mutes or stops a source.
    pub fn set_track(&mut self, name: &str, source: Source, state: TrackState) {
        self.say(name, ClientMessage::SetTrack { source, state });
    }

    /// Somebody speaks, or is silent.
    pub fn speak(&mut self, name: &str, speaks: bool) {
        let index = self.index(name);
        self.guests[index].speak(self.now, speaks);
    }

    /// Somebody wants to see a source of somebody in their first picture slot, in a height.
    pub fn want(&mut self, name: &str, whom: &str, source: Source, max_height: u16) {
        let track = self.guest(whom).track(source);
        let slot = self.picture_slot(name);
        let wants = vec![Want {
            slot,
            show: Show::Track(track),
            max_height,
            priority: 100,
        }];
        self.say(name, ClientMessage::Want { wants });
    }

    /// Somebody wants to see whoever speaks in their first picture slot.
    pub fn want_speaker(&mut self, name: &str, max_height: u16) {
        let wants = vec![Want {
            slot: self.picture_slot(name),
            show: Show::Speaker,
            max_height,
            priority: 100,
        }];
        self.say(name, ClientMessage::Want { wants });
    }

    /// Somebody wants to see nobody in their first picture slot.
    pub fn want_nothing(&mut self, name: &str) {
        let wants = vec![Want {
            slot: self.picture_slot(name),
            show: Show::Nothing,
            max_height: 360,
            priority: 100,
        }];
        self.say(name, ClientMessage::Want { wants });
    }

    /// A recorder dials and records the room.
    pub fn start_recording(&mut self, started_by: &str) {
        let peer = self.next_peer();
        let recording = RecordingId(Uuid::from_u128(0x4ec));
        let keeper = Keeper::new(peer, recording, self.room, started_by);
        self.keeper = Some(keeper);
        self.recorded = true;
        self.changed_at = self.now;
        self.greet();
    }

    /// The recorder stops recording.
    pub fn stop_recording(&mut self) {
        let keeper = self.keeper.as_ref().expect("a recording was started");
        let (peer, frame) = (keeper.peer, keeper.stop());
        self.post.send(self.now, Letter::ToShard { peer, frame });
        self.recorded = false;
        self.changed_at = self.now;
    }

    /// The recorder dies: what it had not made durable is gone.
    pub fn recorder_dies(&mut self) {
        let keeper = self.keeper.as_mut().expect("a recording was started");
        keeper.die();
        let peer = keeper.peer;
        self.post.send(self.now, Letter::KeeperClosed { peer });
    }

    /// The recorder is back and says where its tapes end.
    pub fn recorder_returns(&mut self) {
        let peer = self.next_peer();
        let keeper = self.keeper.as_mut().expect("a recording was started");
        keeper.return_as(peer);
        self.greet();
    }

    /// Somebody who is or was here: the last of that name to come.
    pub fn guest(&self, name: &str) -> &Guest {
        &self.guests[self.index(name)]
    }

    /// The keeper.
    pub fn keeper(&self) -> &Keeper {
        self.keeper.as_ref().expect("a recording was started")
    }

    /// How somebody saw or heard a source of somebody.
    pub fn sighting(&self, name: &str, whom: &str, source: Source) -> Option<Sighting> {
        let author = self.guest(whom).author;
        self.guest(name).sight.of(author, source)
    }

    /// Whether somebody saw or heard a source of somebody within the last `within_ms`.
    pub fn perceives(&self, name: &str, whom: &str, source: Source, within_ms: u64) -> bool {
        let within = Duration::from_millis(within_ms);
        let sighting = self.sighting(name, whom, source);
        sighting.is_some_and(|sighting| sighting.last_at + within >= self.now)
    }

    /// Somebody speaks so loudly, or not at all, and nobody has to hear them.
    pub fn murmur(&mut self, name: &str, level_dbov: Option<i8>) {
        let index = self.index(name);
        self.guests[index].murmur(level_dbov);
    }

    /// From now on what somebody sees and hears is measured anew: see [`World::longest_gap_ms`] and
    /// [`World::played`].
    pub fn measure_anew(&mut self, name: &str) {
        let index = self.index(name);
        self.guests[index].sight.measure_anew(self.now);
    }

    /// The longest time without a frame of a source of somebody.
    pub fn longest_gap_ms(&self, name: &str, whom: &str, source: Source) -> Option<u64> {
        let author = self.guest(whom).author;
        let sight = &self.guest(name).sight;
        let gap = sight.longest_gap(self.now, author, source)?;
        Some(gap.as_millis() as u64)
    }

    /// What somebody's jitter buffer made of the microphone of somebody.
    pub fn played(&self, name: &str, whom: &str) -> Option<Played> {
        let author = self.guest(whom).author;
        self.guest(name).sight.sound_of(author)?.played()
    }

    /// Lets a second pass and answers which layers of a source somebody sent in it.
    pub fn layers_sent(&mut self, name: &str, source: Source) -> Vec<u8> {
        const A_SECOND_MS: u64 = 1_000;
        let sent = |world: &World| world.guest(name).participant().packets_sent_of(source);
        let before = sent(self);
        self.run_ms(A_SECOND_MS);
        let layers = (0..).zip(before.iter().zip(sent(self)));
        let moved = layers.filter(|(_, (before, now))| **before != *now);
        moved.map(|(layer, _)| layer).collect()
    }

    /// From somebody's joining until they first saw or heard a source of somebody.
    pub fn first_after_ms(&self, name: &str, whom: &str, source: Source) -> Option<u64> {
        let joined_at = self.guest(name).joined_at;
        let sighting = self.sighting(name, whom, source)?;
        Some((sighting.first_at - joined_at).as_millis() as u64)
    }

    /// How long ago something happened.
    pub fn elapsed_since(&self, at: Instant) -> Duration {
        self.now.saturating_duration_since(at)
    }

    /// When something happened, in milliseconds since the story began.
    pub fn ms_of(&self, at: Instant) -> u64 {
        (at - self.start).as_millis() as u64
    }

    /// From now on the oracles take a source of somebody for what it is told here, though nobody
    /// has said so in the room.
    pub fn believe_track(&mut self, name: &str, source: Source, state: TrackState) {
        let index = self.index(name);
        self.changed_at = self.now;
        self.guests[index].tracks.insert(source, (state, self.now));
    }

    /// Claims something; a false claim is a violation.
    pub fn claim(&mut self, holds: bool, what: &str) {
        if !holds {
            self.violate("story", format!("not true: {what}"));
        }
    }

    /// Claims that everyone sees and hears everyone else.
    pub fn claim_everyone_perceives_everyone(&mut self) {
        let names = self.names();
        for name in &names {
            for whom in names.iter().filter(|whom| *whom != name) {
                for source in [Source::Camera, Source::Microphone] {
                    let freeze_ms = self.bounds.freeze.as_millis() as u64;
                    let perceived = self.perceives(name, whom, source, freeze_ms);
                    self.claim(perceived, &format!("{name} perceives {whom}'s {source}"));
                }
            }
        }
    }

    /// Who is here now.
    pub fn names(&self) -> Vec<String> {
        let here = self.guests.iter().filter(|guest| !guest.gone);
        here.map(|guest| guest.name.clone()).collect()
    }

    pub(super) fn index(&self, name: &str) -> usize {
        let found = self.guests.iter().rposition(|guest| guest.name == name);
        found.unwrap_or_else(|| panic!("nobody called {name} has joined"))
    }

    fn picture_slot(&self, name: &str) -> SlotId {
        let mut slots = self.guest(name).sight.shown();
        let found = slots.find(|(_, shown)| shown.kind == Kind::Video);
        found
            .expect("slots are known once the answer has come")
            .0
            .clone()
    }

    pub(super) fn next_peer(&mut self) -> PeerId {
        self.links += 1;
        PeerId(self.links)
    }

    pub(super) fn greet(&mut self) {
        let keeper = self.keeper.as_ref().expect("a recording was started");
        let (peer, greeting) = (keeper.peer, keeper.greeting());
        self.post.send(self.now, Letter::KeeperOpened { peer });
        for frame in greeting {
            self.post.send(self.now, Letter::ToShard { peer, frame });
        }
    }
}

/// Since when something holds, or never.
pub(super) fn held_for(since: Option<Instant>, now: Instant) -> Duration {
    since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
}
