//! What was sent, by transport-wide number, until it is known what became of it.

use std::time::{Duration, Instant};

use super::probe::ClusterId;

/// Entries of a connection that sends little; a power of two.
const FEWEST: usize = 64;

/// Most entries: 8 Mbit/s in packets of 1,000 bytes over a second and a half of round trip and
/// feedback. Of what goes beyond it nothing is learned; 8 bytes each. A power of two.
pub(super) const MOST: usize = 2_048;

/// Feedback later than this teaches nothing. The ring grows rather than forget anything younger.
const KEPT: Duration = Duration::from_millis(2_000);

/// Times are kept in units of 64 µs, in 32 bits: they come round after three days.
const TICK_BITS: u32 = 6;

/// What became of a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    /// No such packet, or all is known of it.
    #[default]
    Settled,
    /// Nobody has said.
    Unknown,
    /// Feedback has passed over it; it may still come.
    Missing,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    at: u32,
    bytes: u16,
    cluster: u8,
    fate: Fate,
}

const _: () = assert!(size_of::<Entry>() == 8);

/// A packet of which something was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// In µs since the history began.
    pub(super) at_us: i64,
    pub(super) bytes: usize,
    pub(super) cluster: Option<ClusterId>,
    /// It was said to be missing before.
    pub(super) was_missing: bool,
}

/// A bounded ring of packets that were sent.
#[derive(Debug)]
pub(super) struct History {
    origin: Instant,
    entries: Vec<Entry>,
    /// The number after the newest; none before the first.
    next: Option<u16>,
    /// How many numbers before it are in the ring.
    held: usize,
}

impl History {
    pub(super) fn new(origin: Instant) -> Self {
        History {
            origin,
            entries: Vec::new(),
            next: None,
            held: 0,
        }
    }

    /// Notes a packet. Numbers go up; one that goes back is not noted.
    pub(super) fn note(
        &mut self,
        now: Instant,
        seq: u16,
        bytes: usize,
        cluster: Option<ClusterId>,
    ) {
        let next = *self.next.get_or_insert(seq);
        let skipped = usize::from(seq.wrapping_sub(next));
        if skipped >= 0x8000 {
            return;
        }
        self.make_room(now, seq);
        // Numbers that were left out have no packet.
        for back in 1..=skipped.min(self.entries.len()) {
            let place = self.place(seq.wrapping_sub(back as u16));
            self.entries[place] = Entry::default();
        }
        let place = self.place(seq);
        self.entries[place] = Entry {
            at: self.ticks(now),
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            cluster: cluster.map_or(0, |cluster| cluster.0),
            fate: Fate::Unknown,
        };
        self.held = (self.held + skipped + 1).min(self.entries.len());
        self.next = Some(seq.wrapping_add(1));
    }

    /// A packet came. Once: what is said of it again teaches nothing.
    pub(super) fn came(&mut self, now: Instant, seq: u16) -> Option<Sent> {
        self.learn(now, seq, |fate| fate != Fate::Settled, Fate::Settled)
    }

    /// A packet did not come so far. Once.
    pub(super) fn is_missing(&mut self, now: Instant, seq: u16) -> Option<Sent> {
        self.learn(now, seq, |fate| fate == Fate::Unknown, Fate::Missing)
    }

    /// Of what was sent so far nothing is to be learned.
    pub(super) fn forget(&mut self) {
        self.held = 0;
    }

    fn learn(
        &mut self,
        now: Instant,
        seq: u16,
        teaches: fn(Fate) -> bool,
        fate: Fate,
    ) -> Option<Sent> {
        let back = usize::from(self.next?.wrapping_sub(seq));
        if back == 0 || back > self.held {
            return None;
        }
        let (place, age) = (self.place(seq), self.age(now, self.place(seq)));
        let since_origin = self.since_origin(now);
        let entry = &mut self.entries[place];
        if !teaches(entry.fate) || age > KEPT {
            return None;
        }
        let before = std::mem::replace(&mut entry.fate, fate);
        Some(Sent {
            at_us: (since_origin >> TICK_BITS << TICK_BITS) - age.as_micros() as i64,
            bytes: usize::from(entry.bytes),
            cluster: (entry.cluster > 0).then_some(ClusterId(entry.cluster)),
            was_missing: before == Fate::Missing,
        })
    }

