use super::*;
use sfu_protocol::ids::ParticipantId;
use sfu_protocol::media::Source;
use uuid::Uuid;

const PEER: PeerId = PeerId(1);
const BACK: PeerId = PeerId(2);

fn recording(n: u128) -> RecordingId {
    RecordingId(Uuid::from_u128(n))
}

fn room(n: u128) -> RoomId {
    RoomId(Uuid::from_u128(n))
}

fn track() -> TrackId {
    TrackId {
        participant: ParticipantId(Uuid::from_u128(9)),
        source: Source::Camera,
    }
}

fn entry(at: u64) -> TapeEntry {
    TapeEntry {
        arrived: MediaTime(at),
        layer: 0,
        body: TapeBody::Muted {
            muted: at.is_multiple_of(2),
        },
    }
}

fn tapes(limit_bytes: usize) -> Tapes {
    let clock = MediaClock {
        origin: crate::testing::start(),
        origin_unix_us: 0,
    };
    Tapes::new(clock, limit_bytes)
}

/// One letter for each frame, with its index where it has one.
fn said(tapes: &mut Tapes) -> Vec<String> {
    let mut said = Vec::new();
    while let Some((_, frame)) = tapes.next_frame() {
        said.push(match frame {
            FromNode::RecordStarted { .. } => "start".to_owned(),
            FromNode::TapeOpened(_) => "open".to_owned(),
            FromNode::Entry { index, .. } => format!("{index}"),
            FromNode::Gap {
                from_index,
                to_index,
                ..
            } => format!("gap {from_index}-{to_index}"),
            FromNode::TapeClosed {
                next_index, reason, ..
            } => format!("close {next_index} {reason:?}"),
            FromNode::RecordEnded { reason, .. } => format!("end {reason:?}"),
            FromNode::Welcome { .. } | FromNode::Event(_) => "?".to_owned(),
        });
    }
    said
}

#[test]
fn a_recorder_that_comes_back_gets_the_rest_and_the_end() {
    let mut tapes = tapes(100_000);
    assert_eq!(
        tapes.start(recording(1), room(1), PEER, &[], MediaTime(5)),
        Start::New
    );
    let tape = tapes
        .open_tape(recording(1), track(), "Ann", Codec::Vp8, MediaTime(6))
        .expect("it runs");
    for at in 0..3 {
        tapes.write(recording(1), tape, entry(at));
    }
    tapes.ack(recording(1), tape, 0);
    assert_eq!(said(&mut tapes), ["start", "open", "0", "1", "2"]);

    tapes.peer_gone(PEER);
    tapes.write(recording(1), tape, entry(3));
    tapes.end(recording(1), MediaTime(9), EndReason::RoomClosed);
    assert_eq!(said(&mut tapes), Vec::<String>::new());

    let have = [TapeEnd {
        tape,
        next_index: 2,
    }];
    assert_eq!(
        tapes.start(recording(1), room(1), BACK, &have, MediaTime(20)),
        Start::Again { gaps: false }
    );
    assert_eq!(
        said(&mut tapes),
        [
            "start",
            "open",
            "2",
            "3",
            "close 4 RoomClosed",
            "end RoomClosed"
        ]
    );
}

#[test]
fn what_a_full_ring_dropped_is_named_as_a_gap() {
    let mut tapes = tapes(200);
    tapes.start(recording(1), room(1), PEER, &[], MediaTime(5));
    let tape = tapes
        .open_tape(recording(1), track(), "Ann", Codec::Vp8, MediaTime(6))
        .expect("it runs");
    for at in 0..5 {
        tapes.write(recording(1), tape, entry(at));
    }
    said(&mut tapes);
    tapes.start(recording(1), room(1), BACK, &[], MediaTime(20));
    assert_eq!(said(&mut tapes), ["start", "open", "gap 0-3", "3", "4"]);
    let mut report = Report::default();
    tapes.count(&mut report);
    assert_eq!((report.tape_entries, report.tape_entries_lost), (5, 3));
}

#[test]
fn a_room_is_recorded_once_at_a_time() {
    let mut tapes = tapes(1_000);
    tapes.start(recording(1), room(1), PEER, &[], MediaTime(5));
    assert_eq!(
        tapes.start(recording(2), room(1), PEER, &[], MediaTime(5)),
        Start::Refused
    );
    assert_eq!(said(&mut tapes), ["start", "end Unknown"]);
    tapes.end(recording(1), MediaTime(6), EndReason::Asked);
    assert_eq!(
        tapes.start(recording(2), room(1), PEER, &[], MediaTime(7)),
        Start::New
    );
    assert_eq!(tapes.of_room(room(1)), Some(recording(2)));
}

#[test]
fn tape_names_always_grow() {
    let mut tapes = tapes(1_000);
    tapes.start(recording(1), room(1), PEER, &[], MediaTime(5));
    let mut open = |at| tapes.open_tape(recording(1), track(), "Ann", Codec::Vp8, MediaTime(at));
    assert_eq!(open(10), Some(TapeId(10)));
    assert_eq!(open(10), Some(TapeId(11)));
    assert_eq!(open(3), Some(TapeId(12)));
}

