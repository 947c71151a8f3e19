//! Frames of link peers: a recorder that keeps to the rules, whose link the input cuts and joins
//! again, and two peers that say anything. A link is no stranger's, so these may stop each other's
//! recordings; what the recorder gets must all the same be without a hole that is not named.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_core::io::{Input, PeerId};
use sfu_protocol::ids::{RecordingId, RoomId, TapeId};
use sfu_protocol::link::{FromNode, LINK_VERSION, TapeEnd, ToNode};
use sfu_protocol::media::Source;
use sfu_protocol::recording::TroubleReason;
use uuid::Uuid;

use super::stage::{Stage, on_stage};
use crate::corpus::Steps;
use crate::world::room;

/// Most steps of one input.
const MAX_STEPS: usize = 64;

/// Who keeps to the rules; the peers after it do not.
const RECORDER: u64 = 1;

/// What a step does: the low three bits. The next two say for which recording, the others by whom.
const OPENS: u8 = 0;
const CLOSES: u8 = 1;
const RECORDS: u8 = 2;
const STOPS: u8 = 3;
const ACKS: u8 = 4;
const SAYS: u8 = 5;
const MEDIA: u8 = 6;
const COMES_BACK: u8 = 7;

const RECORDING_SHIFT: u8 = 3;
const PEER_SHIFT: u8 = 5;

/// Recordings that an input can name.
const RECORDINGS: u8 = 4;

/// Largest ring of a recording, and what one entry is over it at most.
const RING_BYTES: u64 = 64 * 1024 * 1024;

pub(crate) fn run(input: &[u8]) {
    on_stage(false, |stage| {
        let mut recorder = Recorder {
            recordings: stage.stranger() * u128::from(RECORDINGS),
            has: BTreeMap::new(),
            entries: 0,
        };
        recorder.comes_back(stage);
        for (operation, content) in Steps(input).take(MAX_STEPS) {
            recorder.step(stage, operation, content);
            recorder.reads(stage);
        }
        recorder.ends(stage);
    });
}

struct Recorder {
    /// The first of the recordings that this input can name.
    recordings: u128,
    /// Its tapes, with the index after the last entry that it has.
    has: BTreeMap<TapeId, u64>,
    entries: u64,
}

impl Recorder {
    fn recording(&self, operation: u8) -> RecordingId {
        let place = operation >> RECORDING_SHIFT & (RECORDINGS - 1);
        RecordingId(Uuid::from_u128(self.recordings + u128::from(place)))
    }

    /// The recorder with what it has, as after its link was lost.
    fn comes_back(&mut self, stage: &mut Stage) {
        let peer = PeerId(RECORDER);
        stage.world.input(Input::LinkClosed { peer });
        stage.world.frames.clear();
        stage.world.input(Input::LinkOpened { peer });
        let hello = ToNode::Hello {
            version: LINK_VERSION,
            peer: "recorder".to_owned(),
        };
        stage.world.link(peer, hello);
        let has = self.has.iter();
        let have = has.map(|(tape, next)| TapeEnd {
            tape: *tape,
            next_index: *next,
        });
        let record = ToNode::Record {
            recording: self.recording(0),
            room: room(),
            started_by: "Ann".to_owned(),
            have: have.collect(),
        };
        stage.world.link(peer, record);
        self.reads(stage);
    }

    /// What it was sent follows on what it has, or is said to be lost.
    fn reads(&mut self, stage: &mut Stage) {
        let own = self.recording(0);
        for (peer, frame) in stage.world.frames.drain(..) {
            if peer != PeerId(RECORDER) {
                continue;
            }
            match frame {
                FromNode::TapeOpened(opened) if opened.recording == own => {
                    self.has.entry(opened.tape).or_default();
                }
                FromNode::Entry {
                    recording,
                    tape,
                    index,
                    ..
                } if recording == own => {
                    let next = self.has.get_mut(&tape).expect("its tape was opened");
                    assert_eq!(index, *next, "one entry follows the other");
                    *next += 1;
                    self.entries += 1;
                }
                FromNode::Gap {
                    recording,
                    tape,
                    from_index,
                    to_index,
                } if recording == own => {
                    let next = self.has.get_mut(&tape).expect("its tape was opened");
                    assert_eq!(from_index, *next, "the hole begins where it has nothing");
                    assert!(to_index > from_index);
                    *next = to_index;
                }
                _ => {}
            }
        }
    }

