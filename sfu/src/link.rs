//! The node's end of links: a peer's frames go to the shards they concern, what shards say goes
//! to the peer, and events reach it with the node's own numbers.
//!
//! A link here is a channel inside the process. It carries the frames of
//! [`sfu_protocol::link`], ordered and reliable, so a peer that reaches the node over a network
//! needs nothing but their bytes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sfu_core::io::PeerId;
use sfu_protocol::ids::{RecordingId, RoomId};
use sfu_protocol::link::{EndReason, FromNode, LINK_VERSION, ToNode};
use tokio::sync::{Notify, mpsc, watch};

use crate::clock::MediaClock;
use crate::events::EventLog;
use crate::inbox::{Command, ShardDoors, ShardGone};
use crate::outlet::PeerOutlet;
use crate::worker::EVENTS_PEER;

/// Most frames from a peer that wait. A peer that says more waits: acknowledgements are small
/// and taken at once.
pub(crate) const FROM_PEER_FRAMES: usize = 1024;

/// Most recordings whose room is remembered, to route acknowledgements. Far more than run at a
/// time; beyond it the oldest is forgotten (ids are UUIDv7, so the smallest).
const REMEMBERED_RECORDINGS: usize = 4096;

/// A peer's end of a link. Dropping either half ends the link; when the node ends it,
/// `from_node` closes after what was sent, and the peer dials again.
#[derive(Debug)]
pub struct LinkEnd {
    /// What the peer says. The first frame is [`ToNode::Hello`].
    pub to_node: mpsc::Sender<ToNode>,
    /// What the node says.
    pub from_node: mpsc::Receiver<FromNode>,
}

/// Why the node ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum LinkFault {
    #[error("the first frame is not hello in a version that is spoken here")]
    NoHello,
    #[error("the peer does not read")]
    NotRead,
    #[error("the shard is not running")]
    ShardGone,
}

impl From<ShardGone> for LinkFault {
    fn from(_: ShardGone) -> Self {
        LinkFault::ShardGone
    }
}

/// Where peers dial.
pub(crate) struct LinkHub {
    doors: ShardDoors,
    events: EventLog,
    clock: MediaClock,
    next_peer: AtomicU64,
    recordings: Mutex<Recordings>,
    closed: watch::Sender<bool>,
}

/// Which room a recording is of.
#[derive(Default)]
struct Recordings(BTreeMap<RecordingId, RoomId>);

impl Recordings {
    fn remember(&mut self, recording: RecordingId, room: RoomId) {
        self.0.insert(recording, room);
        if self.0.len() > REMEMBERED_RECORDINGS {
            self.0.pop_first();
        }
    }
}

/// One peer as the node sees it.
struct Peer {
    id: PeerId,
    outlet: PeerOutlet,
}

impl LinkHub {
    pub(crate) fn new(doors: ShardDoors, events: EventLog, clock: MediaClock) -> Self {
        LinkHub {
            doors,
            events,
            clock,
            next_peer: AtomicU64::new(EVENTS_PEER.0 + 1),
            recordings: Mutex::default(),
            closed: watch::Sender::new(false),
        }
    }

    /// Opens a link. Needs a tokio runtime.
    pub(crate) fn dial(self: &Arc<Self>) -> LinkEnd {
        let (to_node, frames) = mpsc::channel(FROM_PEER_FRAMES);
        let (outlet, queue, broken) = PeerOutlet::new();
        let from_node = queue.hand_on();
        let id = PeerId(self.next_peer.fetch_add(1, Ordering::Relaxed));
        let hub = Arc::clone(self);
        tokio::spawn(async move { hub.serve(Peer { id, outlet }, frames, &broken).await });
        LinkEnd { to_node, from_node }
    }

