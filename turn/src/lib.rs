//! The TURN relay: sockets around turn-core.
