//! One packet, one layer, one timeline: decisions about media that know no room and no
//! connection.

pub(crate) mod anchor;
mod closed;
pub(crate) mod demand;
mod described;
mod h264;
pub(crate) mod keyframe;
pub(crate) mod layer;
pub(crate) mod packet;
pub(crate) mod picture_id;
pub(crate) mod piece;
pub(crate) mod policer;
pub(crate) mod red;
pub(crate) mod rewrite;
pub(crate) mod scale;
pub(crate) mod select;
mod vp8;
mod vp9;
