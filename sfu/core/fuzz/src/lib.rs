//! The targets as plain functions: the very ones that the tests of sfu-core replay.

#![expect(dead_code, reason = "the tests use more of what stands here than the targets")]

#[path = "../../../protocol/tests/it/corpus.rs"]
mod corpus;
#[path = "../../tests/it/fuzzing/mod.rs"]
mod fuzzing;
#[path = "../../tests/it/world.rs"]
mod world;

/// See `fuzzing::demux`.
pub fn demux(input: &[u8]) {
    fuzzing::demux::run(input);
}

/// See `fuzzing::offer`.
pub fn offer(input: &[u8]) {
    fuzzing::offer::run(input);
}

/// See `fuzzing::signalling`.
pub fn signalling(input: &[u8]) {
    fuzzing::signalling::run(input);
}

/// See `fuzzing::established`.
pub fn established(input: &[u8]) {
    fuzzing::established::run(input);
}

/// See `fuzzing::link`.
pub fn link(input: &[u8]) {
    fuzzing::link::run(input);
}

/// See `sfu_core::fuzzing`.
pub fn payload(input: &[u8]) {
    sfu_core::fuzzing::payload(input);
}

/// See `sfu_core::fuzzing`.
pub fn red(input: &[u8]) {
    sfu_core::fuzzing::red(input);
}
