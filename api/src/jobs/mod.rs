//! What goes on without being asked, one job in each file.

mod patience;
pub(crate) mod presence;
pub(crate) mod reconcile;
pub(crate) mod recordings;
pub(crate) mod removals;
