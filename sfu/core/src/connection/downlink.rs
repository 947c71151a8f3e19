//! What we send a connection: slots. A slot is one outgoing stream whose SSRC never changes;
//! which track and which layer is in it is decided elsewhere and carried out here.

use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::media::{Codec, Kind};
use sfu_protocol::signal::SlotId;
use sfu_rtp::rtp;
use str0m::media::Mid;

use super::sent::History;
use crate::bandwidth::share::Share;
use crate::io::ConnectionId;
use crate::media::keyframe::KeyframeCredit;
use crate::media::packet::{Format, Packet};
use crate::media::piece::Numbered;
use crate::media::red::Load;
use crate::media::rewrite::{Input, Numbers, PictureNumbers, Timeline};
use crate::media::select::{Admission, Selector};

/// Height that is sent before a client has said how large it shows a slot.
pub(crate) const DEFAULT_MAX_HEIGHT: u16 = 720;

/// What fills a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) publisher: ConnectionId,
    pub(crate) line: usize,
    /// Which of the lines that had this place.
    pub(crate) take: u32,
    /// Stamped into every packet (RFC 3550, section 5.1).
    pub(crate) csrc: u32,
}

/// What a client can take on an m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) format: Format,
    pub(crate) payload_type: u8,
    /// The payload type of its retransmissions (RFC 4588).
    pub(crate) repair_type: Option<u8>,
}

/// The streams of an m-line, which never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) media: u32,
    /// Of retransmissions.
    pub(crate) repair: Option<u32>,
}

/// What went out on a slot.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gone {
    pub(super) packets: u32,
    pub(super) bytes: u32,
    /// When its newest packet came from its publisher, and with which timestamp it left.
    pub(super) last: Option<(Instant, u32)>,
    /// Packets when its receiver was last told.
    pub(super) told: u32,
    /// Packets when its receiver last said what it had received.
    pub(super) heard: u32,
    /// The number of the next retransmission, with its rollovers, and how many there were.
    pub(super) repair_index: u64,
    pub(super) repairs: u32,
}

/// One receive m-line of the client.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: SlotId,
    pub(crate) kind: Kind,
    pub(crate) mid: Mid,
    pub(crate) streams: Streams,
    /// What the client can take here.
    pub(crate) formats: Vec<Accepted>,
    /// The payload type in which it takes sound with redundancy.
    pub(crate) redundant: Option<u8>,
    pub(crate) feed: Option<Feed>,
    pub(crate) selector: Selector,
    /// As its client asked.
    pub(crate) max_height: u16,
    /// As its client says it matters; higher is more.
    pub(crate) priority: u8,
    pub(crate) share: Share,
    pub(crate) credit: KeyframeCredit,
    timeline: Timeline,
    pub(super) gone: Gone,
    pub(super) history: History,
}

/// How a packet leaves.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    pub(super) payload_type: u8,
    /// Of its retransmission, if there may be one.
    pub(super) repair_type: Option<u8>,
    pub(crate) numbers: Numbers,
    pub(super) csrc: u32,
    pub(super) marker: bool,
    /// It carries nothing, and fills a place that its receiver would wait for.
    pub(super) is_filler: bool,
    /// Instead of the packet's own payload.
    pub(super) loaded: Option<Arc<[u8]>>,
}

impl Outbound {
    /// Whether it carries nothing of the packet.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn is_filler(&self) -> bool {
        self.is_filler
    }

    /// Its header, under a stream of the slot.
    pub(super) fn head(&self, ssrc: u32) -> rtp::Outgoing {
        rtp::Outgoing {
            payload_type: self.payload_type,
            marker: self.marker,
            padding: self.is_filler,
            seq: self.numbers.seq as u16,
            timestamp: self.numbers.timestamp,
            ssrc,
            csrc: Some(self.csrc),
        }
    }
}

/// What a slot makes of a packet.
#[derive(Debug)]
pub(crate) enum Offered {
    /// Send this.
    Write(Outbound),
    /// Nothing to send.
    Nothing,
    /// Nothing to send, and nothing will be without a keyframe.
    NeedsKeyframe,
}

impl Feed {
    /// Where it comes from.
    pub(crate) fn from(&self) -> (ConnectionId, usize) {
        (self.publisher, self.line)
    }
}

