//! Probes: a few packets at a rate above the estimate. How fast they arrive proves what the path
//! carries, which a sender that sends less than that never learns.

use std::time::{Duration, Instant};

use super::MOST_BPS;

/// A probe goes so far beyond the estimate.
const STEP_UP: f64 = 2.0;

/// And so far beyond what is wanted: a budget is below the estimate.
const BEYOND_WANTED: f64 = 1.3;

/// How long the packets of a probe take to leave.
const LASTS: Duration = Duration::from_millis(25);

/// In parts of this length.
const SLICE: Duration = Duration::from_millis(5);

/// Fewer packets are no measure.
const FEWEST_PACKETS: u32 = 5;

/// Smallest part of a probe: what one packet of padding is.
const LEAST_SLICE_BYTES: usize = 240;

/// How long feedback about a probe is waited for after it has left.
const PATIENCE: Duration = Duration::from_secs(1);

/// So much of it has to arrive.
const HAS_TO_ARRIVE: f64 = 0.8;

/// Arriving faster than it was sent by more than this, it is no measure.
const TOO_FAST: f64 = 2.0;

/// Arriving slower than this, it filled the path, and what arrived is the path's end.
const FILLED: f64 = 0.9;

/// Of the path's end, this is used.
const OF_THE_END: f64 = 0.95;

/// A probe that proved this much of itself is followed by the next at once.
const GOES_ON: f64 = 0.7;

/// Until the next one after a probe that proved nothing; twice as long after each, to the longest.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3);

/// After a probe that was wrong.
const AFTER_A_WRONG_ONE: Duration = Duration::from_secs(5);

/// Until the first one after the estimate fell.
const AFTER_A_FALL: Duration = Duration::from_secs(2);

/// A fall so soon after a raise: the probe was wrong.
const WAS_WRONG: Duration = Duration::from_secs(4);

/// Names a probe's packets. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClusterId(pub(super) u8);

/// What is to be sent now of a probe: padding, or media that is there anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    /// How fast.
    pub(crate) bps: u64,
    /// How much of it now.
    pub(crate) bytes: usize,
    /// Goes with each of its packets to [`super::Estimator::sent`].
    pub(crate) cluster: ClusterId,
}

/// The ends of a row of packets, by one clock.
#[derive(Debug, Clone, Copy)]
struct Row {
    first: (i64, usize),
    last: (i64, usize),
}

impl Row {
    fn of(at: i64, bytes: usize) -> Row {
        Row {
            first: (at, bytes),
            last: (at, bytes),
        }
    }

    fn add(&mut self, at: i64, bytes: usize) {
        if at < self.first.0 {
            self.first = (at, bytes);
        }
        if at >= self.last.0 {
            self.last = (at, bytes);
        }
    }

    /// In seconds.
    fn lasts(&self) -> f64 {
        self.last.0.saturating_sub(self.first.0) as f64 / 1e6
    }
}

/// A probe that is underway.
#[derive(Debug)]
struct Cluster {
    id: ClusterId,
    bps: f64,
    left_bytes: usize,
    next_at: Instant,
    /// When the last of it left.
    over_at: Option<Instant>,
    sent: (u32, usize),
    came: (u32, usize),
    lost: u32,
    sends: Option<Row>,
    arrivals: Option<Row>,
}

/// What is tried and when.
#[derive(Debug)]
pub(super) struct Probes {
    ids: u8,
    underway: Option<Cluster>,
    next_at: Option<Instant>,
    again_after: Duration,
    raised_at: Option<Instant>,
    /// Probes begun so far.
    pub(super) begun: u64,
}

impl Default for Probes {
    fn default() -> Self {
        Probes {
            ids: 0,
            underway: None,
            next_at: None,
            again_after: AGAIN_AFTER,
            raised_at: None,
            begun: 0,
        }
    }
}

impl Probes {
    /// What to send now, when so much is estimated and so much is wanted.
    pub(super) fn due(&mut self, now: Instant, estimate: f64, wanted: f64) -> Option<Probe> {
        self.give_up(now);
        if self.underway.is_none() {
            let is_time = self.next_at.is_some_and(|at| at <= now);
            if !is_time || !is_worthwhile(estimate, wanted) {
                return None;
            }
            self.begin(now, (estimate * STEP_UP).min(wanted * BEYOND_WANTED));
        }
        self.slice(now)
    }

    /// When there may be something to send, or a probe is to be given up.
    pub(super) fn wake_at(&self, estimate: f64, wanted: f64) -> Option<Instant> {
        match &self.underway {
            Some(cluster) => Some(cluster.over_at.map_or(cluster.next_at, |at| at + PATIENCE)),
            None if is_worthwhile(estimate, wanted) => self.next_at,
            None => None,
        }
    }

    fn begin(&mut self, now: Instant, bps: f64) {
        let bps = bps.min(MOST_BPS);
        let bytes = (bps / 8.0 * LASTS.as_secs_f64()) as usize;
        self.ids = self.ids % 0x7f + 1;
        self.begun += 1;
        self.underway = Some(Cluster {
            id: ClusterId(self.ids),
            bps,
            left_bytes: bytes.max(LEAST_SLICE_BYTES * FEWEST_PACKETS as usize),
            next_at: now,
            over_at: None,
            sent: (0, 0),
            came: (0, 0),
            lost: 0,
            sends: None,
            arrivals: None,
        });
    }

