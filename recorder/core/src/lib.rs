//! The mind of the recorder: tape format, reorder, depacketise, clock, timeline, layout, health,
//! manifest.

pub mod frame;
pub mod layout;
pub mod tape;
