//! What is seen and heard in a file, by FFmpeg's command line and not by our own decoders.

use std::path::Path;
use std::process::Command;

use recorder_core::layout::Rect;

/// Runs `ffmpeg` and gives what it prints; any complaint of its is a failure.
pub(super) fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    run(
        "ffmpeg",
        &[&["-v", "error", "-nostdin"], arguments].concat(),
    )
}

/// What `ffprobe` prints for `entries` of the first stream.
pub(super) fn ffprobe(file: &Path, entries: &str) -> String {
    let arguments = [
        "-v",
        "error",
        "-select_streams",
        "0",
        "-show_entries",
        entries,
        "-of",
        "csv=p=0",
        path(file),
    ];
    String::from_utf8(run("ffprobe", &arguments)).expect("text")
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("FFmpeg's tools are installed");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{complaint}"
    );
    output.stdout
}

pub(super) fn path(file: &Path) -> &str {
    file.to_str().expect("a plain path")
}

/// Mean red, green and blue of a part of every picture.
pub(super) fn colours(file: &Path, part: Rect) -> Vec<[u8; 3]> {
    let filter = format!(
        "crop={}:{}:{}:{},scale=1:1:flags=area,format=rgb24",
        part.width, part.height, part.x, part.y
    );
    let raw = ffmpeg(&[
        "-i",
        path(file),
        "-an",
        "-vf",
        &filter,
        "-f",
        "rawvideo",
        "-",
    ]);
    raw.chunks_exact(3)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

/// One ear at 48 kHz, from time zero on.
pub(super) fn sound(file: &Path) -> Vec<f32> {
    let raw = ffmpeg(&[
        "-copyts",
        "-i",
        path(file),
        "-vn",
        "-af",
        "aresample=48000:async=1:first_pts=0,pan=mono|c0=c0",
        "-f",
        "f32le",
        "-",
    ]);
    raw.chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect()
}

/// When each beep begins, in seconds, to within a millisecond or two.
pub(super) fn beeps(sound: &[f32], hz: u32) -> Vec<f64> {
    const WINDOW: usize = 192;
    const STEP: usize = 24;
    let strong: Vec<bool> = (0..(sound.len() - WINDOW) / STEP)
        .map(|n| tone(&sound[n * STEP..n * STEP + WINDOW], hz) > 0.2)
        .collect();
    // The window reads half of a tone when its middle is at the tone's beginning.
    (1..strong.len())
        .filter(|n| strong[*n] && !strong[n - 1])
        .map(|n| (n * STEP + WINDOW / 2) as f64 / 48_000.0)
        .collect()
}

/// How strong a tone is in a window, as an amplitude.
fn tone(window: &[f32], hz: u32) -> f32 {
    let turn = std::f32::consts::TAU * hz as f32 / 48_000.0;
    let (mut real, mut imaginary) = (0.0_f32, 0.0_f32);
    for (at, sample) in window.iter().enumerate() {
        let angle = turn * at as f32;
        real += sample * angle.cos();
        imaginary += sample * angle.sin();
    }
    2.0 * real.hypot(imaginary) / window.len() as f32
}

/// When a part of the picture turns white, in seconds.
pub(super) fn flashes(file: &Path, part: Rect, fps: u32) -> Vec<f64> {
    let white: Vec<bool> = colours(file, part)
        .iter()
        .map(|colour| colour.iter().all(|channel| *channel > 170))
        .collect();
    (1..white.len())
        .filter(|n| white[*n] && !white[n - 1])
        .map(|n| n as f64 / f64::from(fps))
        .collect()
}
