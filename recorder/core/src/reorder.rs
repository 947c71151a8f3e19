//! From the order of arrival on a tape to the order of each layer's sequence numbers: late
//! retransmissions go in their place, duplicates go, losses are counted.
//!
//! A hole is waited for until [`WINDOW_PACKETS`] of its layer stand behind it or
//! [`WINDOW_US`] of the tape have passed; what comes later than that is dropped.
//!
//! A node records one layer at a time and nothing while a track is muted. The hole that such a
//! pause leaves in a layer is nobody's loss and is not waited for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sfu_protocol::link::{TapeBody, TapeEntry};
use sfu_protocol::media::MediaTime;

/// Packets of one layer held behind a hole. Beyond, the hole counts as lost: two seconds of a
/// 4 Mbit/s video.
pub const WINDOW_PACKETS: usize = 1024;

/// How long a hole is waited for. A retransmission later than this is of no use to anybody.
pub const WINDOW_US: u64 = 3_000_000;

/// A step in sequence numbers larger than this is a publisher that began anew, not a loss.
pub const MAX_LOSS: u64 = 30_000;

/// So many packets in a row from behind the window are a publisher that began anew.
const BEHIND_RUN: u32 = 8;

/// A packet in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Which layer.
    pub layer: u8,
    /// When the node received it.
    pub arrived: MediaTime,
    /// The layer's timestamp.
    pub timestamp: u32,
    /// The last of its frame.
    pub marker: bool,
    /// Packets are missing right before it, or the sequence began anew.
    pub after_loss: bool,
    /// The payload.
    pub payload: Arc<[u8]>,
}

/// What comes out, in order for each layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// A packet.
    Packet(Packet),
    /// A sender report of a layer.
    SenderReport {
        /// Which layer.
        layer: u8,
        /// When the node received it.
        arrived: MediaTime,
        /// The publisher's NTP time, 32.32.
        ntp: u64,
        /// The same moment in the layer's timestamps.
        timestamp: u32,
    },
    /// The track was muted or unmuted.
    Muted {
        /// When the node heard of it.
        arrived: MediaTime,
        /// True when muted.
        muted: bool,
    },
}

/// What was counted on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderCounts {
    /// Packets in their place.
    pub packets: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Packets that were there already or came too late.
    pub dropped: u64,
}

/// Orders one tape.
#[derive(Debug, Default)]
pub struct Reorder {
    layers: BTreeMap<u8, LayerOrder>,
    newest: MediaTime,
    out: VecDeque<Ordered>,
    counts: OrderCounts,
    unrecorded: u64,
}

#[derive(Debug, Default)]
struct LayerOrder {
    next: Option<u64>,
    held: BTreeMap<u64, Packet>,
    behind: u32,
    broken: bool,
    /// The layer was not recorded for a while since its last packet.
    paused: bool,
}

impl Reorder {
    /// Takes the next entry of the tape.
    pub fn push(&mut self, entry: TapeEntry) {
        let TapeEntry {
            arrived,
            layer,
            body,
        } = entry;
        self.newest = self.newest.max(arrived);
        self.release_old();
        match body {
            TapeBody::Rtp {
                seq,
                timestamp,
                marker,
                payload,
                ..
            } => {
                let packet = Packet {
                    layer,
                    arrived,
                    timestamp,
                    marker,
                    after_loss: false,
                    payload,
                };
                self.place(seq, packet);
            }
            TapeBody::SenderReport { ntp, timestamp } => {
                self.out.push_back(Ordered::SenderReport {
                    layer,
                    arrived,
                    ntp,
                    timestamp,
                });
            }
            TapeBody::Muted { muted } => {
                self.pause_all_but(None);
                self.out.push_back(Ordered::Muted { arrived, muted });
            }
        }
    }

    /// So many entries are missing from the tape: they were received, so the holes they leave
    /// are not the network's losses.
    pub fn missing(&mut self, entries: u64) {
        self.unrecorded = self.unrecorded.saturating_add(entries);
    }

    /// The tape ends: whatever is held comes out.
    pub fn finish(&mut self) {
        let layers = std::mem::take(&mut self.layers);
        for (layer, mut order) in layers {
            while !order.held.is_empty() {
                self.skip_hole(&mut order);
            }
            self.layers.insert(layer, order);
        }
    }

    /// The next in order.
    pub fn pop(&mut self) -> Option<Ordered> {
        self.out.pop_front()
    }

    /// What was counted so far.
    pub fn counts(&self) -> OrderCounts {
        self.counts
    }

