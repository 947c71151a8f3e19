//! When packets arrived, told to the sender for its estimate of the path
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::{Duration, Instant};

use crate::rtcp::{Arrival, transport_wide};
use crate::window::Window;

/// Most arrivals that wait to be told: 40 Mbit/s. Beyond it they are told at once.
const MAX_WAITING: usize = 512;

/// Furthest that the numbers of one report reach. What is before it is not told.
const MAX_SPAN: u64 = 1_024;

/// A unit of an arrival, and how many are in a unit of the report's time.
const TICK: Duration = Duration::from_micros(250);
const TICKS_IN_REFERENCE: u64 = 256;

/// What arrived and was not told.
#[derive(Debug)]
pub struct Arrivals {
    began: Instant,
    gathered: Duration,
    waiting: Vec<(u64, u64)>,
    window: Window,
    /// The number after the last that was told.
    told: Option<u64>,
    reports: u8,
    due: Option<Instant>,
}

impl Arrivals {
    /// Nothing arrived. What arrives is gathered for so long before it is told.
    pub fn new(now: Instant, gathered: Duration) -> Self {
        Arrivals {
            began: now,
            gathered,
            waiting: Vec::new(),
            window: Window::default(),
            told: None,
            reports: 0,
            due: None,
        }
    }

    /// A packet with this number arrived.
    pub fn note(&mut self, now: Instant, number: u16) {
        let number = self.window.index_of(number);
        if !self.window.is_new(number) {
            return;
        }
        self.window.note(number);
        let ticks = now.saturating_duration_since(self.began).as_micros() / TICK.as_micros();
        self.waiting.push((number, ticks as u64));
        if self.waiting.len() >= MAX_WAITING {
            self.due = Some(now);
        } else if self.due.is_none() {
            self.due = Some(now + self.gathered);
        }
    }

    /// When something is to be told.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A report of what arrived. What does not fit is in the next, which is due at once.
    pub fn take(&mut self, now: Instant, sender: u32, ssrc: u32) -> Option<Vec<u8>> {
        self.due = None;
        self.waiting.sort_unstable();
        let newest = self.waiting.last()?.0;
        let oldest = self.waiting.first()?.0;
        let begin = self.told.map_or(oldest, |told| told.min(oldest));
        let begin = begin.max(newest.saturating_sub(MAX_SPAN));
        self.waiting.retain(|&(number, _)| number >= begin);
        let reference = self.waiting.first()?.1 / TICKS_IN_REFERENCE;
        let arrivals = self.listed(begin, newest, reference * TICKS_IN_REFERENCE);
        let (report, told) = transport_wide(
            (sender, ssrc),
            (begin as u16, reference as u32, self.reports),
            &arrivals,
        );
        self.reports = self.reports.wrapping_add(1);
        let next = begin + told as u64;
        self.told = Some(next);
        self.waiting.retain(|&(number, _)| number >= next);
        if told == 0 {
            self.waiting.clear();
        }
        self.due = (!self.waiting.is_empty()).then_some(now);
        (told > 0).then_some(report)
    }

    fn listed(&self, begin: u64, newest: u64, mut before: u64) -> Vec<Arrival> {
        let mut arrivals = vec![Arrival::NotReceived; (newest - begin + 1) as usize];
        for &(number, ticks) in &self.waiting {
            let delta = ticks as i64 - before as i64;
            // An arrival eight seconds after another is told as eight seconds.
            let delta = delta.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
            arrivals[(number - begin) as usize] = Arrival::Received { delta };
            before = before.saturating_add_signed(i64::from(delta));
        }
        arrivals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATHERED: Duration = Duration::from_millis(100);

    #[test]
    fn what_arrived_is_told_once_a_tenth_of_a_second_later() {
        let began = Instant::now();
        let mut arrivals = Arrivals::new(began, GATHERED);
        assert_eq!(arrivals.due(), None);
        for number in [65_535, 1, 1] {
            arrivals.note(began, number);
        }
        assert_eq!(
            arrivals.waiting.len(),
            2,
            "a packet that comes twice is one"
        );
        let due = arrivals.due().expect("something is to be told");
        assert_eq!(due, began + GATHERED);
        let report = arrivals.take(due, 1, 2).expect("a report");
        // Base 65,535; three packets, of which the second did not come.
        assert_eq!(report[12..16], [0xff, 0xff, 0, 3]);
        assert_eq!((arrivals.due(), arrivals.take(due, 1, 2)), (None, None));
    }

    #[test]
    fn a_loss_between_two_reports_is_told_in_the_second() {
        let began = Instant::now();
        let mut arrivals = Arrivals::new(began, GATHERED);
        arrivals.note(began, 7);
        arrivals.take(began, 1, 2).expect("a report");
        arrivals.note(began, 10);
        let report = arrivals.take(began, 1, 2).expect("a report");
        assert_eq!(report[12..16], [0, 8, 0, 3]);
    }

    #[test]
    fn a_jump_of_the_numbers_stays_bounded() {
        let began = Instant::now();
        let mut arrivals = Arrivals::new(began, GATHERED);
        arrivals.note(began, 0);
        arrivals.note(began, 30_000);
        assert!(arrivals.take(began, 1, 2).is_some());
        assert_eq!(arrivals.waiting, []);
    }

    #[test]
    fn more_than_a_report_holds_is_told_in_several() {
        let began = Instant::now();
        let mut arrivals = Arrivals::new(began, GATHERED);
        let mut now = began;
        for number in 0..MAX_WAITING as u16 {
            // So far apart that each takes two bytes.
            now += Duration::from_millis(100);
            arrivals.note(now, number);
        }
        let mut reports = 0;
        while arrivals.due().is_some_and(|due| due <= now) {
            assert!(arrivals.take(now, 1, 2).is_some());
            reports += 1;
        }
        assert_eq!((reports, arrivals.waiting.len()), (2, 0));
    }
}