#[test]
fn ended_recordings_are_forgotten_at_the_bound() {
    let mut tapes = tapes(1_000);
    for n in 0..=MAX_ENDED as u128 {
        tapes.start(recording(n), room(n), PEER, &[], MediaTime(1));
        let tape = tapes.open_tape(recording(n), track(), "Ann", Codec::Vp8, MediaTime(2));
        tapes.write(recording(n), tape.expect("it runs"), entry(1));
        tapes.end(recording(n), MediaTime(3), EndReason::Asked);
    }
    assert_eq!(tapes.recordings.len(), MAX_ENDED);
    assert!(!tapes.recordings.contains_key(&recording(0)));
    let held = tapes
        .recordings
        .values()
        .filter(|known| known.ring.bytes() > 0)
        .count();
    assert_eq!(held, MAX_ENDED_RINGS);
}

#[test]
fn a_track_has_its_share_of_tapes_and_then_none() {
    let mut tapes = tapes(1_000);
    tapes.start(recording(1), room(1), PEER, &[], MediaTime(5));
    let open = |tapes: &mut Tapes, track| {
        tapes.open_tape(recording(1), track, "Ann", Codec::Vp8, MediaTime(6))
    };
    for number in 1..=MAX_TAPES_OF_A_TRACK {
        assert!(open(&mut tapes, track()).is_some(), "{number}");
        let share = number >= SHARE_OF_A_TRACK;
        assert_eq!(tapes.had_its_share(recording(1), track()), share);
    }
    assert_eq!(open(&mut tapes, track()), None);
    let participant = ParticipantId(Uuid::from_u128(10));
    let other = TrackId {
        participant,
        ..track()
    };
    assert!(open(&mut tapes, other).is_some());
    assert!(!tapes.had_its_share(recording(1), other));
}

#[test]
fn a_recording_has_no_more_tapes_than_its_bound() {
    let mut tapes = tapes(1_000);
    tapes.start(recording(1), room(1), PEER, &[], MediaTime(5));
    let mut open = |n: usize| {
        let participant = ParticipantId(Uuid::from_u128(n as u128));
        let track = TrackId {
            participant,
            ..track()
        };
        tapes.open_tape(recording(1), track, "Ann", Codec::Vp8, MediaTime(6))
    };
    for n in 0..MAX_TAPES {
        assert!(open(n).is_some(), "{n}");
    }
    assert_eq!(open(MAX_TAPES), None);
}

#[test]
fn what_an_open_tape_cannot_take_is_counted_and_told_by_its_length() {
    let mut tapes = tapes(1_000);
    tapes.start(recording(1), room(1), PEER, &[], MediaTime(5));
    let tape = tapes
        .open_tape(recording(1), track(), "Ann", Codec::Vp8, MediaTime(6))
        .expect("it runs");
    tapes.write(recording(1), tape, entry(1));
    tapes.miss_on(recording(1), tape);
    tapes.miss_on(recording(1), tape);
    tapes.miss();
    tapes.close_tape(recording(1), tape, MediaTime(9), EndReason::TrackEnded);
    let mut report = Report::default();
    tapes.count(&mut report);
    assert_eq!(report.packets_unrecorded, 3);
    assert_eq!(
        said(&mut tapes),
        ["start", "open", "0", "close 3 TrackEnded"]
    );
}

#[test]
fn a_closed_tape_that_is_durable_leaves_the_ring_and_is_still_told_of() {
    let mut tapes = tapes(100_000);
    tapes.start(recording(1), room(1), PEER, &[], MediaTime(5));
    let [first, second] = [6, 7].map(|at| {
        tapes
            .open_tape(recording(1), track(), "Ann", Codec::Vp8, MediaTime(at))
            .expect("it runs")
    });
    for tape in [first, second] {
        tapes.write(recording(1), tape, entry(8));
    }
    let held = |tapes: &Tapes| tapes.recordings[&recording(1)].ring.tapes();
    tapes.close_tape(recording(1), first, MediaTime(9), EndReason::TrackEnded);
    assert_eq!(held(&tapes), 2, "not durable yet");
    tapes.ack(recording(1), first, 0);
    tapes.ack(recording(1), second, 0);
    assert_eq!(held(&tapes), 1, "the other is still open");
    tapes.close_tape(recording(1), second, MediaTime(9), EndReason::TrackEnded);
    assert_eq!(held(&tapes), 0);

    said(&mut tapes);
    let have = [first, second].map(|tape| TapeEnd {
        tape,
        next_index: 1,
    });
    tapes.start(recording(1), room(1), BACK, &have, MediaTime(20));
    let close = "close 1 TrackEnded";
    assert_eq!(said(&mut tapes), ["start", "open", close, "open", close]);
}
