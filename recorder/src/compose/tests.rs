//! Whole renderings, seen and heard again through FFmpeg's own tools.

use std::path::Path;
use std::process::Command;

use recorder_core::frame::{Frame, TrackFrames};
use recorder_core::layout::{Canvas, Rect, Scene, Tile};
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Codec, Source};

use super::synthetic::{self, SyntheticPerson};
use super::{ComposeJob, probe, render};

const NAMES: [&str; 3] = ["Zoë Müller", "Ada Lovelace", "Łukasz Żółć"];

fn track(index: usize, source: Source) -> TrackId {
    TrackId {
        participant: ParticipantId(uuid::Uuid::from_u128(index as u128 + 1)),
        source,
    }
}

/// A synthetic participant from `from_us` to `to_us`, as its two tracks.
fn person(index: usize, from_us: i64, to_us: i64) -> [TrackFrames; 2] {
    let mut person = SyntheticPerson::new(NAMES[index % 3], index).expect("encoders are there");
    let length_us = (to_us - from_us) as u64;
    let mut pictures = Vec::new();
    for n in 0..length_us * synthetic::VIDEO_FPS / 1_000_000 {
        let at_us = n * 1_000_000 / synthetic::VIDEO_FPS;
        let largest = person.video_at(at_us, [false; 3]).pop().expect("a frame");
        pictures.push(Frame {
            at_us: from_us + at_us as i64,
            keyframe: largest.keyframe,
            data: largest.data,
        });
    }
    let packets = (0..length_us / synthetic::PACKET_US)
        .map(|n| Frame {
            at_us: from_us + (n * synthetic::PACKET_US) as i64,
            keyframe: true,
            data: person.audio_at(n * synthetic::PACKET_US).data,
        })
        .collect();
    let name = NAMES[index % 3];
    [
        TrackFrames::from_vec(track(index, Source::Camera), name, Codec::Vp8, pictures),
        TrackFrames::from_vec(track(index, Source::Microphone), name, Codec::Opus, packets),
    ]
}

fn tile(index: usize, shown: bool, muted: bool, place: (u32, u32, u32, u32)) -> Tile {
    Tile {
        participant: track(index, Source::Camera).participant,
        name: NAMES[index % 3].to_owned(),
        track: shown.then(|| track(index, Source::Camera)),
        rect: Rect {
            x: place.0,
            y: place.1,
            width: place.2,
            height: place.3,
        },
        muted,
    }
}

fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(arguments)
        .output()
        .expect("ffmpeg is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The brightness of one pixel of every picture, at the pictures' own rate.
fn brightness(file: &Path, x: u32, y: u32) -> Vec<u8> {
    let crop = format!("crop=16:16:{x}:{y},scale=1:1,format=gray");
    let file = file.to_str().expect("a plain path");
    ffmpeg(&["-i", file, "-an", "-vf", &crop, "-f", "rawvideo", "-"])
}

/// The left ear at 48 kHz.
fn sound(file: &Path) -> Vec<f32> {
    let file = file.to_str().expect("a plain path");
    let raw = ffmpeg(&[
        "-i",
        file,
        "-vn",
        "-af",
        "pan=mono|c0=c0",
        "-ar",
        "48000",
        "-f",
        "f32le",
        "-",
    ]);
    raw.chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect()
}

/// How strong a tone is in a window, as an amplitude.
fn tone(window: &[f32], hz: u32) -> f32 {
    let turn = std::f32::consts::TAU * hz as f32 / 48_000.0;
    let (mut real, mut imaginary) = (0.0_f32, 0.0_f32);
    for (at, sample) in window.iter().enumerate() {
        real += sample * (turn * at as f32).cos();
        imaginary += sample * (turn * at as f32).sin();
    }
    2.0 * real.hypot(imaginary) / window.len() as f32
}

/// When each beep begins, in seconds, to within two milliseconds.
fn beeps(sound: &[f32], hz: u32) -> Vec<f64> {
    const WINDOW: usize = 192;
    const STEP: usize = 24;
    let strong: Vec<bool> = (0..(sound.len() - WINDOW) / STEP)
        .map(|n| tone(&sound[n * STEP..n * STEP + WINDOW], hz) > 0.2)
        .collect();
    // The window reads half its tone when its middle is at the beginning.
    (1..strong.len())
        .filter(|n| strong[*n] && !strong[n - 1])
        .map(|n| (n * STEP + WINDOW / 2) as f64 / 48_000.0)
        .collect()
}

/// When each flash begins, in seconds.
fn flashes(brightness: &[u8], fps: u32) -> Vec<f64> {
    (1..brightness.len())
        .filter(|n| brightness[*n] > 170 && brightness[n - 1] <= 170)
        .map(|n| n as f64 / f64::from(fps))
        .collect()
}

#[test]
fn a_meeting_of_three_is_seen_and_heard_where_its_clock_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("meeting.mp4");
    let tracks: Vec<_> = (0..3)
        .flat_map(|index| person(index, 0, 8_000_000))
        .collect();
    let places = [(8, 8, 628, 348), (644, 8, 628, 348), (326, 364, 628, 348)];
    let scene = |from_us, to_us, shown: [bool; 3]| Scene {
        from_us,
        to_us,
        tiles: (0..3)
            .map(|index| tile(index, shown[index], index == 1, places[index]))
            .collect(),
    };
    let job = ComposeJob {
        canvas: Canvas::HD,
        fps: 25,
        scenes: vec![
            scene(0, 5_000_000, [true; 3]),
            scene(5_000_000, 8_000_000, [true, true, false]),
        ],
        tracks,
        duration_us: 8_000_000,
        title: "Weekly \"sync\" \u{1f600}".to_owned(),
    };
    let mut told = Vec::new();
    let began = std::time::Instant::now();
    render(job, &file, &mut |percent| told.push(percent)).expect("renders");
    println!("rendered in {:?}", began.elapsed());
    if let Ok(keep) = std::env::var("COMPOSE_TEST_KEEP") {
        std::fs::copy(&file, keep).expect("copies");
    }
    assert!(told.is_sorted() && told.last() == Some(&100), "{told:?}");

    let found = probe(&file).expect("opens");
    assert_eq!(found.picture, Some((1280, 720)));
    assert!(found.sound);
    assert!((found.duration_us - 8_000_000).abs() <= 60_000, "{found:?}");

    let heard = sound(&file);
    for (index, place) in places.iter().enumerate() {
        let flash = synthetic::FLASH;
        let middle = (
            place.0 + (flash.x + flash.width / 2) * place.2 / 640 - 8,
            place.1 + (flash.y + flash.height / 2) * place.3 / 360 - 8,
        );
        let seen = flashes(&brightness(&file, middle.0, middle.1), 25);
        let heard = beeps(&heard, synthetic::beep_hz(index));
        let phase_s = synthetic::phase_us(index) as f64 / 1e6;
        println!("{index}: seen {seen:.3?} heard {heard:.4?}");
        let last = if index == 2 { 5 } else { 8 };
        assert_eq!(
            heard.len(),
            8 - usize::from(phase_s == 0.0) + usize::from(phase_s == 0.0 && heard[0] < 0.5)
        );
        let _ = last;
        for at in &heard {
            let off = (at - phase_s + 0.5).fract() - 0.5;
            assert!(off.abs() <= 0.005, "beep {off} s off at {at}");
        }
        for at in &seen {
            let off = (at - phase_s + 0.5).fract() - 0.5;
            assert!(off.abs() <= 0.0201, "flash {off} s off at {at}");
        }
    }
}

#[test]
fn speed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("meeting.mp4");
    let cpu = || {
        let t = std::fs::read_to_string("/proc/self/stat").unwrap();
        let f: Vec<&str> = t.rsplit(')').next().unwrap().split_whitespace().collect();
        (f[11].parse::<u64>().unwrap() + f[12].parse::<u64>().unwrap()) * 10
    };
    let (c, w) = (cpu(), std::time::Instant::now());
    let tracks: Vec<_> = (0..3)
        .flat_map(|index| person(index, 0, 20_000_000))
        .collect();
    println!(
        "synthesis of 3x20 s: cpu {} ms wall {:?}",
        cpu() - c,
        w.elapsed()
    );
    let job = ComposeJob {
        canvas: Canvas::HD,
        fps: 25,
        scenes: vec![Scene {
            from_us: 0,
            to_us: 20_000_000,
            tiles: (0..3)
                .map(|i| {
                    tile(
                        i,
                        true,
                        i == 1,
                        [(8, 8, 628, 348), (644, 8, 628, 348), (326, 364, 628, 348)][i],
                    )
                })
                .collect(),
        }],
        tracks,
        duration_us: 20_000_000,
        title: String::new(),
    };
    let (c, w) = (cpu(), std::time::Instant::now());
    render(job, &file, &mut |_| ()).expect("renders");
    println!(
        "render of 20 s: cpu {} ms wall {:?}",
        cpu() - c,
        w.elapsed()
    );
}
