//! Where a shard's thread puts what leaves for a WebSocket or a link peer. Putting never waits:
//! a reader that has fallen a whole queue behind is cut off, and comes back knowing where it
//! stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sfu_protocol::link::{FromNode, TapeBody};
use sfu_protocol::signal::Envelope;
use tokio::sync::{Notify, mpsc};

/// Most messages that wait for one WebSocket. A busy room makes some ten a second, so this is
/// most of a minute of not reading. One more: the WebSocket is closed without a word, and its
/// client resumes with the last `seq` it has.
pub(crate) const SIGNAL_QUEUE_MESSAGES: usize = 512;

/// Most bytes that wait for one link peer: what two full rings hold by default, since a ring is
/// sent at once when its peer is back. Payloads are counted although the ring may share them: a
/// ring lets go of what it drops, the queue does not. Beyond it the link is closed after what
/// waits; the peer dials again, says where its tapes end, and gets the rest.
const LINK_QUEUE_BYTES: usize = 160 * 1024 * 1024;

/// What a frame costs besides a payload.
const FRAME_BYTES: usize = 160;

/// Frames that were taken off the queue and wait for the peer.
const HANDED_FRAMES: usize = 64;

/// The reader is gone or too far behind. It was told; forget it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutOff;

/// What leaves for a WebSocket.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Send this.
    Say(Box<Envelope>),
    /// Close.
    Close,
}

/// The shard's end of one WebSocket.
#[derive(Debug)]
pub(crate) struct SignalOutlet {
    queue: mpsc::Sender<Outgoing>,
    overflowed: Arc<AtomicBool>,
}

/// The WebSocket's end.
pub(crate) struct SignalQueue {
    pub(crate) queue: mpsc::Receiver<Outgoing>,
    overflowed: Arc<AtomicBool>,
}

impl SignalOutlet {
    pub(crate) fn new() -> (SignalOutlet, SignalQueue) {
        let (sender, queue) = mpsc::channel(SIGNAL_QUEUE_MESSAGES);
        let overflowed = Arc::new(AtomicBool::new(false));
        let outlet = SignalOutlet {
            queue: sender,
            overflowed: Arc::clone(&overflowed),
        };
        (outlet, SignalQueue { queue, overflowed })
    }

    pub(crate) fn put(&self, outgoing: Outgoing) -> Result<(), CutOff> {
        self.queue.try_send(outgoing).map_err(|error| {
            let full = matches!(error, mpsc::error::TrySendError::Full(_));
            self.overflowed.store(full, Ordering::Release);
            CutOff
        })
    }
}

impl SignalQueue {
    /// Whether the shard has given up: what still waits is worth nothing.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Acquire)
    }
}

/// The node's end of one link, held by each shard and by the event log.
#[derive(Debug, Clone)]
pub(crate) struct PeerOutlet {
    frames: mpsc::UnboundedSender<FromNode>,
    waiting_bytes: Arc<AtomicUsize>,
    limit_bytes: usize,
    broken: Arc<Notify>,
}

/// What waits for a link peer. Bounded by the outlet, in bytes.
pub(crate) struct PeerQueue {
    frames: mpsc::UnboundedReceiver<FromNode>,
    waiting_bytes: Arc<AtomicUsize>,
}

impl PeerOutlet {
    /// With what waits and the notice that somebody found it full or gone.
    pub(crate) fn new() -> (PeerOutlet, PeerQueue, Arc<Notify>) {
        Self::with_room(LINK_QUEUE_BYTES)
    }

    fn with_room(limit_bytes: usize) -> (PeerOutlet, PeerQueue, Arc<Notify>) {
        let (frames, receiver) = mpsc::unbounded_channel();
        let broken = Arc::new(Notify::new());
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let outlet = PeerOutlet {
            frames,
            waiting_bytes: Arc::clone(&waiting_bytes),
            limit_bytes,
            broken: Arc::clone(&broken),
        };
        let queue = PeerQueue {
            frames: receiver,
            waiting_bytes,
        };
        (outlet, queue, broken)
    }

    pub(crate) fn put(&self, frame: FromNode) -> Result<(), CutOff> {
        let cost = cost(&frame);
        // Counted before it waits: the reader never takes off more than was put on.
        let waited = self.waiting_bytes.fetch_add(cost, Ordering::Relaxed);
        if waited + cost <= self.limit_bytes && self.frames.send(frame).is_ok() {
            return Ok(());
        }
        self.waiting_bytes.fetch_sub(cost, Ordering::Relaxed);
        self.broken.notify_one();
        Err(CutOff)
    }
}

