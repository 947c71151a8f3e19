//! Holds a plan on a target and gathers what its participants saw.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::engine::{Engine, Order, Outcome, Role};
use crate::measure::calls::SystemCalls;
use crate::measure::histogram::Histogram;
use crate::measure::host::{self, Usage};
use crate::measure::look::{Look, Moment};
use crate::measure::viewer::{Origins, Seen, Window};
use crate::media::Media;
use crate::scenario::{Part, Plan};
use crate::target::{Recorded, Room, Seat, Target};

/// From the last one in until measuring begins: first keyframes and pictures are through.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long all who are there from the beginning may take to get in.
const EVERYONE_IN: Duration = Duration::from_secs(60);

/// How long they may take to leave.
const EVERYONE_OUT: Duration = Duration::from_secs(10);

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// How a run stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Progress {
    /// So many of so many were sent in.
    Entering(usize, usize),
    /// So many joined, of so many that are there from the beginning.
    Joining(usize, usize),
    /// Whoever joins has joined, so many of so many: first pictures come through.
    WarmingUp(usize, usize),
    /// So long of so long was measured, and what was used when it was looked at last.
    Measuring(Duration, Duration, Option<Moment>),
    /// Everyone leaves.
    Leaving,
}

/// What came of a run.
pub(crate) struct Held {
    pub(crate) target: String,
    pub(crate) participants: usize,
    pub(crate) joined: usize,
    pub(crate) failures: Vec<String>,
    /// From the open line until media could flow.
    pub(crate) join: Histogram,
    /// From the open line until the first picture, of those that watch.
    pub(crate) first_picture: Histogram,
    /// From the cut until the next picture.
    pub(crate) back: Histogram,
    /// How many were to see again.
    pub(crate) cut: usize,
    pub(crate) came_back: usize,
    /// Of a scenario that records.
    pub(crate) recorded: Option<Vec<Recorded>>,
    pub(crate) measured: Duration,
    pub(crate) seen: Seen,
    /// Pictures that were due to be seen in the window.
    pub(crate) expected_pictures: f64,
    /// Of the whole run.
    pub(crate) packets_sent: u64,
    pub(crate) lost_on_purpose: (u64, u64),
    /// Of the window; none when the target is not on this machine.
    pub(crate) target_used: Option<Usage>,
    /// System calls that it made in the window, or why the kernel does not tell; none when it is
    /// not on this machine.
    pub(crate) target_calls: Option<Result<u64, String>>,
    /// Its memory before anybody came.
    pub(crate) target_memory_before: Option<u64>,
    pub(crate) own_used: Option<Usage>,
    /// Cores that others of this machine used in the window.
    pub(crate) others_cores: Option<f64>,
    /// How late the generator's threads were, and how late its media left.
    pub(crate) late: Histogram,
    pub(crate) media_late: Histogram,
    /// Cores of the target and of the generator, over the window.
    pub(crate) over_time: Vec<Moment>,
}

/// One participant in flight.
struct Running {
    part: Part,
    room: usize,
    task: JoinHandle<Outcome>,
}

/// Everything that a run shares.
struct Run<'a> {
    engine: Engine,
    target: &'a mut dyn Target,
    plan: &'a Plan,
    media: Media,
    window: Arc<Window>,
    origins: Arc<Origins>,
    orders: watch::Sender<Order>,
    running: Vec<Running>,
    rooms: Vec<Room>,
}

/// Lets everyone in, waits, measures, and lets everyone leave.
pub(crate) async fn hold(
    target: &mut dyn Target,
    plan: &Plan,
    media: &Media,
    (window, threads): (Duration, usize),
    tell: &mut (dyn FnMut(Progress) + Send),
) -> anyhow::Result<Held> {
    let memory_before = host::usage(&target.process_ids()).map(|usage| usage.anonymous_bytes);
    let mut run = Run {
        engine: Engine::start(threads)?,
        target,
        plan,
        media: *media,
        window: Arc::default(),
        origins: Arc::new(Origins::of(plan.participants())),
        orders: watch::channel(Order::default()).0,
        running: Vec::new(),
        rooms: Vec::new(),
    };
    let mut later = run.let_in(tell).await?;
    later.sort_by_key(|(part, ..)| part.comes_after);
    let recordings = run.record().await?;
    tell(Progress::WarmingUp(run.engine.joined(), run.running.len()));
    sleep(WARM_UP).await;
    run.engine.take_late();
    let watched = run.watch(window, later, tell).await?;
    let late = run.engine.take_late();
    tell(Progress::Leaving);
    for recording in &recordings {
        run.target.stop_recording(recording).await?;
    }
    run.orders.send_modify(|order| order.over = true);
    let mut held = run.gather(watched).await;
    held.verify(target, plan, &recordings).await;
    held.late = late;
    held.target_memory_before = memory_before;
    Ok(held)
}

