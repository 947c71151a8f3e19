//! Readers of packets against bytes that no honest sender wrote.

#[path = "../../../protocol/tests/it/corpus.rs"]
mod corpus;
mod fuzzing;
