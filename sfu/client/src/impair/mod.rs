//! A bad network between clients and a node, in one process and without root.
//!
//! [`path`] says what becomes of a datagram or of a piece of a byte stream: loss, delay, jitter,
//! rate, blackout, decided by a seed. `relay` (feature `driver`) stands between clients and a
//! node: whoever sends to it reaches the node over such a path, each client over a line of its
//! own. To the node every client of a UDP relay has another port.

pub mod path;
#[cfg(feature = "driver")]
pub mod relay;
