//! Every message that a client can say x its role x whom it is about, in a live room beside
//! another one. What is expected follows from the rights of the role; who is refused has changed
//! nothing for anybody else.

use std::collections::BTreeSet;
use std::path::Path;

use sfu_core::shard::Limits;
use sfu_protocol::grant::Rights;
use sfu_protocol::ids::{ParticipantId, RoomId, TrackId};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, NodeMessage, RefusedCode, Role, Show, SlotContent, SlotId,
};
use uuid::Uuid;

use crate::world::{Publish, World, grant, participant, said};

const ROLES: [Role; 4] = [Role::Host, Role::Member, Role::Guest, Role::Observer];

const SAYER: u128 = 1;
const OTHER: u128 = 2;
const FOREIGNER: u128 = 3;
const NOBODY: u128 = 4;

/// Whom a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Oneself,
    /// Another in the room.
    Other,
    /// Somebody in another room.
    Foreigner,
    /// Somebody who is nowhere.
    Nobody,
}

const TARGETS: [Target; 4] = [
    Target::Oneself,
    Target::Other,
    Target::Foreigner,
    Target::Nobody,
];

impl Target {
    fn who(self) -> ParticipantId {
        participant(match self {
            Target::Oneself => SAYER,
            Target::Other => OTHER,
            Target::Foreigner => FOREIGNER,
            Target::Nobody => NOBODY,
        })
    }

    fn is_here(self) -> bool {
        matches!(self, Target::Oneself | Target::Other)
    }
}

/// One of each message: the golden examples of the protocol.
fn every_message() -> Vec<ClientMessage> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/golden");
    let files = std::fs::read_dir(folder).expect("golden examples");
    let mut paths: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    let is_clients = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("client."))
    };
    paths.retain(|path| is_clients(path));
    let read = |path| std::fs::read_to_string(path).expect("text");
    let parse = |text: String| serde_json::from_str(&text).expect("a message");
    paths.into_iter().map(read).map(parse).collect()
}

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused(RefusedCode),
    Bye(ByeReason),
}

/// A room with the sayer and another, and a room with a foreigner. Both others publish and see.
struct Scene {
    world: World,
    sayer: usize,
    others: [usize; 2],
}

impl Scene {
    fn new(role: Role) -> Scene {
        let mut world = World::new(Limits::default());
        let publish = [Publish::Camera { layers: 1 }, Publish::Microphone];
        let may_publish = !Rights::of(role).publish.is_empty();
        let own: &[Publish] = if may_publish { &publish } else { &[] };
        let sayer = world.join(SAYER, role, own, (1, 1));
        let other = world.join(OTHER, Role::Member, &publish, (1, 1));
        let mut foreign = grant(FOREIGNER, Role::Host);
        foreign.room = RoomId(Uuid::from_u128(43));
        let foreigner = world.open_with(foreign, None);
        world.offer(foreigner, &publish, (1, 1));
        world.run(std::time::Duration::from_millis(500));
        for client in &mut world.clients {
            client.messages.clear();
        }
        Scene {
            world,
            sayer,
            others: [other, foreigner],
        }
    }

    /// The message, about this one and usable otherwise. A new message has to be aimed here, and
    /// what is expected of it said in [`expected`].
    fn aimed(&mut self, message: &ClientMessage, target: Target) -> Option<ClientMessage> {
        let track = TrackId {
            participant: target.who(),
            source: Source::Camera,
        };
        Some(match message.clone() {
            ClientMessage::Want { mut wants } => {
                wants.truncate(1);
                wants[0].slot = SlotId(self.world.clients[self.sayer].slots[1].to_string());
                wants[0].show = Show::Track(track);
                ClientMessage::Want { wants }
            }
            ClientMessage::MuteOther { .. } => ClientMessage::MuteOther {
                participant: track.participant,
                source: track.source,
            },
            ClientMessage::Remove { .. } => ClientMessage::Remove {
                participant: track.participant,
            },
            // These are about whoever says them.
            other @ (ClientMessage::Join { .. }
            | ClientMessage::Offer { .. }
            | ClientMessage::SetTrack { .. }
            | ClientMessage::Leave {}
            | ClientMessage::Ping { .. }) => {
                if target != Target::Oneself {
                    return None;
                }
                other
            }
        })
    }

