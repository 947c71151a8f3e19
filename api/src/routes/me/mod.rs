//! The person who is signed in.

pub(crate) mod read;
pub(crate) mod update;