    fn place(&mut self, seq: u64, packet: Packet) {
        let layer = packet.layer;
        self.pause_all_but(Some(layer));
        let mut order = self.layers.remove(&layer).unwrap_or_default();
        if order.accepts(seq) {
            if order.resumes_at(seq) {
                order.next = Some(seq);
                order.broken = true;
            }
            if order.held.insert(seq, packet).is_some() {
                self.counts.dropped += 1;
            }
            self.drain(&mut order);
            while order.held.len() > WINDOW_PACKETS {
                self.skip_hole(&mut order);
            }
        } else {
            self.counts.dropped += 1;
        }
        self.layers.insert(layer, order);
    }

    fn pause_all_but(&mut self, recorded: Option<u8>) {
        for (layer, order) in &mut self.layers {
            order.paused |= Some(*layer) != recorded;
        }
    }

    /// Holes that were waited for long enough are losses.
    fn release_old(&mut self) {
        let newest = self.newest;
        let layers = std::mem::take(&mut self.layers);
        for (layer, mut order) in layers {
            while order
                .waits_since()
                .is_some_and(|since| newest.since_us(since) > WINDOW_US)
            {
                self.skip_hole(&mut order);
            }
            self.layers.insert(layer, order);
        }
    }

    /// Gives up what is missing before the first held packet.
    fn skip_hole(&mut self, order: &mut LayerOrder) {
        let Some((&seq, _)) = order.held.first_key_value() else {
            return;
        };
        if let Some(next) = order.next {
            let hole = seq.saturating_sub(next);
            let unrecorded = hole.min(self.unrecorded);
            self.unrecorded -= unrecorded;
            if hole <= MAX_LOSS {
                self.counts.lost += hole - unrecorded;
            }
        }
        order.next = Some(seq);
        order.broken = true;
        self.drain(order);
    }

    /// Lets out what follows without a hole.
    fn drain(&mut self, order: &mut LayerOrder) {
        while let Some(next) = order.next
            && let Some(mut packet) = order.held.remove(&next)
        {
            packet.after_loss = std::mem::take(&mut order.broken);
            order.next = next.checked_add(1);
            self.counts.packets += 1;
            self.out.push_back(Ordered::Packet(packet));
        }
    }
}

impl LayerOrder {
    /// Whether the packet has a place before it. May begin the sequence anew.
    fn accepts(&mut self, seq: u64) -> bool {
        let next = *self.next.get_or_insert(seq);
        if seq >= next {
            self.behind = 0;
            return true;
        }
        if next - seq > WINDOW_PACKETS as u64 {
            self.behind += 1;
        }
        if self.behind < BEHIND_RUN {
            return false;
        }
        self.behind = 0;
        self.held.clear();
        self.next = Some(seq);
        self.broken = true;
        true
    }

    /// Whether the layer goes on here after a pause. Ends the pause.
    fn resumes_at(&mut self, seq: u64) -> bool {
        let ahead = self.next.is_some_and(|next| seq > next);
        std::mem::take(&mut self.paused) && ahead && self.held.is_empty()
    }

