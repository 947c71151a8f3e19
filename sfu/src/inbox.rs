//! How the asynchronous half of a node speaks to its shards: one bounded inbox a shard, a bell
//! that wakes its thread, and the rule that gives each room its shard.

use std::sync::Arc;

use sfu_core::io::{PeerId, RequestId, SignalId};
use sfu_protocol::control::{ControlReply, ControlRequest};
use sfu_protocol::grant::Grant;
use sfu_protocol::ids::RoomId;
use sfu_protocol::link::ToNode;
use sfu_protocol::signal::ClientMessage;
use tokio::sync::{mpsc, oneshot};

use crate::net::wake::Bell;
use crate::outlet::{PeerOutlet, SignalOutlet};

/// Most commands that wait for one shard. Whoever brings one more waits: nothing is dropped, and
/// a WebSocket whose message waits is not read further, so TCP holds its sender back.
pub(crate) const INBOX_COMMANDS: usize = 4096;

/// What a shard's thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// A WebSocket has a verified grant.
    OpenSignal {
        signal: SignalId,
        grant: Box<Grant>,
        resume: Option<(String, u64)>,
        outlet: SignalOutlet,
    },
    /// A request over HTTP has a verified grant (RFC 9725). From here on it is as a WebSocket.
    Post {
        signal: SignalId,
        grant: Box<Grant>,
        outlet: SignalOutlet,
    },
    /// It says something.
    Signal {
        signal: SignalId,
        message: ClientMessage,
    },
    /// It is gone, perhaps because its page went away.
    CloseSignal { signal: SignalId, went_away: bool },
    /// A link peer is here.
    OpenLink { peer: PeerId, outlet: PeerOutlet },
    /// It says something.
    Link { peer: PeerId, frame: ToNode },
    /// It is gone.
    CloseLink { peer: PeerId },
    /// `api` asks.
    Control {
        request: RequestId,
        body: ControlRequest,
        reply: oneshot::Sender<ControlReply>,
    },
    /// Send what waits, then end the thread.
    Stop,
    /// Break an invariant, to see what a panic costs.
    #[cfg(test)]
    Panic,
}

impl Command {
    /// Whether a session description is to be read, which takes long.
    pub(crate) fn is_offer(&self) -> bool {
        let Command::Signal { message, .. } = self else {
            return false;
        };
        matches!(message, ClientMessage::Offer { .. })
    }
}

/// The shard's thread has ended, so nothing can be brought to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shard is not running")]
pub(crate) struct ShardGone;

/// The sending end of one shard's inbox.
#[derive(Clone)]
pub(crate) struct ShardDoor {
    commands: mpsc::Sender<Command>,
    bell: Bell,
}

impl ShardDoor {
    pub(crate) fn new(bell: Bell) -> (ShardDoor, mpsc::Receiver<Command>) {
        let (commands, inbox) = mpsc::channel(INBOX_COMMANDS);
        (ShardDoor { commands, bell }, inbox)
    }

    /// Brings a command, waiting for room.
    pub(crate) async fn bring(&self, command: Command) -> Result<(), ShardGone> {
        // The channel refuses only when the thread has dropped its end.
        self.commands.send(command).await.map_err(|_| ShardGone)?;
        self.bell.ring();
        Ok(())
    }
}

/// The doors of all shards of the node.
#[derive(Clone)]
pub(crate) struct ShardDoors(Arc<[ShardDoor]>);

impl ShardDoors {
    /// At least one.
    pub(crate) fn new(doors: Vec<ShardDoor>) -> Self {
        assert!(!doors.is_empty(), "a node has at least one shard");
        ShardDoors(doors.into())
    }

    /// The shard on which a room lives.
    pub(crate) fn of(&self, room: RoomId) -> &ShardDoor {
        &self.0[shard_of(room, self.0.len())]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &ShardDoor> {
        self.0.iter()
    }
}

/// The shard of a room: the same for every caller, even over shards. Room ids are UUIDv7, whose
/// first half is a time; folding and multiplying (Fibonacci hashing) lets the random half count.
fn shard_of(room: RoomId, shards: usize) -> usize {
    let (high, low) = room.0.as_u64_pair();
    let mixed = (high ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    (mixed as usize) % shards
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn rooms_spread_over_shards_and_each_keeps_its_own() {
        let shards = 8;
        let rooms = 8000;
        let mut counts = vec![0u32; shards];
        for _ in 0..rooms {
            let room = RoomId(Uuid::now_v7());
            assert_eq!(shard_of(room, shards), shard_of(room, shards));
            assert_eq!(shard_of(room, 1), 0);
            counts[shard_of(room, shards)] += 1;
        }
        // Expected 1000 each with a deviation of about 30: 700 is ten deviations away.
        assert!(counts.iter().all(|&count| count > 700), "{counts:?}");
    }

    #[tokio::test]
    async fn a_full_inbox_makes_the_bringer_wait_and_a_dropped_one_is_gone() {
        let (door, mut inbox) = ShardDoor::new(Bell::new().expect("an eventfd"));
        for _ in 0..INBOX_COMMANDS {
            door.bring(Command::Stop).await.expect("there is room");
        }
        let waiting = tokio::spawn({
            let door = door.clone();
            async move { door.bring(Command::Stop).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        inbox.recv().await.expect("the first of many");
        waiting.await.expect("no panic").expect("now there is room");
        drop(inbox);
        assert_eq!(door.bring(Command::Stop).await, Err(ShardGone));
    }
}
