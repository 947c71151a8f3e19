//! What of somebody's sound a listener makes up, with a jitter buffer as deep as a browser's.
//!
//! It begins as deep as 19 of 20 packets need that come by themselves, the quantile for which
//! Chromium's NetEq aims, in whole packets and at least one. What is missing when its turn comes and
//! is followed by something is made up and passed over; where nothing has come to go on with, time
//! is made up until something does, and all is played that much later. Where more waits than twice
//! the depth, it is played faster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Length of a packet of sound.
const PACKET: Duration = Duration::from_millis(20);

/// For how many of a hundred packets the buffer is deep enough.
const QUANTILE_PERCENT: usize = 95;

/// Most packets that are remembered: five minutes.
const MAX_PACKETS: usize = 15_000;

/// How somebody's sound came.
#[derive(Debug, Clone, Default)]
pub struct Sound {
    /// When each packet came first, by its number, and whether another brought it.
    came: BTreeMap<u32, (Instant, bool)>,
}

/// What was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// Packets.
    pub heard: u64,
    /// In lengths of packets.
    pub made_up: u64,
    /// How deep the buffer was at first.
    pub depth: Duration,
}

impl Played {
    /// How much of a thousand was made up.
    pub fn made_up_permille(&self) -> u64 {
        self.made_up * 1_000 / (self.heard + self.made_up).max(1)
    }
}

impl Sound {
    pub(super) fn note(&mut self, now: Instant, number: u32, recovered: bool) {
        if self.came.len() < MAX_PACKETS {
            self.came.entry(number).or_insert((now, recovered));
        }
    }

    /// How many packets came that another brought.
    pub fn recovered(&self) -> usize {
        let brought = self.came.values().filter(|(_, recovered)| *recovered);
        brought.count()
    }

    /// Plays what came. None when nothing did.
    pub fn played(&self) -> Option<Played> {
        let (&first, &(began, _)) = self.came.first_key_value()?;
        let (&last, _) = self.came.last_key_value()?;
        let depth = self.depth(first, began);
        let mut played = Played {
            heard: 0,
            made_up: 0,
            depth,
        };
        let mut now = began + depth;
        let mut next = first;
        while next <= last {
            let here = |at: &Instant| *at <= now;
            let waits = self.came.range(next..).filter(|(_, (at, _))| here(at));
            match self.came.get(&next).filter(|(at, _)| here(at)) {
                Some(_) => {
                    played.heard += 1;
                    next += 1;
                    // More waits than twice the depth: played faster.
                    let most = 2 * depth.as_millis() / PACKET.as_millis() + 1;
                    if waits.take(most as usize + 1).count() > most as usize {
                        continue;
                    }
                }
                None => {
                    played.made_up += 1;
                    next += u32::from(waits.take(1).count() > 0);
                }
            }
            now += PACKET;
        }
        Some(played)
    }

    /// How deep the buffer is for what came by itself.
    fn depth(&self, first: u32, began: Instant) -> Duration {
        let own = self.came.iter().filter(|(_, (_, recovered))| !recovered);
        let mut lateness: Vec<i128> = own
            .map(|(&number, &(at, _))| {
                let came_us = at.saturating_duration_since(began).as_micros() as i128;
                came_us - i128::from(number - first) * PACKET.as_micros() as i128
            })
            .collect();
        lateness.sort_unstable();
        let at = lateness.len() * QUANTILE_PERCENT / 100;
        let (Some(least), Some(most)) = (lateness.first(), lateness.get(at)) else {
            return PACKET;
        };
        let packets = (most - least).max(0).div_euclid(PACKET.as_micros() as i128) + 1;
        PACKET * packets as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(packets: &[(u32, u64)]) -> Sound {
        let start = Instant::now();
        let mut sound = Sound::default();
        for &(number, at_ms) in packets {
            sound.note(start + Duration::from_millis(at_ms), number, false);
        }
        sound
    }

    #[test]
    fn what_is_missing_is_made_up_once_and_what_is_late_is_waited_for() {
        type Packets = Vec<(u32, u64)>;
        let even = |numbers: std::ops::Range<u32>, later_ms: u64| -> Packets {
            let numbers = numbers.map(|n| (n, u64::from(n) * 20 + later_ms));
            numbers.collect()
        };
        let cases: [(&str, Packets, u64, u64); 4] = [
            ("all", even(0..100, 0), 100, 0),
            (
                "one is missing",
                [even(0..50, 0), even(51..100, 0)].concat(),
                99,
                1,
            ),
            (
                "the path becomes longer by five packets",
                [even(0..97, 0), even(97..100, 100)].concat(),
                100,
                4,
            ),
            (
                "everything comes twice as late as before and stays so",
                [even(0..20, 0), even(20..100, 60)].concat(),
                100,
                0,
            ),
        ];
        for (name, packets, heard, made_up) in cases {
            let played = of(&packets).played().expect("something came");
            assert_eq!((played.heard, played.made_up), (heard, made_up), "{name}");
        }
        assert_eq!(Sound::default().played(), None);
    }
}
