//! Recordings. They are begun through their room.

pub(crate) mod read;
pub(crate) mod retry;
pub(crate) mod stop;
