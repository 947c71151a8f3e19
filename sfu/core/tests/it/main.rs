//! A shard through its public face: raw `str0m` transports as browsers, one thread, a clock that
//! only the test moves.

#[path = "../../../protocol/tests/it/corpus.rs"]
mod corpus;
mod forwarding;
mod fuzzing;
mod hostile;
mod join;
mod paths;
mod posted;
mod recording;
mod redundancy;
mod rights;
mod scalable;
mod world;
