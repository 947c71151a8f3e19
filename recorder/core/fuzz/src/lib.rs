//! The targets as plain functions: the very ones that the tests of recorder-core replay.

#![expect(dead_code, reason = "the tests use more of what stands here than the targets")]

#[path = "../../../../sfu/protocol/tests/it/corpus.rs"]
mod corpus;
#[path = "../../tests/it/fuzzing/mod.rs"]
mod fuzzing;

/// See `fuzzing::tape`.
pub fn tape(input: &[u8]) {
    fuzzing::tape::run(input);
}

/// See `fuzzing::depacketise`.
pub fn depacketise_vp8(input: &[u8]) {
    fuzzing::depacketise::vp8(input);
}

/// See `fuzzing::depacketise`.
pub fn depacketise_vp9(input: &[u8]) {
    fuzzing::depacketise::vp9(input);
}

/// See `fuzzing::depacketise`.
pub fn depacketise_h264(input: &[u8]) {
    fuzzing::depacketise::h264(input);
}

/// See `fuzzing::depacketise`.
pub fn depacketise_av1(input: &[u8]) {
    fuzzing::depacketise::av1(input);
}

/// See `fuzzing::depacketise`.
pub fn depacketise_opus(input: &[u8]) {
    fuzzing::depacketise::opus(input);
}
