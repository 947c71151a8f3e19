//! Who is shown where and when in the composed picture.
//!
//! A grid that follows who is there; a shared screen is large with a strip of the others
//! beside it; a participant without picture has a tile with the name only.

mod scenes;
mod tiling;

use serde::{Deserialize, Serialize};
use sfu_protocol::ids::{ParticipantId, TrackId};

pub use scenes::{EARLY_US, scenes};
pub use tiling::{MAX_TILES, grid, stage_and_strip};

/// The size of the composed picture in pixels. Both sides are even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canvas {
    /// Even.
    pub width: u32,
    /// Even.
    pub height: u32,
}

impl Canvas {
    /// 720p.
    pub const HD: Canvas = Canvas {
        width: 1280,
        height: 720,
    };
}

/// A rectangle inside a [`Canvas`]. Every number is even, so that chroma planes align.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rect {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Even, at least 2.
    pub width: u32,
    /// Even, at least 2.
    pub height: u32,
}

/// One participant's place in a scene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// Who.
    pub participant: ParticipantId,
    /// The name drawn in.
    pub name: String,
    /// The video that fills the tile (kept in its proportions); None: only the name is shown.
    pub track: Option<TrackId>,
    /// Where.
    pub rect: Rect,
    /// The participant's microphone is muted or absent.
    pub muted: bool,
}

/// The picture between two changes. Scenes of a recording follow each other without a hole and
/// cover it from 0 to its end; a scene without tiles is an empty room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// Microseconds from the recording's start.
    pub from_us: i64,
    /// Microseconds from the recording's start; the next scene's `from_us`.
    pub to_us: i64,
    /// Drawn in order; they do not overlap.
    pub tiles: Vec<Tile>,
}
