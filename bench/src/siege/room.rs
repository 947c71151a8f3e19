//! The live room: honest participants who send, watch and count, and newcomers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use sfu_client::driver::{self, DriverError, DriverReport, JoinTarget, Options};
use sfu_client::media::{AudioFrame, EncodedFrame, MediaSource, NEVER_US};
use sfu_client::peer::Publication;
use sfu_client::synthetic::{LayerShape, Shape, Synthetic};
use sfu_protocol::media::Source;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::captures::Captures;
use super::ledger::Tally;
use super::witness::{Sight, Witness};
use crate::measure::freeze::Freezes;
use crate::measure::histogram::Histogram;
use crate::measure::viewer::Origins;
use crate::target::{Deployed, RoomKey};

/// How long everyone may take to get in before anything flies.
const EVERYONE_IN: Duration = Duration::from_secs(60);

/// How long a newcomer stays: long enough to be seen to stand.
const NEWCOMER_STAYS: Duration = Duration::from_secs(4);

/// Slots beside those for the honest: a hostile participant that shows its camera takes a free
/// one and nobody's place.
const SPARE_SLOTS: u8 = 20;

/// A camera as phones send it; the count of packets is what matters here.
const FRAMES_PER_SECOND: u32 = 15;
const CAMERA: LayerShape = LayerShape {
    width: 640,
    height: 360,
    bitrate_bps: 400_000,
};

/// What the names of the honest begin with.
pub(super) const HONEST: &str = "Witness ";

/// One honest participant.
struct Honest {
    sight: Arc<Mutex<Sight>>,
    /// None once its end was told.
    task: Option<JoinHandle<Result<DriverReport, DriverError>>>,
}

/// The room and who is honest in it.
pub(super) struct LiveRoom {
    honest: Vec<Honest>,
    over: watch::Sender<bool>,
}

/// What the honest saw while they were measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Harm {
    pub(super) tally: Tally,
    pub(super) broken_pictures: u64,
    pub(super) foreign_frames: u64,
    pub(super) paths_lost: u64,
    pub(super) muted: u64,
    /// Without somebody's picture or voice.
    pub(super) longest_gap: Duration,
    /// Of pictures and voices.
    pub(super) latency: Histogram,
    pub(super) freezes: Freezes,
    /// Participations that ended, with why.
    pub(super) ended: Vec<String>,
}

impl Harm {
    fn add(&mut self, one: &Honest) {
        let sight = one.sight.lock().expect("nobody panics while holding it");
        self.tally.add(sight.tally());
        self.broken_pictures += sight.broken_pictures;
        self.foreign_frames += sight.foreign_frames;
        self.paths_lost += sight.paths_lost;
        self.muted += sight.muted;
        let now = Instant::now();
        self.longest_gap = self.longest_gap.max(sight.longest_gap(now));
        self.latency.merge(&sight.latency);
        self.freezes.add(&sight.freezes(now));
    }
}

impl LiveRoom {
    /// Lets the honest in and waits until each is connected.
    pub(super) async fn open(
        target: &mut dyn Deployed,
        room: &RoomKey,
        people: u32,
        captures: &Arc<Captures>,
    ) -> anyhow::Result<Self> {
        let (over, is_over) = watch::channel(false);
        let mut live = LiveRoom {
            honest: Vec::new(),
            over,
        };
        let mut doors = Vec::new();
        let origins = Arc::new(Origins::of(people as usize));
        for author in 0..people {
            let way_in = target.admit(room, &format!("{HONEST}{author}")).await?;
            let (connected, door) = oneshot::channel();
            let sight = Arc::<Mutex<Sight>>::default();
            let witness = Witness {
                sight: Arc::clone(&sight),
                captures: Arc::clone(captures),
                authors: people,
                own: Some(author),
                origins: Arc::clone(&origins),
                connected: Some(connected),
                forgeable: true,
            };
            let task = tokio::spawn(take_part(way_in, author, people, witness, is_over.clone()));
            live.honest.push(Honest {
                sight,
                task: Some(task),
            });
            doors.push(door);
        }
        for door in doors {
            timeout(EVERYONE_IN, door)
                .await
                .ok()
                .and_then(Result::ok)
                .context("an honest participant did not get in before the siege")?;
        }
        Ok(live)
    }

