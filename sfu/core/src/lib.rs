//! The mind of a media node: forwarding and rooms, without a clock, socket, thread, lock or
//! `await`.
//!
//! A [`shard::Shard`] owns its rooms and connections. The shell gives it one [`io::Input`] at a
//! time and the time at which it happened; datagrams leave through [`io::Departures`] in the
//! same call, control waits in a queue:
//!
//! ```text
//! shard.handle(now, input, &mut departures);
//! while let Some(output) = shard.poll() { ... }
//! let wake = shard.deadline();
//! ```
//!
//! # Rules
//! - Time comes in as an argument; randomness comes from a seed given at the start.
//! - Only [`connection`] touches `str0m::Rtc`, and drains it after every mutation.
//! - Bad input is an error or a counted drop, never a panic. A panic is a broken invariant: it
//!   is caught at one connection's step and costs that connection only.
//! - Every collection has a named bound.

pub mod io;
