//! The half of the operator's contract that runs in the process: how every program of ours is
//! configured, watched and stopped, whatever it does otherwise.
//!
//! - [`config`]: defaults, then `colloquy.toml`, then the environment, then flags.
//! - [`telemetry`]: log lines, for a person or as JSON.
//! - [`metrics`]: one Prometheus registry behind `GET /metrics`.
//! - [`health`]: `GET /healthz` (alive) and `GET /readyz` (each dependency by its name).
//! - [`source`]: where a request comes from, and how much one such place may hold.
//! - [`shutdown`]: one wish to stop, heard by everyone who holds it.
//!
//! It knows none of our crates, so that each of them may know it.

pub mod config;
pub mod health;
pub mod metrics;
pub mod shutdown;
pub mod source;
pub mod telemetry;