    fn say(&mut self, message: &ClientMessage) -> Outcome {
        if let ClientMessage::Offer { .. } = message {
            // The golden example's description is too short for a transport.
            let publish = [Publish::Camera { layers: 1 }];
            self.world.new_transport(self.sayer);
            self.world.offer(self.sayer, &publish, (1, 1));
        } else {
            self.world.say(self.sayer, message.clone());
        }
        let told = said(&self.world.clients[self.sayer]);
        let about = message.name();
        let outcome = told.iter().find_map(|message| match message {
            NodeMessage::Refused {
                code, about: what, ..
            } => {
                assert_eq!(what, about);
                Some(Outcome::Refused(*code))
            }
            NodeMessage::Bye { reason, .. } => Some(Outcome::Bye(*reason)),
            _ => None,
        });
        outcome.unwrap_or(Outcome::Done)
    }

    /// Whether anybody else was told anything, sent away, or left the room.
    fn others_noticed(&self) -> [bool; 2] {
        self.others.map(|at| {
            let client = &self.world.clients[at];
            client.closed || !client.messages.is_empty()
        })
    }

    /// What the sayer is shown after a wish.
    fn shown(&self) -> Option<TrackId> {
        let told = said(&self.world.clients[self.sayer]);
        let slots = told.iter().rev().find_map(|message| match message {
            NodeMessage::Slots { slots } => Some(slots.as_slice()),
            _ => None,
        });
        slots.and_then(|slots: &[SlotContent]| slots.iter().find_map(|slot| slot.track))
    }
}

/// The table: what the rights of a role make of a message.
fn expected(message: &ClientMessage, role: Role, target: Target) -> Outcome {
    let rights = Rights::of(role);
    let publishes = !rights.publish.is_empty();
    let moderated = match (rights.moderate, target.is_here()) {
        (false, _) => Outcome::Refused(RefusedCode::NotAllowed),
        (true, false) => Outcome::Refused(RefusedCode::NotFound),
        (true, true) => Outcome::Done,
    };
    match message {
        ClientMessage::Join { .. } => Outcome::Refused(RefusedCode::Malformed),
        ClientMessage::Offer { .. } if publishes => Outcome::Done,
        ClientMessage::Offer { .. } => Outcome::Refused(RefusedCode::NotAllowed),
        // A wish for what is not here stays a wish: it may come.
        ClientMessage::Want { .. } | ClientMessage::Ping { .. } => Outcome::Done,
        ClientMessage::SetTrack { .. } if publishes => Outcome::Done,
        ClientMessage::SetTrack { .. } => Outcome::Refused(RefusedCode::NotFound),
        ClientMessage::MuteOther { .. } => moderated,
        ClientMessage::Remove { .. } => match (moderated, target) {
            (Outcome::Done, Target::Oneself) => Outcome::Bye(ByeReason::Removed),
            _ => moderated,
        },
        ClientMessage::Leave {} => Outcome::Bye(ByeReason::Left),
    }
}

/// Whether others in the room hear of it when it is carried out.
fn is_heard(message: &ClientMessage, role: Role, target: Target) -> bool {
    match message {
        ClientMessage::Join { .. } | ClientMessage::Want { .. } | ClientMessage::Ping { .. } => {
            false
        }
        ClientMessage::MuteOther { .. } | ClientMessage::Remove { .. } => target.is_here(),
        ClientMessage::Offer { .. } | ClientMessage::SetTrack { .. } | ClientMessage::Leave {} => {
            role != Role::Observer
        }
    }
}

#[test]
fn every_message_does_what_the_role_may_and_nothing_to_others_when_refused() {
    let mut cells = 0;
    let mut names = BTreeSet::new();
    for message in every_message() {
        names.insert(message.name());
        for role in ROLES {
            for target in TARGETS {
                let mut scene = Scene::new(role);
                let Some(aimed) = scene.aimed(&message, target) else {
                    continue;
                };
                cells += 1;
                let cell = format!("{} by {role:?} about {target:?}", aimed.name());
                let outcome = scene.say(&aimed);
                assert_eq!(outcome, expected(&aimed, role, target), "{cell}");
                let [other, foreigner] = scene.others_noticed();
                let refused = matches!(outcome, Outcome::Refused(_));
                assert_eq!(other, !refused && is_heard(&aimed, role, target), "{cell}");
                assert!(!foreigner, "{cell}: nobody in another room notices");
                if let ClientMessage::Want { .. } = aimed {
                    let visible = target == Target::Other;
                    assert!(scene.shown().is_none() || visible, "{cell}");
                }
                assert_eq!(scene.world.shard.report().panics, 0, "{cell}");
            }
        }
    }
    println!("{cells} cells of {} messages", names.len());
    assert!(names.len() >= 8, "the golden examples are found");
}
