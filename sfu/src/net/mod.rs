//! The sockets of a node's shards. Nothing here knows a message.

mod burst;
mod overflow;
pub(crate) mod streams;
pub(crate) mod tcp;
pub(crate) mod udp;
pub(crate) mod wake;
