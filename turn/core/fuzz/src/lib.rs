//! The targets as plain functions: the very ones that the tests of turn-core replay.

#![expect(dead_code, reason = "the tests use more of what stands here than the targets")]

#[path = "../../../../sfu/protocol/tests/it/corpus.rs"]
mod corpus;
#[path = "../../tests/it/fuzzing/mod.rs"]
mod fuzzing;
#[path = "../../tests/it/world.rs"]
mod world;

/// See `fuzzing::stranger`.
pub fn stranger(input: &[u8]) {
    fuzzing::stranger::run(input);
}

/// See `fuzzing::client`.
pub fn client(input: &[u8]) {
    fuzzing::client::run(input);
}

/// See `fuzzing::peer`.
pub fn peer(input: &[u8]) {
    fuzzing::peer::run(input);
}
