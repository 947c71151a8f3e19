//! What goes over reliable, ordered ways: WebSockets and links. Nothing is lost while both ends
//! live; it takes time, and where the way is cut it waits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_core::io::{Input, PeerId, SignalId};
use sfu_protocol::grant::{GRANT_AUDIENCE, Grant, Rights};
use sfu_protocol::ids::{NodeId, OrganisationId};
use sfu_protocol::link::{FromNode, ToNode};
use sfu_protocol::signal::{ClientMessage, Envelope, NodeMessage, RefusedCode};
use uuid::Uuid;

use super::World;
use crate::guest::is_asked_for_another;

/// How long a message on a WebSocket takes.
const SIGNAL_DELAY: Duration = Duration::from_millis(20);

/// How long a frame on a link takes.
const LINK_DELAY: Duration = Duration::from_millis(1);

/// Something on its way.
#[derive(Debug)]
pub(crate) enum Letter {
    ToNode {
        signal: SignalId,
        message: ClientMessage,
    },
    ToGuest {
        signal: SignalId,
        envelope: Box<Envelope>,
    },
    CloseGuest {
        signal: SignalId,
    },
    GuestClosed {
        signal: SignalId,
    },
    ToShard {
        peer: PeerId,
        frame: ToNode,
    },
    ToKeeper {
        peer: PeerId,
        frame: FromNode,
    },
    KeeperOpened {
        peer: PeerId,
    },
    KeeperClosed {
        peer: PeerId,
    },
}

/// Letters in the order in which they arrive.
#[derive(Debug, Default)]
pub(crate) struct Post {
    underway: BTreeMap<(Instant, u64), Letter>,
    serial: u64,
    /// WebSockets whose way is cut, and whose they are.
    cut: BTreeMap<SignalId, usize>,
    /// What waits for a guest's way to be whole again.
    held: BTreeMap<usize, Vec<Letter>>,
    link_cut: bool,
    held_link: Vec<Letter>,
}

impl Letter {
    /// The WebSocket it goes over; none over a link.
    fn signal(&self) -> Option<SignalId> {
        match self {
            Letter::ToNode { signal, .. }
            | Letter::ToGuest { signal, .. }
            | Letter::CloseGuest { signal }
            | Letter::GuestClosed { signal } => Some(*signal),
            Letter::ToShard { .. }
            | Letter::ToKeeper { .. }
            | Letter::KeeperOpened { .. }
            | Letter::KeeperClosed { .. } => None,
        }
    }
}

impl Post {
    pub(crate) fn send(&mut self, now: Instant, letter: Letter) {
        let signal = letter.signal();
        if let Some(guest) = signal.and_then(|signal| self.cut.get(&signal)) {
            return self.held.entry(*guest).or_default().push(letter);
        }
        if signal.is_none() && self.link_cut {
            return self.held_link.push(letter);
        }
        let delay = signal.map_or(LINK_DELAY, |_| SIGNAL_DELAY);
        self.serial += 1;
        self.underway.insert((now + delay, self.serial), letter);
    }

    /// From now on a guest's WebSocket carries nothing; what is said over it waits.
    pub(crate) fn cut(&mut self, signal: SignalId, guest: usize) {
        self.cut.insert(signal, guest);
    }

    /// Whether a guest's way is cut.
    pub(crate) fn is_cut(&self, guest: usize) -> bool {
        self.cut.values().any(|&cut| cut == guest)
    }

    /// A guest's way is whole again: what waited goes, in order.
    pub(crate) fn mend(&mut self, now: Instant, guest: usize) {
        self.cut.retain(|_, &mut cut| cut != guest);
        for letter in self.held.remove(&guest).unwrap_or_default() {
            self.send(now, letter);
        }
    }

    pub(crate) fn cut_link(&mut self) {
        self.link_cut = true;
    }

    /// The link is whole again: what waited goes, unless the link was closed meanwhile.
    pub(crate) fn mend_link(&mut self, now: Instant, keeps: bool) {
        self.link_cut = false;
        for letter in std::mem::take(&mut self.held_link) {
            if keeps {
                self.send(now, letter);
            }
        }
    }

    /// The node died: what was on its way to it, and over its links, is gone. What it had said to
    /// guests still arrives.
    pub(crate) fn node_died(&mut self) {
        let survives =
            |letter: &Letter| matches!(letter, Letter::ToGuest { .. } | Letter::CloseGuest { .. });
        self.underway.retain(|_, letter| survives(letter));
        for letters in self.held.values_mut() {
            letters.retain(survives);
        }
        self.held_link.clear();
    }

    pub(crate) fn deliver(&mut self, now: Instant) -> Option<Letter> {
        let entry = self.underway.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.underway.keys().next().map(|&(at, _)| at)
    }
}

