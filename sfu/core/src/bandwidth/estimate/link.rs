//! A path and its two ends, for tests: a bottleneck with a queue, a delay, losses, somebody else's
//! traffic, and a receiver that says what came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{ClusterId, Estimator};

/// What the sender has to send, knowing the estimate.
pub(super) type Load = fn(estimate_bps: f64, ms: u64, before_bps: f64) -> f64;

/// A path.
#[derive(Clone, Copy)]
pub(super) struct Path {
    /// What it carries at a time, in bit/s.
    pub(super) capacity: fn(ms: u64) -> f64,
    /// How much waits before it, in ms of its capacity.
    pub(super) queue_ms: f64,
    pub(super) delay_ms: u64,
    /// Without changing the order.
    pub(super) jitter_ms: f64,
    pub(super) loss: f64,
    pub(super) feedback_loss: f64,
    /// Every so many feedbacks come this much later.
    pub(super) late_feedback: Option<(u64, u64)>,
    /// How wrong the receiver's clock runs, in parts of a million.
    pub(super) drift_ppm: f64,
}

pub(super) const OFFICE: Path = Path {
    capacity: |_| 5e6,
    queue_ms: 300.0,
    delay_ms: 20,
    jitter_ms: 1.0,
    loss: 0.0,
    feedback_loss: 0.0,
    late_feedback: None,
    drift_ppm: 0.0,
};

/// What was seen at one moment, every 50 ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) ms: u64,
    pub(super) estimate: f64,
    /// What the sender sends.
    pub(super) sends: f64,
    /// The longest a packet waited since the last.
    pub(super) queue_ms: f64,
    /// What came through in these 50 ms.
    pub(super) came_bps: f64,
}

/// What a receiver says later.
type Saying = (u64, u32, Vec<(u16, Option<i32>)>);

pub(super) struct World {
    path: Path,
    load: Load,
    pub(super) estimator: Estimator,
    start: Instant,
    ms: u64,
    seq: u16,
    sends: f64,
    owed_bits: f64,
    free_at_ms: f64,
    last_arrival_ms: f64,
    /// Number and arrival of what comes, in ms.
    underway: VecDeque<(u16, f64)>,
    arrived: Vec<(u16, f64)>,
    next_told: u16,
    sayings: Vec<Saying>,
    feedbacks: u64,
    chance: u64,
    worst_ms: f64,
    came_bits: f64,
    pub(super) seen: Vec<Seen>,
}

impl World {
    pub(super) fn new(path: Path, load: Load, wanted_bps: u64) -> World {
        let start = crate::testing::start();
        let mut estimator = Estimator::new(start);
        estimator.want(start, wanted_bps);
        World {
            path,
            load,
            estimator,
            start,
            ms: 0,
            // Soon after the start the numbers wrap.
            seq: 65_000,
            sends: 0.0,
            owed_bits: 0.0,
            free_at_ms: 0.0,
            last_arrival_ms: 0.0,
            underway: VecDeque::new(),
            arrived: Vec::new(),
            next_told: 65_000,
            sayings: Vec::new(),
            feedbacks: 0,
            chance: 0x9e37_79b9_7f4a_7c15,
            worst_ms: 0.0,
            came_bits: 0.0,
            seen: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.ms)
    }

    pub(super) fn run(&mut self, until_ms: u64) -> &mut Self {
        while self.ms < until_ms {
            self.step();
            self.ms += 1;
        }
        self
    }

    fn step(&mut self) {
        let now = self.now();
        while let Some(&(seq, at)) = self
            .underway
            .front()
            .filter(|(_, at)| *at <= self.ms as f64)
        {
            self.underway.pop_front();
            self.arrived.push((seq, at));
        }
        let due: Vec<Saying> = self
            .sayings
            .extract_if(.., |saying| saying.0 <= self.ms)
            .collect();
        for (_, reference, told) in due {
            self.estimator.feedback(now, reference, told.into_iter());
        }
        // Sound.
        if self.ms.is_multiple_of(20) {
            self.send(120, None);
        }
        // Pictures, thirty a second, none before the path stands.
        if self.ms.is_multiple_of(33) {
            let estimate = self.estimator.estimate_bps() as f64;
            self.sends = (self.load)(estimate, self.ms, self.sends);
            self.owed_bits += self.sends * 0.033;
            while self.owed_bits >= 1_200.0 * 8.0 {
                self.owed_bits -= 1_200.0 * 8.0;
                self.send(1_200, None);
            }
        }
        if self.estimator.wake_at().is_some_and(|at| at <= now)
            && let Some(probe) = self.estimator.probe(now)
        {
            let mut left = probe.bytes;
            while left > 0 {
                self.send(left.clamp(50, 260), Some(probe.cluster));
                left = left.saturating_sub(260);
            }
        }
        if self.ms.is_multiple_of(50) {
            self.say();
            self.see();
        }
    }

