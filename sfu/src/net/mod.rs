//! The sockets of a node's shards. Nothing here knows a message.

mod overflow;
pub(crate) mod udp;
pub(crate) mod wake;
