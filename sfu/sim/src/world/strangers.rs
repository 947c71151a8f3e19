//! What somebody can do who keeps to no rule: any datagram from any address, any message over any
//! WebSocket whose grant the shell has let through. What a stranger is told is kept for reading;
//! being refused is no violation.

use std::collections::{BTreeMap, VecDeque};

use sfu_core::io::{Input, SignalId};
use sfu_protocol::grant::Grant;
use sfu_protocol::signal::{ClientMessage, Envelope};

use super::World;
use super::letters::{Letter, summary, told};
use crate::network::{Datagram, Path};

/// Most datagrams that are kept of what went over the wire; the oldest goes first.
pub const MAX_OVERHEARD: usize = 4_096;

/// Most messages that are kept for one stranger; later ones are only counted in the chronicle.
pub const MAX_TOLD: usize = 1_024;

/// A WebSocket that is no guest's.
#[derive(Debug, Default)]
struct Stranger {
    name: String,
    told: Vec<Envelope>,
    closed: bool,
}

/// Everybody who is no guest, and what was overheard.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    signals: BTreeMap<SignalId, Stranger>,
    listens: bool,
    overheard: VecDeque<Datagram>,
}

impl Strangers {
    pub(super) fn overhear(&mut self, datagram: &Datagram) {
        if !self.listens {
            return;
        }
        if self.overheard.len() == MAX_OVERHEARD {
            self.overheard.pop_front();
        }
        self.overheard.push_back(datagram.clone());
    }
}

impl World {
    /// Puts any datagram on its way, from any address to the node ([`super::node_address`]) or to
    /// a guest (its `seen_as`). Its fate is the path's.
    pub fn throw(&mut self, datagram: Datagram, path: Path) {
        self.post_datagram(datagram, path);
    }

    /// Begins or ends keeping what arrives anywhere, for [`World::overheard`].
    pub fn eavesdrop(&mut self, listens: bool) {
        self.strangers.listens = listens;
    }

    /// The last [`MAX_OVERHEARD`] datagrams that arrived while somebody listened, oldest first:
    /// sealed, as on the wire.
    pub fn overheard(&self) -> &VecDeque<Datagram> {
        &self.strangers.overheard
    }

    /// Nothing has to come to somebody or of them any more: what they do may end it.
    pub fn expect_nothing(&mut self, name: &str) {
        let index = self.index(name);
        self.guests[index].calm_since = None;
    }

    /// Somebody says something of RTCP as it is, on the light way. Answers whether it could.
    pub fn say_control(&mut self, name: &str, packet: Vec<u8>) -> bool {
        let index = self.index(name);
        let said = self.guests[index].say_control(self.now, packet);
        self.drain_guest(index);
        said
    }

    /// Somebody says how much arrives at most.
    pub fn say_estimate(&mut self, name: &str, bps: u64) {
        let index = self.index(name);
        self.guests[index].say_estimate(self.now, bps);
        self.drain_guest(index);
    }

    /// The grant that somebody who is or was here has shown.
    pub fn grant(&self, name: &str) -> Grant {
        self.grant_at(self.index(name))
    }

    /// Opens a WebSocket with a grant that the shell has verified, whoever's it is. Its signature
    /// is the shell's business and not told here.
    pub fn open_signal(
        &mut self,
        name: &str,
        grant: Grant,
        resume: Option<(String, u64)>,
    ) -> SignalId {
        self.signals += 1;
        let signal = SignalId(self.signals);
        let stranger = Stranger {
            name: name.to_owned(),
            ..Stranger::default()
        };
        self.strangers.signals.insert(signal, stranger);
        self.changed_at = self.now;
        self.note(name, "opens a WebSocket");
        self.tell_shard(Input::SignalOpened {
            signal,
            grant: Box::new(grant),
            resume,
        });
        signal
    }

    /// Says anything over any WebSocket, a guest's too, past what the guest knows of itself.
    pub fn send_over(&mut self, signal: SignalId, message: ClientMessage) {
        self.post.send(self.now, Letter::ToNode { signal, message });
    }

    /// Closes a WebSocket that [`World::open_signal`] opened.
    pub fn close_signal(&mut self, signal: SignalId) {
        self.changed_at = self.now;
        self.post.send(self.now, Letter::GuestClosed { signal });
    }

    /// What a stranger was told, oldest first.
    pub fn told(&self, signal: SignalId) -> &[Envelope] {
        let stranger = self.strangers.signals.get(&signal);
        stranger.map_or(&[], |stranger| &stranger.told)
    }

    /// Whether the node has closed a stranger's WebSocket.
    pub fn is_closed(&self, signal: SignalId) -> bool {
        let stranger = self.strangers.signals.get(&signal);
        stranger.is_some_and(|stranger| stranger.closed)
    }

    /// From now on what the node refuses somebody is no violation.
    pub fn turn_hostile(&mut self, name: &str) {
        let index = self.index(name);
        self.guests[index].hostile = true;
    }

    pub(super) fn hear_stranger(&mut self, signal: SignalId, message: ClientMessage) {
        let Some(stranger) = self.strangers.signals.get(&signal) else {
            return;
        };
        let name = stranger.name.clone();
        self.note(&name, &summary(&message));
        self.tell_shard(Input::Signal { signal, message });
    }

    pub(super) fn tell_stranger(&mut self, signal: SignalId, envelope: Envelope) {
        let Some(stranger) = self.strangers.signals.get_mut(&signal) else {
            return;
        };
        let name = stranger.name.clone();
        let line = told(&envelope);
        if stranger.told.len() < MAX_TOLD {
            stranger.told.push(envelope);
        }
        self.note(&name, &line);
    }

    pub(super) fn close_stranger(&mut self, signal: SignalId) {
        if let Some(stranger) = self.strangers.signals.get_mut(&signal) {
            stranger.closed = true;
        }
    }
}
