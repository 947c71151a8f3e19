//! Puts the packets of a video slot in order and makes frames of them, as a receiver with a
//! jitter buffer does: it waits for a missing packet, gives up after a while, and then needs a
//! keyframe.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::coding::Head;

/// How long a missing packet is waited for: two retransmissions over a path of 300 ms. Browsers
/// wait for a frame up to four times as long.
pub(super) const PATIENCE: Duration = Duration::from_millis(800);

/// How long a missing packet is waited for when a whole keyframe came after it, as browsers do not
/// wait for what nothing needs any more.
pub(super) const KEYFRAME_PATIENCE: Duration = Duration::from_millis(200);

/// How often a keyframe is asked for while none comes.
pub(super) const KEYFRAME_REPEAT: Duration = Duration::from_millis(300);

/// How long packets without a keyframe are watched before one is asked for: the node has asked
/// its publisher already when it filled the slot.
pub(super) const KEYFRAME_GRACE: Duration = Duration::from_millis(300);

/// Most packets that wait for a missing one: two seconds of 3 Mbit/s. When it is full the
/// missing packet is given up.
pub(super) const MAX_HELD_PACKETS: usize = 700;

/// One packet of a slot.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) timestamp: u64,
    pub(super) marker: bool,
    pub(super) csrc: Option<u32>,
    /// Nothing: it only takes the place of what was left out.
    pub(super) payload: Arc<[u8]>,
    /// What the payload says.
    pub(super) head: Head,
    /// The dependency descriptor.
    pub(super) descriptor: Option<Vec<u8>>,
}

impl Piece {
    fn is_padding(&self) -> bool {
        self.payload.is_empty()
    }
}

/// A whole frame of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) timestamp: u64,
    pub(super) csrc: Option<u32>,
    pub(super) seqs: (u64, u64),
    pub(super) keyframe: bool,
    pub(super) picture_id: Option<u16>,
    pub(super) tl0_pic_idx: Option<u8>,
    pub(super) temporal_id: Option<u8>,
    /// Of each packet that has one, in order.
    pub(super) descriptors: Vec<Vec<u8>>,
    pub(super) data: Vec<u8>,
}

/// Where a frame ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// With this packet: it has the marker.
    Whole(u64),
    /// Nowhere: with this packet another frame begins, and the rest was never sent. A node that
    /// changes layers while a packet is lost sends such a frame.
    Torn(u64),
}

/// The packets of one slot.
#[derive(Debug, Default)]
pub(super) struct Order {
    held: BTreeMap<u64, Piece>,
    /// The sequence number with which the next frame begins. None: a keyframe is needed.
    next: Option<u64>,
    /// Nothing before it is wanted any more.
    floor: u64,
    waiting_since: Option<Instant>,
    asked_at: Option<Instant>,
    lost: u64,
    torn: u64,
}

