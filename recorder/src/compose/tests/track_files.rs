//! One file per track, as it was received.

use sfu_protocol::media::{Codec, Source};

use super::senses::{beeps, ffmpeg, ffprobe, path, sound};
use super::sources::{as_track, camera, microphone, plain};
use crate::compose::synthetic;
use crate::compose::{Probe, TrackFileError, probe, track_extension, write_track};

#[test]
fn pictures_of_every_codec_keep_their_times_and_their_bytes_decode() {
    let folder = tempfile::tempdir().expect("a folder");
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
        let name = format!("{codec:?}.{}", track_extension(codec));
        let file = folder.path().join(name);
        let frames = plain(codec, "red", 1_500_000, 40);
        let written =
            write_track(as_track(0, Source::Camera, codec, frames), &file).expect("writes");
        assert_eq!(written.frames, 40, "{codec:?}");
        assert_eq!(written.picture, Some((320, 180)));
        assert_eq!(written.from_us, 1_500_000);
        assert!((written.to_us - 4_146_667).abs() < 30_000, "{written:?}");
        let found = probe(&file).expect("opens");
        assert_eq!(found.picture, Some((320, 180)));
        let late_us = found.duration_us - written.to_us;
        assert!(late_us.abs() <= 20_000, "{codec:?}: {found:?}");
        let packets = ffprobe(&file, "packet=pts_time,flags");
        let mut times: Vec<&str> = packets.lines().collect();
        let standing = usize::from(codec == Codec::H264);
        assert_eq!(times.len(), 40 + standing, "{codec:?}");
        if standing == 1 {
            assert!(times.remove(0).starts_with("0.000000,K"));
        }
        assert!(
            times[0].starts_with("1.500000,K"),
            "{codec:?}: {}",
            times[0]
        );
        assert!(times[15].starts_with("2.50"), "{codec:?}: {}", times[15]);
        assert!(times[15].contains(",K"), "{codec:?}: {}", times[15]);
        // Any complaint of the decoder is a failure.
        let decoded = ffmpeg(&[
            "-i",
            path(&file),
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "-1",
            "-",
        ]);
        assert_eq!(decoded.len(), (40 + standing) * 320 * 180, "{codec:?}");
    }
}

#[test]
fn sound_keeps_its_place_to_the_millisecond_and_holes_stay_holes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("microphone.webm");
    let mut packets = microphone(0, 1_000_000, 4_000_000);
    packets.retain(|packet| !(2_400_000..3_700_000).contains(&packet.at_us));
    let count = packets.len() as u64;
    let written =
        write_track(as_track(0, Source::Microphone, Codec::Opus, packets), &file).expect("writes");
    assert_eq!((written.frames, written.picture), (count, None));
    assert_eq!((written.from_us, written.to_us), (1_000_000, 5_000_000));
    let found = probe(&file).expect("opens");
    assert_eq!((found.picture, found.sound), (None, true));
    let heard = beeps(&sound(&file), synthetic::beep_hz(0));
    let expected = [1.0, 2.0, 4.0];
    assert_eq!(heard.len(), expected.len(), "{heard:?}");
    for (heard, expected) in heard.iter().zip(expected) {
        assert!(
            (heard - expected).abs() <= 0.005,
            "{heard} instead of {expected}"
        );
    }
}

#[test]
fn a_long_file_is_sought_by_its_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("camera.webm");
    let frames = camera(0, 0, 12_000_000, |n| if n / 60 % 2 == 0 { 2 } else { 1 });
    write_track(as_track(0, Source::Camera, Codec::Vp8, frames), &file).expect("writes");
    assert_eq!(
        probe(&file).expect("opens"),
        Probe {
            duration_us: 11_973_000,
            picture: Some((640, 360)),
            sound: false
        }
    );
    let found = ffprobe_from(&file, "9");
    assert!((7.9..=9.0).contains(&found), "{found}");
}

/// The time of the first packet after seeking to `from`.
fn ffprobe_from(file: &std::path::Path, from: &str) -> f64 {
    let text = ffmpeg(&[
        "-ss",
        from,
        "-noaccurate_seek",
        "-copyts",
        "-i",
        path(file),
        "-c",
        "copy",
        "-frames:v",
        "1",
        "-f",
        "framecrc",
        "-",
    ]);
    let text = String::from_utf8(text).expect("text");
    let line = text
        .lines()
        .find(|line| line.starts_with("0,"))
        .expect("a packet");
    let ms: f64 = line
        .split(',')
        .nth(2)
        .and_then(|pts| pts.trim().parse().ok())
        .expect("a time");
    ms / 1_000.0
}

#[test]
fn frames_before_the_first_keyframe_are_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("camera.webm");
    let mut frames = camera(0, -500_000, 3_000_000, |n| if n < 20 { 0 } else { 1 });
    frames
        .iter_mut()
        .take(4)
        .for_each(|frame| frame.data.clear());
    let written =
        write_track(as_track(0, Source::Camera, Codec::Vp8, frames), &file).expect("writes");
    assert_eq!(written.picture, Some((320, 180)));
    assert_eq!(written.from_us, 833_333);
    assert_eq!(written.frames, 25);
}

#[test]
fn a_track_without_a_readable_frame_is_named_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nothing");
    for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
        for frames in [
            Vec::new(),
            vec![recorder_core::frame::Frame {
                at_us: 0,
                keyframe: true,
                data: Vec::new(),
            }],
        ] {
            let refused = write_track(as_track(0, Source::Camera, codec, frames), &file);
            assert!(
                matches!(refused, Err(TrackFileError::Empty)),
                "{codec:?}: {refused:?}"
            );
        }
    }
}
