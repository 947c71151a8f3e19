//! One received stream: what came of it, what is missing, and what its sender is told of it.

use std::time::{Duration, Instant};

use crate::rtcp::Reception;
use crate::window::{WINDOW_PACKETS, Window};

/// How often a packet is asked for, and how long an answer is waited for.
const MAX_ASKED: u8 = 5;
const ASKED_AGAIN: Duration = Duration::from_millis(100);

/// Most packets of a stream that are asked for at a time. What is missing before them is given up.
const MAX_MISSING: usize = 100;

/// Units of a delay in a report are in a second.
const DELAY_UNITS: u128 = 65_536;

/// A packet that did not come.
#[derive(Debug, Clone, Copy)]
struct Missing {
    index: u64,
    asked: u8,
    due: Instant,
}

/// A stream as it is received. See the module's head.
#[derive(Debug)]
pub struct Stream {
    /// Whose.
    pub ssrc: u32,
    /// Which packets came.
    pub window: Window,
    received: u64,
    /// The newest timestamp, with its rollovers.
    timestamp: u64,
    /// When the last packet with another timestamp came.
    came: Option<(Instant, u64)>,
    jitter_us: f32,
    missing: Vec<Missing>,
    is_repaired: bool,
    clock_hz: u32,
    // What follows is touched by reports only.
    first: u64,
    /// What was expected and received when it was last reported.
    reported: (u64, u64),
    /// The time of the sender's last report, and when it came.
    sender_report: Option<(u32, Instant)>,
}

impl Stream {
    /// A stream of which a first packet came, which the window has. What is missing of it is asked
    /// for only when its sender repairs.
    pub fn new(ssrc: u32, window: Window, clock_hz: u32, is_repaired: bool) -> Self {
        Stream {
            ssrc,
            window,
            received: 0,
            timestamp: 0,
            came: None,
            jitter_us: 0.0,
            missing: Vec::new(),
            is_repaired,
            clock_hz: clock_hz.max(1),
            first: 0,
            reported: (0, 0),
            sender_report: None,
        }
    }

    /// An authentic packet came, which is new. `newest` was the newest before it. Answers its
    /// extended timestamp and whether packets before it are missing now.
    pub fn note(
        &mut self,
        now: Instant,
        (newest, index): (Option<u64>, u64),
        timestamp: u32,
    ) -> (u64, bool) {
        let mut is_gap = false;
        match newest {
            _ if self.received == 0 => {
                self.first = index;
                self.timestamp = u64::from(timestamp);
            }
            Some(newest) if index > newest + 1 => is_gap = self.miss(now, newest + 1, index),
            Some(newest) if index < newest => self.missing.retain(|one| one.index != index),
            _ => {}
        }
        self.received += 1;
        let ahead = timestamp.wrapping_sub(self.timestamp as u32) as i32;
        let extended = self.timestamp.saturating_add_signed(i64::from(ahead));
        self.note_time(now, extended);
        self.timestamp = extended;
        (extended, is_gap)
    }

    fn miss(&mut self, now: Instant, from: u64, to: u64) -> bool {
        if !self.is_repaired {
            return false;
        }
        let from = from.max(to.saturating_sub(MAX_MISSING as u64));
        let new = (from..to).map(|index| Missing {
            index,
            asked: 0,
            due: now,
        });
        self.missing.extend(new);
        let over = self.missing.len().saturating_sub(MAX_MISSING);
        self.missing.drain(..over);
        true
    }

    /// RFC 3550, appendix A.8: of the packets of a frame the first counts.
    fn note_time(&mut self, now: Instant, timestamp: u64) {
        match self.came {
            Some((_, before)) if before == timestamp => return,
            Some((came, before)) => {
                let apart_us = now.saturating_duration_since(came).as_micros() as f32;
                let ticks = timestamp as i64 - before as i64;
                let meant_us = ticks as f32 * 1_000_000.0 / self.clock_hz as f32;
                self.jitter_us += ((apart_us - meant_us).abs() - self.jitter_us) / 16.0;
            }
            None => {}
        }
        self.came = Some((now, timestamp));
    }

