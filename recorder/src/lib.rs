//! The recorder: intake, tapes on disk, composition, upload.

pub mod compose;
mod config;
mod durable;
mod metrics;
mod spool;
pub mod store;
mod tape_writer;

pub use config::{Config, ConfigFault};
