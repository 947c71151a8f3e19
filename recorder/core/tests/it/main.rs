//! The recorder's mind against bytes that no honest program wrote.

#[path = "../../../../sfu/protocol/tests/it/corpus.rs"]
mod corpus;
mod fuzzing;
