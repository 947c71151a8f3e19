//! Which SSRCs are whose, and who said so. `str0m` gives a stream to whatever SSRC an RTP header
//! claims for it before the packet has proved authentic. A sender who forges a client's address
//! and guesses a mid would take the client's stream away with one datagram; browsers stop saying
//! the mid once they were heard, so it would never come back. So a packet under an SSRC that has
//! not proved itself is a trial: when nothing authentic comes of it, what it changed is undone.

use str0m::media::{Mid, Rid};
use str0m::rtp::Ssrc;
use str0m::{Input, Rtc};

use sfu_protocol::media::Kind;

use super::uplink::Uplink;
use super::{Connection, Step};
use crate::media::policer::{self, Bucket};
use crate::report::DropReason;

/// Probes for bandwidth have this SSRC and belong to no stream.
const PROBE: u32 = 0;

/// A stream as the transport has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound {
    mid: Mid,
    rid: Option<Rid>,
    kind: Kind,
    ssrc: Ssrc,
    rtx: Option<Ssrc>,
}

impl Bound {
    fn has(&self, ssrc: u32) -> bool {
        *self.ssrc == ssrc || self.rtx.is_some_and(|rtx| *rtx == ssrc)
    }
}

/// The SSRCs of a client.
#[derive(Debug)]
pub(super) struct Bindings {
    /// That proved authentic and still are a stream's: bounded by the client's layers.
    proven: Vec<Proven>,
    trials: Bucket,
    new: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Proven {
    ssrc: u32,
    /// Of a stream itself, not of its repairs.
    media: bool,
}

impl Default for Bindings {
    fn default() -> Self {
        Bindings {
            proven: Vec::new(),
            trials: policer::trials(),
            new: policer::new_ssrcs(),
        }
    }
}

impl Bindings {
    pub(super) fn knows(&self, ssrc: u32) -> bool {
        ssrc == PROBE || self.proven.iter().any(|proven| proven.ssrc == ssrc)
    }

    /// Whether whatever comes under it and is no retransmission is heard of, if it is authentic.
    pub(super) fn is_media(&self, ssrc: u32) -> bool {
        let mut proven = self.proven.iter();
        proven.any(|proven| proven.ssrc == ssrc && proven.media)
    }
}

/// The SSRC of a datagram that is RTP (RFC 7983, section 7; RFC 5761, section 4).
pub(super) fn ssrc_of(bytes: &[u8]) -> Option<u32> {
    let header: &[u8; 12] = bytes.first_chunk()?;
    let is_rtp = (128..=191).contains(&header[0]) && !is_rtcp(bytes);
    is_rtp.then(|| u32::from_be_bytes([header[8], header[9], header[10], header[11]]))
}

/// Whether a datagram is RTCP.
pub(super) fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [128..=191, 192..=223, ..])
}

impl Connection {
    /// A packet under an SSRC that has not proved itself. One that a stream has already can take
    /// nothing away: repairs that only pad never prove theirs.
    pub(super) fn try_ssrc(&mut self, step: &mut Step<'_>, ssrc: u32, input: Input<'_>) {
        if bound(&mut self.rtc, &self.uplink).any(|bound| bound.has(ssrc)) {
            return self.feed(step, input);
        }
        let bindings = &mut self.bindings;
        if bindings.new.is_empty(step.now) || !bindings.trials.take(1, step.now) {
            return step.report.drop_one(DropReason::Untried);
        }
        let before: Vec<Bound> = bound(&mut self.rtc, &self.uplink).collect();
        self.feed(step, input);
        if self.authentic {
            self.bindings.proven.push(Proven { ssrc, media: true });
            self.forget_unbound();
            // What an m-line sends that nobody published stays a trial.
            if self.bindings.knows(ssrc) {
                self.bindings.new.take(1, step.now);
            }
        } else {
            undo(&mut self.rtc, ssrc.into(), &before);
            self.settle(step);
        }
    }

    /// Streams have changed: an SSRC that is no longer one's has to prove itself again.
    pub(super) fn forget_unbound(&mut self) {
        let bound: Vec<Bound> = bound(&mut self.rtc, &self.uplink).collect();
        self.bindings.proven.retain_mut(|proven| {
            proven.media = bound.iter().any(|bound| *bound.ssrc == proven.ssrc);
            bound.iter().any(|bound| bound.has(proven.ssrc))
        });
    }
}

/// The streams of every layer.
fn bound(rtc: &mut Rtc, uplink: &Uplink) -> impl Iterator<Item = Bound> {
    let mut direct = rtc.direct_api();
    uplink.layers().filter_map(move |(mid, rid, kind)| {
        let stream = direct.stream_rx_by_mid(mid, rid)?;
        Some(Bound {
            mid,
            rid,
            kind,
            ssrc: stream.ssrc(),
            rtx: stream.rtx(),
        })
    })
}

/// Takes a stream from the SSRC that has not proved itself and gives back what others lost to it.
/// How far their numbers had come is remembered by the transport.
fn undo(rtc: &mut Rtc, ssrc: Ssrc, before: &[Bound]) {
    let mut direct = rtc.direct_api();
    if before.iter().all(|bound| bound.ssrc != ssrc) {
        direct.remove_stream_rx(ssrc);
    }
    for bound in before {
        let rtx = match direct.stream_rx(&bound.ssrc) {
            Some(stream) if bound.rtx.is_none() || stream.rtx() == bound.rtx => continue,
            _ => bound.rtx,
        };
        let stream = direct.expect_stream_rx(bound.ssrc, rtx, bound.mid, bound.rid);
        // Sound is not asked for again.
        stream.suppress_nack(bound.kind == Kind::Audio);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rtp_has_an_ssrc_to_try() {
        let with = |first, second| [first, second, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(ssrc_of(&with(0x80, 96)), Some(0x0102_0304));
        assert_eq!(ssrc_of(&with(0x80, 0x80 | 96)), Some(0x0102_0304));
        assert_eq!(ssrc_of(&with(0x80, 200)), None, "RTCP");
        assert_eq!(ssrc_of(&with(22, 96)), None, "DTLS");
        assert_eq!(ssrc_of(&with(0x80, 96)[..11]), None, "too short");
        assert!(is_rtcp(&[0x81, 206]));
    }
}
