//! The eyes of one honest participant: what came, whether it was whole, what it was told; and
//! what it sent, which attackers then imitate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sfu_client::driver::Observer;
use sfu_client::participant::{Event, Roster};
use sfu_client::peer::ReceivedFrame;
use sfu_client::synthetic::{DecodeFault, Decoder, read_audio};
use sfu_protocol::media::{Codec, Source};
use sfu_protocol::signal::SlotId;
use tokio::sync::oneshot;

use super::captures::Captures;
use super::ledger::{Ledger, Tally};
use super::pulse::Pulse;
use super::room::HONEST;
use crate::measure::freeze::{Freezes, Watch};
use crate::measure::histogram::Histogram;
use crate::measure::viewer::Origins;

/// What one participant saw.
#[derive(Debug, Default)]
pub(super) struct Sight {
    ledgers: BTreeMap<SlotId, Ledger>,
    decoders: BTreeMap<SlotId, Decoder>,
    pulse: Pulse,
    pictures: BTreeMap<u32, Watch>,
    began: Option<Instant>,
    /// From due at its source until whole, of pictures and voices.
    pub(super) latency: Histogram,
    /// Pictures without the one they refer to.
    pub(super) broken_pictures: u64,
    /// Frames that no honest participant made.
    pub(super) foreign_frames: u64,
    /// Times that the path was lost.
    pub(super) paths_lost: u64,
    /// Times that somebody muted it.
    pub(super) muted: u64,
}

impl Sight {
    pub(super) fn tally(&self) -> Tally {
        let mut all = Tally::default();
        for ledger in self.ledgers.values() {
            all.add(ledger.tally());
        }
        all
    }

    /// The longest time without somebody's picture or voice, up to now.
    pub(super) fn longest_gap(&self, now: Instant) -> Duration {
        self.pulse.longest_gap(now)
    }

    /// When pictures of the honest stood still, up to now.
    pub(super) fn freezes(&self, now: Instant) -> Freezes {
        let mut all = Freezes::default();
        for watch in self.pictures.values() {
            all.add(&watch.until(now, self.began.unwrap_or(now)));
        }
        all
    }

    /// Forgets everything but the packets' numbers and who was seen: what comes now is measured.
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = Some(now);
        self.latency = Histogram::default();
        for watch in self.pictures.values_mut() {
            *watch = Watch::default();
        }
        self.ledgers.values_mut().for_each(Ledger::begin);
        self.pulse.begin();
        self.broken_pictures = 0;
        self.foreign_frames = 0;
        self.paths_lost = 0;
        self.muted = 0;
    }

    fn frame(&mut self, now: Instant, frame: &ReceivedFrame, (authors, origins): (u32, &Origins)) {
        let stream = match frame.codec {
            Codec::Opus => {
                read_audio(&frame.data).map(|mark| (mark.author, mark.source, mark.media_us))
            }
            _ => {
                let decoder = self.decoders.entry(frame.slot.clone()).or_default();
                match decoder.decode(&frame.data).map(|picture| picture.mark) {
                    Ok(mark) => Ok((mark.author, mark.source, mark.media_us)),
                    Err(DecodeFault::Frame(fault)) => Err(fault),
                    Err(_) => {
                        self.broken_pictures += 1;
                        return;
                    }
                }
            }
        };
        let Some((author, source, media_us)) = stream.ok().filter(|(it, ..)| *it < authors) else {
            self.foreign_frames += 1;
            return;
        };
        self.pulse.beat((author, source), now);
        if let Some(due) = origins.due(author, media_us) {
            self.latency.record(now.saturating_duration_since(due));
        }
        if source == Source::Camera {
            let watch = self.pictures.entry(author).or_default();
            watch.picture(now, self.began);
        }
    }
}

/// Sees, and gives copies of what it sends to the captures.
pub(super) struct Witness {
    pub(super) sight: Arc<Mutex<Sight>>,
    pub(super) captures: Arc<Captures>,
    /// Marks from this author on are nobody's.
    pub(super) authors: u32,
    /// Whose marks it makes itself; none of one who only watches.
    pub(super) own: Option<u32>,
    pub(super) origins: Arc<Origins>,
    pub(super) connected: Option<oneshot::Sender<()>>,
    /// Whether attackers may forge its address; its traffic is imitated in any case.
    pub(super) forgeable: bool,
}

/// Whether something came of somebody honest: what the hostile send is theirs to lose.
fn is_honest(roster: &Roster, slot: &SlotId, csrc: Option<u32>) -> bool {
    let sender = roster
        .track_in(slot, csrc)
        .and_then(|track| roster.person(track.participant));
    sender.is_none_or(|sender| sender.name.starts_with(HONEST))
}

impl Observer for Witness {
    fn happened(&mut self, now: Instant, event: &Event, roster: &Roster) {
        let mut sight = self.sight.lock().expect("nobody panics while holding it");
        match event {
            Event::Connected => {
                if let Some(author) = self.own {
                    self.origins.began(author, now);
                }
                if let Some(connected) = self.connected.take() {
                    // Whoever waited may have given up.
                    let _ = connected.send(());
                }
            }
            Event::Packet(packet) if is_honest(roster, &packet.slot, packet.csrc) => {
                let ledger = sight.ledgers.entry(packet.slot.clone()).or_default();
                ledger.note(packet.seq);
            }
            Event::Frame(frame) if is_honest(roster, &frame.slot, frame.csrc) => {
                sight.frame(now, frame, (self.authors, &self.origins));
            }
            Event::PathLost(true) => sight.paths_lost += 1,
            Event::MutedByHost(_) => sight.muted += 1,
            _ => {}
        }
    }

    fn sends(&mut self, local: SocketAddr, destination: SocketAddr, datagram: &[u8]) {
        self.captures
            .keep(local, destination, datagram, self.forgeable);
    }
}
