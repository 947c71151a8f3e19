//! A recorder in a temporary directory, and waiting for what it says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deploy_process::shutdown::Shutdown;
use recorder::{Config, Recorder};
use sfu_protocol::ids::{RecordingId, RoomId, SessionId};
use sfu_protocol::recording::{RecorderCommand, RecorderReport, RecordingStatus};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::node::FakeNode;

/// Longer than any test takes on a busy machine: a wait that fails names itself.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const RECORDING: RecordingId = RecordingId(Uuid::from_u128(1));
pub(crate) const ROOM: RoomId = RoomId(Uuid::from_u128(2));

/// Where a recorder works; outlives it.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place {
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.dir.path().join("objects")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            spool_dir: self.spool(),
            objects_dir: self.objects(),
            fsync_interval_ms: 20,
            min_free_bytes: 0,
            resume_wait_ms: 120_000,
            width: 640,
            height: 360,
            fps: 15,
            ..Config::default()
        }
    }

    pub(crate) fn start(&self, node: &Arc<FakeNode>) -> Running {
        self.start_with(self.config(), node)
    }

    pub(crate) fn start_with(&self, config: Config, node: &Arc<FakeNode>) -> Running {
        let node = node.clone();
        let recorder = Recorder::start(
            config,
            Arc::new(move || node.dial()),
            &prometheus::Registry::new(),
            Shutdown::new(),
        )
        .expect("starts");
        Running {
            reports: recorder.reports(),
            recorder,
        }
    }
}

pub(crate) struct Running {
    pub(crate) recorder: Recorder,
    reports: mpsc::Receiver<RecorderReport>,
}

impl Running {
    pub(crate) async fn say(&self, command: RecorderCommand) {
        self.recorder
            .commands()
            .send(command)
            .await
            .expect("the desk takes commands");
    }

    pub(crate) async fn record(&mut self) {
        self.ask_to_record().await;
        self.hears(RecordingStatus::Recording).await;
    }

    pub(crate) async fn ask_to_record(&self) {
        self.say(RecorderCommand::Start {
            recording: RECORDING,
            room: ROOM,
            session: SessionId(Uuid::from_u128(3)),
            title: "A meeting".to_owned(),
            started_by: "Zoë".to_owned(),
        })
        .await;
    }

    pub(crate) async fn stop_recording(&self) {
        self.say(RecorderCommand::Stop {
            recording: RECORDING,
        })
        .await;
    }

    /// The next report of this status; others before it are passed over.
    pub(crate) async fn hears(&mut self, status: RecordingStatus) -> RecorderReport {
        let heard = async {
            loop {
                let report = self.reports.recv().await.expect("the recorder runs");
                if report.status == status {
                    return report;
                }
                let ended = [RecordingStatus::Ready, RecordingStatus::Failed];
                assert!(
                    !ended.contains(&report.status),
                    "not {status:?}: {report:?}"
                );
            }
        };
        tokio::time::timeout(PATIENCE, heard)
            .await
            .unwrap_or_else(|_| panic!("no report says {status:?}"))
    }
}

/// Waits until something holds that no report tells.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}
