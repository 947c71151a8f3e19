//! A shard through its public face: raw `str0m` transports as browsers, one thread, a clock that
//! only the test moves.

mod forwarding;
mod hostile;
mod join;
mod recording;
mod world;
