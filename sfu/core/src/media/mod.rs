//! One packet, one layer, one timeline: decisions about media that know no room and no
//! connection.

pub(crate) mod anchor;
mod closed;
pub(crate) mod demand;
mod h264;
pub(crate) mod keyframe;
pub(crate) mod layer;
pub(crate) mod packet;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "packets carry it once their way out is ours")
)]
pub(crate) mod picture_id;
pub(crate) mod policer;
pub(crate) mod red;
pub(crate) mod rewrite;
pub(crate) mod select;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "packets carry it once their way out is ours")
)]
pub(crate) mod vp8;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "packets carry it once their way out is ours")
)]
pub(crate) mod vp9;
