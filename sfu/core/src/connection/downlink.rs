//! What we send a connection: slots. A slot is one outgoing stream whose SSRC never changes;
//! which track and which layer is in it is decided elsewhere and carried out here.

use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::media::{Codec, Kind};
use sfu_protocol::signal::SlotId;
use str0m::media::{Mid, Pt};
use str0m::rtp::{RtpWrite, Ssrc, Vp8Descriptor, Vp8Patch};

use crate::io::ConnectionId;
use crate::media::keyframe::KeyframeCredit;
use crate::media::packet::{Format, Packet};
use crate::media::red::Load;
use crate::media::rewrite::{Numbers, Timeline, Vp8Numbers};
use crate::media::select::{Admission, Selector};

/// Height that is sent before a client has said how large it shows a slot.
pub(crate) const DEFAULT_MAX_HEIGHT: u16 = 720;

/// What fills a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) publisher: ConnectionId,
    pub(crate) line: usize,
    /// Stamped into every packet (RFC 3550, section 5.1).
    pub(crate) csrc: u32,
}

/// One receive m-line of the client.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: SlotId,
    pub(crate) kind: Kind,
    pub(crate) mid: Mid,
    pub(crate) ssrc: Ssrc,
    /// What the client can take here, by payload type.
    pub(crate) formats: Vec<(Format, Pt)>,
    /// The payload type in which it takes sound with redundancy.
    pub(crate) redundant: Option<Pt>,
    pub(crate) feed: Option<Feed>,
    pub(crate) selector: Selector,
    pub(crate) max_height: u16,
    pub(crate) credit: KeyframeCredit,
    timeline: Timeline,
    /// The layer before the one that is passed on now.
    former_layer: Option<u8>,
}

/// What a slot makes of a packet.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "made for each packet: boxing it would allocate"
)]
pub(crate) enum Offered {
    /// Send this.
    Write(RtpWrite),
    /// Nothing to send.
    Nothing,
    /// Nothing to send, and nothing will be without a keyframe.
    NeedsKeyframe,
}

impl Slot {
    pub(crate) fn new(id: SlotId, kind: Kind, mid: Mid, ssrc: Ssrc, chance: u64) -> Self {
        let clock_rate_hz = match kind {
            Kind::Audio => Codec::Opus.clock_rate_hz(),
            Kind::Video => Codec::Vp8.clock_rate_hz(),
        };
        Slot {
            id,
            kind,
            mid,
            ssrc,
            formats: Vec::new(),
            redundant: None,
            feed: None,
            selector: Selector::default(),
            max_height: DEFAULT_MAX_HEIGHT,
            credit: KeyframeCredit::default(),
            timeline: Timeline::new(clock_rate_hz, chance),
            former_layer: None,
        }
    }

    /// Puts somebody else, or nobody, in.
    pub(crate) fn put(&mut self, feed: Option<Feed>) {
        self.feed = feed;
        self.pause();
    }

    /// Whatever comes next begins at an entry point and goes on in the numbers.
    pub(crate) fn pause(&mut self) {
        self.selector.reset();
        self.credit.end_wait();
        self.former_layer = None;
        self.timeline.end();
    }

    /// A packet of the feed, with what it can carry of the packets before it.
    pub(crate) fn offer(&mut self, packet: &Packet, load: &mut Load, now: Instant) -> Offered {
        let Some(feed) = self.feed else {
            return Offered::Nothing;
        };
        let Some(pt) = self.payload_type(packet.format) else {
            return Offered::Nothing;
        };
        let out = match self.place_late(packet) {
            Some(out) => out,
            None => match self.place(packet, now) {
                Ok(out) => out,
                Err(Admission::Wait) => return Offered::NeedsKeyframe,
                Err(_) => return Offered::Nothing,
            },
        };
        let loaded = self.loaded(packet, load, pt);
        let (pt, payload) = loaded.unwrap_or_else(|| (pt, packet.payload.clone()));
        let mut write = RtpWrite::new(pt, out.seq.into(), out.timestamp, packet.arrived, payload)
            .marker(packet.marker)
            .nackable(self.kind == Kind::Video)
            .csrc(&[feed.csrc])
            .ext_vals(packet.extensions.clone());
        if let Some(patch) = packet.vp8.and_then(|vp8| patch(vp8, out.vp8)) {
            write = write.vp8_patch(patch);
        }
        Offered::Write(write)
    }

