//! How somebody takes part, and what their sources look like.

use sfu_client::peer::{Dialect, Publication};
use sfu_client::synthetic::{LayerShape, Shape};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{Role, TrackState};

use crate::network::Line;

/// Frames a second of every synthetic camera and screen. Few, so that many worlds fit in a test.
pub const FRAMES_PER_SECOND: u32 = 10;

/// The heights of the camera's layers.
pub const LAYER_HEIGHTS: [u16; 3] = [180, 360, 720];

/// What the layers of a camera take, unless a story is about that: few bytes, so that many worlds
/// fit in a test.
const SMALL_CAMERA_BPS: [u32; 3] = [40_000, 100_000, 250_000];

/// What they take in a browser, about.
pub const CAMERA_BPS: [u32; 3] = [100_000, 400_000, 1_800_000];

/// How somebody talks to the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Door {
    /// Over a WebSocket.
    #[default]
    WebSocket,
    /// By an offer over HTTP and its answer (RFC 9725); nothing else is heard.
    Posted,
}

/// How somebody takes part.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Over which line.
    pub line: Line,
    /// As what.
    pub role: Role,
    /// What the layers of the camera take.
    pub camera_bps: [u32; 3],
    /// What is sent.
    pub publish: Vec<Publication>,
    /// How many are heard at once.
    pub audio_slots: u8,
    /// How many are seen at once.
    pub video_slots: u8,
    /// Through which door.
    pub door: Door,
    /// What its client does otherwise than most.
    pub dialect: Dialect,
    /// Whether its network lets TCP through only.
    pub over_tcp: bool,
    /// Whether it sends no silence (Opus DTX).
    pub leaves_out_silence: bool,
    /// Whether it receives on the light way: what it says of media can then be anything.
    pub light: bool,
}

impl Invite {
    /// A member with camera, microphone, and a screen that is off; hears four and sees four.
    pub fn over(line: Line) -> Self {
        Invite {
            line,
            role: Role::Member,
            camera_bps: SMALL_CAMERA_BPS,
            publish: vec![
                Publication::live(Source::Camera, 3),
                Publication::live(Source::Microphone, 1),
                Publication {
                    source: Source::Screen,
                    layers: 1,
                    state: TrackState::Off,
                },
            ],
            audio_slots: 4,
            video_slots: 4,
            door: Door::WebSocket,
            dialect: Dialect::default(),
            over_tcp: false,
            leaves_out_silence: false,
            light: false,
        }
    }

    /// Somebody who sends nothing.
    pub fn viewer(line: Line) -> Self {
        Invite {
            publish: Vec::new(),
            ..Invite::over(line)
        }
    }
}

pub(super) fn shape(author: u32, camera_bps: [u32; 3]) -> Shape {
    let layer = |height: u16, bitrate_bps| LayerShape {
        width: height / 9 * 16,
        height,
        bitrate_bps,
    };
    let [quarter, half, full] = LAYER_HEIGHTS;
    let [little, more, most] = camera_bps;
    Shape {
        author,
        frames_per_second: FRAMES_PER_SECOND,
        camera: vec![layer(quarter, little), layer(half, more), layer(full, most)],
        screen: vec![layer(1_080, 150_000)],
        keyframe_every_ms: None,
    }
}
