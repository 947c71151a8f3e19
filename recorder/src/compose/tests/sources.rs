//! Tracks to make files of.

use recorder_core::frame::{Frame, TrackFrames};
use recorder_core::layout::{Rect, Scene, Tile};
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Codec, Source};

use super::senses::ffmpeg;
use crate::compose::synthetic::{PACKET_US, SyntheticPerson, VIDEO_FPS};

pub(super) const NAMES: [&str; 3] = ["Zoë Müller", "Ada Lovelace", "Łukasz Żółć"];

pub(super) fn track(index: usize, source: Source) -> TrackId {
    TrackId {
        participant: ParticipantId(uuid::Uuid::from_u128(index as u128 + 1)),
        source,
    }
}

pub(super) fn person(index: usize) -> SyntheticPerson {
    SyntheticPerson::new(NAMES[index % NAMES.len()], index).expect("the encoders are there")
}

/// What a synthetic participant's camera sends from `from_us` on, in the layer that `layer` names
/// by picture.
pub(super) fn camera(
    index: usize,
    from_us: i64,
    length_us: u64,
    layer: impl Fn(u64) -> usize,
) -> Vec<Frame> {
    let mut person = person(index);
    let mut before = None;
    let pictures = length_us * VIDEO_FPS / 1_000_000;
    (0..pictures)
        .map(|n| {
            let at_us = n * 1_000_000 / VIDEO_FPS;
            let layer = layer(n);
            let switched = before.replace(layer) != Some(layer);
            let mut layers = person.video_at(at_us, [switched; 3]);
            let frame = layers.swap_remove(layer);
            Frame {
                at_us: from_us + at_us as i64,
                keyframe: frame.keyframe,
                data: frame.data,
            }
        })
        .collect()
}

/// What a synthetic participant's microphone sends from `from_us` on.
pub(super) fn microphone(index: usize, from_us: i64, length_us: u64) -> Vec<Frame> {
    let mut person = person(index);
    (0..length_us / PACKET_US)
        .map(|n| Frame {
            at_us: from_us + (n * PACKET_US) as i64,
            keyframe: true,
            data: person.audio_at(n * PACKET_US).data,
        })
        .collect()
}

/// Frames as a track.
pub(super) fn as_track(
    index: usize,
    source: Source,
    codec: Codec,
    frames: Vec<Frame>,
) -> TrackFrames {
    TrackFrames::from_vec(
        track(index, source),
        NAMES[index % NAMES.len()],
        codec,
        frames,
    )
}

/// Both tracks of a synthetic participant.
pub(super) fn meeting_of_one(index: usize, from_us: i64, length_us: u64) -> [TrackFrames; 2] {
    [
        as_track(
            index,
            Source::Camera,
            Codec::Vp8,
            camera(index, from_us, length_us, |_| 2),
        ),
        as_track(
            index,
            Source::Microphone,
            Codec::Opus,
            microphone(index, from_us, length_us),
        ),
    ]
}

/// A camera that shows one colour, 320x180 at 15 a second, as FFmpeg's own encoders make it.
pub(super) fn plain(codec: Codec, colour: &str, from_us: i64, pictures: usize) -> Vec<Frame> {
    let input = format!("color={colour}:size=320x180:rate=15,format=yuv420p");
    let count = pictures.to_string();
    let encoder = match codec {
        Codec::Vp8 => "libvpx -deadline realtime -lag-in-frames 0 -f ivf",
        Codec::Vp9 => "libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -f ivf",
        Codec::Av1 => "libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 -f ivf",
        Codec::H264 => "libx264 -tune zerolatency -x264-params aud=1:repeat-headers=1 -f h264",
        Codec::Opus => unreachable!("a camera sends pictures"),
    };
    let mut arguments = vec!["-f", "lavfi", "-i", &input, "-frames:v", &count];
    arguments.extend(["-g", "15", "-c:v"]);
    arguments.extend(encoder.split(' '));
    arguments.push("-");
    let bytes = ffmpeg(&arguments);
    let units = if codec == Codec::H264 {
        access_units(&bytes)
    } else {
        ivf(&bytes)
    };
    assert_eq!(units.len(), pictures);
    units
        .into_iter()
        .enumerate()
        .map(|(n, data)| Frame {
            at_us: from_us + n as i64 * 1_000_000 / 15,
            keyframe: n % 15 == 0,
            data,
        })
        .collect()
}

/// The frames of an IVF file.
fn ivf(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &bytes[32..];
    let mut frames = Vec::new();
    while rest.len() >= 12 {
        let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        frames.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length..];
    }
    frames
}

/// An Annex B stream cut at its access unit delimiters.
fn access_units(bytes: &[u8]) -> Vec<Vec<u8>> {
    let delimiter = [0, 0, 0, 1, 9];
    let starts: Vec<usize> = (0..bytes.len() - delimiter.len())
        .filter(|at| bytes[*at..].starts_with(&delimiter))
        .chain([bytes.len()])
        .collect();
    starts
        .windows(2)
        .map(|pair| bytes[pair[0]..pair[1]].to_vec())
        .collect()
}

pub(super) fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect {
        x,
        y,
        width,
        height,
    }
}

/// A participant's tile; with the camera's picture when `shown`.
pub(super) fn tile(index: usize, shown: bool, rect: Rect) -> Tile {
    Tile {
        participant: track(index, Source::Camera).participant,
        name: NAMES[index % NAMES.len()].to_owned(),
        track: shown.then(|| track(index, Source::Camera)),
        rect,
        muted: index == 1,
    }
}

pub(super) fn scene(from_us: i64, to_us: i64, tiles: Vec<Tile>) -> Scene {
    Scene {
        from_us,
        to_us,
        tiles,
    }
}
