//! The mind of the recorder: tape format, reorder, depacketise, clock, timeline, layout, health,
//! manifest.

pub mod assemble;
pub mod clock;
pub mod depacketise;
pub mod frame;
pub mod journal;
pub mod layout;
pub mod reorder;
pub mod survey;
pub mod tape;
