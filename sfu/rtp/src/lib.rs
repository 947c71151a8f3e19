//! RTP, RTCP and SRTP as bytes: no connection, no IO, no clock.
//!
//! | module | what it reads and writes |
//! |---|---|
//! | [`dependency`] | which frames a frame needs, and for which quality (RTP payload format for AV1, appendix A) |
//! | [`rtp`] | the header of a packet, its extensions and padding (RFC 3550, RFC 8285) |
//! | [`rtcp`] | reports and feedback (RFC 3550, RFC 4585, transport-wide feedback) |
//! | [`srtp`] | authenticated encryption of both, with AES-GCM or AES-CM and HMAC-SHA1 (RFC 3711, RFC 7714) |
//! | [`keying`] | the keys that a connection's DTLS agreed on |
//! | [`window`] | which packet of a stream a sequence number is, and whether it came before |
//! | [`reception`] | what came of a stream, what is missing, what its sender is told of it |
//! | [`arrivals`] | when packets arrived, as their sender is told for its estimate of the path |
//! | [`feedback`] | the same as it is heard |
//!
//! Whatever comes in may be hostile: it is refused, and nothing here panics for it.

pub mod arrivals;
pub mod dependency;
pub mod feedback;
pub mod keying;
pub mod reception;
pub mod rtcp;
pub mod rtp;
pub mod srtp;
pub mod window;

/// Whether a datagram is RTP or RTCP (RFC 7983, section 7).
pub fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(128..=191))
}

/// Whether a datagram that is RTP or RTCP is RTCP (RFC 5761, section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram.get(1), Some(192..=223))
}
