//! Redundant sound. The first byte of the input is the payload type of the blocks; a step is a
//! payload that came, or a packet that is to leave with those before it.

use std::collections::BTreeSet;

use sfu_protocol::media::Codec;

use super::corpus::Steps;
use crate::media::packet::{Format, Packet};
use crate::media::red::{Given, MAX_BLOCKS, Recent, parse};

/// Most steps of one input.
const MAX_STEPS: usize = 96;

/// A payload that came; else a packet that leaves.
const CAME: u8 = 0x01;
/// Packets before it are missing: bits 1 to 3.
const GAP_SHIFT: u8 = 1;

pub(super) fn run(input: &[u8]) {
    let Some((&chosen, steps)) = input.split_first() else {
        return;
    };
    let mut sound = Sound {
        payload_type: chosen & 0x7f,
        seq: 65_530,
        timestamp: u32::MAX - 4_800,
        recent: Recent::default(),
        before: Vec::new(),
        given: Given::default(),
        given_out: BTreeSet::new(),
    };
    for (operation, content) in Steps(steps).take(MAX_STEPS) {
        match operation & CAME {
            0 => sound.leaves(operation, content),
            _ => sound.came(operation, content),
        }
    }
}

struct Sound {
    payload_type: u8,
    seq: u64,
    timestamp: u32,
    recent: Recent,
    before: Vec<(u64, Vec<u8>)>,
    given: Given,
    given_out: BTreeSet<u64>,
}

impl Sound {
    fn came(&mut self, operation: u8, content: &[u8]) {
        self.seq += 1 + u64::from(operation >> GAP_SHIFT & 7);
        let Some(carried) = parse(content, self.payload_type) else {
            return;
        };
        assert!(carried.earlier.len() <= MAX_BLOCKS);
        let blocks = carried.earlier.iter().map(|one| one.payload.len() + 4);
        let bytes = blocks.sum::<usize>() + 1 + carried.payload.len();
        assert!(bytes <= content.len(), "they lie beside each other");
        for one in &carried.earlier {
            assert!((1..=4).contains(&one.distance) && one.offset > 0 && !one.payload.is_empty());
            self.give_out(self.seq - one.distance);
        }
        let apart = |pair: &[crate::media::red::Earlier<'_>]| pair[0].distance >= pair[1].distance;
        assert!(carried.earlier.windows(2).all(apart), "oldest first");
        self.give_out(self.seq);
    }

    fn give_out(&mut self, seq: u64) {
        if self.given.take(seq) {
            assert!(self.given_out.insert(seq), "no number is given out twice");
        }
    }

    fn leaves(&mut self, operation: u8, content: &[u8]) {
        self.seq += 1 + u64::from(operation >> GAP_SHIFT & 7);
        self.timestamp = self.timestamp.wrapping_add(480 << (operation >> 4));
        let format = Format {
            codec: Codec::Opus,
            profile: 0,
        };
        let packet = Packet {
            payload: content.into(),
            ..crate::testing::packet(format, self.seq, self.timestamp)
        };
        let mut load = self.recent.load(&packet);
        let since = load.since();
        if let Some(made) = load.payload(&packet, self.payload_type) {
            let carried = parse(&made, self.payload_type).expect("ours can be taken apart");
            assert_eq!(carried.payload, content, "the packet's own comes last");
            assert_eq!(carried.earlier.len(), usize::from(since.is_some()));
            for one in &carried.earlier {
                // One block only: its distance is told by its offset alone.
                let was = self.before.iter().find(|(seq, _)| Some(*seq) == since);
                assert_eq!(was.map(|(_, payload)| &payload[..]), Some(one.payload));
            }
            let again = load.payload(&packet, self.payload_type);
            assert_eq!(again.as_deref(), Some(&*made), "made once");
        }
        self.before.push((self.seq, content.to_vec()));
    }
}

#[cfg(test)]
pub(super) fn seeds() -> Vec<super::corpus::Seed> {
    use super::corpus::steps;

    let of = |chosen: u8, all: &[(u8, &[u8])]| {
        let mut input = vec![chosen];
        input.extend(steps(all.iter().copied()));
        input
    };
    let one: &[u8] = &[0xef, 0x0f, 0x00, 2, 0x6f, 0xfc, 1, 0xfc, 2];
    let two: &[u8] = &[0xef, 0x1e, 0x00, 1, 0xef, 0x0f, 0x00, 1, 0x6f, 7, 8, 9];
    let empty: &[u8] = &[0xef, 0x0f, 0x00, 0, 0x6f, 9];
    let many: &[u8] = &[
        0xef, 0, 4, 1, 0xef, 0, 4, 1, 0xef, 0, 4, 1, 0xef, 0, 4, 1, 0xef, 0, 4, 1, 0x6f,
    ];
    vec![
        (
            "came",
            of(
                111,
                &[
                    (CAME, one),
                    (CAME | 1 << GAP_SHIFT, two),
                    (CAME, empty),
                    (CAME, many),
                ],
            ),
        ),
        (
            "leaves",
            of(
                111,
                &[
                    (0, &[0xfc, 1]),
                    (0, &[0xfc, 2]),
                    (2, &[0xfc, 3]),
                    (0x10, &[]),
                ],
            ),
        ),
    ]
}
