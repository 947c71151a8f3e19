//! The office: accounts, rooms, grants, recordings.

mod account;
mod adapters;
mod admission;
mod app;
mod check;
mod clock;
mod closing;
mod config;
mod extract;
mod headers;
mod idempotency;
mod jobs;
mod metrics;
mod openapi;
mod passwords;
pub mod ports;
mod problem;
mod public_url;
mod random;
mod router;
mod routes;
pub mod secrets;
mod sign_in;
mod start;
mod tokens;
mod views;
mod web;

pub use clock::{Clock, SystemClock};
pub use config::{Config, IceServer, Registration, SetupConfig};
pub use openapi::text as openapi_text;
pub use public_url::{PublicUrl, PublicUrlError};
pub use start::{Api, StartError, Wiring, sqlite_url};
