use sfu_protocol::ids::{ParticipantId, RecordingId, TapeId, TrackId};
use sfu_protocol::link::TapeBody;
use sfu_protocol::media::{Codec, Source};
use uuid::Uuid;

use super::*;
use crate::spool::ReadFaults;
use recorder_core::tape::TapeItem;

const TAPE: TapeId = TapeId(7);

fn opened() -> TapeOpened {
    TapeOpened {
        tape: TAPE,
        recording: RecordingId(Uuid::nil()),
        track: TrackId {
            participant: ParticipantId(Uuid::nil()),
            source: Source::Microphone,
        },
        name: "Zoë".to_owned(),
        codec: Codec::Opus,
        at: MediaTime(0),
    }
}

fn entry(seconds: u64) -> TapeEntry {
    TapeEntry {
        arrived: MediaTime(seconds * 1_000_000),
        layer: 0,
        body: TapeBody::Muted { muted: true },
    }
}

/// A tape with its first entry on disk, whose segment's disk then takes every write and fails
/// every fsync, as one does that loses what it has in its cache.
fn tape_on_a_disk_that_lies(dir: &std::path::Path) -> (Spool, TapeFile) {
    let spool = Spool::of(dir, RecordingId(Uuid::nil()));
    spool.create().expect("creates");
    let mut tape = TapeFile::open(&spool, &opened(), 0).expect("opens");
    tape.write(0, &entry(0)).expect("writes");
    tape.sync().expect("syncs").expect("something was new");
    let null = File::options().append(true).open("/dev/null");
    tape.segment.as_mut().expect("one is open").file = null.expect("Linux has it");
    (spool, tape)
}

fn arrivals(spool: &Spool) -> Vec<u64> {
    let faults = ReadFaults::default();
    let tapes = spool.tapes().expect("lists").tapes;
    let items = tapes.iter().flat_map(|tape| tape.read(&faults));
    let arrivals = items.filter_map(|item| match item {
        TapeItem::Entry(entry) => Some(entry.arrived.0 / 1_000_000),
        _ => None,
    });
    arrivals.collect()
}

#[test]
fn a_failed_fsync_is_never_asked_again_and_the_entries_go_to_a_new_segment() {
    let dir = tempfile::tempdir().expect("a directory");
    let (spool, mut tape) = tape_on_a_disk_that_lies(dir.path());
    for index in [1, 2] {
        tape.write(index, &entry(index)).expect("is taken");
    }
    tape.sync().expect_err("the disk says so once");
    tape.let_go();
    // A second fsync of the same file would say that all is well: there is none.
    assert_eq!(tape.sync().expect("nothing to do"), None);
    for index in [1, 2] {
        tape.write(index, &entry(index)).expect("is taken again");
    }
    let synced = tape.sync().expect("syncs").expect("something was new");
    assert_eq!((synced.next_index, synced.entries), (3, 2));
    let segments = numbered(&spool.tape_dir(TAPE), "tape").expect("lists");
    assert_eq!(segments.len(), 2, "{segments:?}");
    assert_eq!(arrivals(&spool), [0, 1, 2]);
}

#[test]
fn a_segment_whose_last_fsync_fails_is_not_called_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (spool, mut tape) = tape_on_a_disk_that_lies(dir.path());
    tape.write(1, &entry(1)).expect("is taken");
    // Ten seconds on the next segment begins, and this one is put on disk.
    tape.write(2, &entry(30))
        .expect_err("the disk says so once");
    tape.let_go();
    for (index, seconds) in [(1, 1), (2, 30)] {
        tape.write(index, &entry(seconds)).expect("is taken again");
    }
    tape.sync().expect("syncs").expect("something was new");
    assert_eq!(arrivals(&spool), [0, 1, 30]);
}
