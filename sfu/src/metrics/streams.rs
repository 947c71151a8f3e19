//! Figures of media streams over TCP.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::{opts, registered};

/// Why a media stream over TCP was not taken, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// As many as are allowed.
    TooMany,
    /// As many from one address as are allowed.
    AddressLimit,
    /// It had proved nothing when strangers' places ran out, and had waited longest.
    CrowdedOut,
    /// It did not prove itself in time, or within what a stranger may bring.
    Unproven,
    /// A frame longer than a datagram may be.
    Malformed,
    /// Nothing came for too long, or the client did not take what was written.
    Silent,
    /// The client closed, or its network did.
    Gone,
    /// The node stops.
    Stopped,
}

impl StreamEnd {
    const ALL: [StreamEnd; 8] = [
        StreamEnd::TooMany,
        StreamEnd::AddressLimit,
        StreamEnd::CrowdedOut,
        StreamEnd::Unproven,
        StreamEnd::Malformed,
        StreamEnd::Silent,
        StreamEnd::Gone,
        StreamEnd::Stopped,
    ];

    fn as_str(self) -> &'static str {
        match self {
            StreamEnd::TooMany => "too_many",
            StreamEnd::AddressLimit => "address_limit",
            StreamEnd::CrowdedOut => "crowded_out",
            StreamEnd::Unproven => "unproven",
            StreamEnd::Malformed => "malformed",
            StreamEnd::Silent => "silent",
            StreamEnd::Gone => "gone",
            StreamEnd::Stopped => "stopped",
        }
    }
}

/// How many there are, and what became of them.
#[derive(Clone)]
pub(crate) struct StreamFigures {
    open: IntGauge,
    ended: IntCounterVec,
    pub(super) frames_dropped: IntCounterVec,
}

impl StreamFigures {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let open = opts("streams_open", "Media streams over TCP now.");
        let ended = opts(
            "streams_ended_total",
            "Media streams over TCP refused or closed, by reason.",
        );
        let ended = registered(registry, IntCounterVec::new(ended, &["reason"]))?;
        // There from the start, so that their first rise can be seen.
        for end in StreamEnd::ALL {
            ended.with_label_values(&[end.as_str()]);
        }
        let frames_dropped = opts(
            "stream_frames_dropped_total",
            "What would have left over TCP, and whose client has gone or does not read.",
        );
        let frames_dropped = IntCounterVec::new(frames_dropped, &["shard"]);
        Ok(StreamFigures {
            open: registered(registry, IntGauge::with_opts(open))?,
            ended,
            frames_dropped: registered(registry, frames_dropped)?,
        })
    }

    pub(crate) fn opened(&self) {
        self.open.inc();
    }

    pub(crate) fn closed(&self, why: StreamEnd) {
        self.open.dec();
        self.ended(why);
    }

    /// One that was never taken, or one that was.
    pub(crate) fn ended(&self, why: StreamEnd) {
        self.ended.with_label_values(&[why.as_str()]).inc();
    }
}
