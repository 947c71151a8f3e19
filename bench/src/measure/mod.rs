//! What is measured, and how exactly.

pub(crate) mod histogram;
pub(crate) mod host;
pub(crate) mod viewer;
