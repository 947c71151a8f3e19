//! What is measured, and how exactly.

pub(crate) mod calls;
pub(crate) mod freeze;
pub(crate) mod histogram;
pub(crate) mod host;
pub(crate) mod look;
pub(crate) mod machine;
pub(crate) mod viewer;
pub(crate) mod wire;