impl World {
    pub(crate) fn open(&mut self, letter: Letter) {
        match letter {
            Letter::ToNode { signal, message } => self.hear_guest(signal, message),
            Letter::ToGuest { signal, envelope } => self.hear_node(signal, *envelope),
            Letter::CloseGuest { signal } => self.close_guest(signal),
            Letter::GuestClosed { signal } => self.guest_closed(signal),
            Letter::ToShard { peer, frame } => {
                let line = format!("{frame:?}");
                self.note("keeper says", &line);
                self.tell_shard(Input::Link { peer, frame });
            }
            Letter::ToKeeper { peer, frame } => self.hear_shard(peer, frame),
            Letter::KeeperOpened { peer } => self.tell_shard(Input::LinkOpened { peer }),
            Letter::KeeperClosed { peer } => self.tell_shard(Input::LinkClosed { peer }),
        }
    }

    fn hear_guest(&mut self, signal: SignalId, message: ClientMessage) {
        let Some(index) = self.guest_at(signal) else {
            return self.hear_stranger(signal, message);
        };
        if !self.node.is_up() {
            // Nobody listens there: the connection is refused.
            return self.post.send(self.now, Letter::CloseGuest { signal });
        }
        let name = self.guests[index].name.clone();
        let ClientMessage::Join { resume, .. } = message else {
            self.note(&name, &summary(&message));
            return self.tell_shard(Input::Signal { signal, message });
        };
        self.note(&name, "joins");
        self.guests[index].half_in = !self.guests[index].hears();
        self.came_back(index);
        let grant = Box::new(self.grant_at(index));
        if self.guests[index].is_posted() {
            return self.tell_shard(Input::Posted { signal, grant });
        }
        self.tell_shard(Input::SignalOpened {
            signal,
            grant,
            resume: resume.map(|resume| (resume.resume_key, resume.last_seq)),
        });
    }

    fn hear_node(&mut self, signal: SignalId, envelope: Envelope) {
        let Some(index) = self
            .guest_at(signal)
            .filter(|&index| self.guests[index].hears())
        else {
            return self.tell_stranger(signal, envelope);
        };
        let name = self.guests[index].name.clone();
        self.note(&name, &told(&envelope));
        if let NodeMessage::Refused {
            about,
            code,
            message,
        } = &envelope.message
            && !self.guests[index].hostile
            && *code != RefusedCode::Draining
            && !(self.has_parted() && is_asked_for_another(&envelope.message))
        {
            self.violate(&name, format!("{about} was refused: {code:?} {message}"));
        }
        self.guests[index].hear(self.now, envelope);
        self.drain_guest(index);
    }

    /// The node closed a WebSocket, or nobody listens at its other end.
    fn close_guest(&mut self, signal: SignalId) {
        self.close_stranger(signal);
        // A guest that is told to go closes its side too.
        self.post.send(self.now, Letter::GuestClosed { signal });
        let Some(index) = self.guest_at(signal) else {
            return;
        };
        if !self.guests[index].gone {
            self.guests[index].signal_lost(self.now);
            self.changed_at = self.now;
        }
    }

    fn guest_closed(&mut self, signal: SignalId) {
        if let Some(index) = self.guest_at(signal) {
            let guest = &mut self.guests[index];
            let left = guest.gone && guest.lost_since.is_none();
            if !left && !guest.forgotten && self.node.is_up() {
                guest.lost_since.get_or_insert(self.now);
                self.changed_at = self.now;
            }
        }
        self.tell_shard(Input::SignalClosed { signal });
    }

    fn hear_shard(&mut self, peer: PeerId, frame: FromNode) {
        let listens = |keeper: &&mut crate::keeper::Keeper| keeper.online && keeper.peer == peer;
        let Some(keeper) = self.keeper.as_mut().filter(listens) else {
            return;
        };
        let line = keeper.hear(frame);
        let faults = keeper.take_faults();
        self.note("keeper", &line);
        for fault in faults {
            self.violate("keeper", fault);
        }
    }

    pub(super) fn sync_keeper(&mut self) {
        let Some(keeper) = self.keeper.as_mut().filter(|keeper| keeper.online) else {
            return;
        };
        let peer = keeper.peer;
        for frame in keeper.sync() {
            self.post.send(self.now, Letter::ToShard { peer, frame });
        }
    }

    pub(super) fn grant_at(&self, index: usize) -> Grant {
        let guest = &self.guests[index];
        let now_s = (super::node::ORIGIN_UNIX_US / 1_000_000) + self.now_ms() / 1_000;
        Grant {
            aud: GRANT_AUDIENCE.to_owned(),
            iat: now_s,
            exp: now_s + 3_600,
            jti: format!("grant {index}"),
            node: NodeId("sim".to_owned()),
            organisation: OrganisationId(Uuid::from_u128(0x0c0)),
            room: self.room,
            participant: guest.id,
            name: guest.name.clone(),
            role: guest.role,
            rights: Rights::of(guest.role),
        }
    }
}

/// A message without the session description, which names random keys.
pub(super) fn summary(message: &ClientMessage) -> String {
    match message {
        ClientMessage::Offer { publish, .. } => format!("offers {publish:?}"),
        other => format!("says {other:?}"),
    }
}

/// The same of the node's messages.
pub(super) fn told(envelope: &Envelope) -> String {
    match &envelope.message {
        NodeMessage::Answer { slots, .. } => format!("told {} answer {slots:?}", envelope.seq),
        other => format!("told {} {other:?}", envelope.seq),
    }
}