    /// A moment in µs since the history began.
    pub(super) fn since_origin(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.origin).as_micros() as i64
    }

    fn make_room(&mut self, now: Instant, seq: u16) {
        if self.entries.is_empty() {
            self.entries = vec![Entry::default(); FEWEST];
        }
        let place = self.place(seq);
        let is_needed = self.held == self.entries.len()
            && self.entries[place].fate == Fate::Unknown
            && self.age(now, place) < KEPT;
        if !is_needed || self.entries.len() >= MOST {
            return;
        }
        let (old, mask) = (self.entries.clone(), self.entries.len() - 1);
        self.entries = vec![Entry::default(); 2 * old.len()];
        let next = self.next.unwrap_or(seq);
        for back in 1..=self.held {
            let number = next.wrapping_sub(back as u16);
            let place = self.place(number);
            self.entries[place] = old[usize::from(number) & mask];
        }
    }

    fn place(&self, seq: u16) -> usize {
        usize::from(seq) & (self.entries.len() - 1)
    }

    fn ticks(&self, now: Instant) -> u32 {
        (self.since_origin(now) >> TICK_BITS) as u32
    }

    fn age(&self, now: Instant, place: usize) -> Duration {
        let ticks = self.ticks(now).wrapping_sub(self.entries[place].at);
        Duration::from_micros(u64::from(ticks) << TICK_BITS)
    }

    /// What it takes in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn each_packet_is_learned_of_once_also_over_the_wrap() {
        let t0 = crate::testing::start();
        let mut history = History::new(t0);
        for count in 0..100_u16 {
            let seq = 65_500_u16.wrapping_add(count);
            history.note(t0 + ms(10 * u64::from(count)), seq, 1_000, None);
        }
        let now = t0 + ms(1_000);
        let sent = history.came(now, 65_535).expect("the 36th");
        assert!((349_936..=350_000).contains(&sent.at_us), "{sent:?}");
        assert_eq!((sent.bytes, sent.was_missing), (1_000, false));
        assert_eq!(history.came(now, 65_535), None);
        assert!(history.is_missing(now, 3).is_some());
        assert_eq!(history.is_missing(now, 3), None);
        assert!(history.came(now, 3).is_some_and(|sent| sent.was_missing));
        for never_sent in [65_499, 64, 30_000] {
            assert_eq!(history.came(now, never_sent), None, "{never_sent}");
        }
    }

    #[test]
    fn numbers_that_were_left_out_have_no_packet() {
        let t0 = crate::testing::start();
        let mut history = History::new(t0);
        for count in 0..64 {
            history.note(t0, count, 100, None);
        }
        history.note(t0, 70, 100, None);
        assert!((64..70).all(|seq| history.came(t0, seq).is_none()));
        assert!(history.came(t0, 70).is_some() && history.came(t0, 60).is_some());
        history.note(t0, 20_000, 100, None);
        assert!((0..20_000).all(|seq| history.came(t0, seq).is_none()));
        assert!(history.came(t0, 20_000).is_some());
        history.note(t0, 19_000, 100, None);
        assert!(history.came(t0, 19_000).is_none(), "numbers go up");
    }

    #[test]
    fn the_ring_grows_with_what_is_underway_and_never_beyond_its_bound() {
        let t0 = crate::testing::start();
        let mut quiet = History::new(t0);
        for count in 0..10_000_u32 {
            let now = t0 + ms(20 * u64::from(count));
            quiet.note(now, count as u16, 100, None);
            quiet.came(now, count as u16);
        }
        assert!(quiet.bytes() < 1_000, "{}", quiet.bytes());
        let mut loud = History::new(t0);
        for count in 0..10_000_u32 {
            loud.note(t0 + ms(u64::from(count) / 4), count as u16, 1_200, None);
        }
        assert!(loud.bytes() <= MOST * 8 + 100, "{}", loud.bytes());
        let now = t0 + ms(2_500);
        let known = (0..10_000_u16).filter(|seq| loud.came(now, *seq).is_some());
        assert_eq!(known.count(), MOST);
    }

    #[test]
    fn feedback_that_comes_too_late_teaches_nothing() {
        let t0 = crate::testing::start();
        let mut history = History::new(t0);
        history.note(t0, 1, 100, None);
        history.note(t0, 2, 100, None);
        assert!(history.came(t0 + KEPT, 1).is_some());
        assert!(history.came(t0 + KEPT + ms(1), 2).is_none());
    }
}
