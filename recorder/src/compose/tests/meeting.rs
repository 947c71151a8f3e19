//! A composed recording: what is where and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use recorder_core::frame::{Frame, TrackFrames};
use recorder_core::layout::{Canvas, Rect};
use sfu_protocol::media::{Codec, Source};

use super::senses::{beeps, colours, ffprobe, flashes, sound};
use super::sources::{as_track, camera, meeting_of_one, plain, rect, scene, tile};
use crate::compose::synthetic::{self, FLASH};
use crate::compose::{ComposeError, ComposeJob, probe, render};

const SMALL: Canvas = Canvas {
    width: 640,
    height: 360,
};

fn job(duration_us: i64) -> ComposeJob {
    ComposeJob {
        canvas: SMALL,
        fps: 25,
        scenes: Vec::new(),
        tracks: Vec::new(),
        duration_us,
        title: "Weekly \"sync\" é".to_owned(),
    }
}

/// Where the middle of the flashing square is, when a picture fills `tile`.
fn flash_in(tile: Rect) -> Rect {
    rect(
        tile.x + (FLASH.x + FLASH.width / 2) * tile.width / 640 - 8,
        tile.y + (FLASH.y + FLASH.height / 2) * tile.height / 360 - 8,
        16,
        16,
    )
}

/// How far a time is from the next or last time that a participant flashes, in seconds.
fn off(at_s: f64, index: usize) -> f64 {
    let since = at_s - synthetic::phase_us(index) as f64 / 1e6;
    since - since.round()
}

#[test]
fn a_meeting_of_three_is_seen_and_heard_when_its_clock_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("meeting.mp4");
    let places = [
        rect(8, 8, 628, 348),
        rect(644, 8, 628, 348),
        rect(326, 364, 628, 348),
    ];
    let tiles = |shown: [bool; 3]| {
        (0..3)
            .map(|index| tile(index, shown[index], places[index]))
            .collect()
    };
    let mut told = Vec::new();
    let job = ComposeJob {
        canvas: Canvas::HD,
        scenes: vec![
            scene(0, 4_000_000, tiles([true; 3])),
            scene(4_000_000, 6_000_000, tiles([true, true, false])),
        ],
        tracks: (0..3)
            .flat_map(|index| meeting_of_one(index, 0, 6_000_000))
            .collect(),
        ..job(6_000_000)
    };
    render(job, &file, &mut |percent| told.push(percent)).expect("renders");
    assert!(told.is_sorted() && told.last() == Some(&100), "{told:?}");

    let found = probe(&file).expect("opens");
    assert_eq!(found.picture, Some((1280, 720)));
    assert!(found.sound);
    assert!((found.duration_us - 6_000_000).abs() <= 50_000, "{found:?}");
    let heard = sound(&file);
    for (index, place) in places.into_iter().enumerate() {
        // The very first flash is there from the beginning and does not turn white.
        let unseen = usize::from(index == 0);
        let seen = flashes(&file, flash_in(place), 25);
        let whole = if index == 2 { 4 } else { 6 };
        assert_eq!(seen.len(), whole - unseen, "{index}: {seen:?}");
        let heard = beeps(&heard, synthetic::beep_hz(index));
        assert!(heard.len() >= 6 - unseen, "{index}: {heard:?}");
        for at_s in heard {
            assert!(off(at_s, index).abs() <= 0.005, "{index}: beep at {at_s}");
        }
        for at_s in seen {
            assert!(off(at_s, index).abs() <= 0.0201, "{index}: flash at {at_s}");
        }
    }
}

