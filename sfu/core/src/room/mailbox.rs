//! What is sent to one participant: numbered, kept for a while, so that a client whose WebSocket
//! broke gets what it missed.

use std::collections::VecDeque;

use sfu_protocol::signal::{Envelope, NodeMessage};

use crate::io::{Output, SignalId};

/// Messages kept for a client that comes back. One that missed more gets the whole state anew.
pub(crate) const MAX_RECENT: usize = 256;

/// A participant's messages.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// The WebSocket that gets them; none while it is lost.
    pub(crate) signal: Option<SignalId>,
    last_seq: u64,
    recent: VecDeque<Envelope>,
}

impl Mailbox {
    pub(crate) fn send(&mut self, message: NodeMessage, outputs: &mut Vec<Output>) {
        self.last_seq += 1;
        let envelope = Envelope {
            seq: self.last_seq,
            message,
        };
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(envelope.clone());
        self.put(envelope, outputs);
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
        let oldest = self
            .recent
            .front()
            .map_or(self.last_seq + 1, |envelope| envelope.seq);
        if seen + 1 < oldest || seen > self.last_seq {
            return false;
        }
        let missed = self.recent.iter().filter(|envelope| envelope.seq > seen);
        let missed: Vec<Envelope> = missed.cloned().collect();
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