impl Order {
    pub(super) fn receive(&mut self, now: Instant, seq: u64, piece: Piece) {
        // What is left out of nothing is nothing.
        if seq < self.floor || piece.is_padding() && self.next.is_none() {
            return;
        }
        self.held.insert(seq, piece);
        if self.held.len() > MAX_HELD_PACKETS {
            self.give_up();
        }
        if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
        }
    }

    /// The next whole frame that can be taken.
    pub(super) fn take(&mut self, now: Instant) -> Option<Whole> {
        if self.next.is_none() && self.find_keyframe() {
            // Its packets are waited for from now on, not since the last picture.
            self.waiting_since = Some(now);
        }
        let whole = loop {
            self.pass_padding();
            let first = self.next?;
            match self.extent(first) {
                Some(Extent::Whole(last)) => break self.assemble(first, last),
                Some(Extent::Torn(next)) => self.skip_to(next),
                None => self.jump(now, first)?,
            }
        };
        self.asked_at = None;
        self.waiting_since = (!self.held.is_empty()).then_some(now);
        Some(whole)
    }

    /// Gives up a packet that is overdue. Answers true when a keyframe is to be asked for now.
    pub(super) fn lapse(&mut self, now: Instant) -> bool {
        let Some(since) = self.waiting_since else {
            return false;
        };
        if self.next.is_some() && now >= since + PATIENCE {
            self.give_up();
            self.waiting_since = Some(now);
        }
        if self.next.is_some() || !self.due(now, since) {
            return false;
        }
        self.asked_at = Some(now);
        true
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = self.waiting_since?;
        Some(match (self.next, self.asked_at) {
            (Some(_), _) => since + PATIENCE,
            (None, None) => since + self.grace(),
            (None, Some(asked)) => asked + KEYFRAME_REPEAT,
        })
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn torn(&self) -> u64 {
        self.torn
    }

    fn due(&self, now: Instant, since: Instant) -> bool {
        match self.asked_at {
            None => now >= since + self.grace(),
            Some(asked) => now >= asked + KEYFRAME_REPEAT,
        }
    }

    /// Before the first frame the node's own request is under way; after a loss only ours can be.
    fn grace(&self) -> Duration {
        if self.floor == 0 {
            KEYFRAME_GRACE
        } else {
            Duration::ZERO
        }
    }

    /// A chain is broken: everything up to the next keyframe is useless.
    fn give_up(&mut self) {
        let from = self.next.unwrap_or(self.floor);
        let highest = self.held.keys().next_back().copied().unwrap_or(from);
        let present = self.held.range(from..).count() as u64;
        self.lost += (highest + 1).saturating_sub(from).saturating_sub(present);
        self.next = None;
        self.floor = self.floor.max(from).max(1);
        // The frame that waits is incomplete even when it is a keyframe.
        self.held = self.held.split_off(&(from + 1));
        if !self.find_keyframe() {
            self.floor = highest + 1;
            self.held.clear();
        }
    }

    fn find_keyframe(&mut self) -> bool {
        let start = self
            .held
            .iter()
            .find(|(_, piece)| piece.head.starts_keyframe)
            .map(|(&seq, _)| seq);
        if let Some(start) = start {
            self.held = self.held.split_off(&start);
            self.floor = start;
            self.next = Some(start);
        }
        start.is_some()
    }

    fn assemble(&mut self, first: u64, last: u64) -> Whole {
        let after = self.held.split_off(&(last + 1));
        let pieces = std::mem::replace(&mut self.held, after);
        let begin = &pieces[&first];
        let bytes = pieces.values().map(|p| p.payload.len()).sum();
        let mut data = Vec::with_capacity(bytes);
        for piece in pieces.values() {
            let part = piece.head.body.and_then(|body| piece.payload.get(body..));
            data.extend_from_slice(part.unwrap_or_default());
        }
        let descriptors = pieces.values().filter_map(|p| p.descriptor.clone());
        self.next = Some(last + 1);
        self.floor = last + 1;
        Whole {
            timestamp: begin.timestamp,
            csrc: begin.csrc,
            seqs: (first, last),
            keyframe: begin.head.starts_keyframe,
            picture_id: begin.head.picture_id,
            tl0_pic_idx: begin.head.tl0_pic_idx,
            temporal_id: begin.head.temporal_id,
            descriptors: descriptors.collect(),
            data,
        }
    }

    /// Goes on with a whole keyframe that came after what is missing.
    fn jump(&mut self, now: Instant, first: u64) -> Option<()> {
        if now < self.waiting_since? + KEYFRAME_PATIENCE {
            return None;
        }
        let begins = |piece: &Piece| piece.head.starts_keyframe;
        let is_whole = |seq: u64| matches!(self.extent(seq), Some(Extent::Whole(_)));
        let mut keyframes = self.held.range(first + 1..);
        let keyframe = keyframes.find(|(seq, piece)| begins(piece) && is_whole(**seq));
        let start = *keyframe?.0;
        let present = self.held.range(first..start).count() as u64;
        self.lost += (start - first).saturating_sub(present);
        self.held = self.held.split_off(&start);
        self.floor = start;
        self.next = Some(start);
        Some(())
    }

    /// Passes over a torn frame. Only a keyframe can follow it.
    fn skip_to(&mut self, next: u64) {
        self.torn += 1;
        self.held = self.held.split_off(&next);
        self.floor = next;
        self.next = None;
        self.find_keyframe();
    }

    /// Goes on behind what only takes a place.
    fn pass_padding(&mut self) {
        while let Some(next) = self.next
            && self.held.get(&next).is_some_and(Piece::is_padding)
        {
            self.held.remove(&next);
            self.next = Some(next + 1);
            self.floor = next + 1;
            if self.held.is_empty() {
                self.waiting_since = None;
            }
        }
    }

    /// How far the frame reaches that begins with `first`; none while a packet is missing.
    fn extent(&self, first: u64) -> Option<Extent> {
        let timestamp = self.held.get(&first)?.timestamp;
        // Where the last packet that is no padding is, and whether a frame ends there.
        let mut before = (first, false);
        for (expected, (&seq, piece)) in (first..).zip(self.held.range(first..)) {
            if seq != expected {
                return None;
            }
            if piece.is_padding() {
                continue;
            }
            if piece.timestamp != timestamp || (seq != first && piece.head.starts_picture) {
                // Of a picture built of layers the last may be left out, and the mark with it.
                return Some(match before {
                    (last, true) => Extent::Whole(last),
                    (_, false) => Extent::Torn(seq),
                });
            }
            if piece.marker {
                return Some(Extent::Whole(seq));
            }
            before = (seq, piece.head.ends_frame);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vp8::Vp8Packetizer;
    use sfu_protocol::media::Codec;

    /// Frames of two packets each; every third is a keyframe.
    fn stream(frames: u64) -> Vec<(u64, Piece)> {
        let mut packetizer = Vp8Packetizer::new(1);
        let mut packets = Vec::new();
        for number in 0..frames {
            let keyframe = number % 3 == 0;
            let frame = vec![u8::from(!keyframe); 1_500];
            let payloads = packetizer.packetize(&frame, keyframe);
            let last = payloads.len() - 1;
            for (index, payload) in payloads.into_iter().enumerate() {
                let piece = Piece {
                    timestamp: number * 3_000,
                    marker: index == last,
                    csrc: Some(5),
                    head: crate::coding::read(Codec::Vp8, &payload, None),
                    payload: payload.into(),
                    descriptor: None,
                };
                packets.push((100 + packets.len() as u64, piece));
            }
        }
        packets
    }

    fn all(order: &mut Order, now: Instant) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| order.take(now))
            .map(|whole| (whole.timestamp / 3_000, whole.keyframe))
            .collect()
    }

    #[test]
    fn reordered_packets_become_frames_in_order() {
        let now = Instant::now();
        let mut order = Order::default();
        let mut packets = stream(4);
        packets.swap(0, 1);
        packets.swap(3, 6);
        for (seq, piece) in packets {
            order.receive(now, seq, piece);
        }
        assert_eq!(
            all(&mut order, now),
            [(0, true), (1, false), (2, false), (3, true)]
        );
        assert_eq!((order.lost(), order.deadline()), (0, None));
    }

    #[test]
    fn a_late_packet_is_waited_for_and_a_lost_one_costs_frames_up_to_the_next_keyframe() {
        let start = Instant::now();
        let mut order = Order::default();
        let packets = stream(7);
        let (missing, late) = (2, packets[2].clone());
        for (seq, piece) in packets
            .into_iter()
            .take(6)
            .filter(|(s, _)| *s != 100 + missing)
        {
            order.receive(start, seq, piece);
        }
        assert_eq!(all(&mut order, start), [(0, true)]);
        assert!(!order.lapse(start + PATIENCE / 2));
        order.receive(start, late.0, late.1);
        assert_eq!(all(&mut order, start), [(1, false), (2, false)]);

        let mut order = Order::default();
        for (seq, piece) in stream(7).into_iter().filter(|(s, _)| *s != 102) {
            order.receive(start, seq, piece);
        }
        assert_eq!(all(&mut order, start), [(0, true)]);
        let given_up = order.deadline().expect("it waits for a packet");
        assert!(!order.lapse(given_up), "a keyframe is here already");
        assert_eq!(
            all(&mut order, given_up),
            [(3, true), (4, false), (5, false), (6, true)]
        );
        assert_eq!(order.lost(), 1);
    }

    #[test]
    fn a_whole_keyframe_after_a_loss_is_not_kept_waiting() {
        let start = Instant::now();
        let mut order = Order::default();
        for (seq, piece) in stream(4).into_iter().filter(|(s, _)| *s != 102) {
            order.receive(start, seq, piece);
        }
        assert_eq!(all(&mut order, start), [(0, true)], "it may be late only");
        let later = start + KEYFRAME_PATIENCE;
        assert_eq!(all(&mut order, later), [(3, true)]);
        assert_eq!(order.lost(), 1);
    }

    #[test]
    fn a_keyframe_is_asked_for_after_a_loss_and_again_while_none_comes() {
        let mut now = Instant::now();
        let mut order = Order::default();
        for (seq, piece) in stream(3).into_iter().filter(|(s, _)| *s != 102) {
            order.receive(now, seq, piece);
        }
        assert_eq!(all(&mut order, now), [(0, true)]);
        for _ in 0..3 {
            now = order.deadline().expect("it still waits");
            assert!(order.lapse(now));
            assert!(!order.lapse(now), "once is enough");
        }
    }

    #[test]
    fn a_torn_frame_is_passed_over() {
        let now = Instant::now();
        for keyframe_follows in [true, false] {
            let mut order = Order::default();
            let mut packets = stream(7);
            // Frame 2, or 1, loses its second packet and the numbers close up behind it.
            packets.remove(if keyframe_follows { 5 } else { 3 });
            for (seq, (_, piece)) in (100..).zip(packets) {
                order.receive(now, seq, piece);
            }
            let frames: Vec<_> = all(&mut order, now).iter().map(|&(n, _)| n).collect();
            let expected: &[u64] = match keyframe_follows {
                true => &[0, 1, 3, 4, 5, 6],
                false => &[0, 3, 4, 5, 6],
            };
            assert_eq!((frames.as_slice(), order.torn()), (expected, 1));
        }
    }

    #[test]
    fn a_keyframe_that_stays_incomplete_is_given_up_as_well() {
        let now = Instant::now();
        let mut order = Order::default();
        for (seq, piece) in stream(3).into_iter().filter(|(s, _)| *s != 101) {
            order.receive(now, seq, piece);
        }
        assert_eq!(all(&mut order, now), []);
        let given_up = order.deadline().expect("it waits for a packet");
        assert!(order.lapse(given_up), "another keyframe is needed");
        let next = stream(7).into_iter().skip(6);
        for (seq, piece) in next {
            order.receive(given_up, seq, piece);
        }
        assert_eq!(
            all(&mut order, given_up),
            [(3, true), (4, false), (5, false), (6, true)]
        );
    }

    #[test]
    fn a_keyframe_that_comes_after_long_is_waited_for_as_any_other() {
        let start = Instant::now();
        let mut order = Order::default();
        let mut packets = stream(7);
        let (keyframe, rest) = (packets.split_off(12), packets.split_off(1));
        for (seq, piece) in rest.into_iter().skip(1).take(3) {
            order.receive(start, seq, piece);
        }
        let late = start + 4 * PATIENCE;
        assert!(order.lapse(late), "nothing begins here");
        for (number, (seq, piece)) in (0u32..).zip(keyframe) {
            let now = late + Duration::from_millis(50) * number;
            order.receive(now, seq, piece);
            let whole = order.take(now);
            assert_eq!(whole.is_some(), number == 1, "two packets are a frame");
            assert!(!order.lapse(now), "what just came is not overdue");
        }
        assert_eq!(order.lost(), 0);
    }

    #[test]
    fn what_never_begins_with_a_keyframe_asks_for_one_and_stays_bounded() {
        let start = Instant::now();
        let mut order = Order::default();
        let delta = stream(2).pop().expect("packets").1;
        for seq in 0..2 * MAX_HELD_PACKETS as u64 {
            order.receive(start, seq, delta.clone());
            assert!(order.take(start).is_none());
        }
        assert!(order.held.len() <= MAX_HELD_PACKETS);
        assert!(order.lapse(order.deadline().expect("it waits")));
    }
}
