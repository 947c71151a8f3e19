//! The office: accounts, rooms, grants, recordings. It sees no media and opens no socket: whoever
//! wires the house serves [`Api::router`] and gives it the [`ports`].
//!
//! A request goes: `router` (which route) -> `extract` (who asks, for what) -> `routes/<noun>/<verb>`
//! (load, decide, save, answer) -> `views` (what the caller is shown) or `problem` (why not).
//!
//! | module | what it decides |
//! |---|---|
//! | `router` | which routes there are, grouped by who calls them |
//! | `rights` | what an endpoint asks of its caller; the description says it of each operation |
//! | `routes` | one endpoint in each file |
//! | `admission` | who may enter a room, as whom and as what |
//! | `closing` | what ends with a meeting |
//! | `sign_in`, `tokens`, `passwords` | how people show who they are |
//! | `idempotency` | how a repeated request is carried out once |
//! | `jobs` | what goes on unasked: events of nodes, reports of recorders, reconciling |
//! | [`ports`] | what is needed of the rest of the house; `adapters` are our own fillings |
//! | [`secrets`] | the keys of the deployment |
//! | `web` | the embedded web app |
//!
//! # Rules
//! - A route imports extractors, views, the store, ports and problems; never another route and
//!   never an adapter.
//! - The organisation comes from the caller's credentials, never from the request.
//! - Time comes from [`Clock`], randomness from `random`.
//! - The description (`api/openapi.json`) is made from the endpoints:
//!   `cargo run -p api --example openapi > api/openapi.json`.

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
mod rights;
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
pub use start::{Api, StartError, Wiring, examine, migrate};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
