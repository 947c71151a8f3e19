//! What the path to a receiver carries: from packets with transport-wide numbers and what feedback
//! says of them, in the manner of draft-ietf-rmcat-gcc-02; from REMB
//! (draft-alvestrand-rmcat-remb-03) or receiver reports (RFC 3550, section 6.4.1) where a client
//! has no such feedback.
//!
//! | module | what it knows |
//! |---|---|
//! | `history` | what was sent |
//! | `groups` | what left together, and how far apart it came |
//! | `trend` | whether the queue grows |
//! | `standing` | whether it stands, full |
//! | `acked` | how much arrives |
//! | `burst` | what of a queue is our own, and goes |
//! | `control` | the rate that follows |
//! | `loss` | what loss says against it |
//! | `probe` | what proves more |

mod acked;
mod burst;
mod control;
mod groups;
mod history;
mod loss;
mod probe;
mod standing;
mod trend;

#[cfg(test)]
mod link;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::meter::Meter;
use acked::Acked;
use burst::Burst;
use control::Control;
use groups::{Groups, Told};
use history::{History, Sent};
use loss::Losses;
use probe::Probes;
pub(crate) use probe::{ClusterId, Probe};
use standing::Standing;
use trend::{Trend, Usage};

/// What a path is taken to carry before anything is known of it: most do, and a picture at full
/// height is there at once. One that does not shows it within half a second.
pub(crate) const FIRST_BPS: f64 = 4_000_000.0;

/// Sound with redundancy goes through less than this.
pub(crate) const LEAST_BPS: f64 = 30_000.0;

/// More is not asked of a path.
pub(crate) const MOST_BPS: f64 = 30_000_000.0;

/// Packets that one feedback may speak of; what it says beyond is not heard.
const MOST_TOLD: usize = 8_192;

/// While packets leave and feedback was silent for this long, less and less is taken for granted.
const SILENT_AFTER: Duration = Duration::from_millis(1_500);
const SILENCE_EVERY: Duration = Duration::from_secs(1);
const SILENCE_LEAVES: f64 = 0.75;

/// Fewer packets that nothing is said of are no silence.
const SILENCE_PACKETS: u32 = 20;

/// A client that has said so much of packets is not judged by its reports for so long.
const REPORTS_AFTER: Duration = Duration::from_secs(10);

/// Without feedback of each packet nothing can be probed: so much of what is sent is let be tried
/// instead, which is the next layer.
const MOST_TRIED: f64 = 5.0;

/// As the rate's control takes it, which goes beyond what arrives by itself.
const TRIED_OF_ACKED: f64 = MOST_TRIED / control::BEYOND_ACKED;

/// Nothing is tried for so long after it was too much, each time longer, unless that was long ago.
const TRIES_AFTER: Duration = Duration::from_secs(4);
const LONGEST_TRIES_AFTER: Duration = Duration::from_secs(30);
const CALM: Duration = Duration::from_secs(60);

/// A client's own estimate is held against who sends this part of it.
const USED: f64 = 0.85;

/// A round trip that is longer than twice the shortest by this has a queue in it.
const QUEUED: Duration = Duration::from_millis(100);

/// Who sends less than this part of the estimate is not what fills a path at once.
const LITTLE: f64 = 0.5;

/// Who sends more than this is what fills it.
const MOST: f64 = 0.85;

/// How much a newer round trip says.
const ROUND_TRIP_WEIGHT: u32 = 8;

/// What is known of one receiver's path.
#[derive(Debug)]
pub(crate) struct Estimator {
    history: History,
    groups: Groups,
    trend: Trend,
    standing: Standing,
    acked: Acked,
    control: Control,
    losses: Losses,
    probes: Probes,
    wanted: f64,
    round_trip: Duration,
    /// The shortest that reports told of; how long the path is while its queue is empty.
    shortest: Option<Duration>,
    /// The newest reference of feedback, unwrapped, in 64 ms.
    reference: Option<i64>,
    /// When feedback last spoke of a packet of ours.
    said_at: Option<Instant>,
    /// Packets that left since.
    since_said: u32,
    silent_at: Option<Instant>,
    sent: Meter,
    burst: Burst,
    /// When more may be tried without a probe, and how long that waited.
    tries_at: Option<Instant>,
    tries_after: Duration,
    /// There is no stream that padding could go on.
    only_tries: bool,
    falls: u64,
}