    /// The numbers of a packet of the layer that was passed on before, which had its place there
    /// and comes late: a receiver would wait for it.
    fn place_late(&mut self, packet: &Packet) -> Option<Numbers> {
        let of_former = packet.late && self.former_layer == Some(packet.layer);
        of_former
            .then(|| self.timeline.map_former(numbers(packet)))
            .flatten()
    }

    /// The numbers of any other packet, or why it has none.
    fn place(&mut self, packet: &Packet, now: Instant) -> Result<Numbers, Admission> {
        let before = self.selector.current();
        // Only the layer's newest packets move a switch: a repaired old keyframe is no place to
        // begin, what follows it has been dropped.
        match self
            .selector
            .admit(packet.layer, packet.entry_point && !packet.late)
        {
            admission @ (Admission::Drop | Admission::Wait) => return Err(admission),
            Admission::Switch => {
                self.credit.end_wait();
                self.former_layer = before;
                self.timeline.begin(numbers(packet), now);
            }
            // One of the layer that is left is not what the wait is for.
            Admission::Forward
                if packet.entry_point && self.selector.wanted() == Some(packet.layer) =>
            {
                self.credit.end_wait();
            }
            Admission::Forward => {}
        }
        let placed = self.timeline.map(numbers(packet), now);
        placed.ok_or(Admission::Drop)
    }

    /// A packet of the feed that carries nothing: its place is closed.
    pub(crate) fn skip(&mut self, packet: &Packet) {
        if self.selector.current() == Some(packet.layer) && self.timeline.runs() {
            self.timeline.skip(packet.seq);
        }
    }

    /// The packet with what it carries, where the slot takes that and has shown the feed since.
    fn loaded(&self, packet: &Packet, load: &mut Load, pt: Pt) -> Option<(Pt, Arc<[u8]>)> {
        let redundant = self.redundant?;
        let reaches = self.timeline.reaches(load.since()?);
        let payload = reaches.then(|| load.payload(packet, *pt))?;
        Some((redundant, payload?))
    }

    fn payload_type(&self, format: Format) -> Option<Pt> {
        self.formats
            .iter()
            .find(|(known, _)| *known == format)
            .map(|(_, pt)| *pt)
    }
}

fn numbers(packet: &Packet) -> Numbers {
    Numbers {
        seq: packet.seq,
        timestamp: packet.timestamp,
        vp8: packet.vp8.map_or(Vp8Numbers::default(), |vp8| Vp8Numbers {
            picture_id: vp8.picture_id(),
            tl0_pic_idx: vp8.tl0_pic_idx(),
            key_idx: vp8.key_idx(),
        }),
    }
}

fn patch(descriptor: Vp8Descriptor, numbers: Vp8Numbers) -> Option<Vp8Patch> {
    let build = |picture_id: Option<u16>| {
        let mut patch = descriptor.patch();
        if let Some(picture_id) = picture_id {
            patch = patch.picture_id(picture_id);
        }
        if let Some(index) = numbers.tl0_pic_idx {
            patch = patch.tl0_pic_idx(index);
        }
        if let Some(index) = numbers.key_idx {
            patch = patch.key_idx(index);
        }
        patch.build().ok()
    };
    // A descriptor with a picture id of 7 bits takes the low ones (RFC 7741, section 4.2).
    build(numbers.picture_id).or_else(|| build(numbers.picture_id.map(|id| id & 0x7f)))
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
        let mut slot = Slot::new(slot, Kind::Video, Mid::from("0"), Ssrc::from(1), 7);
        slot.formats = vec![(FORMAT, Pt::from(96))];
        slot.put(Some(Feed {
            publisher: ConnectionId {
                place: 1,
                generation: 0,
            },
            line: 0,
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
