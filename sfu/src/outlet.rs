//! Where a shard's thread puts what leaves for a WebSocket or a link peer. Putting never waits:
//! a reader that has fallen a whole queue behind is cut off, and comes back knowing where it
//! stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sfu_protocol::link::FromNode;
use sfu_protocol::signal::Envelope;
use tokio::sync::{Notify, mpsc};

/// Most messages that wait for one WebSocket. A busy room makes some ten a second, so this is
/// most of a minute of not reading. One more: the WebSocket is closed without a word, and its
/// client resumes with the last `seq` it has.
pub(crate) const SIGNAL_QUEUE_MESSAGES: usize = 512;

/// Most frames that wait for one link peer: more than a full ring of the smallest entries, since
/// a ring is sent at once when its peer is back. Payloads are shared with the ring, so a frame
/// that waits costs about 100 bytes. One more: the link is closed; the peer dials again and says
/// where its tapes end.
pub(crate) const LINK_QUEUE_FRAMES: usize = 1 << 20;

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
    frames: mpsc::Sender<FromNode>,
    broken: Arc<Notify>,
}

impl PeerOutlet {
    /// With the receiving end and the notice that somebody found it full or gone.
    pub(crate) fn new() -> (PeerOutlet, mpsc::Receiver<FromNode>, Arc<Notify>) {
        Self::with_room(LINK_QUEUE_FRAMES)
    }

    fn with_room(frames: usize) -> (PeerOutlet, mpsc::Receiver<FromNode>, Arc<Notify>) {
        let (frames, receiver) = mpsc::channel(frames);
        let broken = Arc::new(Notify::new());
        let outlet = PeerOutlet {
            frames,
            broken: Arc::clone(&broken),
        };
        (outlet, receiver, broken)
    }

    pub(crate) fn put(&self, frame: FromNode) -> Result<(), CutOff> {
        self.frames.try_send(frame).map_err(|_| {
            self.broken.notify_one();
            CutOff
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::link::LINK_VERSION;
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

    #[tokio::test]
    async fn a_link_that_is_not_read_is_cut_off_at_its_bound_and_told_so() {
        let (outlet, mut frames, broken) = PeerOutlet::with_room(2);
        outlet.put(welcome()).expect("there is room");
        outlet.put(welcome()).expect("there is room");
        assert_eq!(outlet.put(welcome()), Err(CutOff));
        broken.notified().await;
        // What was taken before is still delivered.
        drop(outlet);
        assert_eq!(frames.recv().await, Some(welcome()));
        assert_eq!(frames.recv().await, Some(welcome()));
        assert_eq!(frames.recv().await, None);
    }
}