    /// What is to be asked for now.
    pub fn ask(&mut self, now: Instant) -> Vec<u16> {
        let newest = self.window.newest().unwrap_or(0);
        self.missing
            .retain(|one| one.asked < MAX_ASKED && one.index + WINDOW_PACKETS > newest);
        let due = self.missing.iter_mut().filter(|one| one.due <= now);
        let asked = due.map(|one| {
            one.asked += 1;
            one.due = now + ASKED_AGAIN;
            one.index as u16
        });
        asked.collect()
    }

    /// When something is to be asked for.
    pub fn ask_at(&self) -> Option<Instant> {
        self.missing.iter().map(|one| one.due).min()
    }

    /// Nothing that is missing is of use any more.
    pub fn give_up(&mut self) {
        self.missing.clear();
    }

    /// Its sender told the time: the middle of a sender report's.
    pub fn hear(&mut self, now: Instant, time: u32) {
        self.sender_report = Some((time, now));
    }

    /// How many packets came.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What its sender is told (RFC 3550, section 6.4.1 and appendix A.3).
    pub fn report(&mut self, now: Instant) -> Option<Reception> {
        let newest = self.window.newest()?;
        let expected = newest.saturating_sub(self.first) + 1;
        let (expected_before, received_before) = self.reported;
        self.reported = (expected, self.received);
        let expected_now = expected.saturating_sub(expected_before);
        let received_now = self.received.saturating_sub(received_before);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction_lost = (lost_now * 256).checked_div(expected_now).unwrap_or(0);
        let (last_report, delay) = self.sender_report.map_or((0, 0), |(time, came)| {
            let since = now.saturating_duration_since(came).as_micros();
            (time, (since * DELAY_UNITS / 1_000_000) as u32)
        });
        Some(Reception {
            ssrc: self.ssrc,
            fraction_lost: fraction_lost.min(255) as u8,
            lost: expected
                .saturating_sub(self.received)
                .min(u64::from(u32::MAX)) as u32,
            newest: newest as u32,
            jitter: (self.jitter_us / 1_000_000.0 * self.clock_hz as f32) as u32,
            last_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new(7, Window::default(), 90_000, true)
    }

    fn come(stream: &mut Stream, now: Instant, index: u64) -> bool {
        let newest = stream.window.newest();
        stream.window.note(index);
        stream.note(now, (newest, index), index as u32 * 3_000).1
    }

    #[test]
    fn what_is_missing_is_asked_for_at_once_and_again_until_it_is_given_up() {
        let mut now = Instant::now();
        let mut stream = stream();
        assert!(!come(&mut stream, now, 65_534));
        assert!(come(&mut stream, now, 65_537));
        assert_eq!(stream.ask(now), [65_535, 0]);
        assert!(stream.ask(now).is_empty(), "an answer is waited for");
        assert!(!come(&mut stream, now, 65_535));
        for _ in 1..MAX_ASKED {
            now = stream.ask_at().expect("one is missing");
            assert_eq!(stream.ask(now), [0]);
        }
        now = stream.ask_at().expect("one is missing");
        assert_eq!((stream.ask(now), stream.ask_at()), (vec![], None));
    }

    #[test]
    fn a_jump_asks_for_the_last_packets_only() {
        let now = Instant::now();
        let mut stream = stream();
        come(&mut stream, now, 1);
        come(&mut stream, now, 10_000);
        let asked = stream.ask(now);
        assert_eq!(asked.len(), MAX_MISSING);
        assert_eq!(asked.last(), Some(&9_999));
    }

    #[test]
    fn a_report_tells_what_was_lost_since_the_last_and_altogether() {
        let now = Instant::now();
        let mut stream = stream();
        for index in (100..120).filter(|index| index % 4 != 3) {
            come(&mut stream, now, index);
        }
        let report = stream.report(now).expect("something came");
        assert_eq!((report.newest, report.lost), (118, 4));
        assert_eq!(report.fraction_lost, (4 * 256 / 19) as u8);
        come(&mut stream, now, 119);
        stream.hear(now, 5);
        let report = stream.report(now + Duration::from_millis(500));
        let report = report.expect("something came");
        assert_eq!((report.fraction_lost, report.lost), (0, 4));
        assert_eq!((report.last_report, report.delay), (5, 32_768));
    }
}
