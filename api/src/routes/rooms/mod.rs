//! Rooms: making them, entering them, ending them.

pub(crate) mod create;
pub(crate) mod demo;
pub(crate) mod end;
pub(crate) mod join;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod renew_invite;