impl Estimator {
    /// Nothing is known.
    pub(crate) fn new(now: Instant) -> Self {
        Estimator {
            history: History::new(now),
            groups: Groups::default(),
            trend: Trend::default(),
            standing: Standing::default(),
            acked: Acked::default(),
            control: Control::new(now),
            losses: Losses::default(),
            probes: Probes::default(),
            wanted: 0.0,
            round_trip: Duration::from_millis(100),
            shortest: None,
            reference: None,
            said_at: None,
            since_said: 0,
            silent_at: None,
            sent: Meter::default(),
            burst: Burst::default(),
            tries_at: None,
            tries_after: TRIES_AFTER,
            only_tries: false,
            falls: 0,
        }
    }

    /// A packet left under a transport-wide number, so long on the wire.
    pub(crate) fn sent(&mut self, now: Instant, seq: u16, bytes: usize, probe: Option<ClusterId>) {
        self.history.note(now, seq, bytes, probe);
        self.left(now, bytes);
        if let Some(cluster) = probe {
            self.probes.sent(cluster, bytes);
        }
    }

    /// A packet left without such a number.
    pub(crate) fn left(&mut self, now: Instant, bytes: usize) {
        self.sent.add(now, bytes);
        self.burst.left(now, bytes, self.control.bps());
        self.since_said = self.since_said.saturating_add(1);
    }

    /// What feedback says of packets, in the order of their numbers: when each came, in 250 µs
    /// since the reference, which is in 64 ms and has 24 bits. Whatever it says, the estimate
    /// stays within its bounds.
    pub(crate) fn feedback(
        &mut self,
        now: Instant,
        reference: u32,
        told: impl Iterator<Item = (u16, Option<i32>)>,
    ) {
        let reference_us = self.unwrap(reference) * 64_000;
        let mut newest = None;
        for (seq, arrival) in told.take(MOST_TOLD) {
            let arrival = arrival.map(|ticks| reference_us + i64::from(ticks) * 250);
            let sent = match arrival {
                Some(_) => self.history.came(now, seq),
                None => self.history.is_missing(now, seq),
            };
            let Some(sent) = sent else {
                continue;
            };
            self.learn(sent, arrival);
            if arrival.is_some() {
                newest = newest.max(Some(sent.at_us));
            }
        }
        let Some(newest) = newest else {
            return;
        };
        let stands = self.time_round_trip(now, newest);
        (self.said_at, self.since_said, self.silent_at) = (Some(now), 0, None);
        self.probes.go_on(now);
        let usage = match self.trend.usage() {
            _ if stands => Usage::Over,
            // A burst of ours fills a queue that is empty again soon.
            Usage::Over
                if self.sent_bps(now) < MOST * self.control.bps()
                    && self.burst.is_on_its_way(now, self.round_trip) =>
            {
                return;
            }
            // Who sends little fills none: it is jitter, or others do.
            Usage::Over if self.sent_bps(now) < LITTLE * self.control.bps() => {
                if self.control.ease(now, self.acked.bps(), self.round_trip) {
                    self.fell(now);
                }
                return;
            }
            usage => usage,
        };
        self.conclude(now, usage);
    }

    fn learn(&mut self, sent: Sent, arrival: Option<i64>) {
        if let Some(cluster) = sent.cluster {
            self.probes.told(cluster, sent.bytes, sent.at_us, arrival);
        } else if sent.was_missing {
            self.losses.came_late();
        } else {
            self.losses.add(sent.bytes, arrival.is_some());
        }
        let Some(arrival) = arrival else {
            return;
        };
        self.acked.add(arrival, sent.bytes);
        match self.groups.add(sent.at_us, arrival) {
            Told::Nothing => {}
            Told::Step(step) => {
                self.trend.add(step);
            }
            Told::Anew => self.trend.begin_anew(),
        }
    }