    /// Ends every link, after the shards have said their last. One dialled later ends at once.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    async fn serve(&self, peer: Peer, mut frames: mpsc::Receiver<ToNode>, broken: &Notify) {
        let served = async {
            self.greet(&peer, frames.recv().await).await?;
            while let Some(frame) = frames.recv().await {
                self.route(&peer, frame).await?;
            }
            Ok(())
        };
        let mut closed = self.closed.subscribe();
        let outcome = tokio::select! {
            outcome = served => outcome,
            () = broken.notified() => Err(LinkFault::NotRead),
            _ = closed.wait_for(|closed| *closed) => Ok(()),
        };
        match outcome {
            Ok(()) => tracing::info!(peer = peer.id.0, "link closed"),
            Err(fault) => tracing::warn!(peer = peer.id.0, %fault, "link cut off"),
        }
        self.events.unfollow(peer.id);
        for door in self.doors.all() {
            // A shard that has ended holds no link.
            let _ = door.bring(Command::CloseLink { peer: peer.id }).await;
        }
    }

    /// The node greets once, before any shard can say something.
    async fn greet(&self, peer: &Peer, first: Option<ToNode>) -> Result<(), LinkFault> {
        let Some(hello @ ToNode::Hello { version, .. }) = &first else {
            return Err(LinkFault::NoHello);
        };
        if *version != LINK_VERSION {
            return Err(LinkFault::NoHello);
        }
        if let ToNode::Hello { peer: name, .. } = hello {
            tracing::info!(peer = peer.id.0, name, "link opened");
        }
        let welcome = FromNode::Welcome {
            version: LINK_VERSION,
            now: self.clock.now(),
        };
        peer.put(welcome)?;
        for door in self.doors.all() {
            let open = Command::OpenLink {
                peer: peer.id,
                outlet: peer.outlet.clone(),
            };
            door.bring(open).await?;
            door.bring(peer.says(hello.clone())).await?;
        }
        Ok(())
    }

    async fn route(&self, peer: &Peer, frame: ToNode) -> Result<(), LinkFault> {
        match &frame {
            ToNode::Hello { .. } => return Err(LinkFault::NoHello),
            ToNode::Follow { after } => {
                self.events.follow(peer.id, *after, peer.outlet.clone());
            }
            ToNode::Record {
                recording, room, ..
            } => {
                let (recording, room) = (*recording, *room);
                self.recordings().remember(recording, room);
                self.doors.of(room).bring(peer.says(frame)).await?;
            }
            ToNode::StopRecord { recording } => match self.room_of(*recording) {
                Some(room) => self.doors.of(room).bring(peer.says(frame)).await?,
                None => peer.put(FromNode::RecordEnded {
                    recording: *recording,
                    at: self.clock.now(),
                    reason: EndReason::Unknown,
                })?,
            },
            ToNode::Ack { recording, .. } | ToNode::Trouble { recording, .. } => {
                // What nobody records needs no acknowledgement and has no trouble.
                if let Some(room) = self.room_of(*recording) {
                    self.doors.of(room).bring(peer.says(frame)).await?;
                }
            }
        }
        Ok(())
    }

    fn recordings(&self) -> std::sync::MutexGuard<'_, Recordings> {
        self.recordings
            .lock()
            .expect("nobody panics while holding the map")
    }

    fn room_of(&self, recording: RecordingId) -> Option<RoomId> {
        self.recordings().0.get(&recording).copied()
    }
}

impl Peer {
    fn says(&self, frame: ToNode) -> Command {
        Command::Link {
            peer: self.id,
            frame,
        }
    }

    fn put(&self, frame: FromNode) -> Result<(), LinkFault> {
        self.outlet.put(frame).map_err(|_| LinkFault::NotRead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn beyond_the_bound_the_oldest_recording_is_forgotten() {
        let mut recordings = Recordings::default();
        let room = RoomId(Uuid::from_u128(1));
        for n in 0..=REMEMBERED_RECORDINGS as u128 {
            recordings.remember(RecordingId(Uuid::from_u128(n)), room);
        }
        assert_eq!(recordings.0.len(), REMEMBERED_RECORDINGS);
        assert!(!recordings.0.contains_key(&RecordingId(Uuid::from_u128(0))));
        assert!(recordings.0.contains_key(&RecordingId(Uuid::from_u128(1))));
    }
}