/// What was seen from outside, over the window.
struct Watched {
    length: Duration,
    target: Option<Usage>,
    target_calls: Option<Result<u64, String>>,
    own: Option<Usage>,
    others_cores: Option<f64>,
    over_time: Vec<Moment>,
}

/// One who comes later: who, to which room, as which author.
type Later = (Part, usize, u32, Seat);

impl Run<'_> {
    /// Lets in whoever is there from the beginning; answers who comes later, with their places.
    async fn let_in(
        &mut self,
        tell: &mut (dyn FnMut(Progress) + Send),
    ) -> anyhow::Result<Vec<Later>> {
        let all = self.plan.participants();
        let mut later = Vec::new();
        let mut author = 0;
        for (number, parts) in self.plan.rooms.iter().enumerate() {
            let publishers = parts.iter().filter(|part| part.publishes()).count();
            let room = self.target.open_room(publishers).await?;
            self.rooms.push(room.clone());
            for part in parts {
                let seat = self.target.seat(&room, part, author).await?;
                match part.comes_after {
                    None => self.enter(*part, number, author, seat),
                    Some(_) => later.push((*part, number, author, seat)),
                }
                author += 1;
                tell(Progress::Entering(author as usize, all));
            }
        }
        self.wait_for_all(tell).await;
        Ok(later)
    }

    /// Begins to record every room, when the plan says so.
    async fn record(&mut self) -> anyhow::Result<Vec<String>> {
        let mut recordings = Vec::new();
        for room in self.rooms.iter().filter(|_| self.plan.records) {
            recordings.push(self.target.record(room).await?);
        }
        Ok(recordings)
    }

    fn enter(&mut self, part: Part, room: usize, author: u32, seat: Seat) {
        let role = Role {
            author,
            part,
            seat,
            media: self.media,
            network: self.plan.network,
            window: Arc::clone(&self.window),
            origins: Arc::clone(&self.origins),
        };
        let task = self.engine.enter(role, self.orders.subscribe());
        self.running.push(Running { part, room, task });
    }

    /// Waits until each has joined or failed, but not for ever.
    async fn wait_for_all(&mut self, tell: &mut (dyn FnMut(Progress) + Send)) {
        let until = Instant::now() + EVERYONE_IN;
        while Instant::now() < until {
            // Whoever joined and is over again counts twice: it waits a little less, no more.
            let over = self.running.iter().filter(|one| one.task.is_finished());
            tell(Progress::Joining(self.engine.joined(), self.running.len()));
            if self.engine.joined() + over.count() >= self.running.len() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn watch(
        &mut self,
        length: Duration,
        later: Vec<Later>,
        tell: &mut (dyn FnMut(Progress) + Send),
    ) -> anyhow::Result<Watched> {
        let targets = self.target.process_ids();
        let own = [std::process::id()];
        let calls = (!targets.is_empty()).then(|| SystemCalls::begin(&targets));
        let before = (host::usage(&targets), host::usage(&own));
        let first = Look::now(&targets);
        let mut last = first;
        let mut over_time = Vec::new();
        let from = Instant::now();
        self.window.open(from, length);
        let mut later = later.into_iter().peekable();
        let mut cut_after = self.plan.cut_after;
        while from.elapsed() < length {
            while let Some((part, room, author, seat)) =
                later.next_if(|(part, ..)| part.comes_after.is_some_and(|at| from.elapsed() >= at))
            {
                self.enter(part, room, author, seat);
            }
            if cut_after.take_if(|at| from.elapsed() >= *at).is_some() {
                self.orders.send_modify(|order| order.cuts += 1);
            }
            let events = later.peek().and_then(|(part, ..)| part.comes_after);
            let next = [events, cut_after, Some(length)]
                .into_iter()
                .flatten()
                .min();
            let left = next.unwrap_or(length).saturating_sub(from.elapsed());
            sleep(left.min(TELL_EVERY)).await;
            if last.at.elapsed() >= TELL_EVERY {
                let now = Look::now(&targets);
                over_time.push(now.since(&last, from));
                last = now;
            }
            let measured = from.elapsed().min(length);
            tell(Progress::Measuring(
                measured,
                length,
                over_time.last().copied(),
            ));
        }
        let target_calls = calls.map(|counting| counting?.made());
        let whole = Look::now(&targets);
        let since = |before: Option<Usage>, after: Option<Usage>| Some(after?.since(&before?));
        Ok(Watched {
            length,
            target: since(before.0, host::usage(&targets)),
            target_calls,
            own: since(before.1, host::usage(&own)),
            others_cores: whole.others_since(&first),
            over_time,
        })
    }

    async fn gather(self, watched: Watched) -> Held {
        let mut held = Held {
            target: self.target.name(),
            participants: self.running.len(),
            joined: 0,
            failures: Vec::new(),
            join: Histogram::default(),
            first_picture: Histogram::default(),
            back: Histogram::default(),
            cut: 0,
            came_back: 0,
            recorded: None,
            measured: watched.length,
            seen: Seen::default(),
            expected_pictures: 0.0,
            packets_sent: 0,
            lost_on_purpose: (0, 0),
            target_used: watched.target,
            target_calls: watched.target_calls,
            target_memory_before: None,
            own_used: watched.own,
            others_cores: watched.others_cores,
            late: Histogram::default(),
            media_late: Histogram::default(),
            over_time: watched.over_time,
        };
        let until = tokio::time::Instant::now() + EVERYONE_OUT;
        for Running {
            part,
            room,
            mut task,
        } in self.running
        {
            match tokio::time::timeout_at(until, &mut task).await {
                Ok(Ok(outcome)) => {
                    let pictures = cameras_watched(&self.plan.rooms[room], part)
                        * f64::from(self.media.frames_per_second);
                    held.expected_pictures += pictures * present(&outcome, &self.window);
                    held.count(outcome, self.plan.cut_after.is_some());
                }
                Ok(Err(panic)) => held.failures.push(panic.to_string()),
                Err(_) => {
                    task.abort();
                    held.failures.push("did not leave".to_owned());
                }
            }
        }
        held
    }
}

impl Held {
    fn count(&mut self, outcome: Outcome, cut: bool) {
        self.failures.extend(outcome.failure);
        if let Some(after) = outcome.joined_after {
            self.joined += 1;
            self.join.record(after);
        }
        if let Some(after) = outcome.picture_after {
            self.first_picture.record(after);
        }
        if cut && outcome.picture_after.is_some() {
            self.cut += 1;
            self.came_back += usize::from(!outcome.back_after.is_empty());
        }
        for after in outcome.back_after {
            self.back.record(after);
        }
        self.packets_sent += outcome.packets_sent;
        if let Some(own) = &mut self.own_used {
            // What a socket did not take is the generator's loss, not the target's.
            own.socket_drops += outcome.unsent;
        }
        self.lost_on_purpose.0 += outcome.lost_on_purpose.0;
        self.lost_on_purpose.1 += outcome.lost_on_purpose.1;
        self.media_late.merge(&outcome.late);
        self.seen.merge(&outcome.seen);
    }

    /// Reads every recording again. One that is not whole is a failure.
    async fn verify(&mut self, target: &mut dyn Target, plan: &Plan, recordings: &[String]) {
        if !plan.records {
            return;
        }
        let mut whole = Vec::new();
        for recording in recordings {
            match target.verify_recording(recording).await {
                Ok(recorded) => whole.push(recorded),
                Err(problem) => self.failures.push(format!("{problem:#}")),
            }
        }
        self.recorded = Some(whole);
    }
}

/// How many cameras a participant of this room has before it: the others', as far as its slots
/// go.
fn cameras_watched(room: &[Part], part: Part) -> f64 {
    let cameras = room.iter().filter(|other| other.camera_layers.is_some());
    let others = cameras.count() - usize::from(part.camera_layers.is_some());
    others.min(part.video_slots.into()) as f64
}

/// How many seconds of the window somebody could have seen pictures.
fn present(outcome: &Outcome, window: &Window) -> f64 {
    let Some(((from, to), (opened, closed))) = outcome.present.zip(window.bounds()) else {
        return 0.0;
    };
    let seen = to.min(closed).saturating_duration_since(from.max(opened));
    seen.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participant_is_to_see_the_others_as_far_as_its_slots_go() {
        let publisher = Part {
            video_slots: 9,
            ..Part::publisher(1)
        };
        let viewer = Part::viewer(2);
        let room = [publisher, publisher, publisher, viewer];
        assert_eq!(cameras_watched(&room, publisher), 2.0);
        assert_eq!(cameras_watched(&room, viewer), 2.0);
        assert_eq!(cameras_watched(&[publisher], publisher), 0.0);
    }

    #[test]
    fn whoever_was_there_for_a_part_of_the_window_was_to_see_that_part() {
        let window = Window::default();
        let at = Instant::now();
        let s = Duration::from_secs;
        let outcome = |from, to| Outcome {
            present: Some((at + s(from), at + s(to))),
            ..Outcome::default()
        };
        assert_eq!(present(&outcome(0, 9), &window), 0.0, "no window");
        window.open(at + s(2), s(10));
        assert_eq!(present(&outcome(0, 20), &window), 10.0);
        assert_eq!(present(&outcome(4, 6), &window), 2.0);
        assert_eq!(present(&outcome(0, 1), &window), 0.0);
        assert_eq!(present(&Outcome::default(), &window), 0.0);
    }
}