    fn conclude(&mut self, now: Instant, usage: Usage) {
        let acked = self.acked.bps();
        let trusted = match usage {
            Usage::Normal if self.only_tries => acked.map(|bps| TRIED_OF_ACKED * bps),
            _ => acked,
        };
        let mut fell = self.control.update(now, usage, trusted, self.round_trip);
        if let Some(limit) = self.losses.limit(now) {
            // More than that was sent, so what arrives is what the path carries.
            let limit = control::BACK_OFF * acked.unwrap_or(limit);
            if limit < self.control.bps() {
                self.control.cut(now, limit);
                fell = true;
            }
        }
        if fell {
            self.fell(now);
        } else if let Some(proved) = self.probes.result(now, self.control.bps())
            && usage != Usage::Over
        {
            self.control.raise(now, proved);
        }
    }

    fn fell(&mut self, now: Instant) {
        self.falls += 1;
        self.probes.fell(now);
    }

    /// A client's own estimate. One that says something of each packet is not asked.
    pub(crate) fn remb(&mut self, now: Instant, bps: u64) {
        if self.is_told(now) {
            return;
        }
        let bps = bps as f64;
        // It knows nothing of what was not sent, and says little more than what it gets.
        let sent = self.sent_bps(now);
        let is_used = sent >= USED * bps;
        let cap = if is_used {
            bps
        } else {
            bps.max(MOST_TRIED * sent).max(2.0 * bps)
        };
        if cap < self.control.bps() {
            self.control.cut(now, cap);
            self.held_back(now);
        }
        self.control.raise(now, bps);
    }

    /// What a client's receiver reports say of so many packets: which part of them was lost, in
    /// 256ths. One that says something of each packet is not asked.
    pub(crate) fn receiver_report(
        &mut self,
        now: Instant,
        (packets, fraction_lost): (u64, u8),
        round_trip: Option<Duration>,
    ) {
        self.round_trip = round_trip.unwrap_or(self.round_trip);
        if self.is_told(now) {
            return;
        }
        let (packets, sent) = (packets as f64, self.sent_bps(now));
        let share = f64::from(fraction_lost) / 256.0;
        let lost = packets * share;
        if let Some(round_trip) = round_trip
            && self.queues(round_trip)
            && share > loss::QUIET
        {
            // Nothing of this is the path's own: a full queue loses what is too much.
            let limit = control::BACK_OFF * (1.0 - share) * sent;
            if limit < self.control.bps() {
                self.control.cut(now, limit);
            }
            return self.held_back(now);
        }
        match self.losses.weigh_window(sent, packets, lost) {
            Some(limit) if limit < self.control.bps() => {
                self.control.cut(now, limit);
                self.held_back(now);
            }
            None if self.tries_at.is_none_or(|at| at <= now) => {
                let tried = Some(TRIED_OF_ACKED * sent);
                self.control
                    .update(now, Usage::Normal, tried, self.round_trip);
            }
            _ => {}
        }
    }

    /// Whether a round trip is so much longer than the shortest that packets wait in a queue.
    fn queues(&mut self, round_trip: Duration) -> bool {
        let shortest = self
            .shortest
            .map_or(round_trip, |known| known.min(round_trip));
        self.shortest = Some(shortest);
        round_trip > 2 * shortest + QUEUED
    }

    /// What was tried without a probe was too much.
    fn held_back(&mut self, now: Instant) {
        self.falls += 1;
        let long_ago = self
            .tries_at
            .is_none_or(|at| now.saturating_duration_since(at) > CALM);
        self.tries_after = match long_ago {
            true => TRIES_AFTER,
            false => LONGEST_TRIES_AFTER.min(2 * self.tries_after),
        };
        self.tries_at = Some(now + self.tries_after);
    }

    /// Nothing came through for a while, and now it does again: what was sent meanwhile says nothing
    /// of what the path carries.
    pub(crate) fn came_back(&mut self) {
        self.history.forget();
        (self.groups, self.acked) = (Groups::default(), Acked::default());
        (self.losses, self.standing) = (Losses::default(), Standing::default());
        self.trend.begin_anew();
        (self.since_said, self.silent_at) = (0, None);
        self.shortest = None;
    }

