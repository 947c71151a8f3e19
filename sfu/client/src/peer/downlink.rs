//! What arrives in the slots.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;
use str0m::rtp::RtpPacket;

use super::order::{Order, Piece, Whole};
use super::transport::Arrived;
use super::{Counters, Event, ReceivedFrame, ReceivedPacket};

/// Every slot's receiving end.
#[derive(Debug)]
pub(super) struct Downlink {
    slots: BTreeMap<SlotId, Order>,
    report_packets: bool,
    happened: VecDeque<Event>,
    counted: Counters,
}

impl Downlink {
    pub(super) fn new(report_packets: bool) -> Self {
        Downlink {
            slots: BTreeMap::new(),
            report_packets,
            happened: VecDeque::new(),
            counted: Counters::default(),
        }
    }

    /// Only offered slots can receive: their number is the bound of the map.
    pub(super) fn learn_slots(&mut self, slots: Vec<SlotId>) {
        for slot in slots {
            self.slots.entry(slot).or_default();
        }
    }

    pub(super) fn receive(&mut self, now: Instant, arrived: Arrived, packet: RtpPacket) {
        let Some((slot, order)) = arrived.slot.and_then(|slot| {
            let order = self.slots.get_mut(&slot)?;
            Some((slot, order))
        }) else {
            return;
        };
        // Packets without a payload only probe the path.
        if packet.payload.is_empty() {
            return;
        }
        self.counted.packets_received += 1;
        self.counted.bytes_received += packet.payload.len() as u64;
        let header = &packet.header;
        let csrc = (header.csrc_count > 0).then_some(header.csrc[0]);
        if self.report_packets {
            self.happened.push_back(Event::Packet(ReceivedPacket {
                slot: slot.clone(),
                seq: *packet.seq_no,
                timestamp: packet.time.numer(),
                marker: header.marker,
                csrc,
                codec: arrived.codec,
                payload_bytes: packet.payload.len(),
            }));
        }
        match arrived.codec {
            Some(Codec::Vp8) => {
                let piece = Piece {
                    timestamp: packet.time.numer(),
                    marker: header.marker,
                    csrc,
                    payload: packet.payload.clone(),
                };
                order.receive(now, *packet.seq_no, piece);
                while let Some(whole) = order.take(now) {
                    self.counted.video_frames += 1;
                    let frame = video_frame(slot.clone(), whole);
                    self.happened.push_back(frame);
                }
            }
            Some(Codec::Opus) => {
                self.counted.audio_frames += 1;
                self.happened.push_back(audio_frame(slot, csrc, &packet));
            }
            _ => {}
        }
    }

    /// Gives up what is overdue; answers the slots that need a keyframe.
    pub(super) fn lapse(&mut self, now: Instant) -> Vec<SlotId> {
        let mut needy = Vec::new();
        for (slot, order) in &mut self.slots {
            if order.lapse(now) {
                needy.push(slot.clone());
            }
            while let Some(whole) = order.take(now) {
                self.counted.video_frames += 1;
                self.happened.push_back(video_frame(slot.clone(), whole));
            }
        }
        needy
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.happened.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.slots.values().filter_map(Order::deadline).min()
    }

    pub(super) fn add_to(&self, counters: &mut Counters) {
        counters.packets_received += self.counted.packets_received;
        counters.bytes_received += self.counted.bytes_received;
        counters.video_frames += self.counted.video_frames;
        counters.audio_frames += self.counted.audio_frames;
        counters.frames_torn += self.slots.values().map(Order::torn).sum::<u64>();
        counters.packets_lost += self.slots.values().map(Order::lost).sum::<u64>();
    }
}

fn video_frame(slot: SlotId, whole: Whole) -> Event {
    let frame = ReceivedFrame {
        slot,
        csrc: whole.csrc,
        track: None,
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

fn audio_frame(slot: SlotId, csrc: Option<u32>, packet: &RtpPacket) -> Event {
    let frame = ReceivedFrame {
        slot,
        csrc,
        track: None,
        codec: Codec::Opus,
        timestamp: packet.time.numer(),
        keyframe: false,
        seqs: (*packet.seq_no, *packet.seq_no),
        picture_id: None,
        tl0_pic_idx: None,
        level_dbov: packet.header.ext_vals.audio_level,
        data: packet.payload.to_vec(),
    };
    Event::Frame(frame)
}
