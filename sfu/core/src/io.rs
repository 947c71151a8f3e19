//! What goes into a shard and what comes out: plain values, no IO.
//!
//! Control leaves by queue ([`Output`], polled); media leaves by return value ([`Departures`],
//! filled by the very call that brought the packet).

use std::net::SocketAddr;
use std::time::Instant;

use sfu_protocol::control::{ControlReply, ControlRequest};
use sfu_protocol::grant::Grant;
use sfu_protocol::link::shards::ShardFrame;
use sfu_protocol::link::{FromNode, ToNode};
use sfu_protocol::signal::{ClientMessage, Envelope};

pub use sfu_protocol::link::shards::ConnectionId;

use crate::stream::StreamId;

/// One signalling WebSocket, numbered by the shell. Never reused while the shell runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(pub u64);

/// One link peer (a recorder, `api`), numbered by the shell. Never reused while the shell runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// One control request, numbered by the shell; its reply carries the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a shard is told.
#[derive(Debug)]
pub enum Input<'a> {
    /// A UDP datagram arrived, or a frame of a stream. Anybody may have sent it.
    Datagram {
        /// From where, as the kernel says; of a stream [`StreamId::address`].
        source: SocketAddr,
        /// On which of our addresses.
        destination: SocketAddr,
        /// The payload.
        bytes: &'a [u8],
    },
    /// A WebSocket has shown a grant, and the shell has verified it.
    SignalOpened {
        /// Which WebSocket.
        signal: SignalId,
        /// What it may.
        grant: Box<Grant>,
        /// Set when it wants to continue a participant: the resume key and the last `seq` seen.
        resume: Option<(String, u64)>,
    },
    /// A request over HTTP has shown a grant, and the shell has verified it (RFC 9725). Its
    /// participant says and is told what others are over a WebSocket, with the same number, but
    /// is here as long as its transport is: no WebSocket tells when it goes.
    Posted {
        /// In the place of a WebSocket's number.
        signal: SignalId,
        /// What it may.
        grant: Box<Grant>,
    },
    /// A message on an opened WebSocket. Never [`ClientMessage::Join`].
    Signal {
        /// Which WebSocket.
        signal: SignalId,
        /// What it says.
        message: ClientMessage,
    },
    /// A WebSocket is gone.
    SignalClosed {
        /// Which.
        signal: SignalId,
    },
    /// A WebSocket is gone with the page that held it: its browser closed or loads it again.
    SignalWentAway {
        /// Which.
        signal: SignalId,
    },
    /// A link peer is here.
    LinkOpened {
        /// Which.
        peer: PeerId,
    },
    /// A link peer says something.
    Link {
        /// Which.
        peer: PeerId,
        /// What.
        frame: ToNode,
    },
    /// A link peer is gone.
    LinkClosed {
        /// Which.
        peer: PeerId,
    },
    /// `api` asks.
    Control {
        /// Repeated in the reply.
        request: RequestId,
        /// What.
        body: ControlRequest,
    },
    /// Another shard of the node can be reached, for the first time or anew.
    ShardOpened {
        /// Which.
        shard: u16,
    },
    /// It says something.
    Shard {
        /// Which.
        shard: u16,
        /// What.
        frame: ShardFrame,
    },
    /// It cannot be reached: it has ended, or what was on its way to it or from it is lost.
    ShardClosed {
        /// Which.
        shard: u16,
    },
    /// The deadline has come.
    Tick,
}

impl Input<'_> {
    /// Whether it waits for what comes with it: a batch goes on together.
    pub(crate) fn is_media(&self) -> bool {
        match self {
            Input::Datagram { .. } => true,
            Input::Shard { frame, .. } => frame.is_media(),
            _ => false,
        }
    }
}

