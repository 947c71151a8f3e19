//! The first owner of a deployment.

pub(crate) mod complete;
pub(crate) mod read;
