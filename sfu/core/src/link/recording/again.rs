//! What a recorder that comes back is told.

use sfu_protocol::ids::RecordingId;
use sfu_protocol::link::{EndReason, FromNode, TapeEnd};
use sfu_protocol::media::MediaTime;

use super::Tapes;
use crate::io::PeerId;

impl Tapes {
    /// Tells a peer again how a recording ended, or that there is none.
    pub(crate) fn repeat_end(&mut self, recording: RecordingId, peer: PeerId, at: MediaTime) {
        let ended = self
            .recordings
            .get(&recording)
            .and_then(|known| known.ended);
        let (at, reason) = ended.unwrap_or((at, EndReason::Unknown));
        self.frames.push_back((
            peer,
            FromNode::RecordEnded {
                recording,
                at,
                reason,
            },
        ));
    }

    /// A recorder is back: everything that is open or that it lacks, in order. Answers whether
    /// something that it lacks is lost.
    pub(super) fn send_again(
        &mut self,
        recording: RecordingId,
        peer: PeerId,
        have: &[TapeEnd],
    ) -> bool {
        let Some(known) = self.recordings.get(&recording) else {
            return false;
        };
        let mut gaps = false;
        let at = known.started_at;
        self.frames
            .push_back((peer, FromNode::RecordStarted { recording, at }));
        for (tape, state) in &known.tapes {
            let theirs = have
                .iter()
                .find(|end| end.tape == *tape)
                .map_or(0, |end| end.next_index);
            self.frames
                .push_back((peer, FromNode::TapeOpened(state.opened.clone())));
            let rest = known.ring.rest(*tape, theirs);
            if let Some((from_index, to_index)) = rest.gap {
                gaps = true;
                let frame = FromNode::Gap {
                    recording,
                    tape: *tape,
                    from_index,
                    to_index,
                };
                self.frames.push_back((peer, frame));
            }
            for (index, entry) in rest.entries {
                let frame = FromNode::Entry {
                    recording,
                    tape: *tape,
                    index,
                    entry,
                };
                self.frames.push_back((peer, frame));
            }
            if let Some((next_index, at, reason)) = state.closed {
                let frame = FromNode::TapeClosed {
                    recording,
                    tape: *tape,
                    next_index,
                    at,
                    reason,
                };
                self.frames.push_back((peer, frame));
            }
        }
        if let Some((at, reason)) = known.ended {
            self.frames.push_back((
                peer,
                FromNode::RecordEnded {
                    recording,
                    at,
                    reason,
                },
            ));
        }
        gaps
    }
}
