//! One endpoint in each file, grouped by noun. A route imports extractors, views, the store, ports and
//! problems; never another route and never an adapter.

pub(crate) mod auth;
pub(crate) mod invites;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod recordings;
pub(crate) mod rooms;
pub(crate) mod sessions;
pub(crate) mod setup;