    fn step(&mut self, stage: &mut Stage, operation: u8, content: &[u8]) {
        let peer = PeerId(RECORDER + 1 + u64::from(operation >> PEER_SHIFT & 1));
        let recording = self.recording(operation);
        let number = |at: usize| u64::from(content.get(at).copied().unwrap_or(0));
        let world = &mut stage.world;
        let frame = match operation & 7 {
            OPENS => return world.input(Input::LinkOpened { peer }),
            CLOSES => return world.input(Input::LinkClosed { peer }),
            RECORDS => ToNode::Record {
                recording,
                room: match number(0) & 3 {
                    0 => RoomId(Uuid::from_u128(900)),
                    _ => room(),
                },
                started_by: String::from_utf8_lossy(content).into_owned(),
                have: self.named(content),
            },
            STOPS => ToNode::StopRecord { recording },
            ACKS => ToNode::Ack {
                recording,
                tape: self.tape(number(0)),
                through: match number(1) {
                    255 => u64::MAX,
                    through => through,
                },
            },
            SAYS => said(recording, content),
            MEDIA => {
                world.stream(stage.ann, Source::Camera, &[0], 1);
                return world.run(Duration::from_millis(number(0)));
            }
            COMES_BACK => return self.comes_back(stage),
            _ => return,
        };
        world.link(peer, frame);
    }

    /// One of the tapes that there are, or one that there is not.
    fn tape(&self, place: u64) -> TapeId {
        let known = self.has.keys().nth(place as usize);
        known.copied().unwrap_or(TapeId(place))
    }

    fn named(&self, content: &[u8]) -> Vec<TapeEnd> {
        let ends = content.chunks_exact(2).map(|end| TapeEnd {
            tape: self.tape(end[0].into()),
            next_index: u64::from(end[1]),
        });
        ends.collect()
    }

    fn ends(mut self, stage: &mut Stage) {
        self.comes_back(stage);
        self.reads(stage);
        for place in 0..RECORDINGS {
            let recording = self.recording(place << RECORDING_SHIFT);
            let stop = ToNode::StopRecord { recording };
            stage.world.link(PeerId(RECORDER), stop);
        }
        for peer in [RECORDER, RECORDER + 1, RECORDER + 2].map(PeerId) {
            stage.world.input(Input::LinkClosed { peer });
        }
        let report = stage.world.shard.report();
        assert_eq!(report.recordings, 0, "nothing is recorded any more");
        assert!(report.ring_bytes <= RING_BYTES * u64::from(RECORDINGS));
    }
}

fn said(recording: RecordingId, content: &[u8]) -> ToNode {
    match content {
        [0, version, name @ ..] => ToNode::Hello {
            version: u16::from(*version),
            peer: String::from_utf8_lossy(name).into_owned(),
        },
        [1, after, ..] => ToNode::Follow {
            after: u64::from(*after),
        },
        [2, ..] => ToNode::Trouble {
            recording,
            reason: Some(TroubleReason::ReadOnly),
        },
        [3, ..] => ToNode::Trouble {
            recording,
            reason: Some(TroubleReason::DiskFull),
        },
        _ => ToNode::Trouble {
            recording,
            reason: None,
        },
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    let again = [
        (MEDIA, &[40][..]),
        (COMES_BACK, &[]),
        (MEDIA, &[1]),
        (COMES_BACK, &[]),
    ];
    let robbed = [
        (OPENS, &[][..]),
        (MEDIA, &[9]),
        (RECORDS, &[1, 0, 0, 7]),
        (MEDIA, &[9]),
        (ACKS, &[0, 3]),
        (COMES_BACK, &[]),
        (MEDIA, &[9]),
    ];
    let stopped = [
        (OPENS, &[][..]),
        (MEDIA, &[9]),
        (STOPS, &[]),
        (MEDIA, &[9]),
        (ACKS, &[0, 255]),
        (RECORDS | 1 << RECORDING_SHIFT, &[1]),
        (MEDIA, &[9]),
        (CLOSES, &[]),
    ];
    let said = [
        (OPENS, &[][..]),
        (SAYS, &[0, 9, b'x']),
        (SAYS, &[1, 0]),
        (SAYS, &[2]),
        (RECORDS | 2 << RECORDING_SHIFT, &[0, 1]),
        (SAYS | 2 << RECORDING_SHIFT, &[3]),
        (STOPS | 3 << RECORDING_SHIFT, &[]),
    ];
    vec![
        ("again", steps(again)),
        ("robbed", steps(robbed)),
        ("stopped", steps(stopped)),
        ("said", steps(said)),
    ]
}
