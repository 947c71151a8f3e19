//! A whole recording as one MP4: the order in which pictures and sound are made.

use std::path::Path;

use ffmpeg_next as ffmpeg;
use recorder_core::frame::TrackFrames;
use recorder_core::layout::{Canvas, Scene};
use sfu_protocol::media::Kind;

use super::canvas::Sheet;
use super::encode::{Effort, Mp4};
use super::mix::{BLOCK_SAMPLES, Mixer};
use super::reel::Reel;
use super::{SAMPLE_RATE_HZ, prepare};

/// What is to be composed.
#[derive(Debug)]
pub struct ComposeJob {
    /// The size of the picture.
    pub canvas: Canvas,
    /// Pictures a second, at most [`ComposeJob::MAX_FPS`].
    pub fps: u32,
    /// Who is shown when, in order of time.
    pub scenes: Vec<Scene>,
    /// Every track, pictures and sound, in any order.
    pub tracks: Vec<TrackFrames>,
    /// How long the recording is. The file is as long, to the picture.
    pub duration_us: i64,
    /// The file's title, shown by players.
    pub title: String,
}

impl ComposeJob {
    /// The highest rate that is composed.
    pub const MAX_FPS: u32 = 60;
    /// The longest side of a canvas, in pixels.
    pub const MAX_SIDE_PX: u32 = 3840;
}

/// Why no file was composed.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The job asks for what cannot be made.
    #[error("cannot compose this: {0}")]
    Job(&'static str),
    /// FFmpeg refused.
    #[error("composition failed while {doing}: {source}")]
    Ffmpeg {
        /// The step that failed.
        doing: &'static str,
        /// FFmpeg's reason.
        source: ffmpeg::Error,
    },
}

/// For `map_err`: which step failed.
fn during(doing: &'static str) -> impl Fn(ffmpeg::Error) -> ComposeError {
    move |source| ComposeError::Ffmpeg { doing, source }
}

/// Composes `job` into an MP4 at `out`, which is made or overwritten; after an error what is there
/// is not a file anybody should keep. `progress` is told every percent once, rising to 100.
///
/// Runs on the calling thread (and two of x264's): call it from a thread of its own.
pub fn render(
    job: ComposeJob,
    out: &Path,
    progress: &mut dyn FnMut(u8),
) -> Result<(), ComposeError> {
    prepare();
    check(&job)?;
    let clock = Clock::new(job.fps, job.duration_us);
    let (pictures, sounds): (Vec<_>, Vec<_>) = job
        .tracks
        .into_iter()
        .partition(|track| track.codec.kind() == Kind::Video);
    let mut reels = pictures
        .into_iter()
        .map(Reel::new)
        .collect::<Result<Vec<_>, _>>()
        .map_err(during("opening a video decoder"))?;
    let mut mixer = Mixer::new(sounds).map_err(during("opening an audio decoder"))?;
    let mut file = Mp4::create(
        out,
        job.canvas,
        job.fps,
        &job.title,
        Effort::of(job.duration_us),
    )
    .map_err(during("beginning the file"))?;
    let mut sheet = Sheet::new(job.canvas);
    let mut scenes = job.scenes.iter().peekable();
    let mut samples = 0;
    let mut told = None;

    for tick in 0..clock.ticks {
        let now_us = clock.shown_at_us(tick);
        let mut scene = None;
        while let Some(due) = scenes.next_if(|scene| scene.from_us <= now_us) {
            scene = Some(due);
        }
        for reel in &mut reels {
            reel.advance(now_us);
        }
        if let Some(scene) = scene {
            sheet.set_scene(scene);
            sheet.show_early(&mut reels, now_us);
        }
        sheet.draw(&reels).map_err(during("scaling a picture"))?;
        file.picture(sheet.picture())
            .map_err(during("encoding a picture"))?;
        while samples < clock.samples_until(tick + 1) {
            let block = mixer.next_block();
            let length = (BLOCK_SAMPLES as i64).min(clock.samples - samples);
            file.sound(&block[..length as usize])
                .map_err(during("encoding sound"))?;
            samples += length;
        }
        tell(&mut told, (tick + 1) * 100 / clock.ticks, progress);
    }
    file.finish().map_err(during("ending the file"))
}

fn tell(told: &mut Option<i64>, percent: i64, progress: &mut dyn FnMut(u8)) {
    if *told != Some(percent) {
        *told = Some(percent);
        progress(percent as u8);
    }
}

fn check(job: &ComposeJob) -> Result<(), ComposeError> {
    let side =
        |length: u32| (2..=ComposeJob::MAX_SIDE_PX).contains(&length) && length.is_multiple_of(2);
    if !side(job.canvas.width) || !side(job.canvas.height) {
        return Err(ComposeError::Job(
            "a canvas has even sides of 2 to 3840 pixels",
        ));
    }
    if !(1..=ComposeJob::MAX_FPS).contains(&job.fps) {
        return Err(ComposeError::Job("a picture rate is 1 to 60 a second"));
    }
    if job.duration_us < 0 {
        return Err(ComposeError::Job(
            "a recording does not end before it begins",
        ));
    }
    Ok(())
}

/// The one clock, in pictures and in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock {
    fps: i64,
    ticks: i64,
    samples: i64,
}

impl Clock {
    /// A file holds at least one picture, so that an empty recording opens too.
    fn new(fps: u32, duration_us: i64) -> Self {
        let fps = i64::from(fps);
        let ticks = ((duration_us * fps + 500_000) / 1_000_000).max(1);
        Clock {
            fps,
            ticks,
            samples: ticks * SAMPLE_RATE_HZ / fps,
        }
    }

    /// The time whose picture a tick shows: the middle of the tick, so that rounding to a tick is
    /// early as often as it is late and never by more than half a tick.
    fn shown_at_us(self, tick: i64) -> i64 {
        (2 * tick + 1) * 500_000 / self.fps
    }

    /// How many samples lie before a tick.
    fn samples_until(self, tick: i64) -> i64 {
        (tick * SAMPLE_RATE_HZ / self.fps).min(self.samples)
    }
}

#[cfg(test)]
mod clock_tests {
    use super::*;

    #[test]
    fn the_file_is_as_long_as_the_recording_to_the_picture() {
        for (fps, duration_us, ticks) in [
            (25, 20_000_000, 500),
            (30, 20_000_000, 600),
            (25, 20_019_999, 500),
            (25, 20_020_000, 501),
            (25, 0, 1),
            (30, 3_600_000_000, 108_000),
        ] {
            let clock = Clock::new(fps, duration_us);
            assert_eq!(clock.ticks, ticks);
            assert_eq!(clock.samples, ticks * 48_000 / i64::from(fps));
            assert_eq!(clock.samples_until(ticks), clock.samples);
        }
    }
}