    /// From here on harm counts.
    pub(super) fn begin(&mut self) {
        for one in &mut self.honest {
            let mut sight = one.sight.lock().expect("nobody panics while holding it");
            sight.begin(Instant::now());
        }
    }

    /// What came since, and who is still there. Ledgers are shown as they stand: what is on the way
    /// counts as lost, so that one waits before asking.
    pub(super) async fn harm(&mut self) -> Harm {
        let mut harm = Harm::default();
        for one in &mut self.honest {
            harm.add(one);
            if let Some(task) = one.task.take_if(|task| task.is_finished()) {
                harm.ended.push(match task.await {
                    Ok(Ok(report)) => format!("a participant was sent away: {:?}", report.bye),
                    Ok(Err(error)) => error.to_string(),
                    Err(panic) => panic.to_string(),
                });
            }
        }
        harm
    }

    /// Lets everyone leave.
    pub(super) async fn close(self) {
        self.over.send_replace(true);
        for task in self.honest.into_iter().filter_map(|one| one.task) {
            // How they leave is not measured.
            let _ = task.await;
        }
    }
}

async fn take_part(
    way_in: JoinTarget,
    author: u32,
    people: u32,
    witness: Witness,
    mut over: watch::Receiver<bool>,
) -> Result<DriverReport, DriverError> {
    let mut source = Synthetic::new(Shape {
        frames_per_second: FRAMES_PER_SECOND,
        camera: vec![CAMERA],
        screen: Vec::new(),
        ..Shape::meeting(author)
    });
    source.set_speaking(true);
    let options = Options {
        publish: vec![
            Publication::live(Source::Camera, 1),
            Publication::live(Source::Microphone, 1),
        ],
        audio_slots: u8::try_from(people).unwrap_or(u8::MAX).min(SPARE_SLOTS),
        video_slots: u8::try_from(people)
            .unwrap_or(u8::MAX)
            .saturating_add(SPARE_SLOTS)
            .min(32),
        max_height: Some(CAMERA.height),
        report_packets: true,
        observer: Some(Box::new(witness)),
        ..Options::default()
    };
    let over = async move {
        // When the run is dropped, it is over as well.
        let _ = over.wait_for(|over| *over).await;
    };
    driver::run(way_in, options, source, over).await
}

/// One newcomer: joins, watches for a while, leaves. Answers how long it took until media could
/// flow.
///
/// # Errors
/// Why it did not get in, or did not stay.
pub(super) async fn newcomer(
    way_in: JoinTarget,
    captures: Arc<Captures>,
) -> Result<Duration, String> {
    let (connected, door) = oneshot::channel();
    let witness = Witness {
        sight: Arc::default(),
        captures,
        authors: u32::MAX,
        own: None,
        origins: Arc::new(Origins::of(0)),
        connected: Some(connected),
        forgeable: false,
    };
    let options = Options {
        publish: Vec::new(),
        audio_slots: 1,
        video_slots: 1,
        max_height: Some(CAMERA.height),
        observer: Some(Box::new(witness)),
        ..Options::default()
    };
    let stay = async move {
        // It counts from the connection; one that never connects ends by itself.
        let _ = door.await;
        sleep(NEWCOMER_STAYS).await;
    };
    let began = Instant::now();
    match driver::run(way_in, options, Nothing, stay).await {
        Ok(report) => match (report.connected_after, report.first_picture_after) {
            (Some(after), Some(_)) => Ok(after),
            (Some(_), None) => Err("connected, and saw nobody".to_owned()),
            (None, _) => Err(format!("not connected after {:?}", began.elapsed())),
        },
        Err(error) => Err(error.to_string()),
    }
}
/// What one who only watches sends.
struct Nothing;

impl MediaSource for Nothing {
    fn video(&mut self, _source: Source, _at_us: u64) -> Vec<EncodedFrame> {
        Vec::new()
    }

    fn audio(&mut self, _source: Source, _at_us: u64) -> Vec<AudioFrame> {
        Vec::new()
    }

    fn request_keyframe(&mut self, _source: Source, _layer: u8) {}

    fn next_at_us(&self) -> u64 {
        NEVER_US
    }
}
