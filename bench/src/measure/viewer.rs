//! What one participant saw, from the marks in the frames.
//!
//! Latency is from the moment a frame was due at its source until the viewer had it whole:
//! cutting, sealing, the network, the target, and reassembly. Publishers and viewers are in one
//! process, so there is one clock. A source that is late makes a frame look late: see the
//! report's warnings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use sfu_client::driver::Observer;
use sfu_client::participant::{Event, Roster};
use sfu_client::synthetic::Decoder;
use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;

use super::histogram::Histogram;

/// When something is measured. Everyone of a run shares it.
#[derive(Debug, Default)]
pub(crate) struct Window(OnceLock<(Instant, Instant)>);

impl Window {
    /// Sets it, once.
    pub(crate) fn open(&self, from: Instant, length: Duration) {
        self.0.get_or_init(|| (from, from + length));
    }

    fn has(&self, at: Instant) -> bool {
        self.0
            .get()
            .is_some_and(|(from, to)| (*from..*to).contains(&at))
    }
}

/// When each publisher's media began, by the author in its marks.
#[derive(Debug)]
pub(crate) struct Origins(Vec<OnceLock<Instant>>);

impl Origins {
    pub(crate) fn of(authors: usize) -> Self {
        Origins((0..authors).map(|_| OnceLock::new()).collect())
    }

    fn began(&self, author: u32, at: Instant) {
        if let Some(origin) = self.0.get(author as usize) {
            origin.get_or_init(|| at);
        }
    }

    /// When a frame was due; none for a mark that no publisher of this run made.
    fn due(&self, author: u32, media_us: u64) -> Option<Instant> {
        let origin = self.0.get(author as usize)?.get()?;
        Some(*origin + Duration::from_micros(media_us))
    }
}

/// What was seen inside the window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Packets of whole frames, video and audio.
    pub(crate) packets: u64,
    /// Their payload bytes.
    pub(crate) bytes: u64,
    /// Pictures that a decoder could decode.
    pub(crate) decoded: u64,
    /// Pictures that it could not.
    pub(crate) faults: u64,
    /// From due to whole, of the decoded ones.
    pub(crate) latency: Histogram,
}

impl Seen {
    pub(crate) fn merge(&mut self, other: &Seen) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.decoded += other.decoded;
        self.faults += other.faults;
        self.latency.merge(&other.latency);
    }
}

/// The eyes of one participant.
pub(crate) struct Viewer {
    pub(crate) author: u32,
    pub(crate) origins: Arc<Origins>,
    pub(crate) window: Arc<Window>,
    pub(crate) seen: Arc<Mutex<Seen>>,
    pub(crate) connected: Option<tokio::sync::oneshot::Sender<()>>,
    pub(crate) decoders: BTreeMap<SlotId, Decoder>,
}

impl Observer for Viewer {
    fn happened(&mut self, now: Instant, event: &Event, _roster: &Roster) {
        match event {
            Event::Connected => {
                self.origins.began(self.author, now);
                if let Some(connected) = self.connected.take() {
                    // Whoever waited may have given up.
                    let _ = connected.send(());
                }
            }
            Event::Frame(frame) => {
                // Decoded outside the window too: a chain begins before it.
                let picture = (frame.codec != Codec::Opus).then(|| {
                    let decoder = self.decoders.entry(frame.slot.clone()).or_default();
                    decoder.decode(&frame.data)
                });
                if !self.window.has(now) {
                    return;
                }
                let mut seen = self.seen.lock().expect("nobody panics while holding it");
                seen.packets += frame.seqs.1 - frame.seqs.0 + 1;
                seen.bytes += frame.data.len() as u64;
                match picture {
                    None => {}
                    Some(Err(_)) => seen.faults += 1,
                    Some(Ok(picture)) => {
                        seen.decoded += 1;
                        let mark = picture.mark;
                        if let Some(due) = self.origins.due(mark.author, mark.media_us) {
                            let late = now.saturating_duration_since(due);
                            seen.latency
                                .record_us(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_half_open_and_closed_until_it_is_set() {
        let window = Window::default();
        let start = Instant::now();
        assert!(!window.has(start));
        window.open(start, Duration::from_secs(1));
        window.open(start + Duration::from_secs(9), Duration::from_secs(1));
        assert!(window.has(start));
        assert!(window.has(start + Duration::from_millis(999)));
        assert!(!window.has(start + Duration::from_secs(1)));
        assert!(!window.has(start + Duration::from_secs(9)));
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
}