    fn send(&mut self, bytes: usize, probe: Option<ClusterId>) {
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        self.estimator.sent(self.now(), seq, bytes, probe);
        let now_ms = self.ms as f64;
        let capacity = (self.path.capacity)(self.ms);
        let starts = self.free_at_ms.max(now_ms);
        if starts - now_ms > self.path.queue_ms {
            return;
        }
        self.worst_ms = self.worst_ms.max(starts - now_ms);
        self.free_at_ms = starts + bytes as f64 * 8_000.0 / capacity;
        if self.draw() < self.path.loss {
            return;
        }
        let jitter = self.draw() * self.path.jitter_ms;
        let at = self.free_at_ms + self.path.delay_ms as f64 + jitter;
        self.last_arrival_ms = self.last_arrival_ms.max(at);
        self.came_bits += bytes as f64 * 8.0;
        self.underway.push_back((seq, self.last_arrival_ms));
    }

    fn say(&mut self) {
        let Some(&(newest, _)) = self.arrived.last() else {
            return;
        };
        let clock = |ms: f64| 1_000_000.0 + ms * (1.0 + self.path.drift_ppm / 1e6);
        let reference = (clock(self.arrived[0].1) / 64.0) as u32;
        let count = newest.wrapping_sub(self.next_told) + 1;
        let told = (0..count).map(|place| {
            let seq = self.next_told.wrapping_add(place);
            let found = self.arrived.iter().find(|(arrived, _)| *arrived == seq);
            let ticks = |at: f64| (4.0 * (clock(at) - f64::from(reference) * 64.0)) as i32;
            (seq, found.map(|(_, at)| ticks(*at)))
        });
        let told = told.collect();
        self.next_told = newest.wrapping_add(1);
        self.arrived.clear();
        self.feedbacks += 1;
        if self.draw() < self.path.feedback_loss {
            return;
        }
        let late = self
            .path
            .late_feedback
            .filter(|(every, _)| self.feedbacks.is_multiple_of(*every));
        let late_ms = late.map_or(0, |(_, late)| late);
        let at = self.ms + self.path.delay_ms + late_ms;
        self.sayings.push((at, reference & 0xff_ffff, told));
    }

    fn see(&mut self) {
        self.seen.push(Seen {
            ms: self.ms,
            estimate: self.estimator.estimate_bps() as f64,
            sends: self.sends,
            queue_ms: std::mem::take(&mut self.worst_ms),
            came_bps: std::mem::take(&mut self.came_bits) * 20.0,
        });
    }

    fn draw(&mut self) -> f64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// What was seen between two times.
    pub(super) fn between(&self, from_ms: u64, to_ms: u64) -> impl Iterator<Item = &Seen> {
        self.seen
            .iter()
            .filter(move |seen| (from_ms..to_ms).contains(&seen.ms))
    }

    /// How long after a time the estimate first reached a rate, in ms.
    pub(super) fn reaches(&self, from_ms: u64, bps: f64) -> Option<u64> {
        let reached = self
            .between(from_ms, u64::MAX)
            .find(|seen| seen.estimate >= bps);
        reached.map(|seen| seen.ms - from_ms)
    }

    pub(super) fn mean(&self, from_ms: u64, to_ms: u64, of: fn(&Seen) -> f64) -> f64 {
        let (sum, count) = self
            .between(from_ms, to_ms)
            .fold((0.0, 0.0), |(sum, count), seen| {
                (sum + of(seen), count + 1.0)
            });
        sum / f64::max(count, 1.0)
    }

    pub(super) fn most(&self, from_ms: u64, to_ms: u64, of: fn(&Seen) -> f64) -> f64 {
        self.between(from_ms, to_ms).map(of).fold(0.0, f64::max)
    }

    pub(super) fn least(&self, from_ms: u64, to_ms: u64, of: fn(&Seen) -> f64) -> f64 {
        self.between(from_ms, to_ms)
            .map(of)
            .fold(f64::INFINITY, f64::min)
    }
}
