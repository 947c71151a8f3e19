use std::sync::Arc;

use proptest::prelude::*;
use sfu_protocol::media::{Codec, MediaTime};

use super::*;
use crate::reorder::Packet;

fn packet(timestamp: u32, marker: bool, payload: &[u8]) -> Packet {
    Packet {
        layer: 0,
        arrived: MediaTime(0),
        timestamp,
        marker,
        after_loss: false,
        payload: Arc::from(payload),
    }
}

fn lost_before(packet: Packet) -> Packet {
    Packet {
        after_loss: true,
        ..packet
    }
}

fn frames(codec: Codec, packets: &[Packet]) -> Vec<(bool, Vec<u8>)> {
    let mut depacketiser = Depacketiser::new(codec);
    packets
        .iter()
        .filter_map(|packet| depacketiser.push(packet))
        .map(|frame| (frame.keyframe, frame.data))
        .collect()
}

const VP8_KEY: &[u8] = &[0x10, 0x00, 1];
const VP8_DELTA: &[u8] = &[0x10, 0x01, 2];

#[test]
fn vp8_pieces_join_and_every_descriptor_length_is_stepped_over() {
    let cases: [(&[u8], &[u8]); 5] = [
        (&[0x10, 0x00, 7], &[0x00, 7]),
        (&[0x90, 0x80, 0x11, 0x00, 7], &[0x00, 7]),
        (&[0x90, 0x80, 0x81, 0x11, 0x00, 7], &[0x00, 7]),
        (&[0x90, 0xe0, 0x81, 0x11, 0x22, 0x33, 0x00, 7], &[0x00, 7]),
        (&[0x90, 0x10, 0x44, 0x00, 7], &[0x00, 7]),
    ];
    for (payload, bare) in cases {
        let got = frames(
            Codec::Vp8,
            &[packet(1, false, payload), packet(1, true, &[0x00, 8])],
        );
        assert_eq!(got, [(true, [bare, &[8]].concat())], "{payload:?}");
    }
}

#[test]
fn vp8_begins_with_a_keyframe_and_stops_after_a_loss_until_the_next() {
    let got = frames(
        Codec::Vp8,
        &[
            packet(1, true, VP8_DELTA),
            packet(2, true, VP8_KEY),
            packet(3, true, VP8_DELTA),
            lost_before(packet(4, true, VP8_DELTA)),
            packet(5, true, VP8_DELTA),
            packet(6, true, VP8_KEY),
            packet(7, true, VP8_DELTA),
        ],
    );
    let keyframes: Vec<bool> = got.iter().map(|(keyframe, _)| *keyframe).collect();
    assert_eq!(keyframes, [true, false, true, false]);
}

#[test]
fn a_keyframe_whose_head_was_lost_is_not_a_frame_and_one_right_after_a_loss_is() {
    let mut depacketiser = Depacketiser::new(Codec::Vp8);
    let headless = lost_before(packet(1, true, &[0x00, 0x00, 1]));
    assert_eq!(depacketiser.push(&headless), None);
    assert!(
        depacketiser
            .push(&lost_before(packet(2, true, VP8_KEY)))
            .is_some()
    );
    assert_eq!(depacketiser.counts().broken, 1);
}

#[test]
fn a_hole_inside_a_keyframe_breaks_it_even_when_the_next_piece_looks_like_a_beginning() {
    let got = frames(
        Codec::Vp8,
        &[
            packet(1, false, VP8_KEY),
            lost_before(packet(1, true, VP8_KEY)),
        ],
    );
    assert_eq!(got, []);
}

#[test]
fn a_frame_without_its_marker_breaks_what_follows() {
    let got = frames(
        Codec::Vp8,
        &[
            packet(1, true, VP8_KEY),
            packet(2, false, VP8_DELTA),
            packet(3, true, VP8_DELTA),
        ],
    );
    assert_eq!(got.len(), 1);
}

