//! The recorder: intake, tapes on disk, composition, upload.

pub mod compose;
