//! Tapes of synthetic participants, as a shard would fill them.

use std::sync::Arc;

use recorder::compose::synthetic::{PACKET_US, SyntheticPerson, VIDEO_FPS};
use sfu_protocol::ids::{ParticipantId, RecordingId, TapeId, TrackId};
use sfu_protocol::link::{TapeBody, TapeEntry, TapeOpened};
use sfu_protocol::media::{Codec, MediaTime, Source};
use uuid::Uuid;

/// When every meeting of these tests begins, on the node's media clock.
pub(crate) const START_US: u64 = 1_700_000_000_000_000;

/// The publishers' clocks are an hour ahead of the node's.
const PUBLISHER_AHEAD_US: u64 = 3_600_000_000;

/// How long a packet is on its way.
const NETWORK_US: u64 = 20_000;

/// Most bytes of a frame in one packet.
const PIECE_BYTES: usize = 1_100;

/// One tape: what it is, and its entries in order.
#[derive(Clone)]
pub(crate) struct MadeTape {
    pub(crate) opened: TapeOpened,
    pub(crate) entries: Vec<TapeEntry>,
}

/// Cameras and microphones of so many participants for so many seconds.
pub(crate) fn tapes(recording: RecordingId, participants: usize, seconds: u64) -> Vec<MadeTape> {
    (0..participants)
        .flat_map(|index| person(recording, index, seconds))
        .collect()
}

/// The same tapes so much later, from the same people by new connections.
pub(crate) fn later(tapes: Vec<MadeTape>, by_us: u64) -> Vec<MadeTape> {
    let ntp = ((by_us / 1_000_000) << 32) | (((by_us % 1_000_000) << 32) / 1_000_000);
    tapes
        .into_iter()
        .map(|mut tape| {
            tape.opened.tape.0 += by_us;
            tape.opened.at.0 += by_us;
            for entry in &mut tape.entries {
                entry.arrived.0 += by_us;
                if let TapeBody::SenderReport { ntp: sent, .. } = &mut entry.body {
                    *sent += ntp;
                }
            }
            tape
        })
        .collect()
}

/// The participant of this number.
pub(crate) fn participant(index: usize) -> ParticipantId {
    ParticipantId(Uuid::from_u128(100 + index as u128))
}

fn person(recording: RecordingId, index: usize, seconds: u64) -> [MadeTape; 2] {
    let name = format!("Guest {}", index + 1);
    let mut person = SyntheticPerson::new(&name, index).expect("codecs are there");
    let opened = |source, codec, number: usize| TapeOpened {
        tape: TapeId(START_US + number as u64),
        recording,
        track: TrackId {
            participant: participant(index),
            source,
        },
        name: name.clone(),
        codec,
        at: MediaTime(START_US),
    };
    let camera = camera(&mut person, seconds);
    let microphone = microphone(&mut person, seconds);
    [
        MadeTape {
            opened: opened(Source::Camera, Codec::Vp8, index * 2),
            entries: camera,
        },
        MadeTape {
            opened: opened(Source::Microphone, Codec::Opus, index * 2 + 1),
            entries: microphone,
        },
    ]
}

fn camera(person: &mut SyntheticPerson, seconds: u64) -> Vec<TapeEntry> {
    let mut entries = Vec::new();
    let mut seq = 5_000;
    for picture in 0..seconds * VIDEO_FPS {
        let at_us = picture * 1_000_000 / VIDEO_FPS;
        let timestamp = (at_us * 90 / 1_000) as u32;
        if picture % VIDEO_FPS == 0 {
            entries.push(report(at_us, timestamp));
        }
        let frames = person.video_at(at_us, [false; 3]);
        let best = frames.last().expect("every layer has a frame");
        let pieces: Vec<&[u8]> = best.data.chunks(PIECE_BYTES).collect();
        for (number, piece) in pieces.iter().enumerate() {
            // RFC 7741, section 4.2: only the first piece begins the partition.
            let mut payload = vec![if number == 0 { 0x10 } else { 0x00 }];
            payload.extend_from_slice(piece);
            let marker = number + 1 == pieces.len();
            entries.push(rtp(2, at_us, seq, timestamp, marker, payload));
            seq += 1;
        }
    }
    entries
}

fn microphone(person: &mut SyntheticPerson, seconds: u64) -> Vec<TapeEntry> {
    let mut entries = Vec::new();
    for packet in 0..seconds * 1_000_000 / PACKET_US {
        let at_us = packet * PACKET_US;
        let timestamp = u32::MAX.wrapping_add((at_us * 48 / 1_000) as u32);
        if packet.is_multiple_of(50) {
            let report = report(at_us, timestamp);
            entries.push(TapeEntry { layer: 0, ..report });
        }
        let sound = person.audio_at(at_us);
        entries.push(rtp(0, at_us, packet, timestamp, false, sound.data));
    }
    entries
}

fn rtp(
    layer: u8,
    at_us: u64,
    seq: u64,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
) -> TapeEntry {
    TapeEntry {
        arrived: MediaTime(START_US + at_us + NETWORK_US),
        layer,
        body: TapeBody::Rtp {
            seq,
            timestamp,
            marker,
            retransmitted: false,
            payload: Arc::from(payload),
        },
    }
}

fn report(at_us: u64, timestamp: u32) -> TapeEntry {
    let unix_us = START_US + PUBLISHER_AHEAD_US + at_us;
    let seconds = unix_us / 1_000_000 + 2_208_988_800;
    let fraction = ((unix_us % 1_000_000) << 32) / 1_000_000;
    TapeEntry {
        arrived: MediaTime(START_US + at_us + NETWORK_US),
        layer: 2,
        body: TapeBody::SenderReport {
            ntp: seconds << 32 | fraction,
            timestamp,
        },
    }
}
