//! The targets as plain functions: the very ones that the tests of sfu-rtp replay.

#[path = "../../../protocol/tests/it/corpus.rs"]
mod corpus;
#[path = "../../tests/it/fuzzing/mod.rs"]
mod fuzzing;

/// See `fuzzing::dependency`.
pub fn dependency(input: &[u8]) {
    fuzzing::dependency::run(input);
}

/// See `fuzzing::packet`.
pub fn packet(input: &[u8]) {
    fuzzing::packet::run(input);
}

/// See `fuzzing::control`.
pub fn control(input: &[u8]) {
    fuzzing::control::run(input);
}
