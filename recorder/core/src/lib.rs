//! The mind of the recorder: tape format, reorder, timeline, layout, manifest.
