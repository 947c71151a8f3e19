use recorder_core::tape::{BlockBuilder, encode_header};
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::link::{TapeBody, TapeEntry};
use sfu_protocol::media::{Codec, MediaTime, Source};
use uuid::Uuid;

use super::*;

const TAPE: TapeId = TapeId(7);

fn spool(dir: &Path) -> Spool {
    let spool = Spool::of(dir, RecordingId(Uuid::nil()));
    spool.create().expect("creates");
    spool
}

fn header() -> Vec<u8> {
    encode_header(&SegmentHeader {
        tape: TAPE,
        recording: RecordingId(Uuid::nil()),
        track: TrackId {
            participant: ParticipantId(Uuid::nil()),
            source: Source::Microphone,
        },
        name: "Zoë".to_owned(),
        codec: Codec::Opus,
        opened_at: MediaTime(0),
        segment: 0,
        first_index: 0,
    })
}

fn block(index: u64) -> Vec<u8> {
    let mut block = BlockBuilder::new(index);
    let entry = TapeEntry {
        arrived: MediaTime(index),
        layer: 0,
        body: TapeBody::Muted { muted: false },
    };
    block.push(&entry).expect("fits");
    block.finish()
}

/// A spool with one segment of these bytes; its path.
fn with_segment(dir: &Path, bytes: &[u8]) -> (Spool, PathBuf) {
    let spool = spool(dir);
    let tape = spool.tape_dir(TAPE);
    fs::create_dir_all(&tape).expect("creates");
    let segment = tape.join("000000.tape");
    fs::write(&segment, bytes).expect("writes");
    (spool, segment)
}

fn flipped(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 1;
    bytes
}

#[test]
fn recovery_cuts_off_what_is_torn_and_leaves_what_is_anything_else() {
    let (header, first, second) = (header(), block(0), block(1));
    let one = [header.clone(), first.clone()].concat();
    let two = [one.clone(), second].concat();
    let mut newer = two.clone();
    newer[8] = 2;
    // Before, after, where the tape then ends.
    type Case = (&'static str, Vec<u8>, Option<Vec<u8>>, Option<u64>);
    let cases: [Case; 6] = [
        ("whole", two.clone(), Some(two.clone()), Some(2)),
        (
            "torn block",
            two[..two.len() - 1].to_vec(),
            Some(one.clone()),
            Some(1),
        ),
        (
            "torn header",
            header[..header.len() - 1].to_vec(),
            None,
            None,
        ),
        (
            "flipped bit in the first of two blocks",
            flipped(two.clone(), one.len() - 1),
            Some(flipped(two.clone(), one.len() - 1)),
            Some(0),
        ),
        (
            "flipped bit in the header",
            flipped(two.clone(), 13),
            Some(flipped(two.clone(), 13)),
            None,
        ),
        ("of a later program", newer.clone(), Some(newer), None),
    ];
    for (what, before, after, end) in cases {
        let dir = tempfile::tempdir().expect("a directory");
        let (spool, segment) = with_segment(dir.path(), &before);
        let ends = spool.recover().expect("recovers");
        assert_eq!(ends.first().map(|end| end.next_index), end, "{what}");
        assert_eq!(fs::read(&segment).ok(), after, "{what}");
    }
}

#[test]
fn a_tape_without_any_readable_header_is_named_and_one_that_was_never_begun_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let (spool, segment) = with_segment(dir.path(), &flipped(header(), 13));
    let found = spool.tapes().expect("lists");
    assert_eq!(found.tapes.len(), 0);
    assert_eq!(found.unreadable.len(), 1);
    assert!(found.unreadable[0].contains(&TAPE.to_string()), "{found:?}");

    fs::write(&segment, &header()[..5]).expect("writes");
    assert_eq!(
        spool.tapes().expect("lists").unreadable,
        Vec::<String>::new()
    );
}

#[test]
fn a_segment_that_the_disk_does_not_give_is_an_error_and_not_an_empty_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let (spool, segment) = with_segment(dir.path(), &[header(), block(0)].concat());
    let tape = spool.tapes().expect("lists").tapes.remove(0);
    // A directory in its place opens, but cannot be read: as with a failing sector.
    fs::remove_file(&segment).expect("removes");
    fs::create_dir(&segment).expect("takes its place");
    spool.tapes().expect_err("cannot be listed");
    spool.recover().expect_err("cannot be recovered");
    let faults = ReadFaults::default();
    assert_eq!(
        tape.read(&faults).count(),
        1,
        "the fault of an empty segment"
    );
    assert_eq!(faults.found().len(), 1);
    assert!(faults.found()[0].contains("000000.tape"), "{faults:?}");
}

#[test]
fn a_spool_is_empty_only_when_nothing_in_it_can_be_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let spool = spool(dir.path());
    assert!(spool.is_empty().expect("reads"));
    fs::create_dir(spool.tape_dir(TAPE)).expect("creates");
    fs::write(spool.journal_path(0), "torn").expect("writes");
    assert!(spool.is_empty().expect("reads"));
    fs::write(spool.tape_dir(TAPE).join("anything"), "").expect("writes");
    assert!(!spool.is_empty().expect("reads"));
}
