//! What arrives in the slots.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;
use str0m::rtp::{RedDecoder, RtpHeader, RtpPacket};

use super::order::{Order, Piece, Whole};
use super::{Counters, Event, ReceivedFrame, ReceivedPacket};
use crate::coding::{self, DescriptorValue};

/// Most received streams whose slot is remembered: slots are 64, with a retransmission each.
const MAX_KNOWN_STREAMS: usize = 256;

/// Units of Opus's clock in a packet of sound.
const SOUND_TICKS: u64 = 960;

/// How far back what was heard is remembered, in packets, so that none is heard twice.
const HEARD: u64 = 256;

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
    /// The dependency descriptor.
    pub(super) descriptor: Option<Vec<u8>>,
}

/// What came in one slot.
#[derive(Debug)]
struct Slot {
    id: SlotId,
    order: Order,
    /// Packets of sound, by number, where some carry others.
    heard: BTreeSet<u64>,
    /// Of the last picture.
    codec: Codec,
}

impl Slot {
    /// Whether a packet of sound is new.
    fn hears(&mut self, seq: u64) -> bool {
        let newest = self.heard.last().copied().unwrap_or(seq).max(seq);
        let oldest = newest.saturating_sub(HEARD);
        self.heard = self.heard.split_off(&oldest);
        seq >= oldest && self.heard.insert(seq)
    }
}

/// What takes the place of something.
fn padding(packet: &Packet) -> Piece {
    Piece {
        timestamp: packet.timestamp,
        marker: false,
        csrc: None,
        payload: packet.payload.clone(),
        head: coding::Head::default(),
        descriptor: None,
    }
}

fn descriptor_of(header: &RtpHeader) -> Option<Vec<u8>> {
    let value = header.ext_vals.user_values.get::<DescriptorValue>();
    value.map(|value| value.0.clone())
}

