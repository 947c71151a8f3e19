//! Recordings as the link sees them, and what sessions want of it.

use std::collections::BTreeMap;

use recorder_core::journal::Assignment;
use sfu_protocol::ids::{RecordingId, TapeId};
use sfu_protocol::link::ToNode;
use sfu_protocol::recording::TroubleReason;

use crate::tape_writer::WriterDoor;

/// What a session wants.
#[derive(Debug)]
pub(crate) enum Order {
    /// Record into this writer.
    Record {
        assignment: Assignment,
        writer: WriterDoor,
        /// It was begun by a recorder before this one.
        resumed: bool,
    },
    /// Tell the node that the recording ends. Its tapes are still taken.
    Stop { recording: RecordingId },
    /// The recording ended here.
    Forget { recording: RecordingId },
}

/// A recording as the link sees it.
pub(super) struct Route {
    pub(super) assignment: Assignment,
    pub(super) writer: WriterDoor,
    pub(super) stopping: bool,
    /// The last index that was acknowledged on this link.
    acknowledged: BTreeMap<TapeId, u64>,
    /// What was said on this link about writing.
    told: Option<Option<TroubleReason>>,
}

impl Order {
    pub(super) fn recording(&self) -> RecordingId {
        match self {
            Order::Record { assignment, .. } => assignment.recording,
            Order::Stop { recording } | Order::Forget { recording } => *recording,
        }
    }
}

impl Route {
    pub(super) fn new(assignment: Assignment, writer: WriterDoor) -> Self {
        Route {
            assignment,
            writer,
            stopping: false,
            acknowledged: BTreeMap::new(),
            told: None,
        }
    }

    /// A new link knows nothing yet.
    pub(super) fn begin_link(&mut self) {
        self.acknowledged.clear();
        self.told = None;
    }

    /// Whether the tapes can be written, when that is news on this link.
    pub(super) fn fresh_trouble(&mut self) -> Option<ToNode> {
        let reason = self.writer.durable.trouble();
        let news = self.told.replace(reason) != Some(reason);
        news.then_some(ToNode::Trouble {
            recording: self.assignment.recording,
            reason,
        })
    }

    pub(super) fn record(&self) -> ToNode {
        ToNode::Record {
            recording: self.assignment.recording,
            room: self.assignment.room,
            started_by: self.assignment.started_by.clone(),
            have: self.writer.durable.ends(),
        }
    }

    pub(super) fn stop(&self) -> ToNode {
        ToNode::StopRecord {
            recording: self.assignment.recording,
        }
    }

    /// Acknowledgements for what has reached the disk since the last ones.
    pub(super) fn fresh_acks(&mut self) -> Vec<ToNode> {
        let mut acks = Vec::new();
        for end in self.writer.durable.ends() {
            let before = self.acknowledged.insert(end.tape, end.next_index);
            if before != Some(end.next_index)
                && let Some(through) = end.next_index.checked_sub(1)
            {
                acks.push(ToNode::Ack {
                    recording: self.assignment.recording,
                    tape: end.tape,
                    through,
                });
            }
        }
        acks
    }
}