    fn slice(&mut self, now: Instant) -> Option<Probe> {
        let cluster = self.underway.as_mut()?;
        if cluster.left_bytes == 0 || now < cluster.next_at {
            return None;
        }
        let fits = (cluster.bps / 8.0 * SLICE.as_secs_f64()) as usize;
        let bytes = fits.max(LEAST_SLICE_BYTES).min(cluster.left_bytes);
        cluster.left_bytes -= bytes;
        // What is rounded up to a packet takes its time.
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / cluster.bps);
        cluster.next_at = now + takes;
        if cluster.left_bytes == 0 {
            cluster.over_at = Some(now);
        }
        Some(Probe {
            bps: cluster.bps as u64,
            bytes,
            cluster: cluster.id,
        })
    }

    /// A packet of a probe left.
    pub(super) fn sent(&mut self, id: ClusterId, bytes: usize) {
        if let Some(cluster) = self.underway.as_mut().filter(|cluster| cluster.id == id) {
            cluster.sent = (cluster.sent.0 + 1, cluster.sent.1 + bytes);
        }
    }

    /// A packet of a probe came, or did not. Times in µs.
    pub(super) fn told(&mut self, id: ClusterId, bytes: usize, sent: i64, arrival: Option<i64>) {
        let Some(cluster) = self.underway.as_mut().filter(|cluster| cluster.id == id) else {
            return;
        };
        let Some(arrival) = arrival else {
            cluster.lost += 1;
            return;
        };
        cluster.came = (cluster.came.0 + 1, cluster.came.1 + bytes);
        cluster
            .sends
            .get_or_insert(Row::of(sent, bytes))
            .add(sent, bytes);
        cluster
            .arrivals
            .get_or_insert(Row::of(arrival, bytes))
            .add(arrival, bytes);
    }

    /// What the probe that is underway proves, once all is known of it.
    pub(super) fn result(&mut self, now: Instant, estimate: f64) -> Option<f64> {
        let cluster = self.underway.as_ref()?;
        let known = cluster.came.0 + cluster.lost >= cluster.sent.0;
        if cluster.over_at.is_none() || !known {
            return None;
        }
        let proved = cluster.proves();
        let goes_on = proved.is_some_and(|proved| proved >= GOES_ON * cluster.bps);
        let raises = proved.filter(|proved| *proved > estimate);
        self.underway = None;
        match (goes_on, raises.is_some()) {
            (true, true) => {
                (self.again_after, self.next_at) = (AGAIN_AFTER, Some(now));
                self.raised_at = Some(now);
            }
            (false, true) => {
                self.raised_at = Some(now);
                self.wait(now);
            }
            (_, false) => self.wait(now),
        }
        raises
    }

    /// More is wanted: the next one need not wait, unless the estimate fell just now.
    pub(super) fn sooner(&mut self, now: Instant, fell_at: Option<Instant>) {
        let fell = fell_at.is_some_and(|at| now.saturating_duration_since(at) < LONGEST);
        if !fell {
            (self.next_at, self.again_after) = (Some(now), AGAIN_AFTER);
        }
    }

    /// Nothing is heard of what is sent: there is nothing to try until there is.
    pub(super) fn rest(&mut self) {
        (self.next_at, self.underway) = (None, None);
    }

    /// Something is heard.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.next_at.get_or_insert(now);
    }

    /// This is no time for it.
    pub(super) fn put_off(&mut self, now: Instant) {
        self.underway = None;
        self.next_at = Some(now + AGAIN_AFTER);
    }

    /// The estimate fell.
    pub(super) fn fell(&mut self, now: Instant) {
        let was_wrong = self
            .raised_at
            .take()
            .is_some_and(|at| now.saturating_duration_since(at) < WAS_WRONG);
        if was_wrong {
            self.again_after = LONGEST;
        }
        self.underway = None;
        let wait = if was_wrong {
            AFTER_A_WRONG_ONE
        } else {
            AFTER_A_FALL
        };
        self.next_at = Some(self.next_at.map_or(now + wait, |at| at.max(now + wait)));
    }

    fn wait(&mut self, now: Instant) {
        self.next_at = Some(now + self.again_after);
        self.again_after = (2 * self.again_after).min(LONGEST);
    }

    fn give_up(&mut self, now: Instant) {
        let over_at = self.underway.as_ref().and_then(|cluster| cluster.over_at);
        if over_at.is_some_and(|at| now.saturating_duration_since(at) >= PATIENCE) {
            self.underway = None;
            self.wait(now);
        }
    }
}

impl Cluster {
    /// How much the path carries, as far as the packets that came show.
    fn proves(&self) -> Option<f64> {
        let (packets, bytes) = self.came;
        let enough = packets >= FEWEST_PACKETS
            && f64::from(packets) >= HAS_TO_ARRIVE * f64::from(self.sent.0);
        let (sends, arrivals) = self.sends.zip(self.arrivals).filter(|_| enough)?;
        let rate =
            |bytes: usize, seconds: f64| (seconds > 0.0).then(|| 8.0 * bytes as f64 / seconds);
        // The last one leaves when the time is over, the first one came before it began.
        let sent = rate(bytes.saturating_sub(sends.last.1), sends.lasts())?;
        let came = rate(bytes.saturating_sub(arrivals.first.1), arrivals.lasts())?;
        if came > TOO_FAST * sent {
            return None;
        }
        Some(match came < FILLED * sent {
            true => OF_THE_END * came,
            false => came.min(sent),
        })
    }
}

fn is_worthwhile(estimate: f64, wanted: f64) -> bool {
    estimate < wanted * BEYOND_WANTED * 0.95 && estimate < MOST_BPS
}