impl Slot {
    pub(crate) fn new(id: SlotId, kind: Kind, mid: Mid, streams: Streams, chance: u64) -> Self {
        let clock_rate_hz = match kind {
            Kind::Audio => Codec::Opus.clock_rate_hz(),
            Kind::Video => Codec::Vp8.clock_rate_hz(),
        };
        Slot {
            id,
            kind,
            mid,
            streams,
            formats: Vec::new(),
            redundant: None,
            feed: None,
            selector: Selector::default(),
            max_height: DEFAULT_MAX_HEIGHT,
            priority: 0,
            share: Share::default(),
            credit: KeyframeCredit::default(),
            timeline: Timeline::new(clock_rate_hz, chance),
            gone: Gone {
                // Below 2^15, so that its receiver's rollover counter begins at zero.
                repair_index: chance >> 33 & 0x7fff,
                ..Gone::default()
            },
            history: History::default(),
        }
    }

    /// Puts somebody else, or nobody, in.
    pub(crate) fn put(&mut self, feed: Option<Feed>) {
        self.feed = feed;
        self.share = Share::default();
        self.pause();
    }

    /// How high its picture is to be. `None`: its client's path has no room for it.
    pub(crate) fn height(&self) -> Option<u16> {
        let paused = self.share.is_paused();
        (!paused).then(|| self.share.height(self.max_height))
    }

    /// Whatever comes next begins at an entry point and goes on in the numbers.
    pub(crate) fn pause(&mut self) {
        self.selector.reset();
        self.credit.end_wait();
        self.timeline.end();
    }

    /// A packet of the feed, with what it can carry of the packets before it.
    pub(crate) fn offer(&mut self, packet: &Packet, load: &mut Load, now: Instant) -> Offered {
        let Some(feed) = self.feed else {
            return Offered::Nothing;
        };
        let Some(accepted) = self.accepted(packet.format) else {
            return Offered::Nothing;
        };
        let numbers = match self.place_late(packet) {
            Some(numbers) => numbers,
            None => match self.place(packet, now) {
                Ok(numbers) => numbers,
                Err(Admission::Wait | Admission::LeaveOut { waits: true }) => {
                    return Offered::NeedsKeyframe;
                }
                Err(Admission::LeaveOut { .. }) if packet.late => {
                    return self.fill_place(packet, accepted.payload_type, feed.csrc, now);
                }
                Err(_) => return Offered::Nothing,
            },
        };
        let loaded = self.loaded(packet, load, accepted.payload_type);
        let (payload_type, loaded) = match loaded {
            Some((payload_type, loaded)) => (payload_type, Some(loaded)),
            None => (accepted.payload_type, None),
        };
        let repaired = self.kind == Kind::Video && self.streams.repair.is_some();
        Offered::Write(Outbound {
            payload_type,
            repair_type: accepted.repair_type.filter(|_| repaired),
            numbers,
            csrc: feed.csrc,
            marker: packet.marker || self.selector.ends_picture(packet),
            is_filler: false,
            loaded,
        })
    }

    /// A packet that was left out though numbers after it are out already: its place would stay a
    /// hole that its receiver asks for again and again.
    fn fill_place(
        &mut self,
        packet: &Packet,
        payload_type: u8,
        csrc: u32,
        now: Instant,
    ) -> Offered {
        let bare = Input {
            seq: packet.seq,
            timestamp: packet.timestamp,
            picture: PictureNumbers::default(),
            frame: None,
        };
        let Some(numbers) = self.timeline.map(&bare, now) else {
            return Offered::Nothing;
        };
        Offered::Write(Outbound {
            payload_type,
            repair_type: None,
            numbers,
            csrc,
            marker: false,
            is_filler: true,
            loaded: None,
        })
    }

    /// The numbers of a packet of the layer that was passed on before, which had its place there
    /// and comes late: a receiver would wait for it.
    fn place_late(&mut self, packet: &Packet) -> Option<Numbers> {
        let of_former = packet.late && self.selector.had(packet);
        of_former
            .then(|| self.timeline.map_former(&self.input(packet)))
            .flatten()
    }

    /// The numbers of any other packet, or why it has none.
    fn place(&mut self, packet: &Packet, now: Instant) -> Result<Numbers, Admission> {
        match self.selector.admit(packet) {
            admission @ (Admission::Drop | Admission::Wait) => return Err(admission),
            admission @ Admission::LeaveOut { .. } => {
                self.leave_out(packet);
                return Err(admission);
            }
            Admission::Switch => {
                self.credit.end_wait();
                self.timeline.begin(&self.input(packet), now);
            }
            // One of the layer that is left is not what the wait is for.
            Admission::Forward if packet.entry_point && self.selector.is_settled() => {
                self.credit.end_wait();
            }
            Admission::Forward => {}
        }
        let placed = self.timeline.map(&self.input(packet), now);
        placed.ok_or(Admission::Drop)
    }

