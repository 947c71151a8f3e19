//! What a bad path does to what is sent over it: pure, decided by a seed and by the time that is
//! passed in.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long a lost piece of a byte stream is late: the least wait of a TCP sender before it sends
/// again (RFC 6298 allows a second, systems take this).
const RETRANSMITTED_AFTER: Duration = Duration::from_millis(200);

/// One direction of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Path {
    /// Of a million datagrams, this many are lost. A lost piece of a byte stream is late by a
    /// retransmission instead.
    pub loss_ppm: u32,
    /// The least delay.
    pub delay_ms: u32,
    /// Up to this much more, drawn for each datagram alone: so datagrams overtake each other. A
    /// byte stream keeps its order.
    pub jitter_ms: u32,
    /// What fits through; none is no limit.
    pub rate_bps: Option<u64>,
    /// How long a datagram may wait for its turn before it is dropped. A byte stream waits.
    pub queue_ms: u32,
    /// Nothing passes.
    pub blackout: bool,
}

impl Path {
    /// Nothing is lost and nothing is late.
    pub const CLEAR: Path = Path {
        loss_ppm: 0,
        delay_ms: 0,
        jitter_ms: 0,
        rate_bps: None,
        queue_ms: 200,
        blackout: false,
    };
}

/// What becomes different on a path. What is not named stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PathChange {
    /// See [`Path::loss_ppm`].
    pub loss_ppm: Option<u32>,
    /// See [`Path::delay_ms`].
    pub delay_ms: Option<u32>,
    /// See [`Path::jitter_ms`].
    pub jitter_ms: Option<u32>,
    /// See [`Path::rate_bps`]; null takes the limit away.
    #[serde(deserialize_with = "named")]
    pub rate_bps: Option<Option<u64>>,
    /// See [`Path::queue_ms`].
    pub queue_ms: Option<u32>,
    /// See [`Path::blackout`].
    pub blackout: Option<bool>,
}

/// A field that is there, be it null.
fn named<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(field).map(Some)
}

impl PathChange {
    /// The path with the change.
    pub fn on(self, path: Path) -> Path {
        Path {
            loss_ppm: self.loss_ppm.unwrap_or(path.loss_ppm),
            delay_ms: self.delay_ms.unwrap_or(path.delay_ms),
            jitter_ms: self.jitter_ms.unwrap_or(path.jitter_ms),
            rate_bps: self.rate_bps.unwrap_or(path.rate_bps),
            queue_ms: self.queue_ms.unwrap_or(path.queue_ms),
            blackout: self.blackout.unwrap_or(path.blackout),
        }
    }
}

/// Both directions of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// From the client.
    pub up: Path,
    /// To the client.
    pub down: Path,
}

impl Line {
    /// Nothing is lost and nothing is late.
    pub const CLEAR: Line = Line {
        up: Path::CLEAR,
        down: Path::CLEAR,
    };
}

/// What becomes different on a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LineChange {
    /// From the client.
    pub up: PathChange,
    /// To the client.
    pub down: PathChange,
}

impl LineChange {
    /// The line with the change.
    pub fn on(self, line: Line) -> Line {
        Line {
            up: self.up.on(line.up),
            down: self.down.on(line.down),
        }
    }
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives then.
    Arrives(Instant),
    /// Lost by chance.
    Lost,
    /// The path was full.
    Overflowed,
    /// The path is dark.
    Dark,
}

/// One direction with its memory: when its bottleneck is free, and its dice.
#[derive(Debug)]
pub struct Lane {
    /// What it does from now on.
    pub path: Path,
    dice: fastrand::Rng,
    free_at: Option<Instant>,
    last_arrival: Option<Instant>,
}

impl Lane {
    /// A lane over an empty path.
    pub fn new(path: Path, seed: u64) -> Self {
        Lane {
            path,
            dice: fastrand::Rng::with_seed(seed),
            free_at: None,
            last_arrival: None,
        }
    }

    /// What becomes of a datagram of so many bytes that is sent now.
    pub fn datagram(&mut self, now: Instant, bytes: usize) -> Fate {
        if self.path.blackout {
            return Fate::Dark;
        }
        if self.falls() {
            return Fate::Lost;
        }
        let patience = Duration::from_millis(self.path.queue_ms.into());
        let starts = self.free_at.map_or(now, |free| free.max(now));
        if self.path.rate_bps.is_some() && starts > now + patience {
            return Fate::Overflowed;
        }
        Fate::Arrives(self.passes(now, bytes) + self.delay())
    }

    /// When a piece of a byte stream that is sent now arrives: after every piece before it.
    pub fn piece(&mut self, now: Instant, bytes: usize) -> Instant {
        let mut at = self.passes(now, bytes) + self.delay();
        if self.falls() {
            at += RETRANSMITTED_AFTER;
        }
        let at = self.last_arrival.map_or(at, |last| at.max(last));
        self.last_arrival = Some(at);
        at
    }

