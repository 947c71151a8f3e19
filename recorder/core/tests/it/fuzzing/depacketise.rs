//! Payloads of one layer in order. The operation of a step says whether the packet ends its
//! frame, follows a loss, begins a new timestamp, and how often its content is repeated.

use recorder_core::depacketise::{Depacketiser, WholeFrame};
use recorder_core::reorder::Packet;
use sfu_protocol::media::{Codec, Kind, MediaTime};

use crate::corpus::Steps;

/// Most packets of one input.
const MAX_STEPS: usize = 256;

/// A frame is at most so many times its payloads: one start code for each NAL unit of a byte.
const MAX_GROWTH: usize = 8;

const MARKER: u8 = 1;
const AFTER_LOSS: u8 = 2;
const SAME_TIMESTAMP: u8 = 4;
const REPEATED: u8 = 8;

pub(crate) fn vp8(input: &[u8]) {
    run(Codec::Vp8, input);
}

pub(crate) fn vp9(input: &[u8]) {
    run(Codec::Vp9, input);
}

pub(crate) fn h264(input: &[u8]) {
    run(Codec::H264, input);
}

pub(crate) fn av1(input: &[u8]) {
    run(Codec::Av1, input);
}

pub(crate) fn opus(input: &[u8]) {
    run(Codec::Opus, input);
}

fn run(codec: Codec, input: &[u8]) {
    let mut depacketiser = Depacketiser::new(codec);
    let mut timestamp = 0u32;
    let (mut whole, mut broken_at_last_frame, mut payload_bytes) = (0, 0, 0);
    let mut any_frame = false;
    for (operation, content) in Steps(input).take(MAX_STEPS) {
        if operation & SAME_TIMESTAMP == 0 {
            timestamp = timestamp.wrapping_add(3_000);
        }
        let times = if operation & REPEATED == 0 { 1 } else { 32 };
        let payload = content.repeat(times);
        payload_bytes += payload.len();
        let frame = depacketiser.push(&Packet {
            layer: 0,
            arrived: MediaTime(0),
            timestamp,
            marker: operation & MARKER != 0,
            after_loss: operation & AFTER_LOSS != 0,
            payload: payload.into(),
        });
        let counts = depacketiser.counts();
        if let Some(frame) = frame {
            whole += 1;
            if codec.kind() == Kind::Video {
                let follows = any_frame && counts.broken == broken_at_last_frame;
                assert!(frame.keyframe || follows, "a keyframe after what is broken");
            }
            any_frame = true;
            broken_at_last_frame = counts.broken;
            check(codec, &frame);
            let most = MAX_GROWTH * payload_bytes + 64;
            assert!(frame.data.len() <= most, "{} bytes", frame.data.len());
        }
        assert_eq!(counts.whole, whole);
    }
}

fn check(codec: Codec, frame: &WholeFrame) {
    assert!(!frame.data.is_empty(), "a frame has content");
    match codec {
        Codec::Vp8 => assert_eq!(frame.keyframe, frame.data[0] & 1 == 0),
        Codec::H264 => assert_eq!(frame.data[..4], [0, 0, 0, 1], "Annex B"),
        Codec::Av1 => check_obus(&frame.data),
        Codec::Opus => assert!(frame.keyframe),
        Codec::Vp9 => {}
    }
}

/// The low-overhead format: OBUs that all have sizes, to the last byte.
fn check_obus(mut rest: &[u8]) {
    while let Some(&header) = rest.first() {
        assert_ne!(header & 0x02, 0, "every OBU has its size");
        assert_ne!(header >> 3 & 0x0f, 2, "no temporal delimiter");
        let mut at = 1 + usize::from(header & 0x04 != 0);
        let (mut size, mut shift) = (0usize, 0);
        loop {
            let byte = rest[at];
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest = &rest[at + size..];
    }
}

/// The same for every codec: what is right for one is wrong for the others, and both are wanted.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    const CONTINUED: u8 = SAME_TIMESTAMP;
    vec![
        (
            "vp8",
            steps([
                (0, &[0x90, 0x80, 0x81, 0x11, 0x00, 7][..]),
                (CONTINUED | MARKER, &[0x80, 0x80, 0x81, 0x11, 9]),
                (MARKER, &[0x90, 0xe0, 0x81, 0x12, 0x22, 0x33, 0x01, 7]),
                (MARKER | AFTER_LOSS, &[0x90, 0x80, 0x81, 0x13, 0x01, 7]),
                (MARKER | AFTER_LOSS, &[0x90, 0x80, 0x81, 0x19, 0x01, 7]),
                (MARKER, &[0x90, 0x10, 0x44, 0x00, 7]),
            ]),
        ),
        (
            "vp9",
            steps([
                (
                    0,
                    &[0xae, 0x81, 0x02, 0x00, 0x00, 0x18, 1, 0, 1, 0, 1, 4, 2][..],
                ),
                (CONTINUED | MARKER, &[0xac, 0x81, 0x02, 0x02, 0x00, 5, 6]),
                (MARKER, &[0xfc, 0x81, 0x03, 0x00, 0x02, 5]),
            ]),
        ),
        (
            "h264",
            steps([
                (0, &[24, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3][..]),
                (CONTINUED, &[0x7c, 0x85, 1, 2]),
                (CONTINUED | MARKER, &[0x7c, 0x45, 3]),
                (MARKER, &[0x67, 1, 2]),
                (MARKER, &[0x41, 9]),
            ]),
        ),
        (
            "av1",
            steps([
                (0, &[0x58, 3, 0x0a, 1, 7, 0x32, 9][..]),
                (CONTINUED | MARKER, &[0x80, 2, 8, 8]),
                (MARKER, &[0x10, 0x34, 0, 1, 2]),
            ]),
        ),
        ("opus", steps([(MARKER, &[0xfc, 1, 2][..]), (MARKER, &[])])),
        (
            "long",
            steps([
                (REPEATED, &[0x10; 64][..]),
                (CONTINUED | MARKER | REPEATED, &[0; 64]),
            ]),
        ),
    ]
}
