//! Frames as a bad network leaves them.

use recorder_core::frame::Frame;
use sfu_protocol::media::{Codec, Source};

use super::senses::{colours, sound};
use super::sources::{as_track, microphone, plain, rect, scene, tile};
use crate::compose::{ComposeJob, probe, render, write_track};
use recorder_core::layout::Canvas;

/// Cuts, flips and empties frames, the same way every time.
fn break_some(frames: &mut [Frame], every: usize) {
    let mut state = 0x9e37_79b9_u32;
    for (n, frame) in frames.iter_mut().enumerate().skip(1).step_by(every) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let place = state as usize % frame.data.len().max(1);
        match n % 3 {
            0 => frame.data.truncate(place),
            1 => frame.data.clear(),
            _ => frame
                .data
                .iter_mut()
                .skip(place)
                .for_each(|byte| *byte ^= state as u8),
        }
    }
}

fn job(codec: Codec, camera: Vec<Frame>, microphone: Vec<Frame>) -> ComposeJob {
    ComposeJob {
        canvas: Canvas {
            width: 320,
            height: 180,
        },
        fps: 25,
        scenes: vec![scene(
            0,
            3_000_000,
            vec![tile(0, true, rect(0, 0, 320, 180))],
        )],
        tracks: vec![
            as_track(0, Source::Camera, codec, camera),
            as_track(0, Source::Microphone, Codec::Opus, microphone),
        ],
        duration_us: 3_000_000,
        title: String::new(),
    }
}

#[test]
fn broken_frames_of_any_codec_cost_only_themselves() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broken.mp4");
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
        let mut camera = plain(codec, "red", 0, 45);
        let mut microphone = microphone(0, 0, 3_000_000);
        break_some(&mut camera[..30], 2);
        break_some(&mut microphone, 3);
        render(job(codec, camera.clone(), microphone), &file, &mut |_| ()).expect("renders");
        let found = probe(&file).expect("opens");
        assert!((found.duration_us - 3_000_000).abs() <= 50_000, "{codec:?}");
        let seen = colours(&file, rect(150, 20, 16, 16));
        assert_eq!(seen.len(), 75, "{codec:?}");
        // From the keyframe at two seconds on everything is whole.
        assert!(
            seen[55][0] > 200 && seen[55][1] < 60,
            "{codec:?}: {:?}",
            seen[55]
        );
        let loudest = sound(&file)
            .iter()
            .fold(0.0_f32, |most, s| most.max(s.abs()));
        assert!((0.1..=1.0).contains(&loudest), "{codec:?}: {loudest}");
        let as_received = as_track(0, Source::Camera, codec, camera);
        write_track(as_received, &folder.path().join("track")).expect("writes");
    }
}

#[test]
fn frames_that_are_noise_from_the_first_to_the_last_leave_the_name_and_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("noise.mp4");
    let noise: Vec<Frame> = (0..45_i64)
        .map(|n| Frame {
            at_us: n * 66_667,
            keyframe: n == 0,
            data: (0..300).map(|byte| (byte * 7 + n * 13) as u8 | 1).collect(),
        })
        .collect();
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
        render(job(codec, noise.clone(), Vec::new()), &file, &mut |_| ()).expect("renders");
        assert!(sound(&file).iter().all(|sample| sample.abs() < 0.001));
    }
}

#[test]
fn a_header_that_claims_an_enormous_picture_is_a_broken_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("enormous.mp4");
    let mut camera = plain(Codec::Vp8, "red", 0, 45);
    // RFC 6386, section 9.1: width and height follow the start code.
    camera[15].data[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    render(job(Codec::Vp8, camera, Vec::new()), &file, &mut |_| ()).expect("renders");
    let seen = colours(&file, rect(150, 20, 16, 16));
    assert!(seen[20][0] > 200 && seen[60][0] > 200);
}
