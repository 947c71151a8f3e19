//! How much a receiver's path carries, and who gets it: estimate -> steady budget -> allocation.
//! Nothing here knows a room, a connection or a packet's bytes: time and plain numbers in, plain
//! numbers out.
//!
//! | module | what it decides |
//! |---|---|
//! | [`estimate`] | what the path carries, from what was sent and what is said of it |
//! | [`budget`] | what of it may be planned with, so that layers do not flap |
//! | [`allocate`] | which slot gets which layer of it, and which is paused |
//! | [`path`] | when it is time for another plan |
//! | [`share`] | what a slot may have, and what its client is told |
//! | [`meter`] | how much a line or a path brings in a second |

pub(crate) mod allocate;
pub(crate) mod budget;
pub(crate) mod estimate;
pub(crate) mod meter;
pub(crate) mod path;
pub(crate) mod share;