#[test]
fn who_comes_late_is_seen_and_heard_late_by_as_much() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("late.mp4");
    // Neither a whole picture nor a whole packet after the start.
    let from_us = 1_734_567;
    let place = rect(0, 0, 640, 360);
    let job = ComposeJob {
        fps: 30,
        scenes: vec![scene(0, 4_500_000, vec![tile(0, true, place)])],
        tracks: meeting_of_one(0, from_us, 2_700_000).into(),
        ..job(4_500_000)
    };
    render(job, &file, &mut |_| ()).expect("renders");
    let seen = flashes(&file, flash_in(place), 30);
    let heard = beeps(&sound(&file), synthetic::beep_hz(0));
    assert_eq!((seen.len(), heard.len()), (3, 3), "{seen:?} {heard:?}");
    for (n, (seen, heard)) in seen.iter().zip(&heard).enumerate() {
        let due_s = from_us as f64 / 1e6 + n as f64;
        assert!((heard - due_s).abs() <= 0.005, "{heard} instead of {due_s}");
        assert!((seen - due_s).abs() <= 0.0175, "{seen} instead of {due_s}");
    }
}

#[test]
fn every_codec_is_seen_in_its_colour() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("codecs.mp4");
    let cameras = [
        (Codec::Vp8, "red", [255, 0, 0]),
        (Codec::Vp9, "blue", [0, 0, 255]),
        (Codec::H264, "yellow", [255, 255, 0]),
        (Codec::Av1, "magenta", [255, 0, 255]),
    ];
    let places: Vec<Rect> = (0..4)
        .map(|n| rect(n % 2 * 320, n / 2 * 180, 320, 180))
        .collect();
    let job = ComposeJob {
        scenes: vec![scene(
            0,
            1_000_000,
            (0..4).map(|n| tile(n, true, places[n])).collect(),
        )],
        tracks: cameras
            .iter()
            .enumerate()
            .map(|(n, (codec, colour, _))| {
                as_track(n, Source::Camera, *codec, plain(*codec, colour, 0, 15))
            })
            .collect(),
        ..job(1_000_000)
    };
    render(job, &file, &mut |_| ()).expect("renders");
    for ((codec, _, expected), place) in cameras.iter().zip(places) {
        let middle = rect(place.x + 150, place.y + 80, 16, 16);
        for (tick, seen) in colours(&file, middle).into_iter().enumerate() {
            let near = (0..3).all(|n| seen[n].abs_diff(expected[n]) <= 24);
            assert!(
                near,
                "{codec:?} at {tick}: {seen:?} instead of {expected:?}"
            );
        }
    }
}

#[test]
fn a_track_that_changes_codec_and_size_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("change.mp4");
    let place = rect(0, 0, 640, 360);
    let layers = camera(0, 0, 2_000_000, |n| if n < 15 { 0 } else { 2 });
    let job = ComposeJob {
        scenes: vec![scene(0, 3_000_000, vec![tile(0, true, place)])],
        tracks: vec![
            as_track(0, Source::Camera, Codec::Vp8, layers),
            as_track(
                0,
                Source::Camera,
                Codec::Vp9,
                plain(Codec::Vp9, "red", 2_000_000, 15),
            ),
        ],
        ..job(3_000_000)
    };
    render(job, &file, &mut |_| ()).expect("renders");
    let flashing = flashes(&file, flash_in(place), 25);
    assert_eq!(flashing, [1.0], "the second flash is in the larger layer");
    let seen = colours(&file, rect(300, 20, 16, 16));
    assert!(seen[30][0] < 120 && seen[60][0] > 200, "blue, then red");
}

#[test]
fn a_camera_that_is_on_is_seen_at_once_and_never_as_it_was_before_it_went_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("again.mp4");
    let place = rect(0, 0, 640, 360);
    let mut frames = plain(Codec::Vp8, "red", 500_000, 15);
    frames.extend(plain(Codec::Vp8, "blue", 4_400_000, 9));
    let job = ComposeJob {
        scenes: vec![
            scene(0, 1_500_000, vec![tile(0, true, place)]),
            scene(1_500_000, 2_000_000, vec![tile(0, false, place)]),
            // On for a moment, with the next picture too far away to be shown.
            scene(2_000_000, 2_800_000, vec![tile(0, true, place)]),
            scene(2_800_000, 4_000_000, vec![tile(0, false, place)]),
            scene(4_000_000, 5_000_000, vec![tile(0, true, place)]),
        ],
        tracks: vec![as_track(0, Source::Camera, Codec::Vp8, frames)],
        ..job(5_000_000)
    };
    render(job, &file, &mut |_| ()).expect("renders");
    let seen: String = colours(&file, rect(16, 16, 16, 16))
        .iter()
        .map(|[red, _, blue]| match (*red > 180, *blue > 180) {
            (true, false) => 'r',
            (false, true) => 'b',
            _ => '.',
        })
        .collect();
    let expected = [("r", 37), (".", 63), ("b", 25)].map(|(colour, ticks)| colour.repeat(ticks));
    assert_eq!(seen, expected.concat());
}

