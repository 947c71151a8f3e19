use std::fs;
use std::sync::Arc;

use recorder_core::journal::{self, Assignment, JournalLine};
use recorder_core::tape::{BlockBuilder, SegmentHeader, encode_header};
use sfu_protocol::ids::{ParticipantId, RoomId, SessionId, TapeId, TrackId};
use sfu_protocol::link::{TapeBody, TapeEntry};
use sfu_protocol::media::{Codec, MediaTime, Source};
use uuid::Uuid;

use super::*;

const RECORDING: RecordingId = RecordingId(Uuid::from_u128(1));

/// A second of a microphone: its segment's bytes.
fn microphone(tape: TapeId) -> Vec<u8> {
    let mut block = BlockBuilder::new(0);
    for packet in 0..50_u64 {
        let entry = TapeEntry {
            arrived: MediaTime(packet * 20_000),
            layer: 0,
            body: TapeBody::Rtp {
                seq: packet,
                timestamp: packet as u32 * 960,
                marker: false,
                retransmitted: false,
                // RFC 6716, section 3.1: 20 ms of CELT, with nothing in it.
                payload: Arc::from([0xfc, 0xff, 0xfe]),
            },
        };
        block.push(&entry).expect("fits");
    }
    let header = encode_header(&SegmentHeader {
        tape,
        recording: RECORDING,
        track: TrackId {
            participant: ParticipantId(Uuid::from_u128(u128::from(tape.0))),
            source: Source::Microphone,
        },
        name: "Zoë".to_owned(),
        codec: Codec::Opus,
        opened_at: MediaTime(0),
        segment: 0,
        first_index: 0,
    });
    [header, block.finish()].concat()
}

/// A job whose spool holds one tape.
fn job(dir: &Path) -> Job {
    let spool = Spool::of(&dir.join("spool"), RECORDING);
    spool.create().expect("creates");
    let asked = JournalLine::Asked {
        assignment: Assignment {
            recording: RECORDING,
            room: RoomId(Uuid::nil()),
            session: SessionId(Uuid::nil()),
            title: "A meeting".to_owned(),
            started_by: "Zoë".to_owned(),
        },
    };
    fs::write(spool.journal_path(0), journal::encode(&asked)).expect("writes");
    add_tape(&spool, TapeId(1), &microphone(TapeId(1)));
    Job {
        recording: RECORDING,
        spool,
        store: Directory::open(&dir.join("objects")).expect("opens"),
        canvas: Canvas {
            width: 128,
            height: 128,
        },
        fps: 5,
        uploads: Uploads::default(),
    }
}

fn add_tape(spool: &Spool, tape: TapeId, segment: &[u8]) -> PathBuf {
    let dir = spool.tape_dir(tape);
    fs::create_dir_all(&dir).expect("creates");
    let path = dir.join("000000.tape");
    fs::write(&path, segment).expect("writes");
    path
}

fn made(job: &Job) -> (Vec<FileKind>, Finished) {
    let finished = finish(job, &watch::channel(0).0).expect("makes what can be made");
    let kinds = finished.files.iter().map(|file| file.kind).collect();
    (kinds, finished)
}

#[test]
fn a_composition_that_fails_leaves_tracks_and_manifest_and_can_be_tried_again() {
    use FileKind::{Composed, Manifest, Track};
    let dir = tempfile::tempdir().expect("a directory");
    let mut job = job(dir.path());
    let canvas = job.canvas;
    // No encoder takes an odd width.
    job.canvas.width = 129;
    let (kinds, finished) = made(&job);
    assert_eq!(kinds, [Track, Manifest]);
    assert!(!finished.safe);
    let problem = finished.problem.expect("told");
    assert!(
        problem.starts_with("The composed file could not be made"),
        "{problem}"
    );
    assert!(problem.ends_with("The tapes are kept."), "{problem}");

    job.canvas = canvas;
    let (kinds, finished) = made(&job);
    assert_eq!(kinds, [Composed, Track, Manifest]);
    assert!(finished.safe);
    assert_eq!(finished.problem, None);
}

#[test]
fn a_tape_that_cannot_be_read_is_named_and_its_recording_is_not_called_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let job = job(dir.path());
    let mut damaged = microphone(TapeId(2));
    damaged[13] ^= 1;
    add_tape(&job.spool, TapeId(2), &damaged);
    let (kinds, finished) = made(&job);
    assert_eq!(kinds[0], FileKind::Composed);
    assert!(!finished.safe);
    let problem = finished.problem.expect("told");
    assert!(problem.contains(&TapeId(2).to_string()), "{problem}");
    let key = files::key(&manifest::manifest_key(RECORDING));
    let manifest = Manifest::decode(&job.store.read(&key).expect("reads")).expect("a manifest");
    assert_eq!(manifest.faults.len(), 1);
}

#[test]
fn a_segment_that_the_disk_does_not_give_any_more_is_named_and_the_rest_is_made() {
    let dir = tempfile::tempdir().expect("a directory");
    let job = job(dir.path());
    let segment = add_tape(&job.spool, TapeId(2), &microphone(TapeId(2)));
    let gathered = Gathered::read(&job.spool).expect("reads");
    assert_eq!(gathered.faults(), Vec::<String>::new());
    fs::remove_file(&segment).expect("removes");
    fs::create_dir(&segment).expect("takes its place");
    let work = job.spool.fresh_work_dir().expect("creates");
    assert_eq!(files::write_tracks(&gathered, &work).written.len(), 1);
    assert_eq!(gathered.faults().len(), 1);
    assert_eq!(
        files::store_tapes(&job, &gathered)
            .expect("stores the others")
            .len(),
        1
    );
}