/// Control that leaves a shard, in order.
#[derive(Debug)]
pub enum Output {
    /// Send this to a WebSocket.
    Signal {
        /// Which.
        signal: SignalId,
        /// What.
        envelope: Box<Envelope>,
    },
    /// Close this WebSocket after what was sent.
    CloseSignal {
        /// Which.
        signal: SignalId,
    },
    /// Send this to a link peer.
    Link {
        /// Which.
        peer: PeerId,
        /// What.
        frame: FromNode,
    },
    /// Send this to another shard.
    Shard {
        /// Which.
        shard: u16,
        /// What.
        frame: ShardFrame,
    },
    /// Answer `api`.
    Control {
        /// Of which request.
        request: RequestId,
        /// The answer.
        reply: ControlReply,
    },
}

/// When a shard wants to be woken, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Why: for metrics and for whoever debugs a busy loop.
    pub reason: WakeReason,
}

/// Why a shard wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WakeReason {
    /// What a batch of datagrams brought is to go on.
    Batch,
    /// A connection's transport (ICE, DTLS, RTCP).
    Transport,
    /// A keyframe request that was held back may go now.
    Keyframe,
    /// Which layers a publisher is to send is weighed again.
    Layers,
    /// What each slot of a receiver gets of its path is planned again.
    Share,
    /// Active speakers are computed again.
    Speakers,
    /// A lost participant's time is over, or an empty room closes.
    Expiry,
    /// Nothing is due.
    Idle,
}

/// Datagrams that leave, in one growing buffer that the shell reuses: no allocation per packet
/// once it has grown.
#[derive(Debug, Default)]
pub struct Departures {
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, usize)>,
    /// How many of them are frames of streams.
    streamed: usize,
}

impl Departures {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one datagram.
    pub fn push(&mut self, destination: SocketAddr, contents: &[u8]) {
        self.bytes.extend_from_slice(contents);
        self.note(destination, contents.len());
    }

    fn note(&mut self, destination: SocketAddr, bytes: usize) {
        self.streamed += usize::from(StreamId::of(destination).is_some());
        self.datagrams.push((destination, bytes));
    }

    /// Adds one datagram that `write` adds to the end of the buffer, unless it answers false.
    /// Answers how long it is.
    pub fn compose(
        &mut self,
        destination: SocketAddr,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> usize {
        let begin = self.bytes.len();
        let bytes = match write(&mut self.bytes) {
            true => self.bytes.len() - begin,
            false => 0,
        };
        self.bytes.truncate(begin + bytes);
        if bytes > 0 {
            self.note(destination, bytes);
        }
        bytes
    }

    /// How many datagrams wait.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether some are frames of streams, whose destinations name a [`StreamId`].
    pub fn has_streamed(&self) -> bool {
        self.streamed > 0
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// The datagrams in order.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.datagrams.iter().map(move |&(destination, length)| {
            let (datagram, after) = rest.split_at(length);
            rest = after;
            (destination, datagram)
        })
    }

    /// The datagrams in order, those that one call can send together as one.
    pub fn bursts(&self) -> impl Iterator<Item = Burst<'_>> {
        let mut rest = self.bytes.as_slice();
        let mut waiting = self.datagrams.as_slice();
        std::iter::from_fn(move || {
            let &(destination, segment_bytes) = waiting.first()?;
            let count = burst_length(waiting);
            let (burst, after) = waiting.split_at(count);
            let total = burst.iter().map(|(_, bytes)| bytes).sum();
            let (bytes, rest_after) = rest.split_at(total);
            (waiting, rest) = (after, rest_after);
            Some(Burst {
                destination,
                segment_bytes,
                bytes,
                count,
            })
        })
    }

    /// Forgets what was sent and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
        self.streamed = 0;
    }
}

/// Datagrams to one destination that are equally long, but for the last, which may be shorter:
/// what the kernel cuts into segments by itself (UDP_SEGMENT, udp(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst<'a> {
    /// To where.
    pub destination: SocketAddr,
    /// How long each is, in bytes.
    pub segment_bytes: usize,
    /// All of them, one after the other.
    pub bytes: &'a [u8],
    /// How many.
    pub count: usize,
}

