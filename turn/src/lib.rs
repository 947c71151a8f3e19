//! The TURN relay: sockets and a clock around `turn-core`.
//!
//! Clients over UDP. The relay loop (`relay`) owns the mind; each allocation has a relay socket
//! of its own (`sockets`), read by a task that hands datagrams to the loop through one bounded
//! channel. By default a client can reach this deployment's media addresses and nothing else.

mod config;
mod metrics;
mod relay;
mod sockets;

pub use config::Config;
pub use relay::{Relay, Secrets};
pub use turn_core::peers::Allowed;
