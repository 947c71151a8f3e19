//! Invites: what a link opens.

pub(crate) mod read;
