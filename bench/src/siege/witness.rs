//! The eyes of one honest participant: what came, whether it was whole, what it was told; and
//! what it sent, which attackers then imitate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sfu_client::driver::Observer;
use sfu_client::participant::{Event, Roster};
use sfu_client::synthetic::{DecodeFault, Decoder, read_audio};
use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;
use tokio::sync::oneshot;

use super::captures::Captures;
use super::ledger::{Ledger, Tally};
use super::pulse::Pulse;

/// What one participant saw.
#[derive(Debug, Default)]
pub(super) struct Sight {
    ledgers: BTreeMap<SlotId, Ledger>,
    decoders: BTreeMap<SlotId, Decoder>,
    pulse: Pulse,
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

    /// Forgets everything but the packets' numbers and who was seen: what comes now is measured.
    pub(super) fn begin(&mut self) {
        self.ledgers.values_mut().for_each(Ledger::begin);
        self.pulse.begin();
        self.broken_pictures = 0;
        self.foreign_frames = 0;
        self.paths_lost = 0;
        self.muted = 0;
    }

    fn frame(&mut self, now: Instant, frame: &sfu_client::peer::ReceivedFrame, authors: u32) {
        let stream = match frame.codec {
            Codec::Opus => read_audio(&frame.data).map(|mark| (mark.author, mark.source)),
            _ => {
                let decoder = self.decoders.entry(frame.slot.clone()).or_default();
                match decoder.decode(&frame.data) {
                    Ok(picture) => Ok((picture.mark.author, picture.mark.source)),
                    Err(DecodeFault::Frame(fault)) => Err(fault),
                    Err(_) => {
                        self.broken_pictures += 1;
                        return;
                    }
                }
            }
        };
        match stream.ok().filter(|(author, _)| *author < authors) {
            Some(stream) => self.pulse.beat(stream, now),
            None => self.foreign_frames += 1,
        }
    }
}

/// Sees, and gives copies of what it sends to the captures.
pub(super) struct Witness {
    pub(super) sight: Arc<Mutex<Sight>>,
    pub(super) captures: Arc<Captures>,
    /// Marks from this author on are nobody's.
    pub(super) authors: u32,
    pub(super) connected: Option<oneshot::Sender<()>>,
    /// Whether attackers may forge its address; its traffic is imitated in any case.
    pub(super) forgeable: bool,
}

impl Observer for Witness {
    fn happened(&mut self, now: Instant, event: &Event, _roster: &Roster) {
        let mut sight = self.sight.lock().expect("nobody panics while holding it");
        match event {
            Event::Connected => {
                if let Some(connected) = self.connected.take() {
                    // Whoever waited may have given up.
                    let _ = connected.send(());
                }
            }
            Event::Packet(packet) => {
                let ledger = sight.ledgers.entry(packet.slot.clone()).or_default();
                ledger.note(packet.seq);
            }
            Event::Frame(frame) => sight.frame(now, frame, self.authors),
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
