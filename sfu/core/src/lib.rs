//! The mind of a media node: forwarding and rooms, without a clock, socket, thread, lock or
//! `await`.
//!
//! A [`shard::Shard`] owns its rooms and connections. The shell gives it one [`io::Input`] at a
//! time and the time at which it happened; datagrams leave through [`io::Departures`], in the
//! same call or with the tick that is due at once, control waits in a queue:
//!
//! ```
//! use std::time::Instant;
//! use sfu_core::io::{Departures, Input};
//! use sfu_core::shard::{Limits, Shard, ShardConfig};
//! use sfu_core::stream::Advertise;
//!
//! let now = Instant::now();
//! let mut shard = Shard::new(ShardConfig {
//!     shard: 0,
//!     advertise: Advertise {
//!         udp: vec!["127.0.0.1:7882".parse().unwrap()],
//!         tcp: Vec::new(),
//!     },
//!     origin: now,
//!     origin_unix_us: 1_700_000_000_000_000,
//!     entropy: [0; 32],
//!     dtls: None,
//!     limits: Limits::default(),
//! });
//! let mut departures = Departures::new();
//! shard.handle(now, Input::Tick, &mut departures);
//! while let Some(output) = shard.poll() {
//!     println!("to a client, a link peer or api: {output:?}");
//! }
//! assert!(departures.is_empty());
//! println!("come back at {:?}", shard.deadline());
//! ```
//!
//! # Rules
//! - Time comes in as an argument; randomness comes from a seed given at the start.
//! - Only `connection` touches `str0m::Rtc`, and drains it after every mutation; media is sealed
//!   and opened by ours alone. What a batch of datagrams brings goes on with the tick after it.
//! - Bad input is an error or a counted drop, never a panic. A panic is a broken invariant: it
//!   is caught at one connection's step and costs that connection only.
//! - Every collection has a named bound.
//!
//! # Map
//! | module | what it decides |
//! |---|---|
//! | [`io`] | nothing: the values that go in and come out |
//! | [`shard`] | nothing: it orders |
//! | [`comeback`] | when clients that were lost come back |
//! | [`crossing`] | what of that which waits between two shards is lost |
//! | [`handshake`] | how patient a handshake is |
//! | [`stream`] | how what comes over TCP is told from datagrams |
//! | `demux` | whose a datagram is |
//! | `deadlines` | who wakes next, and why |
//! | `stage` | what one step of one connection may cost |
//! | `connection` | what is negotiated, received and sent over one transport |
//! | `forward` | a packet's journey |
//! | `subscribe` | who receives a line, and in which layer |
//! | `span` | which packets cross to other shards, and what of theirs is received here |
//! | `mirror` | nothing: publishers whose connections are on other shards |
//! | `share` | what of its path each slot of a receiver gets |
//! | `wanted` | which layers a publisher is to send |
//! | `bandwidth` | what a receiver's path carries, and which slot gets what of it |
//! | `media` | which layer, which numbers, when a keyframe is asked for |
//! | `room` | who is here, who may what, who is shown where, who speaks |
//! | `link` | what recorders and followers get, and get again |
//! | [`report`] | nothing: counters |

pub mod comeback;
pub mod crossing;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod handshake;
pub mod io;
pub mod report;
pub mod shard;
pub mod stream;

mod bandwidth;
mod clock;
mod connection;
mod deadlines;
mod demux;
mod forward;
mod link;
mod media;
mod mirror;
mod room;
mod share;
mod span;
mod stage;
mod subscribe;
#[cfg(any(test, fuzzing))]
mod testing;
mod wanted;
