//! The mind of the recorder: tape format, reorder, depacketise, clock, timeline, layout, health,
//! manifest.

pub mod depacketise;
pub mod frame;
pub mod layout;
pub mod reorder;
pub mod tape;
