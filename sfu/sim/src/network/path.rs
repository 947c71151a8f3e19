//! What a path does to what goes over it.

/// One direction of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The least delay.
    pub latency_ms: u64,
    /// At most this much more, without changing the order.
    pub jitter_ms: u64,
    /// Of a million datagrams, this many are lost.
    pub loss_ppm: u32,
    /// Of a million datagrams, this many come `reorder_ms` later than they should.
    pub reorder_ppm: u32,
    /// How much later.
    pub reorder_ms: u64,
    /// Of a million datagrams, this many come twice.
    pub duplicate_ppm: u32,
    /// Most that fits through. RTP and RTCP only: the sizes of handshake messages are random.
    pub rate_bps: Option<u64>,
    /// How long a datagram waits for its turn before it is dropped.
    pub queue_ms: u64,
    /// Whether nothing comes through at all, DTLS included.
    pub blackout: bool,
    /// Whether it is a stream: what is lost is sent again, and what follows waits for it.
    pub streams: bool,
}

impl Path {
    /// 10 ms and nothing lost.
    pub const OFFICE: Path = Path {
        latency_ms: 10,
        jitter_ms: 2,
        loss_ppm: 0,
        reorder_ppm: 0,
        reorder_ms: 0,
        duplicate_ppm: 0,
        rate_bps: None,
        queue_ms: 200,
        blackout: false,
        streams: false,
    };

    /// Another continent: 150 ms, 10 ms of jitter, nothing lost.
    pub const FAR: Path = Path {
        latency_ms: 150,
        jitter_ms: 10,
        ..Path::OFFICE
    };

    /// 25 ms, 15 ms of jitter, 5 % lost, 1 % out of order.
    pub const LOSSY: Path = Path {
        latency_ms: 25,
        jitter_ms: 15,
        loss_ppm: 50_000,
        reorder_ppm: 10_000,
        reorder_ms: 20,
        ..Path::OFFICE
    };

    /// 30 ms, 100 ms of jitter, 10 % lost, 1 % out of order.
    pub const BAD: Path = Path {
        latency_ms: 30,
        jitter_ms: 100,
        loss_ppm: 100_000,
        reorder_ppm: 10_000,
        reorder_ms: 40,
        ..Path::OFFICE
    };

    /// The same with 20 % lost.
    pub const DIRE: Path = Path {
        loss_ppm: 200_000,
        ..Path::BAD
    };

    /// Every fifth datagram comes twice, every twentieth late.
    pub const STUTTERING: Path = Path {
        duplicate_ppm: 200_000,
        reorder_ppm: 50_000,
        reorder_ms: 30,
        ..Path::OFFICE
    };

    /// The same path for a stream.
    pub const fn streaming(self) -> Path {
        Path {
            streams: true,
            ..self
        }
    }

    /// The same path while nothing comes through.
    pub const fn dark(self) -> Path {
        Path {
            blackout: true,
            ..self
        }
    }
}

/// Both directions between a guest and the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// From the guest.
    pub up: Path,
    /// To the guest.
    pub down: Path,
}

impl Line {
    /// The same path both ways.
    pub fn both(path: Path) -> Self {
        Line {
            up: path,
            down: path,
        }
    }

    /// Whether some direction carries nothing.
    pub fn is_cut(&self) -> bool {
        self.up.blackout || self.down.blackout
    }
}