#[test]
fn packets_of_padding_alone_do_no_harm() {
    let got = frames(
        Codec::Vp8,
        &[
            packet(1, true, VP8_KEY),
            packet(1, false, &[]),
            packet(2, true, VP8_DELTA),
        ],
    );
    assert_eq!(got.len(), 2);
}

#[test]
fn a_hole_between_two_pictures_that_follow_each_other_was_padding() {
    let picture =
        |id: u16, tag: u8| [&[0x90, 0x80], &(0x8000 | id).to_be_bytes()[..], &[tag]].concat();
    for codec in [Codec::Vp8, Codec::Vp9] {
        let payload = |id: u16, key: bool| match codec {
            Codec::Vp8 => picture(id, u8::from(!key)),
            _ => {
                let head = if key { 0x8c } else { 0xcc };
                [&[head], &(0x8000 | id).to_be_bytes()[..], &[1]].concat()
            }
        };
        let got = frames(
            codec,
            &[
                packet(1, true, &payload(0x7fff, true)),
                lost_before(packet(2, true, &payload(0, false))),
                lost_before(packet(3, true, &payload(2, false))),
                packet(4, true, &payload(3, false)),
            ],
        );
        assert_eq!(got.len(), 2, "{codec:?}");
    }
}

#[test]
fn h264_joins_aggregates_fragments_and_single_units() {
    let got = frames(
        Codec::H264,
        &[
            packet(1, false, &[24, 0, 2, 0x67, 1, 0, 2, 0x68, 2]),
            packet(1, false, &[0x7c, 0x85, 3]),
            packet(1, false, &[0x7c, 0x05, 4]),
            packet(1, true, &[0x7c, 0x45, 5]),
            packet(2, true, &[0x41, 6]),
        ],
    );
    let key = [
        0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3, 4, 5,
    ];
    assert_eq!(
        got,
        [(true, key.to_vec()), (false, vec![0, 0, 0, 1, 0x41, 6])]
    );
}

#[test]
fn h264_parameter_sets_sent_alone_go_before_the_next_picture() {
    let got = frames(
        Codec::H264,
        &[
            packet(1, true, &[0x67, 1]),
            packet(2, true, &[0x68, 2]),
            packet(3, true, &[0x65, 3]),
        ],
    );
    let key = [
        0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3,
    ];
    assert_eq!(got, [(true, key.to_vec())]);
}

#[test]
fn h264_fragments_out_of_turn_are_no_frame() {
    for wrong in [
        vec![packet(1, true, &[0x7c, 0x45, 5])],
        vec![packet(1, true, &[0x7c, 0x85, 5])],
        vec![packet(1, true, &[24, 0, 9, 0x65])],
        vec![packet(1, true, &[0x7c])],
        vec![packet(1, true, &[0x1f])],
    ] {
        assert_eq!(frames(Codec::H264, &wrong), [], "{wrong:?}");
    }
}

#[test]
fn vp9_spatial_layers_of_one_time_become_a_superframe() {
    // I=0 P=0 L=1 F=0: layer byte and TL0PICIDX.
    let got = frames(
        Codec::Vp9,
        &[
            packet(1, false, &[0x2c, 0x00, 0x01, 0xaa]),
            packet(1, true, &[0x6c, 0x02, 0x01, 0xbb, 0xbc]),
        ],
    );
    let marker = 0b1101_1001;
    let expected = [0xaa, 0xbb, 0xbc, marker, 1, 0, 0, 0, 2, 0, 0, 0, marker];
    assert_eq!(got, [(true, expected.to_vec())]);
}

