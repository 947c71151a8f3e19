//! Holds rooms full of participants and gathers what they saw.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sfu_client::driver::{self, DriverError, DriverReport, JoinTarget, Options};
use sfu_client::media::{AudioFrame, EncodedFrame, MediaSource};
use sfu_client::participant::Publication;
use sfu_client::synthetic::{LayerShape, Shape, Synthetic};
use sfu_protocol::media::Source;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::measure::histogram::Histogram;
use crate::measure::host;
use crate::measure::viewer::{Origins, Seen, Viewer, Window};
use crate::scenario::Part;
use crate::target::Target;

/// From the last one in until measuring begins: first keyframes and pictures are through.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long all together may take to get in.
const EVERYONE_IN: Duration = Duration::from_secs(60);

/// Width over height of every camera.
const ASPECT: (u32, u32) = (16, 9);

/// Heights of the three layers, smallest first.
const LAYER_HEIGHTS: [u16; 3] = [180, 360, 720];

/// What cameras send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Media {
    pub(crate) frames_per_second: u32,
    pub(crate) largest_layer_bps: u32,
    pub(crate) layers: u8,
}

impl Media {
    /// The shape of one publisher's media. Each smaller layer has a third of the next one's
    /// bitrate.
    fn shape(&self, author: u32) -> Shape {
        let skipped = LAYER_HEIGHTS.len() - usize::from(self.layers);
        let heights = &LAYER_HEIGHTS[skipped..];
        let camera = heights.iter().zip((0..u32::from(self.layers)).rev());
        Shape {
            frames_per_second: self.frames_per_second,
            camera: camera
                .map(|(&height, smaller_than)| LayerShape {
                    width: (u32::from(height) * ASPECT.0 / ASPECT.1) as u16,
                    height,
                    bitrate_bps: self.largest_layer_bps / 3u32.pow(smaller_than),
                })
                .collect(),
            screen: Vec::new(),
            ..Shape::meeting(author)
        }
    }
}

/// What came of a run.
pub(crate) struct Held {
    pub(crate) target: String,
    pub(crate) participants: usize,
    pub(crate) joined: usize,
    pub(crate) failures: Vec<String>,
    /// From the open WebSocket until media could flow.
    pub(crate) join: Histogram,
    pub(crate) measured: Duration,
    pub(crate) seen: Seen,
    /// Pictures that were due to be seen in the window.
    pub(crate) expected_pictures: u64,
    /// Of the whole run: packets received in slots, and that never came.
    pub(crate) packets_received: u64,
    pub(crate) packets_lost: u64,
    /// Cores that the target's process and this one used while measuring.
    pub(crate) target_cores: Option<f64>,
    pub(crate) own_cores: Option<f64>,
}

/// One participant in flight.
struct Running {
    part: Part,
    room: usize,
    connected: oneshot::Receiver<()>,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<Result<DriverReport, DriverError>>,
}

/// Lets everyone in, waits, measures, and lets everyone leave.
pub(crate) async fn hold(
    target: &mut dyn Target,
    rooms: &[Vec<Part>],
    media: &Media,
    seconds: Duration,
) -> anyhow::Result<Held> {
    let participants: usize = rooms.iter().map(Vec::len).sum();
    let origins = Arc::new(Origins::of(participants));
    let window = Arc::new(Window::default());
    let (over, is_over) = watch::channel(false);
    let mut running = Vec::new();
    for (number, parts) in rooms.iter().enumerate() {
        let room = target.open_room().await?;
        for &part in parts {
            let author = running.len() as u32;
            let way_in = target.admit(&room, &format!("Bench {author}")).await?;
            let (connected_sender, connected) = oneshot::channel();
            let seen = Arc::<Mutex<Seen>>::default();
            let eyes = Viewer {
                author,
                origins: Arc::clone(&origins),
                window: Arc::clone(&window),
                seen: Arc::clone(&seen),
                connected: Some(connected_sender),
                decoders: BTreeMap::new(),
            };
            let task = tokio::spawn(take_part(way_in, part, *media, eyes, is_over.clone()));
            running.push(Running {
                part,
                room: number,
                connected,
                seen,
                task,
            });
        }
    }
    wait_for_all(&mut running).await;
    sleep(WARM_UP).await;
    let measured = measure(target.process_id(), &window, seconds).await;
    over.send_replace(true);
    Ok(gather(target.name(), running, rooms, media, measured).await)
}

async fn take_part(
    way_in: JoinTarget,
    part: Part,
    media: Media,
    eyes: Viewer,
    mut over: watch::Receiver<bool>,
) -> Result<DriverReport, DriverError> {
    let (source, publish): (Box<dyn MediaSource + Send>, _) = match part.publishes {
        true => {
            let mut source = Synthetic::new(media.shape(eyes.author));
            source.set_speaking(true);
            let camera = Publication::live(Source::Camera, media.layers);
            let microphone = Publication::live(Source::Microphone, 1);
            (Box::new(source), vec![camera, microphone])
        }
        false => (Box::new(Nothing), Vec::new()),
    };
    let options = Options {
        publish,
        audio_slots: part.audio_slots,
        video_slots: part.video_slots,
        max_height: Some(LAYER_HEIGHTS[LAYER_HEIGHTS.len() - 1]),
        observer: Some(Box::new(eyes)),
        ..Options::default()
    };
    let over = async move {
        // When the run is dropped, it is over as well.
        let _ = over.wait_for(|over| *over).await;
    };
    driver::run(way_in, options, source, over).await
}

