//! How every known recording stands, and the way reports take to whoever listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use sfu_protocol::ids::RecordingId;
use sfu_protocol::recording::{RecorderReport, RecordingStatus};
use tokio::sync::mpsc;

/// Reports waiting to be taken. Full means that nobody listens: progress is then not told, and
/// how a recording stands can be asked for again.
pub(crate) const REPORTS: usize = 1024;

/// The last report of each recording.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    last: Arc<Mutex<BTreeMap<RecordingId, RecorderReport>>>,
    reports: mpsc::Sender<RecorderReport>,
}

impl Board {
    pub(crate) fn new(reports: mpsc::Sender<RecorderReport>) -> Self {
        Board {
            last: Arc::default(),
            reports,
        }
    }

    /// How a recording stands; one that is not known is starting.
    pub(crate) fn present(&self, recording: RecordingId) -> RecorderReport {
        let known = self.lock().get(&recording).cloned();
        known.unwrap_or_else(|| RecorderReport {
            recording,
            status: RecordingStatus::Starting,
            started_at_ms: None,
            ended_at_ms: None,
            progress_percent: None,
            files: Vec::new(),
            health: None,
            problem: None,
        })
    }

    /// Whether a recording is known.
    pub(crate) fn knows(&self, recording: RecordingId) -> bool {
        self.lock().contains_key(&recording)
    }

    /// Notes a report without telling it.
    pub(crate) fn note(&self, report: RecorderReport) {
        self.lock().insert(report.recording, report);
    }

    /// Notes and tells a report.
    pub(crate) async fn tell(&self, report: RecorderReport) {
        self.note(report.clone());
        self.send(report).await;
    }

    /// Tells again how one recording stands.
    pub(crate) async fn tell_again(&self, recording: RecordingId) {
        let report = self.lock().get(&recording).cloned();
        if let Some(report) = report {
            self.send(report).await;
        }
    }

    /// Tells again how every recording stands.
    pub(crate) async fn tell_all(&self) {
        let all: Vec<RecorderReport> = self.lock().values().cloned().collect();
        for report in all {
            self.send(report).await;
        }
    }

    pub(crate) fn forget(&self, recording: RecordingId) {
        self.lock().remove(&recording);
    }

    async fn send(&self, report: RecorderReport) {
        let may_be_missed = report.status == RecordingStatus::Finishing;
        if may_be_missed {
            // The next percent is told soon.
            let _ = self.reports.try_send(report);
        } else if self.reports.send(report).await.is_err() {
            tracing::debug!("nobody takes reports");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RecordingId, RecorderReport>> {
        self.last
            .lock()
            .expect("nobody panics while holding the board")
    }
}