#[test]
fn vp9_steps_over_picture_id_references_and_scalability() {
    let cases: [&[u8]; 3] = [
        &[0x8c, 0x81, 0x02, 0xaa],
        // Scalability: two layers with sizes, one group of one reference.
        &[0x0e, 0x38, 0, 1, 0, 1, 0, 2, 0, 2, 1, 0x04, 9, 0xaa],
        &[0x0c, 0xaa],
    ];
    for payload in cases {
        assert_eq!(
            frames(Codec::Vp9, &[packet(1, true, payload)]),
            [(true, vec![0xaa])],
            "{payload:?}"
        );
    }
    let predicted: &[u8] = &[0x5c, 0x03, 0x02, 0xbb];
    let got = frames(
        Codec::Vp9,
        &[packet(1, true, &[0x0c, 0xaa]), packet(2, true, predicted)],
    );
    assert_eq!(got[1], (false, vec![0xbb]));
}

#[test]
fn av1_elements_join_over_packets_and_get_their_sizes() {
    let got = frames(
        Codec::Av1,
        &[
            // W=2, N=1, Y=1: a sequence header with length, then the head of a frame.
            packet(1, false, &[0x68, 2, 0x08, 7, 0x30, 1]),
            // W=1, Z=1: its tail.
            packet(1, true, &[0x90, 2, 3]),
            // W=0: a temporal delimiter and a frame, each with length.
            packet(2, true, &[0x00, 1, 0x10, 2, 0x30, 9]),
        ],
    );
    assert_eq!(
        got,
        [
            (true, vec![0x0a, 1, 7, 0x32, 3, 1, 2, 3]),
            (false, vec![0x32, 1, 9])
        ]
    );
}

#[test]
fn av1_of_more_elements_than_a_byte_counts_is_one_frame() {
    let elements = 300;
    let payload = [&[0x08][..], &[2, 0x08, 7], &[1, 0x30].repeat(elements)].concat();
    let got = frames(Codec::Av1, &[packet(1, true, &payload)]);
    let whole = [&[0x0a, 1, 7][..], &[0x32, 0].repeat(elements)].concat();
    assert_eq!(got, [(true, whole)]);
}

#[test]
fn av1_with_a_wrong_count_or_an_open_end_is_no_frame() {
    for wrong in [
        packet(1, true, &[0x28, 9, 0x08, 7]),
        packet(1, true, &[0x58, 0x30, 1]),
        packet(1, true, &[0x98, 0x30, 1]),
        packet(1, true, &[0x08]),
    ] {
        assert_eq!(
            frames(Codec::Av1, std::slice::from_ref(&wrong)),
            [],
            "{wrong:?}"
        );
    }
}

#[test]
fn every_opus_packet_is_a_frame_whatever_was_lost() {
    let got = frames(
        Codec::Opus,
        &[
            packet(1, false, &[1]),
            lost_before(packet(2, false, &[2])),
            packet(3, false, &[]),
        ],
    );
    assert_eq!(got, [(true, vec![1]), (true, vec![2])]);
}

#[test]
fn a_frame_beyond_the_limit_is_dropped() {
    let mut depacketiser = Depacketiser::new(Codec::Vp8);
    let piece = vec![0x10; 60_000];
    for _ in 0..=MAX_FRAME_BYTES / piece.len() {
        assert_eq!(depacketiser.push(&packet(1, false, &piece)), None);
    }
    assert_eq!(depacketiser.push(&packet(1, true, &piece)), None);
    assert_eq!(depacketiser.counts().broken, 1);
}

proptest! {
    #[test]
    fn any_payloads_are_survived(
        packets in proptest::collection::vec(
            (0u32..4, any::<bool>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..24)),
            0..30
        )
    ) {
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            let mut depacketiser = Depacketiser::new(codec);
            let mut first = true;
            for (timestamp, marker, after_loss, payload) in &packets {
                let packet = Packet { after_loss: *after_loss, ..packet(*timestamp, *marker, payload) };
                if let Some(frame) = depacketiser.push(&packet) {
                    prop_assert!(!frame.data.is_empty());
                    prop_assert!(frame.keyframe || !first);
                    first = false;
                }
            }
        }
    }
}
