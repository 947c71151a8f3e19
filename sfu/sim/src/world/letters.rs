//! What goes over reliable, ordered ways: WebSockets and links. Nothing is lost; it takes time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_client::participant::Input as GuestInput;
use sfu_core::io::{Input, PeerId, SignalId};
use sfu_protocol::grant::{GRANT_AUDIENCE, Grant, Rights};
use sfu_protocol::ids::{NodeId, OrganisationId};
use sfu_protocol::link::{FromNode, ToNode};
use sfu_protocol::signal::{ClientMessage, Envelope, NodeMessage};
use uuid::Uuid;

use super::World;

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
}

impl Post {
    pub(crate) fn send(&mut self, now: Instant, letter: Letter) {
        let delay = match letter {
            Letter::ToNode { .. }
            | Letter::ToGuest { .. }
            | Letter::CloseGuest { .. }
            | Letter::GuestClosed { .. } => SIGNAL_DELAY,
            Letter::ToShard { .. }
            | Letter::ToKeeper { .. }
            | Letter::KeeperOpened { .. }
            | Letter::KeeperClosed { .. } => LINK_DELAY,
        };
        self.serial += 1;
        self.underway.insert((now + delay, self.serial), letter);
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
            Letter::CloseGuest { signal } => {
                self.close_stranger(signal);
                // A guest that is told to go closes its side too.
                self.post.send(self.now, Letter::GuestClosed { signal });
            }
            Letter::GuestClosed { signal } => self.tell_shard(Input::SignalClosed { signal }),
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
        let name = self.guests[index].name.clone();
        let ClientMessage::Join { resume, .. } = message else {
            self.note(&name, &summary(&message));
            return self.tell_shard(Input::Signal { signal, message });
        };
        self.note(&name, "joins");
        let grant = Box::new(self.grant_at(index));
        self.tell_shard(Input::SignalOpened {
            signal,
            grant,
            resume: resume.map(|resume| (resume.resume_key, resume.last_seq)),
        });
    }

    fn hear_node(&mut self, signal: SignalId, envelope: Envelope) {
        let Some(index) = self
            .guest_at(signal)
            .filter(|&index| !self.guests[index].gone)
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
        {
            self.violate(&name, format!("{about} was refused: {code:?} {message}"));
        }
        self.guests[index].handle(self.now, GuestInput::Node(envelope));
        self.drain_guest(index);
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
        let now_s = (super::ORIGIN_UNIX_US / 1_000_000) + self.now_ms() / 1_000;
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
