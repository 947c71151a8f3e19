//! Recorders that are killed, links that are cut, nodes that are gone.

use recorder::Config;
use recorder_core::journal::{JournalLine, encode};
use recorder_core::manifest::{Manifest, manifest_key};
use recorder_core::tape::SegmentReader;
use sfu_protocol::recording::{FileKind, RecorderCommand, RecordingStatus};

use crate::meeting;
use crate::node::FakeNode;
use crate::scene::{Place, RECORDING, ROOM, until};

const SECONDS: u64 = 4;
const END_US: u64 = SECONDS * 1_000_000 + 30_000;

fn manifest(place: &Place) -> Manifest {
    let bytes = std::fs::read(place.objects().join(manifest_key(RECORDING))).expect("reads");
    Manifest::decode(&bytes).expect("a manifest")
}

/// Where the recorder keeps the recording until it is ready.
fn spooled(place: &Place) -> std::path::PathBuf {
    place.spool().join(RECORDING.to_string())
}

/// What a kill leaves beside all that was on disk: a block half written at the end of each tape.
fn tear_tails(place: &Place) {
    let tapes = std::fs::read_dir(spooled(place).join("tapes")).expect("is there");
    for tape in tapes {
        let path = tape.expect("reads").path().join("000000.tape");
        let mut bytes = std::fs::read(&path).expect("reads");
        let (_, reader) = SegmentReader::open(&bytes).expect("has a header");
        let first_block = reader.whole_bytes();
        bytes.extend_from_within(first_block..first_block + 10);
        std::fs::write(&path, bytes).expect("tears");
    }
}

