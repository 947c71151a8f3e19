//! What is sent to one participant: numbered, kept for a while, so that a client whose WebSocket
//! broke gets what it missed.

use std::collections::VecDeque;
use std::sync::Arc;

use sfu_protocol::signal::{Envelope, NodeMessage};

use crate::io::{Output, SignalId};

/// Messages kept for a client that comes back. One that missed more gets the whole state anew.
pub(crate) const MAX_RECENT: usize = 256;

/// About so many bytes of them: two answers of the largest rooms among the small ones. Beyond it
/// the oldest go, as above; the last is always kept.
const MAX_RECENT_BYTES: usize = 256 * 1024;

/// A participant's messages.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// The WebSocket that gets them; none while it is lost.
    pub(crate) signal: Option<SignalId>,
    last_seq: u64,
    /// Numbered upwards to the last; what everybody is told is one for all of them.
    recent: VecDeque<Arc<NodeMessage>>,
    recent_bytes: usize,
}

impl Mailbox {
    pub(crate) fn send(&mut self, message: impl Into<Arc<NodeMessage>>, outputs: &mut Vec<Output>) {
        let message = message.into();
        self.last_seq += 1;
        let envelope = Envelope {
            seq: self.last_seq,
            message: NodeMessage::clone(&message),
        };
        self.recent_bytes += cost(&message);
        self.recent.push_back(message);
        let over = |mailbox: &Self| {
            mailbox.recent.len() > MAX_RECENT
                || mailbox.recent_bytes > MAX_RECENT_BYTES && mailbox.recent.len() > 1
        };
        while over(self) {
            if let Some(oldest) = self.recent.pop_front() {
                self.recent_bytes -= cost(&oldest);
            }
        }
        self.put(envelope, outputs);
    }

    /// Begins with the whole state, which is not kept: whoever never got it cannot go on from it, and
    /// whoever goes on is told it anew.
    pub(crate) fn begin(&mut self, joined: NodeMessage, outputs: &mut Vec<Output>) {
        self.last_seq += 1;
        self.recent.clear();
        self.recent_bytes = 0;
        let seq = self.last_seq;
        let message = joined;
        self.put(Envelope { seq, message }, outputs);
    }

    /// Continues on another WebSocket: `joined` repeats the number that the client has, then
    /// comes what it missed. False, and nothing is sent, when that is no longer kept.
    pub(crate) fn resume(
        &mut self,
        signal: SignalId,
        seen: u64,
        joined: NodeMessage,
        outputs: &mut Vec<Output>,
    ) -> bool {
        self.signal = Some(signal);
        let before = self.last_seq - self.recent.len() as u64;
        if seen > self.last_seq || seen < before {
            return false;
        }
        let missed = self.recent.iter().skip((seen - before) as usize);
        let missed: Vec<Envelope> = missed
            .zip(seen + 1..)
            .map(|(message, seq)| Envelope {
                seq,
                message: NodeMessage::clone(message),
            })
            .collect();
        let message = joined;
        self.put(Envelope { seq: seen, message }, outputs);
        for envelope in missed {
            self.put(envelope, outputs);
        }
        true
    }

    /// Closes the WebSocket after what was sent.
    pub(crate) fn close(&mut self, outputs: &mut Vec<Output>) {
        if let Some(signal) = self.signal.take() {
            outputs.push(Output::CloseSignal { signal });
        }
    }

    fn put(&self, envelope: Envelope, outputs: &mut Vec<Output>) {
        if let Some(signal) = self.signal {
            let envelope = Box::new(envelope);
            outputs.push(Output::Signal { signal, envelope });
        }
    }
}