impl PeerQueue {
    /// The next frame; none once every outlet is gone.
    pub(crate) async fn next(&mut self) -> Option<FromNode> {
        let frame = self.frames.recv().await?;
        self.waiting_bytes
            .fetch_sub(cost(&frame), Ordering::Relaxed);
        Some(frame)
    }

    #[cfg(test)]
    pub(crate) fn try_recv(&mut self) -> Result<FromNode, mpsc::error::TryRecvError> {
        self.frames.try_recv()
    }

    /// Hands what waits to the peer, as fast as it reads. Needs a tokio runtime.
    pub(crate) fn hand_on(mut self) -> mpsc::Receiver<FromNode> {
        let (to_peer, from_node) = mpsc::channel(HANDED_FRAMES);
        tokio::spawn(async move {
            loop {
                let frame = tokio::select! {
                    frame = self.next() => frame,
                    () = to_peer.closed() => return,
                };
                let Some(frame) = frame else {
                    return;
                };
                if to_peer.send(frame).await.is_err() {
                    return;
                }
            }
        });
        from_node
    }
}

fn cost(frame: &FromNode) -> usize {
    let payload = match frame {
        FromNode::Entry { entry, .. } => match &entry.body {
            TapeBody::Rtp { payload, .. } => payload.len(),
            TapeBody::SenderReport { .. } | TapeBody::Muted { .. } => 0,
        },
        _ => 0,
    };
    FRAME_BYTES + payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::ids::{RecordingId, TapeId};
    use sfu_protocol::link::{LINK_VERSION, TapeEntry};
    use sfu_protocol::media::MediaTime;

    fn welcome() -> FromNode {
        FromNode::Welcome {
            version: LINK_VERSION,
            now: MediaTime(1),
        }
    }

    #[test]
    fn a_websocket_that_does_not_read_is_cut_off_at_its_bound() {
        let (outlet, queue) = SignalOutlet::new();
        for _ in 0..SIGNAL_QUEUE_MESSAGES {
            outlet.put(Outgoing::Close).expect("there is room");
        }
        assert!(!queue.overflowed());
        assert_eq!(outlet.put(Outgoing::Close), Err(CutOff));
        assert!(queue.overflowed());
    }

    #[test]
    fn a_websocket_that_is_gone_has_not_overflowed() {
        let (outlet, queue) = SignalOutlet::new();
        let overflowed = Arc::clone(&queue.overflowed);
        drop(queue);
        assert_eq!(outlet.put(Outgoing::Close), Err(CutOff));
        assert!(!overflowed.load(Ordering::Acquire));
    }

    fn packet(bytes: usize) -> FromNode {
        FromNode::Entry {
            recording: RecordingId(uuid::Uuid::nil()),
            tape: TapeId(1),
            index: 0,
            entry: TapeEntry {
                arrived: MediaTime(1),
                layer: 0,
                body: TapeBody::Rtp {
                    seq: 1,
                    timestamp: 1,
                    marker: false,
                    retransmitted: false,
                    payload: Arc::from(vec![0; bytes]),
                },
            },
        }
    }

    #[tokio::test]
    async fn a_link_that_is_not_read_is_cut_off_at_its_bound_and_told_so() {
        let (outlet, mut queue, broken) = PeerOutlet::with_room(2 * FRAME_BYTES);
        outlet.put(welcome()).expect("there is room");
        outlet.put(welcome()).expect("there is room");
        assert_eq!(outlet.put(welcome()), Err(CutOff));
        broken.notified().await;
        // What was taken before is still delivered.
        drop(outlet);
        assert_eq!(queue.next().await, Some(welcome()));
        assert_eq!(queue.next().await, Some(welcome()));
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn the_payloads_that_wait_are_bounded_and_what_is_read_makes_room() {
        let (outlet, mut queue, _) = PeerOutlet::with_room(10_000);
        for _ in 0..7 {
            outlet.put(packet(1_200)).expect("there is room");
        }
        assert_eq!(outlet.put(packet(1_200)), Err(CutOff));
        queue.next().await;
        assert_eq!(outlet.put(packet(1_200)), Ok(()));
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_ends_its_link() {
        let (outlet, queue, broken) = PeerOutlet::new();
        drop(queue.hand_on());
        outlet.frames.closed().await;
        assert_eq!(outlet.put(welcome()), Err(CutOff));
        broken.notified().await;
    }
}
