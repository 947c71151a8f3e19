//! What arrives in the slots.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;
use str0m::rtp::RtpPacket;

use super::order::{Order, Piece, Whole};
use super::{Counters, Event, ReceivedFrame, ReceivedPacket};

/// Most received streams whose slot is remembered: slots are 64, with a retransmission each.
const MAX_KNOWN_STREAMS: usize = 256;

/// A packet of a slot.
#[derive(Debug)]
pub(super) struct Packet {
    /// The extended sequence number.
    pub(super) seq: u64,
    /// The extended RTP timestamp.
    pub(super) timestamp: u64,
    pub(super) marker: bool,
    pub(super) csrc: Option<u32>,
    pub(super) level_dbov: Option<i8>,
    pub(super) payload: Arc<[u8]>,
}

/// Every slot's receiving end.
#[derive(Debug)]
pub(super) struct Downlink {
    slots: Vec<(SlotId, Order)>,
    /// The place in `slots` of each stream that was seen, by its SSRC.
    places: BTreeMap<u32, usize>,
    /// When the next packet is overdue.
    deadline: Option<Instant>,
    report_packets: bool,
    happened: VecDeque<Event>,
    counted: Counters,
}

impl Downlink {
    pub(super) fn new(report_packets: bool) -> Self {
        Downlink {
            slots: Vec::new(),
            places: BTreeMap::new(),
            deadline: None,
            report_packets,
            happened: VecDeque::new(),
            counted: Counters::default(),
        }
    }

    /// Only offered slots can receive: their number is the bound of the list.
    pub(super) fn learn_slots(&mut self, slots: Vec<SlotId>) {
        for slot in slots {
            if self.place_of(&slot).is_none() {
                self.slots.push((slot, Order::default()));
            }
        }
    }

    /// The slots, each at its place.
    pub(super) fn slots(&self) -> impl Iterator<Item = &SlotId> {
        self.slots.iter().map(|(slot, _)| slot)
    }

    fn place_of(&self, slot: &SlotId) -> Option<usize> {
        self.slots.iter().position(|(known, _)| known == slot)
    }

    /// Whether it is known in which slot a stream is.
    pub(super) fn knows(&self, ssrc: u32) -> bool {
        self.places.contains_key(&ssrc)
    }

    /// A stream comes in a slot.
    pub(super) fn learn_stream(&mut self, ssrc: u32, slot: &SlotId) {
        if self.places.len() < MAX_KNOWN_STREAMS
            && let Some(place) = self.place_of(slot)
        {
            self.places.insert(ssrc, place);
        }
    }

    pub(super) fn receive(&mut self, now: Instant, codec: Option<Codec>, packet: RtpPacket) {
        let Some(&place) = self.places.get(&*packet.header.ssrc) else {
            return;
        };
        let header = &packet.header;
        let packet = Packet {
            seq: *packet.seq_no,
            timestamp: packet.time.numer(),
            marker: header.marker,
            csrc: (header.csrc_count > 0).then_some(header.csrc[0]),
            level_dbov: header.ext_vals.audio_level,
            payload: packet.payload,
        };
        self.receive_in(now, place, codec, packet);
    }

    /// Takes a packet in the slot at this place.
    pub(super) fn receive_in(
        &mut self,
        now: Instant,
        place: usize,
        codec: Option<Codec>,
        packet: Packet,
    ) {
        let Some((slot, order)) = self.slots.get_mut(place) else {
            return;
        };
        // Packets without a payload only probe the path.
        if packet.payload.is_empty() {
            return;
        }
        self.counted.packets_received += 1;
        self.counted.bytes_received += packet.payload.len() as u64;
        if self.report_packets {
            self.happened.push_back(Event::Packet(ReceivedPacket {
                slot: slot.clone(),
                seq: packet.seq,
                timestamp: packet.timestamp,
                marker: packet.marker,
                csrc: packet.csrc,
                codec,
                payload_bytes: packet.payload.len(),
            }));
        }
        match codec {
            Some(Codec::Vp8) => {
                let piece = Piece {
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    csrc: packet.csrc,
                    payload: packet.payload,
                };
                order.receive(now, packet.seq, piece);
                while let Some(whole) = order.take(now) {
                    self.counted.video_frames += 1;
                    let frame = video_frame(slot.clone(), whole);
                    self.happened.push_back(frame);
                }
                self.set_deadline();
            }
            Some(Codec::Opus) => {
                self.counted.audio_frames += 1;
                self.happened.push_back(audio_frame(slot.clone(), &packet));
            }
            _ => {}
        }
    }

    /// Gives up what is overdue; answers the slots that need a keyframe.
    pub(super) fn lapse(&mut self, now: Instant) -> Vec<SlotId> {
        let mut needy = Vec::new();
        if self.deadline.is_none_or(|at| now < at) {
            return needy;
        }
        for (slot, order) in &mut self.slots {
            if order.lapse(now) {
                needy.push(slot.clone());
            }
            while let Some(whole) = order.take(now) {
                self.counted.video_frames += 1;
                self.happened.push_back(video_frame(slot.clone(), whole));
            }
        }
        self.set_deadline();
        needy
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.happened.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn set_deadline(&mut self) {
        let deadlines = self.slots.iter().filter_map(|(_, order)| order.deadline());
        self.deadline = deadlines.min();
    }

    pub(super) fn add_to(&self, counters: &mut Counters) {
        let orders = || self.slots.iter().map(|(_, order)| order);
        counters.packets_received += self.counted.packets_received;
        counters.bytes_received += self.counted.bytes_received;
        counters.video_frames += self.counted.video_frames;
        counters.audio_frames += self.counted.audio_frames;
        counters.frames_torn += orders().map(Order::torn).sum::<u64>();
        counters.packets_lost += orders().map(Order::lost).sum::<u64>();
    }
}

fn video_frame(slot: SlotId, whole: Whole) -> Event {
    let frame = ReceivedFrame {
        slot,
        csrc: whole.csrc,
        codec: Codec::Vp8,
        timestamp: whole.timestamp,
        keyframe: whole.keyframe,
        seqs: whole.seqs,
        picture_id: whole.picture_id,
        tl0_pic_idx: whole.tl0_pic_idx,
        level_dbov: None,
        data: whole.data,
    };
    Event::Frame(frame)
}

fn audio_frame(slot: SlotId, packet: &Packet) -> Event {
    let frame = ReceivedFrame {
        slot,
        csrc: packet.csrc,
        codec: Codec::Opus,
        timestamp: packet.timestamp,
        keyframe: false,
        seqs: (packet.seq, packet.seq),
        picture_id: None,
        tl0_pic_idx: None,
        level_dbov: packet.level_dbov,
        data: packet.payload.to_vec(),
    };
    Event::Frame(frame)
}