#[test]
fn frames_are_taken_from_a_track_only_when_they_are_due() {
    let folder = tempfile::tempdir().expect("a folder");
    let newest_us = Arc::new(AtomicI64::new(0));
    let watched = |frames: Vec<Frame>| {
        let newest_us = Arc::clone(&newest_us);
        Box::new(frames.into_iter().inspect(move |frame| {
            newest_us.fetch_max(frame.at_us, Ordering::Relaxed);
        }))
    };
    let tracks = meeting_of_one(0, 0, 4_000_000)
        .into_iter()
        .map(|track| TrackFrames {
            frames: watched(track.frames.collect()),
            ..track
        })
        .collect();
    let job = ComposeJob {
        tracks,
        ..job(4_000_000)
    };
    let mut ahead_us = 0;
    render(job, &folder.path().join("lazy.mp4"), &mut |percent| {
        let now_us = i64::from(percent) * 40_000;
        ahead_us = ahead_us.max(newest_us.load(Ordering::Relaxed) - now_us);
    })
    .expect("renders");
    assert!(ahead_us < 200_000, "{ahead_us}");
}

#[test]
fn an_empty_recording_is_a_file_that_opens_and_can_be_sought_from_its_front() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a name: with a colon.mp4");
    render(job(0), &file, &mut |_| ()).expect("renders");
    assert_eq!(probe(&file).expect("opens").picture, Some((640, 360)));
    let bytes = std::fs::read(&file).expect("reads");
    let place = |name: &[u8]| bytes.windows(4).position(|four| four == name);
    assert!(place(b"moov") < place(b"mdat"), "fast start");
}

#[test]
fn there_is_a_keyframe_every_two_seconds_and_pictures_come_at_a_constant_rate() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("steady.mp4");
    let tracks = meeting_of_one(0, 0, 1_000_000).into();
    render(
        ComposeJob {
            tracks,
            ..job(6_500_000)
        },
        &file,
        &mut |_| (),
    )
    .expect("renders");
    let packets = ffprobe(&file, "packet=pts_time,flags");
    let mut times: Vec<(i64, bool)> = packets
        .lines()
        .map(|line| {
            let (time, flags) = line.split_once(',').expect("two columns");
            let time_s: f64 = time.parse().expect("a time");
            ((time_s * 25.0).round() as i64, flags.starts_with('K'))
        })
        .collect();
    times.sort_unstable();
    let ticks: Vec<i64> = times.iter().map(|(tick, _)| *tick).collect();
    assert_eq!(ticks, (0..163).collect::<Vec<_>>());
    let keys: Vec<i64> = times
        .iter()
        .filter(|(_, key)| *key)
        .map(|(tick, _)| *tick)
        .collect();
    assert_eq!(keys, [0, 50, 100, 150]);
}

#[test]
fn a_job_that_cannot_be_made_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("never.mp4");
    let canvas = |width, height| ComposeJob {
        canvas: Canvas { width, height },
        ..job(1)
    };
    for wrong in [
        canvas(641, 360),
        canvas(0, 360),
        canvas(640, 100_000),
        ComposeJob { fps: 0, ..job(1) },
        ComposeJob { fps: 61, ..job(1) },
        job(-1),
    ] {
        let refused = render(wrong, &file, &mut |_| ());
        assert!(matches!(refused, Err(ComposeError::Job(_))), "{refused:?}");
    }
    let nowhere = folder.path().join("no such folder").join("x.mp4");
    let refused = render(job(1), &nowhere, &mut |_| ()).expect_err("no folder");
    assert!(
        refused.to_string().contains("beginning the file"),
        "{refused}"
    );
}