    /// Whether there is a stream that padding can go on.
    pub(crate) fn can_probe(&mut self, can: bool) {
        self.only_tries = !can;
    }

    /// What all slots would take if the path carried it.
    pub(crate) fn want(&mut self, now: Instant, bps: u64) {
        let before = std::mem::replace(&mut self.wanted, bps as f64);
        if self.wanted > 1.2 * before {
            self.probes.sooner(now, self.control.fell_at());
        }
    }

    /// What the path carries.
    pub(crate) fn estimate_bps(&self) -> u64 {
        self.control.bps() as u64
    }

    /// What leaves in a second, probes and padding with it.
    pub(crate) fn sent_bps(&self, now: Instant) -> f64 {
        self.sent.bps(now).unwrap_or(0) as f64
    }

    /// What is to be sent now to prove more. Ask when [`Estimator::wake_at`] has come.
    pub(crate) fn probe(&mut self, now: Instant) -> Option<Probe> {
        if self.silence_at().is_some_and(|at| at <= now) {
            (self.silent_at, self.since_said) = (Some(now), 0);
            self.control.cut(now, SILENCE_LEAVES * self.control.bps());
            self.fell(now);
        }
        let lately = |at| now.saturating_duration_since(at) < SILENT_AFTER;
        if !self.said_at.is_some_and(lately) {
            self.probes.rest();
            return None;
        }
        if self.trend.usage() == Usage::Over {
            self.probes.put_off(now);
            return None;
        }
        self.probes.due(now, self.control.bps(), self.wanted)
    }

    /// When [`Estimator::probe`] may have something to do. `None`: not before something else
    /// happens.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let probe = self
            .said_at
            .and_then(|_| self.probes.wake_at(self.control.bps(), self.wanted));
        [probe, self.silence_at()].into_iter().flatten().min()
    }

    /// How often the estimate fell, and how many probes were begun.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.falls, self.probes.begun)
    }

    /// When silence counts again. Never while little leaves, or all of the rate is gone.
    fn silence_at(&self) -> Option<Instant> {
        let said_at = self
            .said_at
            .filter(|_| self.since_said >= SILENCE_PACKETS)?;
        let at = self
            .silent_at
            .map_or(said_at + SILENT_AFTER, |at| at + SILENCE_EVERY);
        (self.control.bps() > LEAST_BPS).then_some(at)
    }

    /// Whether the client says something of each packet.
    fn is_told(&self, now: Instant) -> bool {
        self.said_at
            .is_some_and(|at| now.saturating_duration_since(at) < REPORTS_AFTER)
    }

    /// True when a queue stands on the path.
    fn time_round_trip(&mut self, now: Instant, newest_us: i64) -> bool {
        let left = self.history.since_origin(now) - newest_us;
        let round_trip = Duration::from_micros(left.max(0) as u64);
        self.round_trip += round_trip / ROUND_TRIP_WEIGHT;
        self.round_trip -= self.round_trip / (ROUND_TRIP_WEIGHT + 1);
        self.standing.add(now, round_trip)
    }

    /// The reference nearest to the one before.
    fn unwrap(&mut self, reference: u32) -> i64 {
        const BITS: u32 = 24;
        /// Two thousand years. Only a hostile clock comes here, and it begins anew.
        const FURTHEST: i64 = 1 << 40;
        let reference = i64::from(reference & 0xff_ffff);
        let unwrapped = match self.reference {
            None => reference,
            Some(before) => {
                let ahead = (reference - before).rem_euclid(1 << BITS);
                let back = ahead - (1 << BITS);
                before + if ahead < -back { ahead } else { back }
            }
        };
        let unwrapped = if unwrapped.abs() < FURTHEST {
            unwrapped
        } else {
            reference
        };
        self.reference = Some(unwrapped);
        unwrapped
    }

    /// What it takes in memory.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.history.bytes()
    }
}
