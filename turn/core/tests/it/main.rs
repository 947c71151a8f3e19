//! The relay's life from a client's side: each request leads to exactly these commands.

#![expect(clippy::disallowed_methods, reason = "a test needs a first instant")]

#[path = "../../../../sfu/protocol/tests/it/corpus.rs"]
mod corpus;
mod fuzzing;
mod lifecycle;
mod world;