    /// When the first packet behind the hole arrived.
    fn waits_since(&self) -> Option<MediaTime> {
        self.held
            .first_key_value()
            .map(|(_, packet)| packet.arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(layer: u8, seq: u64, at_ms: u64) -> TapeEntry {
        TapeEntry {
            arrived: MediaTime(at_ms * 1_000),
            layer,
            body: TapeBody::Rtp {
                seq,
                timestamp: seq as u32,
                marker: false,
                retransmitted: false,
                payload: Arc::from([]),
            },
        }
    }

    /// `(layer, seq, after_loss)` of what comes out.
    fn order(entries: Vec<TapeEntry>) -> (Vec<(u8, u64, bool)>, OrderCounts) {
        let mut reorder = Reorder::default();
        for entry in entries {
            reorder.push(entry);
        }
        reorder.finish();
        let mut out = Vec::new();
        while let Some(ordered) = reorder.pop() {
            if let Ordered::Packet(packet) = ordered {
                out.push((packet.layer, u64::from(packet.timestamp), packet.after_loss));
            }
        }
        (out, reorder.counts())
    }

    #[test]
    fn a_late_retransmission_goes_in_its_place_and_a_duplicate_goes() {
        let (out, counts) = order(vec![
            entry(0, 10, 0),
            entry(0, 12, 1),
            entry(0, 13, 2),
            entry(0, 12, 3),
            entry(0, 11, 500),
            entry(0, 10, 501),
        ]);
        let seqs: Vec<u64> = out.iter().map(|(_, seq, _)| *seq).collect();
        assert_eq!(seqs, [10, 11, 12, 13]);
        assert_eq!(
            counts,
            OrderCounts {
                packets: 4,
                lost: 0,
                dropped: 2
            }
        );
    }

    #[test]
    fn a_hole_is_given_up_after_the_window_and_counted() {
        let (out, counts) = order(vec![
            entry(0, 1, 0),
            entry(0, 4, 1),
            entry(1, 900, 3_002),
            entry(0, 2, 3_003),
        ]);
        assert_eq!(out, [(0, 1, false), (0, 4, true), (1, 900, false)]);
        assert_eq!((counts.lost, counts.dropped), (2, 1));
    }

    #[test]
    fn a_hole_is_given_up_when_the_window_is_full_of_packets() {
        let mut entries = vec![entry(0, 0, 0)];
        entries.extend((2..=WINDOW_PACKETS as u64 + 2).map(|seq| entry(0, seq, 1)));
        entries.push(entry(0, 1, 2));
        let (out, counts) = order(entries);
        assert_eq!(out[1], (0, 2, true));
        assert_eq!((counts.lost, counts.dropped), (1, 1));
    }

    #[test]
    fn a_sequence_that_begins_anew_is_not_a_loss_whichever_way_it_jumps() {
        let (out, counts) = order(vec![entry(0, 1, 0), entry(0, 1_000_000, 1)]);
        assert_eq!(out, [(0, 1, false), (0, 1_000_000, true)]);
        assert_eq!(counts.lost, 0);

        let mut entries = vec![entry(0, 100_000, 0)];
        entries.extend((5..25).map(|seq| entry(0, seq, 1)));
        let (out, _) = order(entries);
        assert_eq!(out[1], (0, 12, true));
        assert_eq!(out.len(), 14);
    }

    #[test]
    fn a_pause_for_another_layer_or_a_mute_is_not_a_loss_and_not_waited_for() {
        let muted = |muted| TapeEntry {
            arrived: MediaTime(50_000),
            layer: 0,
            body: TapeBody::Muted { muted },
        };
        let (out, counts) = order(vec![
            entry(0, 1, 0),
            entry(2, 70, 10),
            entry(0, 500, 20),
            muted(true),
            muted(false),
            entry(0, 900, 60),
            entry(0, 902, 61),
        ]);
        assert_eq!(
            out,
            [
                (0, 1, false),
                (2, 70, false),
                (0, 500, true),
                (0, 900, true),
                (0, 902, true)
            ]
        );
        assert_eq!(counts.lost, 1);
    }

    #[test]
    fn entries_the_tape_lacks_are_not_blamed_on_the_network() {
        let mut reorder = Reorder::default();
        reorder.push(entry(0, 1, 0));
        reorder.missing(5);
        reorder.push(entry(0, 9, 1));
        reorder.finish();
        assert_eq!(reorder.counts().lost, 2);
    }

    #[test]
    fn the_last_sequence_number_of_all_is_survived() {
        let (out, _) = order(vec![entry(0, u64::MAX - 1, 0), entry(0, u64::MAX, 1)]);
        assert_eq!(out.len(), 2);
        order(vec![
            entry(0, u64::MAX, 0),
            entry(0, 0, 1),
            entry(0, u64::MAX, 2),
        ]);
    }

    proptest! {
        #[test]
        fn whatever_the_order_of_arrival_each_comes_once_and_rises(
            seqs in Just((1u64..200).collect::<Vec<_>>()).prop_shuffle(), first in 0usize..5
        ) {
            let mut entries = vec![entry(0, 0, 0)];
            entries.extend(seqs.iter().map(|seq| entry(0, *seq, 1)));
            entries.extend(seqs.iter().take(first).map(|seq| entry(0, *seq, 2)));
            let (out, counts) = order(entries);
            let got: Vec<u64> = out.iter().map(|(_, seq, _)| *seq).collect();
            prop_assert_eq!(got, (0u64..200).collect::<Vec<_>>());
            prop_assert_eq!(counts.lost, 0);
        }

        #[test]
        fn any_sequence_numbers_are_survived(seqs in proptest::collection::vec(any::<u64>(), 0..100)) {
            let count = seqs.len() as u64;
            let (_, counts) = order(seqs.into_iter().map(|seq| entry(0, seq, 1)).collect());
            prop_assert!(counts.packets + counts.dropped <= count);
        }
    }
}
