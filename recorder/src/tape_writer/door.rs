//! The way to a running tape writer, and what it is told.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use prometheus::IntCounter;
use recorder_core::journal::JournalLine;
use sfu_protocol::ids::TapeId;
use sfu_protocol::link::{EndReason, TapeEntry, TapeOpened};
use sfu_protocol::media::MediaTime;

use super::on_disk::Durable;

/// Messages waiting for the thread. Full while the disk is slow: the link is then read more
/// slowly, and the node's ring holds what waits.
pub(crate) const INBOX_MESSAGES: usize = 4096;

/// How long the link waits before it offers a message to a full inbox again.
const FULL_INBOX_WAIT: Duration = Duration::from_millis(5);

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum ToWriter {
    /// A line of the journal.
    Line(JournalLine),
    /// A frame of a link; links are counted from 1.
    Tape { link: u64, frame: TapeFrame },
    /// The recording ended. `link` is None when it ends without its node.
    End {
        link: Option<u64>,
        at: Option<MediaTime>,
    },
    /// The thread ends as by a fault of its own.
    #[cfg(test)]
    Break,
}

/// What a link says about a tape.
#[derive(Debug)]
pub(crate) enum TapeFrame {
    Opened(TapeOpened),
    Entry {
        tape: TapeId,
        index: u64,
        entry: TapeEntry,
    },
    Gap {
        tape: TapeId,
        to_index: u64,
    },
    Closed {
        tape: TapeId,
        next_index: u64,
        at: MediaTime,
        reason: EndReason,
    },
}

/// The way to a running thread. The thread ends, with all on disk, when every copy is dropped.
#[derive(Debug, Clone)]
pub(crate) struct WriterDoor {
    pub(super) inbox: SyncSender<ToWriter>,
    pub(super) dropped: IntCounter,
    pub(crate) durable: Arc<Durable>,
}

impl WriterDoor {
    /// Hands a message over; waits while the inbox is full. A thread that is gone takes nothing:
    /// its session begins another, for which the node sends again what this one did not put on
    /// disk.
    pub(crate) async fn put(&self, message: ToWriter) {
        let mut waiting = message;
        loop {
            match self.inbox.try_send(waiting) {
                Ok(()) => return,
                Err(TrySendError::Disconnected(_)) => {
                    self.dropped.inc();
                    return;
                }
                Err(TrySendError::Full(message)) => waiting = message,
            }
            tokio::time::sleep(FULL_INBOX_WAIT).await;
        }
    }
}
