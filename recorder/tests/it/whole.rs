//! A meeting that is recorded without trouble.

use std::fs;

use recorder::{Difference, compose};
use sfu_protocol::recording::{FileKind, RecorderCommand, RecorderReport, RecordingStatus};

use crate::meeting;
use crate::node::FakeNode;
use crate::scene::{Place, RECORDING, ROOM, Running, until};

const SECONDS: u64 = 4;

async fn recorded(place: &Place) -> (Running, RecorderReport) {
    let node = FakeNode::new(ROOM, meeting::tapes(RECORDING, 2, SECONDS));
    let mut running = place.start(&node);
    running.record().await;
    node.reaches(SECONDS * 1_000_000 + 30_000);
    until("all is acknowledged", || {
        node.acknowledged() == node.entries()
    })
    .await;
    running.stop_recording().await;
    let ready = running.hears(RecordingStatus::Ready).await;
    (running, ready)
}

fn kinds(report: &RecorderReport) -> Vec<FileKind> {
    report.files.iter().map(|file| file.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_becomes_one_file_a_file_for_each_track_and_a_manifest() {
    let place = Place::new();
    let (_running, ready) = recorded(&place).await;
    use FileKind::{Composed, Manifest, Track};
    assert_eq!(
        kinds(&ready),
        [Composed, Track, Track, Track, Track, Manifest]
    );

    let composed = compose::probe(&place.objects().join(&ready.files[0].key)).expect("plays");
    let off_us = composed.duration_us - SECONDS as i64 * 1_000_000;
    assert!(off_us.abs() <= 300_000, "{composed:?}");
    assert!(composed.sound);
    assert_eq!(composed.picture, Some((640, 360)));
    for track in ready.files.iter().filter(|file| file.kind == Track) {
        let probed = compose::probe(&place.objects().join(&track.key)).expect("opens");
        assert!(
            (probed.duration_us - SECONDS as i64 * 1_000_000).abs() <= 300_000,
            "{probed:?}"
        );
    }

    let health = ready.health.expect("told when ready");
    assert_eq!(
        (health.packets_lost_on_network, health.entries_missing),
        (0, 0)
    );
    assert_eq!(health.gaps, []);
    assert!(
        health
            .largest_av_skew_ms
            .is_some_and(|skew_ms| skew_ms <= 5),
        "{health:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verifying_finds_a_flipped_bit_and_a_missing_part_and_says_where() {
    let place = Place::new();
    let (_running, ready) = recorded(&place).await;
    let whole = recorder::verify(&place.objects(), RECORDING).expect("verifies");
    assert_eq!(whole.faults, []);
    assert!(whole.parts > ready.files.len());

    let composed = place.objects().join(&ready.files[0].key);
    let mut bytes = fs::read(&composed).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&composed, bytes).expect("writes");
    fs::remove_file(place.objects().join(&ready.files[1].key)).expect("removes");
    let faults = recorder::verify(&place.objects(), RECORDING)
        .expect("verifies")
        .faults;
    let found: Vec<(&str, Difference)> = faults
        .iter()
        .map(|fault| (fault.key.as_str(), fault.fault))
        .collect();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&(ready.files[0].key.as_str(), Difference::Content)));
    assert!(found.contains(&(ready.files[1].key.as_str(), Difference::Missing)));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_may_be_repeated_and_a_deleted_recording_is_gone() {
    let place = Place::new();
    let (mut running, ready) = recorded(&place).await;
    running.stop_recording().await;
    assert_eq!(running.hears(RecordingStatus::Ready).await, ready);
    running.say(RecorderCommand::Report {}).await;
    assert_eq!(running.hears(RecordingStatus::Ready).await, ready);

    running
        .say(RecorderCommand::Delete {
            recording: RECORDING,
        })
        .await;
    let folder = place
        .objects()
        .join("recordings")
        .join(RECORDING.to_string());
    until("the folder is gone", || !folder.exists()).await;
    running.stop_recording().await;
    running.hears(RecordingStatus::Failed).await;
}