    fn falls(&mut self) -> bool {
        self.dice.u32(0..1_000_000) < self.path.loss_ppm
    }

    fn delay(&mut self) -> Duration {
        let least = Duration::from_millis(self.path.delay_ms.into());
        let jitter_us = u64::from(self.path.jitter_ms) * 1_000;
        least + Duration::from_micros(self.dice.u64(0..=jitter_us))
    }

    /// When it has passed the bottleneck.
    fn passes(&mut self, now: Instant, bytes: usize) -> Instant {
        let Some(rate_bps) = self.path.rate_bps else {
            return now;
        };
        let starts = self.free_at.map_or(now, |free| free.max(now));
        let takes = Duration::from_micros(bytes as u64 * 8 * 1_000_000 / rate_bps.max(1));
        self.free_at = Some(starts + takes);
        starts + takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAMS: usize = 10_000;

    /// The fates of datagrams of 1000 bytes, sent a millisecond apart: how late each comes.
    fn fates(path: Path, seed: u64) -> Vec<Result<u128, Fate>> {
        let mut lane = Lane::new(path, seed);
        let start = Instant::now();
        let fate = |n| {
            let now = start + Duration::from_millis(n as u64);
            match lane.datagram(now, 1_000) {
                Fate::Arrives(at) => Ok((at - now).as_millis()),
                fate => Err(fate),
            }
        };
        (0..DATAGRAMS).map(fate).collect()
    }

    #[test]
    fn a_path_loses_delays_and_drops_what_it_says() {
        let clear = Path::CLEAR;
        let slow = |queue_ms| Path {
            // Half of what is sent fits: a datagram takes two milliseconds.
            rate_bps: Some(4_000_000),
            queue_ms,
            ..clear
        };
        let loss = |loss_ppm| Path { loss_ppm, ..clear };
        let jitter = |delay_ms, jitter_ms| Path {
            delay_ms,
            jitter_ms,
            ..clear
        };
        let dark = Path {
            blackout: true,
            ..jitter(10, 10)
        };
        // Path; how many arrive; the least and the greatest delay in milliseconds.
        let table = [
            (clear, 10_000..=10_000, 0, 0),
            (jitter(30, 0), 10_000..=10_000, 30, 30),
            (jitter(30, 100), 10_000..=10_000, 30, 130),
            (loss(100_000), 8_900..=9_100, 0, 0),
            (loss(1_000_000), 0..=0, 0, 0),
            (dark, 0..=0, 0, 0),
            (slow(50), 5_020..=5_030, 2, 53),
            (slow(0), 5_000..=5_001, 2, 2),
        ];
        for (path, arrive, least, most) in table {
            let fates = fates(path, 1);
            let late: Vec<u128> = fates.iter().flatten().copied().collect();
            assert!(arrive.contains(&late.len()), "{path:?}: {}", late.len());
            let (min, max) = (late.iter().min(), late.iter().max());
            assert!(min.is_none_or(|&ms| ms >= least), "{path:?}: {min:?}");
            assert!(max.is_none_or(|&ms| ms <= most), "{path:?}: {max:?}");
        }
    }

    #[test]
    fn the_seed_decides() {
        let path = Path {
            loss_ppm: 300_000,
            jitter_ms: 50,
            ..Path::CLEAR
        };
        assert_eq!(fates(path, 7), fates(path, 7));
        assert_ne!(fates(path, 7), fates(path, 8));
    }

    #[test]
    fn a_byte_stream_loses_nothing_and_keeps_its_order() {
        let path = Path {
            loss_ppm: 200_000,
            jitter_ms: 50,
            rate_bps: Some(8_000_000),
            queue_ms: 0,
            ..Path::CLEAR
        };
        let mut lane = Lane::new(path, 1);
        let now = Instant::now();
        let arrivals: Vec<Instant> = (0..1_000).map(|_| lane.piece(now, 1_000)).collect();
        assert!(arrivals.is_sorted());
        assert!(arrivals[999] >= now + Duration::from_secs(1));
    }

    #[test]
    fn what_is_not_named_stays() {
        let change: LineChange =
            serde_json::from_str(r#"{"up":{"loss_ppm":5},"down":{"rate_bps":null}}"#)
                .expect("a change");
        let path = Path {
            rate_bps: Some(9),
            delay_ms: 3,
            ..Path::CLEAR
        };
        let line = change.on(Line {
            up: path,
            down: path,
        });
        assert_eq!(
            line.up,
            Path {
                loss_ppm: 5,
                ..path
            }
        );
        assert_eq!(
            line.down,
            Path {
                rate_bps: None,
                ..path
            }
        );
    }
}