fn entries_on_tape(manifest: &Manifest) -> u64 {
    manifest.tapes.iter().map(|tape| tape.entries).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_killed_midway_loses_nothing() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, meeting::tapes(RECORDING, 2, SECONDS));
    let mut first = place.start(&node);
    first.record().await;
    node.reaches(END_US / 2);
    until("something is acknowledged", || node.acknowledged() > 0).await;
    first.recorder.stop().await;
    tear_tails(&place);
    node.reaches(END_US);

    let mut second = place.start(&node);
    second.hears(RecordingStatus::Recording).await;
    until("all is acknowledged", || {
        node.acknowledged() == node.entries()
    })
    .await;
    second.stop_recording().await;
    let ready = second.hears(RecordingStatus::Ready).await;
    assert_eq!(ready.health.expect("told when ready").entries_missing, 0);
    let manifest = manifest(&place);
    assert_eq!(entries_on_tape(&manifest), node.entries());
    assert!(
        manifest
            .tapes
            .iter()
            .all(|tape| tape.closed && tape.faults.is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_cut_is_dialled_again_and_nothing_is_lost_or_doubled() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, meeting::tapes(RECORDING, 1, SECONDS));
    let mut running = place.start(&node);
    running.record().await;
    for part in 1..=4 {
        let dials = node.dials();
        node.cut();
        node.reaches(END_US * part / 4);
        until("the recorder dials again", || node.dials() > dials).await;
    }
    until("all is acknowledged", || {
        node.acknowledged() == node.entries()
    })
    .await;
    running.stop_recording().await;
    running.hears(RecordingStatus::Ready).await;
    assert_eq!(entries_on_tape(&manifest(&place)), node.entries());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_goes_on_in_the_node_after_the_killed_one_and_the_time_between_is_a_named_gap()
{
    let place = Place::new();
    let before = FakeNode::new(ROOM, meeting::tapes(RECORDING, 1, 2));
    let mut first = place.start(&before);
    first.record().await;
    before.reaches(END_US);
    until("all is acknowledged", || {
        before.acknowledged() == before.entries()
    })
    .await;
    first.recorder.stop().await;
    tear_tails(&place);

    let tapes = meeting::later(meeting::tapes(RECORDING, 1, 2), 3_000_000);
    let after = FakeNode::after(2_900_000, ROOM, tapes);
    let mut second = place.start(&after);
    second.hears(RecordingStatus::Recording).await;
    after.reaches(5_030_000);
    // What is on disk of the first node's tapes is acknowledged with the rest.
    until("all is acknowledged", || {
        after.acknowledged() == before.entries() + after.entries()
    })
    .await;
    second.stop_recording().await;
    let ready = second.hears(RecordingStatus::Ready).await;
    let health = ready.health.expect("told when ready");
    assert!(
        (4_900..=5_100).contains(&health.duration_ms),
        "{}",
        health.duration_ms
    );
    let mut gaps = health.gaps.iter();
    assert_eq!(gaps.len(), 2, "{:?}", health.gaps);
    assert!(
        gaps.all(
            |gap| (1_850..=2_050).contains(&gap.from_ms) && (2_950..=3_050).contains(&gap.to_ms)
        ),
        "{:?}",
        health.gaps
    );
    assert_eq!(
        entries_on_tape(&manifest(&place)),
        before.entries() + after.entries()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_found_unfinished_without_its_room_finishes_by_itself() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, meeting::tapes(RECORDING, 1, SECONDS));
    let mut first = place.start(&node);
    first.record().await;
    node.reaches(END_US);
    until("all is acknowledged", || {
        node.acknowledged() == node.entries()
    })
    .await;
    first.recorder.stop().await;

    let empty_node = FakeNode::new(ROOM, Vec::new());
    let waits_briefly = Config {
        resume_wait_ms: 200,
        ..place.config()
    };
    let mut second = place.start_with(waits_briefly, &empty_node);
    let ready = second.hears(RecordingStatus::Ready).await;
    let duration_ms = ready.health.expect("told when ready").duration_ms;
    assert!((3_900..=4_300).contains(&duration_ms), "{duration_ms}");
    drop(second);

    let mut third = place.start(&empty_node);
    third.stop_recording().await;
    let again = third.hears(RecordingStatus::Ready).await;
    assert_eq!(again.files, ready.files);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_killed_after_the_stop_fetches_what_the_node_still_holds() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, meeting::tapes(RECORDING, 1, SECONDS));
    let mut first = place.start(&node);
    first.record().await;
    node.reaches(END_US / 2);
    until("something is acknowledged", || node.acknowledged() > 0).await;
    first.recorder.stop().await;
    // The stop was the last that reached the disk.
    let journal = spooled(&place).join("journal").join("000009.journal");
    std::fs::write(journal, encode(&JournalLine::StopAsked {})).expect("writes");
    node.reaches(END_US);

    let mut second = place.start(&node);
    second.hears(RecordingStatus::Ready).await;
    assert_eq!(entries_on_tape(&manifest(&place)), node.entries());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_whose_journal_cannot_be_read_keeps_its_tapes_and_says_so() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, meeting::tapes(RECORDING, 1, SECONDS));
    let mut first = place.start(&node);
    first.record().await;
    node.reaches(END_US);
    until("all is acknowledged", || {
        node.acknowledged() == node.entries()
    })
    .await;
    first.recorder.stop().await;
    let journal = spooled(&place).join("journal").join("000000.journal");
    let whole = std::fs::read(&journal).expect("reads");
    let mut damaged = whole.clone();
    damaged[0] ^= 1;
    std::fs::write(&journal, damaged).expect("writes");
    let tapes = || {
        let tapes = std::fs::read_dir(spooled(&place).join("tapes")).expect("is there");
        tapes.count()
    };
    let before = tapes();

    let mut second = place.start(&node);
    second.say(RecorderCommand::Report {}).await;
    let failed = second.hears(RecordingStatus::Failed).await;
    let problem = failed.problem.expect("told when failed");
    assert!(problem.contains("Its tapes are kept"), "{problem}");
    assert_eq!((tapes(), before), (2, 2));
    second.recorder.stop().await;

    std::fs::write(&journal, whole).expect("mends");
    let mut third = place.start(&node);
    third.stop_recording().await;
    third.hears(RecordingStatus::Ready).await;
    assert_eq!(entries_on_tape(&manifest(&place)), node.entries());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_recording_keeps_its_tapes_and_a_stop_makes_its_files_again() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, meeting::tapes(RECORDING, 1, SECONDS));
    let mut first = place.start(&node);
    first.record().await;
    node.reaches(END_US);
    until("all is acknowledged", || {
        node.acknowledged() == node.entries()
    })
    .await;
    let damaged = spooled(&place).join("tapes").join("00000000000000ff");
    std::fs::create_dir(&damaged).expect("creates");
    std::fs::write(
        damaged.join("000000.tape"),
        "no header of a tape, but long enough",
    )
    .expect("writes");
    first.stop_recording().await;
    let failed = first.hears(RecordingStatus::Failed).await;
    use FileKind::{Composed, Manifest, Track};
    let kinds: Vec<FileKind> = failed.files.iter().map(|file| file.kind).collect();
    assert_eq!(kinds, [Composed, Track, Track, Manifest]);
    first.recorder.stop().await;

    std::fs::remove_dir_all(&damaged).expect("mends");
    let mut second = place.start(&node);
    second.stop_recording().await;
    let ready = second.hears(RecordingStatus::Ready).await;
    assert_eq!(ready.files.len(), failed.files.len());
    until("the spool is cleared", || {
        !spooled(&place).join("tapes").exists()
    })
    .await;
}
