//! Opus (RFC 7587, section 4.2): one packet is one frame.

use super::WholeFrame;

pub(super) fn frame(payload: &[u8]) -> Option<WholeFrame> {
    (!payload.is_empty()).then(|| WholeFrame {
        keyframe: true,
        data: payload.to_vec(),
    })
}
