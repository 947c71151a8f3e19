//! The sockets of a node's shards. Nothing here knows a message.

pub(crate) mod udp;
pub(crate) mod wake;