/// About what a message costs to keep. Only those that grow without a client's budget are told
/// apart.
fn cost(message: &NodeMessage) -> usize {
    /// A message without lists: its strings are short.
    const MESSAGE_BYTES: usize = 256;
    /// A participant with a name and tracks.
    const PARTICIPANT_BYTES: usize = 512;
    MESSAGE_BYTES
        + match message {
            NodeMessage::Answer { sdp, .. } => sdp.len(),
            NodeMessage::Joined { participants, .. } => participants.len() * PARTICIPANT_BYTES,
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::ids::ParticipantId;

    fn lost(lost: bool) -> NodeMessage {
        NodeMessage::ParticipantLost {
            participant: ParticipantId(uuid::Uuid::nil()),
            lost,
        }
    }

    fn seqs(outputs: &[Output]) -> Vec<u64> {
        let seq = |output: &Output| match output {
            Output::Signal { envelope, .. } => envelope.seq,
            _ => 0,
        };
        outputs.iter().map(seq).collect()
    }

    #[test]
    fn a_client_that_comes_back_gets_what_it_missed() {
        let mut mailbox = Mailbox::default();
        let mut outputs = Vec::new();
        mailbox.signal = Some(SignalId(1));
        for _ in 0..3 {
            mailbox.send(lost(true), &mut outputs);
        }
        mailbox.signal = None;
        mailbox.send(lost(false), &mut outputs);
        assert_eq!(seqs(&outputs), [1, 2, 3]);

        outputs.clear();
        assert!(mailbox.resume(SignalId(2), 2, lost(true), &mut outputs));
        assert_eq!(seqs(&outputs), [2, 3, 4]);
        assert!(!mailbox.resume(SignalId(2), 99, lost(true), &mut outputs));
    }

    #[test]
    fn the_state_that_it_begins_with_has_a_number_and_is_not_kept() {
        let mut mailbox = Mailbox::default();
        let mut outputs = Vec::new();
        mailbox.signal = Some(SignalId(1));
        mailbox.begin(lost(true), &mut outputs);
        mailbox.send(lost(true), &mut outputs);
        assert_eq!(seqs(&outputs), [1, 2]);
        outputs.clear();
        assert!(mailbox.resume(SignalId(2), 1, lost(true), &mut outputs));
        assert_eq!(seqs(&outputs), [1, 2]);
        assert!(!mailbox.resume(SignalId(2), 0, lost(true), &mut outputs));
        mailbox.begin(lost(true), &mut outputs);
        assert_eq!((mailbox.recent.len(), mailbox.recent_bytes), (0, 0));
        assert!(mailbox.resume(SignalId(2), 3, lost(true), &mut outputs));
    }

    #[test]
    fn long_answers_are_bounded_in_bytes_and_the_last_is_kept() {
        let answer = |bytes| NodeMessage::Answer {
            revision: 1,
            sdp: "x".repeat(bytes),
            slots: Vec::new(),
        };
        let mut mailbox = Mailbox::default();
        let mut outputs = Vec::new();
        for _ in 0..10 {
            mailbox.send(answer(60_000), &mut outputs);
        }
        assert_eq!(mailbox.recent.len(), 4);
        assert!(mailbox.recent_bytes <= MAX_RECENT_BYTES);
        assert!(!mailbox.resume(SignalId(1), 5, lost(true), &mut outputs));
        assert!(mailbox.resume(SignalId(1), 6, lost(true), &mut outputs));
        mailbox.send(answer(MAX_RECENT_BYTES), &mut outputs);
        assert_eq!(mailbox.recent.len(), 1);
        assert!(mailbox.resume(SignalId(1), 10, lost(true), &mut outputs));
    }

    #[test]
    fn a_client_that_says_it_saw_everything_there_can_be_is_told_anew() {
        let mut mailbox = Mailbox::default();
        let mut outputs = Vec::new();
        mailbox.send(lost(true), &mut outputs);
        assert!(!mailbox.resume(SignalId(2), u64::MAX, lost(true), &mut outputs));
    }

    #[test]
    fn a_client_that_missed_more_than_is_kept_is_told_so() {
        let mut mailbox = Mailbox::default();
        let mut outputs = Vec::new();
        for _ in 0..MAX_RECENT + 1 {
            mailbox.send(lost(true), &mut outputs);
        }
        assert!(!mailbox.resume(SignalId(2), 0, lost(true), &mut outputs));
        assert!(mailbox.resume(SignalId(2), 1, lost(true), &mut outputs));
        assert_eq!(outputs.len(), MAX_RECENT + 1);
    }
}