/// Every slot's receiving end.
#[derive(Debug)]
pub(super) struct Downlink {
    slots: Vec<Slot>,
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
                self.slots.push(Slot {
                    id: slot,
                    order: Order::default(),
                    heard: BTreeSet::new(),
                    codec: Codec::Vp8,
                });
            }
        }
    }

    /// The slots, each at its place.
    pub(super) fn slots(&self) -> impl Iterator<Item = &SlotId> {
        self.slots.iter().map(|slot| &slot.id)
    }

    fn place_of(&self, slot: &SlotId) -> Option<usize> {
        self.slots.iter().position(|known| known.id == *slot)
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
            descriptor: descriptor_of(header),
            payload: packet.payload,
        };
        self.receive_in(now, place, codec, packet);
    }

    /// Takes a packet of sound that carries others before it (RFC 2198).
    pub(super) fn receive_redundant(&mut self, now: Instant, mut packet: RtpPacket) {
        let payload = packet.payload.clone();
        let Ok(mut blocks) = RedDecoder::decode(&payload) else {
            return;
        };
        let Some(&place) = self.places.get(&*packet.header.ssrc) else {
            return;
        };
        let own = blocks.pop();
        for block in blocks {
            let back = u64::from(block.timestamp_offset) / SOUND_TICKS;
            let (seq, time) = (*packet.seq_no, packet.time.numer());
            let (Some(seq), Some(timestamp)) = (
                seq.checked_sub(back),
                time.checked_sub(block.timestamp_offset.into()),
            ) else {
                continue;
            };
            self.hear_recovered(place, (seq, timestamp), &packet, block.payload);
        }
        if let Some(own) = own {
            packet.payload = own.payload.into();
            self.receive(now, Some(Codec::Opus), packet);
        }
    }

    /// A packet of sound that came with another.
    fn hear_recovered(
        &mut self,
        place: usize,
        (seq, timestamp): (u64, u64),
        carrier: &RtpPacket,
        data: &[u8],
    ) {
        let header = &carrier.header;
        let packet = Packet {
            seq,
            timestamp,
            marker: false,
            csrc: (header.csrc_count > 0).then_some(header.csrc[0]),
            level_dbov: None,
            descriptor: None,
            payload: data.into(),
        };
        self.hear(place, &packet, true);
    }

    /// A packet of sound, unless it was heard before.
    fn hear(&mut self, place: usize, packet: &Packet, recovered: bool) {
        let Some(slot) = self.slots.get_mut(place) else {
            return;
        };
        if slot.hears(packet.seq) {
            self.counted.audio_frames += 1;
            let frame = audio_frame(slot.id.clone(), packet, recovered);
            self.happened.push_back(frame);
        }
    }

    /// Takes a packet in the slot at this place.
    pub(super) fn receive_in(
        &mut self,
        now: Instant,
        place: usize,
        codec: Option<Codec>,
        packet: Packet,
    ) {
        let Some(slot) = self.slots.get_mut(place) else {
            return;
        };
        // Packets without a payload only probe the path, or take the place of what was left out.
        if packet.payload.is_empty() {
            slot.order.receive(now, packet.seq, padding(&packet));
            return self.take_frames(now, place);
        }
        self.counted.packets_received += 1;
        self.counted.bytes_received += packet.payload.len() as u64;
        if self.report_packets {
            self.happened.push_back(Event::Packet(ReceivedPacket {
                slot: slot.id.clone(),
                seq: packet.seq,
                timestamp: packet.timestamp,
                marker: packet.marker,
                csrc: packet.csrc,
                codec,
                payload_bytes: packet.payload.len(),
            }));
        }
        match codec {
            Some(Codec::Opus) => self.hear(place, &packet, false),
            Some(codec) => {
                slot.codec = codec;
                let descriptor = packet.descriptor;
                let piece = Piece {
                    timestamp: packet.timestamp,
                    marker: packet.marker,
                    csrc: packet.csrc,
                    head: coding::read(codec, &packet.payload, descriptor.as_deref()),
                    payload: packet.payload,
                    descriptor,
                };
                slot.order.receive(now, packet.seq, piece);
                self.take_frames(now, place);
            }
            None => {}
        }
    }

    /// Takes the frames of a slot that are whole.
    fn take_frames(&mut self, now: Instant, place: usize) {
        let Some(slot) = self.slots.get_mut(place) else {
            return;
        };
        while let Some(whole) = slot.order.take(now) {
            self.counted.video_frames += 1;
            self.happened.push_back(video_frame(slot, whole));
        }
        self.set_deadline();
    }

    /// Gives up what is overdue; answers the slots that need a keyframe.
    pub(super) fn lapse(&mut self, now: Instant) -> Vec<SlotId> {
        let mut needy = Vec::new();
        if self.deadline.is_none_or(|at| now < at) {
            return needy;
        }
        for slot in &mut self.slots {
            if slot.order.lapse(now) {
                needy.push(slot.id.clone());
            }
            while let Some(whole) = slot.order.take(now) {
                self.counted.video_frames += 1;
                self.happened.push_back(video_frame(slot, whole));
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
        let deadlines = self.slots.iter().filter_map(|slot| slot.order.deadline());
        self.deadline = deadlines.min();
    }

    pub(super) fn add_to(&self, counters: &mut Counters) {
        let orders = || self.slots.iter().map(|slot| &slot.order);
        counters.packets_received += self.counted.packets_received;
        counters.bytes_received += self.counted.bytes_received;
        counters.video_frames += self.counted.video_frames;
        counters.audio_frames += self.counted.audio_frames;
        counters.frames_torn += orders().map(Order::torn).sum::<u64>();
        counters.packets_lost += orders().map(Order::lost).sum::<u64>();
    }
}

fn video_frame(slot: &Slot, whole: Whole) -> Event {
    let frame = ReceivedFrame {
        slot: slot.id.clone(),
        csrc: whole.csrc,
        codec: slot.codec,
        timestamp: whole.timestamp,
        keyframe: whole.keyframe,
        seqs: whole.seqs,
        picture_id: whole.picture_id,
        tl0_pic_idx: whole.tl0_pic_idx,
        temporal_id: whole.temporal_id,
        descriptors: whole.descriptors,
        recovered: false,
        level_dbov: None,
        data: whole.data,
    };
    Event::Frame(frame)
}

fn audio_frame(slot: SlotId, packet: &Packet, recovered: bool) -> Event {
    let frame = ReceivedFrame {
        slot,
        csrc: packet.csrc,
        codec: Codec::Opus,
        timestamp: packet.timestamp,
        keyframe: false,
        seqs: (packet.seq, packet.seq),
        picture_id: None,
        tl0_pic_idx: None,
        temporal_id: None,
        descriptors: Vec::new(),
        recovered,
        level_dbov: packet.level_dbov,
        data: packet.payload.to_vec(),
    };
    Event::Frame(frame)
}