    /// Closes the place of a packet of the stream that is passed on, and that of its picture
    /// where its receiver would wait for the number.
    fn leave_out(&mut self, packet: &Packet) {
        self.timeline.skip(packet.seq);
        if let (Numbered::Vp8(_), Some(id), false) = (
            &packet.piece.numbered,
            packet.piece.numbered.numbers().picture_id,
            packet.late,
        ) {
            self.timeline.skip_picture(id);
        }
    }

    fn input(&self, packet: &Packet) -> Input {
        let dependency = packet.piece.dependency();
        Input {
            seq: packet.seq,
            timestamp: packet.timestamp,
            picture: packet.piece.numbered.numbers(),
            frame: dependency
                .map(|dependency| dependency.numbers(self.selector.active_targets(dependency))),
        }
    }

    /// The timestamp of this moment, when something was sent since it was last asked for.
    pub(super) fn moment(&mut self, now: Instant) -> Option<u32> {
        let told = std::mem::replace(&mut self.gone.told, self.gone.packets);
        let (came, timestamp) = self.gone.last.filter(|_| told != self.gone.packets)?;
        let since_us = now.saturating_duration_since(came).as_micros();
        let ticks = since_us * u128::from(self.timeline.clock_rate_hz()) / 1_000_000;
        Some(timestamp.wrapping_add(ticks as u32))
    }

    /// A packet of the feed that carries nothing: its place is closed.
    pub(crate) fn skip(&mut self, packet: &Packet) {
        if self.selector.has_stream(packet) && self.timeline.runs() {
            self.timeline.skip(packet.seq);
        }
    }

    /// The packet with what it carries, where the slot takes that and has shown the feed since.
    fn loaded(&self, packet: &Packet, load: &mut Load, own: u8) -> Option<(u8, Arc<[u8]>)> {
        let redundant = self.redundant?;
        let reaches = self.timeline.reaches(load.since()?);
        let payload = reaches.then(|| load.payload(packet, own))?;
        Some((redundant, payload?))
    }

    fn accepted(&self, format: Format) -> Option<Accepted> {
        let mut formats = self.formats.iter();
        formats.find(|accepted| accepted.format == format).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::keyframe::Mover;

    const FORMAT: Format = Format {
        codec: Codec::Vp8,
        profile: 0,
    };

    fn keyframe(layer: u8, seq: u64, arrived: Instant) -> Packet {
        Packet {
            layer,
            arrived,
            ..crate::testing::packet(FORMAT, seq, seq as u32 * 3_000)
        }
    }

    #[test]
    fn a_keyframe_of_the_layer_that_is_left_does_not_end_the_wait_for_the_next() {
        let t0 = crate::testing::start();
        let at = |ms| t0 + Duration::from_millis(ms);
        let slot = SlotId("0".to_owned());
        let streams = Streams {
            media: 1,
            repair: None,
        };
        let mut slot = Slot::new(slot, Kind::Video, Mid::from("0"), streams, 7);
        slot.formats = vec![Accepted {
            format: FORMAT,
            payload_type: 96,
            repair_type: None,
        }];
        slot.put(Some(Feed {
            publisher: ConnectionId {
                shard: 0,
                place: 1,
                generation: 0,
            },
            line: 0,
            take: 1,
            csrc: 9,
        }));
        let offer = |slot: &mut Slot, layer, seq, now| {
            slot.offer(&keyframe(layer, seq, now), &mut Load::default(), now)
        };
        assert!(slot.selector.aim(Some(0)));
        assert!(matches!(offer(&mut slot, 0, 1, t0), Offered::Write(_)));
        while slot.credit.begin(Mover::Receiver, t0) {}

        // The node aims higher, which costs the receiver nothing, however long it takes.
        assert!(slot.selector.aim(Some(1)) && slot.credit.begin(Mover::Node, at(10)));
        assert!(matches!(offer(&mut slot, 0, 2, at(20)), Offered::Write(_)));
        assert!(slot.credit.wait(at(30)), "the wait goes on");
        assert!(matches!(offer(&mut slot, 1, 1, at(40)), Offered::Write(_)));
        assert!(!slot.credit.wait(at(50)), "it is over");
    }
}
