//! Sessions: the records of meetings.

pub(crate) mod list;
pub(crate) mod read;
