//! Decides how many lines one place in the program may write: what strangers and clients cause
//! must not fill a disk, however often they cause it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Lines that one place may write at once: a meeting of fifty people that begins.
const LINES_AT_ONCE: u32 = 100;

/// How often it may write another for longer.
const A_LINE_EVERY: Duration = Duration::from_secs(1);

/// Lets lines through, so many of each place. Those of `debug` and below are for somebody who
/// asked for all of them.
pub(super) struct Quota {
    /// As many as the program has places that write.
    places: Mutex<HashMap<Identifier, Allowance>>,
    left_out: IntCounter,
}

impl Quota {
    pub(super) fn new(left_out: IntCounter) -> Self {
        Quota {
            places: Mutex::default(),
            left_out,
        }
    }
}

impl<S: Subscriber> Layer<S> for Quota {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let place = event.metadata();
        if *place.level() > Level::INFO {
            return true;
        }
        let now = Instant::now();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let allowance = places
            .entry(place.callsite())
            .or_insert_with(|| Allowance::new(now));
        let granted = allowance.take(now);
        drop(places);
        self.left_out.inc_by(u64::from(!granted));
        granted
    }
}

/// Of one place.
#[derive(Debug)]
struct Allowance {
    lines: u32,
    filled_at: Instant,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Allowance {
            lines: LINES_AT_ONCE,
            filled_at: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled_at);
        let earned = passed.as_nanos() / A_LINE_EVERY.as_nanos();
        match u32::try_from(earned) {
            Ok(earned) if self.lines + earned < LINES_AT_ONCE => {
                self.lines += earned;
                self.filled_at += A_LINE_EVERY * earned;
            }
            _ => *self = Allowance::new(now),
        }
        let granted = self.lines > 0;
        self.lines -= u32::from(granted);
        granted
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn a_place_has_lines_at_once_and_then_one_for_each_period() {
        let began = Instant::now();
        let mut allowance = Allowance::new(began);
        let burst = (0..1_000).filter(|_| allowance.take(began)).count();
        assert_eq!(burst, LINES_AT_ONCE as usize);
        let thirty = (1..=300)
            .filter(|tenth| allowance.take(began + A_LINE_EVERY / 10 * *tenth))
            .count();
        assert_eq!(thirty, 30);
        let long_after = began + A_LINE_EVERY * 1_000_000;
        let rested = (0..1_000).filter(|_| allowance.take(long_after)).count();
        assert_eq!(rested, LINES_AT_ONCE as usize);
    }

    /// Where the lines of a test go.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_place_that_writes_too_much_silences_itself_and_no_other_and_is_counted() {
        let left_out = IntCounter::new("left_out", "Left out.").expect("a valid name");
        let page = Page::default();
        let writer = page.clone();
        let subscriber = tracing_subscriber::registry()
            .with(Quota::new(left_out.clone()))
            .with(tracing_subscriber::fmt::layer().with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..10 * LINES_AT_ONCE {
                tracing::info!("noise");
                tracing::debug!("asked for");
            }
            tracing::error!("what matters");
        });
        let text = String::from_utf8(page.0.lock().expect("whole").clone()).expect("UTF-8");
        let count = |word| text.matches(word).count();
        // A slow machine may earn a line or two meanwhile.
        assert_eq!(count("noise") as u64 + left_out.get(), 1_000);
        assert!(left_out.get() > 500, "{}", left_out.get());
        assert_eq!((count("asked for"), count("what matters")), (1_000, 1));
    }
}
