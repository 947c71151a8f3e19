//! The ports that this crate fills itself: objects in a directory, tries counted in this process.

pub(crate) mod directory;
pub(crate) mod limits;
