//! What one participant saw, from the marks in the frames.
//!
//! Latency is from the moment a frame was due at its source until the viewer had it whole:
//! cutting, sealing, the network, the target, and reassembly. Publishers and viewers are in one
//! process, so there is one clock. A source that is late makes a frame look late: see the
//! report's `limited_by`.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sfu_client::synthetic::{Decoder, read_audio};
use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;

use super::freeze::{Freezes, Watch};
use super::histogram::Histogram;
use super::wire::{Tally, Wire};

/// When something is measured. Everyone of a run shares it.
#[derive(Debug, Default)]
pub(crate) struct Window(OnceLock<(Instant, Instant)>);

impl Window {
    /// Sets it, once.
    pub(crate) fn open(&self, from: Instant, length: Duration) {
        self.0.get_or_init(|| (from, from + length));
    }

    /// Its begin and its end, once it is set.
    pub(crate) fn bounds(&self) -> Option<(Instant, Instant)> {
        self.0.get().copied()
    }

    /// Its begin, for what happens inside it.
    pub(crate) fn inside(&self, at: Instant) -> Option<Instant> {
        let (from, to) = self.bounds()?;
        (from..to).contains(&at).then_some(from)
    }
}

/// When each publisher's media began, by the author in its marks.
#[derive(Debug)]
pub(crate) struct Origins(Vec<OnceLock<Instant>>);

impl Origins {
    pub(crate) fn of(authors: usize) -> Self {
        Origins((0..authors).map(|_| OnceLock::new()).collect())
    }

    pub(crate) fn began(&self, author: u32, at: Instant) {
        if let Some(origin) = self.0.get(author as usize) {
            origin.get_or_init(|| at);
        }
    }

    /// When a frame was due; none for a mark that no publisher of this run made.
    pub(crate) fn due(&self, author: u32, media_us: u64) -> Option<Instant> {
        let origin = self.0.get(author as usize)?.get()?;
        Some(*origin + Duration::from_micros(media_us))
    }
}

/// What one or many participants saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Of the window.
    pub(crate) wire: Tally,
    /// Of the whole run: what is lost may be told only by what comes next.
    pub(crate) whole_run: Tally,
    /// Pictures that a decoder could decode, in the window.
    pub(crate) decoded: u64,
    /// Pictures that it could not, in the window.
    pub(crate) faults: u64,
    /// Opus packets, in the window.
    pub(crate) voices: u64,
    /// From due to whole, of the decoded pictures in the window.
    pub(crate) latency: Histogram,
    /// The same of voices.
    pub(crate) voice_latency: Histogram,
    pub(crate) freezes: Freezes,
}

impl Seen {
    pub(crate) fn merge(&mut self, other: &Seen) {
        self.wire.add(&other.wire);
        self.whole_run.add(&other.whole_run);
        self.decoded += other.decoded;
        self.faults += other.faults;
        self.voices += other.voices;
        self.latency.merge(&other.latency);
        self.voice_latency.merge(&other.voice_latency);
        self.freezes.add(&other.freezes);
    }
}

/// The eyes of one participant.
#[derive(Debug, Default)]
pub(crate) struct Viewer {
    wire: Wire,
    /// As it was at the window's begin and at its end.
    at_begin: Option<Tally>,
    at_end: Option<Tally>,
    decoders: BTreeMap<(usize, SlotId), (Decoder, Watch)>,
    seen: Seen,
    first_picture: Option<Instant>,
}

impl Viewer {
    /// A datagram came off the wire.
    pub(crate) fn datagram(&mut self, now: Instant, window: &Window, bytes: &[u8], repairs: u128) {
        if let Some((from, to)) = window.bounds() {
            if self.at_begin.is_none() && now >= from {
                self.at_begin = Some(self.wire.tally());
            }
            if self.at_end.is_none() && now >= to {
                self.at_end = Some(self.wire.tally());
            }
        }
        self.wire.datagram(bytes, repairs);
    }

    /// A whole frame came. Answers whether it is a picture that could be decoded.
    pub(crate) fn frame(
        &mut self,
        now: Instant,
        (window, origins): (&Window, &Origins),
        slot: (usize, SlotId),
        codec: Codec,
        data: &[u8],
    ) -> bool {
        let inside = window.inside(now);
        let late = |author, media_us| {
            let due = origins.due(author, media_us)?;
            Some(now.saturating_duration_since(due))
        };
        if codec == Codec::Opus {
            if let (Some(_), Ok(mark)) = (inside, read_audio(data)) {
                self.seen.voices += 1;
                if let Some(late) = late(mark.author, mark.media_us) {
                    self.seen.voice_latency.record(late);
                }
            }
            return false;
        }
        // Decoded outside the window too: a chain begins before it.
        let (decoder, watch) = self.decoders.entry(slot).or_default();
        let Ok(picture) = decoder.decode(data) else {
            self.seen.faults += u64::from(inside.is_some());
            return false;
        };
        self.first_picture.get_or_insert(now);
        watch.picture(now, inside);
        if inside.is_some() {
            self.seen.decoded += 1;
            let mark = picture.mark;
            if let Some(late) = late(mark.author, mark.media_us) {
                self.seen.latency.record(late);
            }
        }
        true
    }

    /// When the first picture could be decoded.
    pub(crate) fn first_picture(&self) -> Option<Instant> {
        self.first_picture
    }

    /// What was seen, now that it is over.
    pub(crate) fn close(mut self, window: &Window) -> Seen {
        let whole_run = self.wire.tally();
        let begin = self.at_begin.unwrap_or_default();
        let end = self.at_end.unwrap_or(whole_run);
        self.seen.wire = end.since(&begin);
        self.seen.whole_run = whole_run;
        if let Some((from, to)) = window.bounds() {
            for (_, watch) in self.decoders.values() {
                self.seen.freezes.add(&watch.until(to, from));
            }
        }
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_half_open_and_closed_until_it_is_set() {
        let window = Window::default();
        let start = Instant::now();
        assert!(window.inside(start).is_none());
        window.open(start, Duration::from_secs(1));
        window.open(start + Duration::from_secs(9), Duration::from_secs(1));
        assert!(window.inside(start).is_some());
        assert!(window.inside(start + Duration::from_millis(999)).is_some());
        assert!(window.inside(start + Duration::from_secs(1)).is_none());
        assert!(window.inside(start + Duration::from_secs(9)).is_none());
    }

    #[test]
    fn a_mark_of_a_stranger_or_of_a_publisher_that_has_not_begun_has_no_due_time() {
        let origins = Origins::of(2);
        let start = Instant::now();
        origins.began(1, start);
        origins.began(7, start);
        assert_eq!(origins.due(1, 5), Some(start + Duration::from_micros(5)));
        assert_eq!(origins.due(0, 5), None);
        assert_eq!(origins.due(7, 5), None);
    }

    #[test]
    fn only_the_windows_packets_count_for_its_rates() {
        let window = Window::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let packet = |seq: u8| [0x80, 96, 0, seq, 0, 0, 0, 0, 0, 0, 0, 1];
        let mut viewer = Viewer::default();
        viewer.datagram(at(0), &window, &packet(1), 0);
        window.open(at(10), Duration::from_millis(10));
        for (ms, seq) in [(10, 2), (19, 3), (20, 5)] {
            viewer.datagram(at(ms), &window, &packet(seq), 0);
        }
        let seen = viewer.close(&window);
        assert_eq!((seen.wire.received, seen.wire.lost), (2, 0));
        assert_eq!((seen.whole_run.received, seen.whole_run.lost), (4, 1));
    }
}
