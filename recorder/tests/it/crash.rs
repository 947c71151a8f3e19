//! Recorders that are killed, links that are cut, nodes that are gone.

use recorder_core::manifest::{Manifest, manifest_key};
use sfu_protocol::recording::RecordingStatus;

use crate::meeting;
use crate::node::FakeNode;
use crate::scene::{Place, RECORDING, ROOM, until};

const SECONDS: u64 = 4;
const END_US: u64 = SECONDS * 1_000_000 + 30_000;

fn manifest(place: &Place) -> Manifest {
    let bytes = std::fs::read(place.objects().join(manifest_key(RECORDING))).expect("reads");
    Manifest::decode(&bytes).expect("a manifest")
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
    drop(first);
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
    let mut second = place.start(&empty_node);
    let ready = second.hears(RecordingStatus::Ready).await;
    let duration_ms = ready.health.expect("told when ready").duration_ms;
    assert!((3_900..=4_300).contains(&duration_ms), "{duration_ms}");
    drop(second);

    let mut third = place.start(&empty_node);
    third.stop_recording().await;
    let again = third.hears(RecordingStatus::Ready).await;
    assert_eq!(again.files, ready.files);
}
