//! What the office needs from the rest of the house: small traits, implemented by whoever wires
//! the parts together.

mod demo;
mod limits;
mod nodes;
mod objects;
mod recorders;

pub use demo::{Demo, DemoGuest, DemoMeeting};
pub use limits::{Budget, Limits, Wait};
pub use nodes::Nodes;
pub use objects::{ObjectError, Objects};
pub use recorders::Recorders;

/// The other side cannot be reached or does not take more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);