impl<'a> Burst<'a> {
    /// One after the other.
    pub fn datagrams(self) -> impl Iterator<Item = (SocketAddr, &'a [u8])> {
        let (destination, bytes, segment_bytes) =
            (self.destination, self.bytes, self.segment_bytes);
        (0..self.count).map(move |number| {
            let from = number * segment_bytes;
            let to = (from + segment_bytes).min(bytes.len());
            (destination, &bytes[from..to])
        })
    }
}

/// Most datagrams of a burst: UDP_MAX_SEGMENTS of kernels before 6.9.
const MAX_BURST: usize = 64;

/// Most bytes of a burst: what fits into one IP packet before it is cut, with its headers.
const MAX_BURST_BYTES: usize = 65_000;

/// How many of the first datagrams go together; at least one.
fn burst_length(datagrams: &[(SocketAddr, usize)]) -> usize {
    let (destination, segment_bytes) = datagrams[0];
    let most = match segment_bytes {
        0 => 1,
        bytes => (MAX_BURST_BYTES / bytes).clamp(1, MAX_BURST),
    };
    let alike = |datagram: &&(SocketAddr, usize)| **datagram == (destination, segment_bytes);
    let count = datagrams.iter().take(most).take_while(alike).count();
    let ends = |&(to, bytes): &(SocketAddr, usize)| {
        to == destination && (1..segment_bytes).contains(&bytes)
    };
    match datagrams.get(count) {
        Some(last) if count < most && ends(last) => count + 1,
        _ => count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equally_long_datagrams_to_one_destination_go_together_with_a_shorter_last_one() {
        type Case<'a> = (&'a [(u16, usize)], &'a [usize]);
        let many = [(1, 1_000); 70];
        let small = [(1, 10); 70];
        let cases: [Case<'_>; 9] = [
            (&[], &[]),
            (&[(1, 5)], &[1]),
            (&[(1, 5), (1, 5), (1, 5)], &[3]),
            (&[(1, 5), (1, 5), (1, 4), (1, 4)], &[3, 1]),
            (&[(1, 5), (1, 6), (1, 6)], &[1, 2]),
            (&[(1, 5), (2, 5), (1, 5)], &[1, 1, 1]),
            (&[(1, 5), (1, 0), (1, 0)], &[1, 1, 1]),
            (&many, &[64, 6]),
            (&small, &[64, 6]),
        ];
        for (pushed, expected) in cases {
            let mut batch = Departures::new();
            for (number, &(port, bytes)) in pushed.iter().enumerate() {
                let contents = vec![number as u8; bytes];
                batch.push(SocketAddr::from(([127, 0, 0, 1], port)), &contents);
            }
            let counts: Vec<usize> = batch.bursts().map(|burst| burst.count).collect();
            assert_eq!(counts, expected, "{pushed:?}");
            let again: Vec<_> = batch.bursts().flat_map(Burst::datagrams).collect();
            assert_eq!(again, batch.iter().collect::<Vec<_>>(), "{pushed:?}");
            assert!(batch.bursts().all(|b| b.bytes.len() <= MAX_BURST_BYTES));
        }
    }

    #[test]
    fn departures_come_out_as_they_went_in_and_the_batch_can_be_used_again() {
        let to = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut batch = Departures::new();
        for round in 0..2u8 {
            batch.push(to(1), &[round, 1, 2]);
            batch.push(to(2), &[]);
            batch.push(to(1), &[3]);
            let seen: Vec<_> = batch.iter().map(|(d, b)| (d.port(), b.to_vec())).collect();
            assert_eq!(seen, [(1, vec![round, 1, 2]), (2, vec![]), (1, vec![3])]);
            assert_eq!(batch.len(), 3);
            batch.clear();
            assert!(batch.is_empty());
        }
    }

    #[test]
    fn frames_of_streams_are_seen_among_datagrams() {
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut batch = Departures::new();
        batch.push(to, &[1]);
        assert!(!batch.has_streamed());
        batch.compose(StreamId::new(3).address(to), |_| false);
        assert!(!batch.has_streamed(), "nothing was written");
        batch.push(StreamId::new(3).address(to), &[2]);
        assert!(batch.has_streamed());
        batch.clear();
        assert!(!batch.has_streamed());
    }
}
