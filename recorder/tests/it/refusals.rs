//! What cannot be recorded is said plainly.

use recorder::Config;
use sfu_protocol::recording::{FileKind, RecordingStatus};

use crate::node::FakeNode;
use crate::scene::{Place, ROOM};

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_nothing_says_so_and_is_no_crash() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, Vec::new());
    let mut running = place.start(&node);
    running.record().await;
    running.stop_recording().await;
    let failed = running.hears(RecordingStatus::Failed).await;
    let problem = failed.problem.expect("told when failed");
    assert!(problem.starts_with("The recording is empty"), "{problem}");
    assert_eq!(failed.files.len(), 1);
    assert_eq!(failed.files[0].kind, FileKind::Manifest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_not_begun_on_a_full_disk() {
    let place = Place::new();
    let node = FakeNode::new(ROOM, Vec::new());
    let config = Config {
        min_free_bytes: u64::MAX,
        ..place.config()
    };
    let mut running = place.start_with(config, &node);
    running.ask_to_record().await;
    let failed = running.hears(RecordingStatus::Failed).await;
    assert!(
        failed
            .problem
            .expect("told when failed")
            .contains("nearly full")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_not_known_is_called_so() {
    let place = Place::new();
    let mut running = place.start(&FakeNode::new(ROOM, Vec::new()));
    running.stop_recording().await;
    let failed = running.hears(RecordingStatus::Failed).await;
    assert!(
        failed
            .problem
            .expect("told when failed")
            .contains("does not know")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_being_recorded_is_not_recorded_twice() {
    let place = Place::new();
    let mut running = place.start(&FakeNode::taken(ROOM));
    running.ask_to_record().await;
    let failed = running.hears(RecordingStatus::Failed).await;
    let problem = failed.problem.expect("told when failed");
    assert!(problem.contains("never began"), "{problem}");
    assert_eq!((failed.started_at_ms, failed.ended_at_ms), (None, None));
}
