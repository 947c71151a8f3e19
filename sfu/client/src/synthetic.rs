//! Test media: frames shaped like VP8 that carry a mark, and a decoder that proves a chain of
//! them intact.
//!
//! A frame begins with a real VP8 frame header (RFC 6386, section 9.1), so whoever reads
//! dimensions or the keyframe bit finds them; no decoder could decode the rest. A delta frame
//! refers to the frame of the same layer with the number before its own; a keyframe begins a
//! chain. A picture that is built of layers is several frames, each of which says what it needs. Opus packets have a valid table-of-contents byte and a mark as well.

mod decode;
mod frame;
mod layered;
mod source;

pub use decode::{DecodeFault, Decoder};
pub use frame::{
    AudioMark, Mark, MarkFault, Picture, read_audio, read_video, write_audio, write_video,
};
pub use layered::{LayerDecoder, LayerFault, LayerMark, read_layers, write_layer};
pub use source::{LayerShape, Shape, Synthetic};