/// What one who only watches sends.
pub(crate) struct Nothing;

impl MediaSource for Nothing {
    fn video(&mut self, _source: Source, _at_us: u64) -> Vec<EncodedFrame> {
        Vec::new()
    }

    fn audio(&mut self, _source: Source, _at_us: u64) -> Vec<AudioFrame> {
        Vec::new()
    }

    fn request_keyframe(&mut self, _source: Source, _layer: u8) {}

    /// Later than any run: a source that is due at once is asked without end.
    fn next_at_us(&self) -> u64 {
        Duration::from_hours(24).as_micros() as u64
    }
}

/// Waits until each is connected or has failed, but not for ever.
async fn wait_for_all(running: &mut [Running]) {
    let until = tokio::time::Instant::now() + EVERYONE_IN;
    for participant in running {
        // One that fails drops its sender; one that hangs is counted by its report.
        let _ = tokio::time::timeout_at(until, &mut participant.connected).await;
    }
}

/// What the window looked like from outside.
struct Measured {
    length: Duration,
    target_cores: Option<f64>,
    own_cores: Option<f64>,
}

async fn measure(target: Option<u32>, window: &Window, seconds: Duration) -> Measured {
    let cpu = || {
        (
            target.and_then(host::cpu_time),
            host::cpu_time(std::process::id()),
        )
    };
    let before = cpu();
    let from = Instant::now();
    window.open(from, seconds);
    sleep(seconds).await;
    let (length, after) = (from.elapsed(), cpu());
    let cores = |before: Option<Duration>, after: Option<Duration>| {
        let used = after?.saturating_sub(before?);
        Some(used.as_secs_f64() / length.as_secs_f64())
    };
    Measured {
        length: seconds,
        target_cores: cores(before.0, after.0),
        own_cores: cores(before.1, after.1),
    }
}

async fn gather(
    target: String,
    running: Vec<Running>,
    rooms: &[Vec<Part>],
    media: &Media,
    measured: Measured,
) -> Held {
    let mut held = Held {
        target,
        participants: running.len(),
        joined: 0,
        failures: Vec::new(),
        join: Histogram::default(),
        measured: measured.length,
        seen: Seen::default(),
        expected_pictures: 0,
        packets_received: 0,
        packets_lost: 0,
        target_cores: measured.target_cores,
        own_cores: measured.own_cores,
    };
    for participant in running {
        let pictures = tracks_watched(&rooms[participant.room], participant.part)
            * f64::from(media.frames_per_second)
            * measured.length.as_secs_f64();
        held.expected_pictures += pictures as u64;
        let seen = participant
            .seen
            .lock()
            .expect("nobody panics while holding it")
            .clone();
        held.seen.merge(&seen);
        match participant.task.await {
            Ok(Ok(report)) => held.count(&report),
            Ok(Err(failure)) => held.failures.push(failure.to_string()),
            Err(panic) => held.failures.push(panic.to_string()),
        }
    }
    held
}

impl Held {
    fn count(&mut self, report: &DriverReport) {
        if let Some(after) = report.connected_after {
            self.joined += 1;
            self.join
                .record_us(u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
        }
        self.packets_received += report.counters.packets_received;
        self.packets_lost += report.counters.packets_lost;
    }
}

/// How many cameras a participant of this room has before it: the others', as far as its slots
/// go.
fn tracks_watched(room: &[Part], part: Part) -> f64 {
    let publishers = room.iter().filter(|other| other.publishes).count();
    let others = publishers - usize::from(part.publishes);
    others.min(part.video_slots.into()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHER: Part = Part {
        publishes: true,
        video_slots: 9,
        audio_slots: 4,
    };
    const VIEWER: Part = Part {
        publishes: false,
        video_slots: 2,
        audio_slots: 4,
    };

    #[test]
    fn a_participant_is_to_see_the_others_as_far_as_its_slots_go() {
        let room = [PUBLISHER, PUBLISHER, PUBLISHER, VIEWER];
        assert_eq!(tracks_watched(&room, PUBLISHER), 2.0);
        assert_eq!(tracks_watched(&room, VIEWER), 2.0);
        assert_eq!(tracks_watched(&[PUBLISHER], PUBLISHER), 0.0);
    }

    #[test]
    fn the_largest_layer_has_the_whole_bitrate_and_each_smaller_one_a_third() {
        let media = Media {
            frames_per_second: 30,
            largest_layer_bps: 900_000,
            layers: 3,
        };
        let bitrates: Vec<u32> = media
            .shape(1)
            .camera
            .iter()
            .map(|l| l.bitrate_bps)
            .collect();
        assert_eq!(bitrates, [100_000, 300_000, 900_000]);
        let one = Media { layers: 1, ..media }.shape(1);
        assert_eq!(one.camera.len(), 1);
        assert_eq!((one.camera[0].width, one.camera[0].height), (1280, 720));
    }
}
