//! The targets as plain functions: the very ones that the tests of sfu-protocol replay.

#![expect(dead_code, reason = "the tests use more of what stands here than the targets")]

#[path = "../../tests/it/corpus.rs"]
mod corpus;
#[path = "../../tests/it/fuzzing/mod.rs"]
mod fuzzing;

/// See `fuzzing::signal`.
pub fn signal(input: &[u8]) {
    fuzzing::signal::run(input);
}

/// See `fuzzing::grant`.
pub fn grant(input: &[u8]) {
    fuzzing::grant::run(input);
}
