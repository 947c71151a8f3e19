//! How every known recording stands, and the way reports take to whoever listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use prometheus::IntGauge;
use sfu_protocol::ids::RecordingId;
use sfu_protocol::recording::{RecorderReport, RecordingStatus};
use tokio::sync::mpsc;

/// Reports waiting to be taken. Full means that nobody listens: progress is then not told, and
/// how a recording stands can be asked for again.
pub(crate) const REPORTS: usize = 1024;

/// Ended recordings whose report is held. Beyond, the oldest is let go of: it is not among those
/// told again by themselves, and is read from the spool when its recording is asked for.
pub(crate) const MAX_ENDED: usize = 1000;

/// The last report of each recording that runs, and of the newest that ended.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    last: Arc<Mutex<BTreeMap<RecordingId, RecorderReport>>>,
    reports: mpsc::Sender<RecorderReport>,
    held: IntGauge,
}

impl Board {
    pub(crate) fn new(reports: mpsc::Sender<RecorderReport>, held: IntGauge) -> Self {
        Board {
            last: Arc::default(),
            reports,
            held,
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
        let noted = report.recording;
        let mut last = self.lock();
        last.insert(noted, report);
        let ended = last.values().filter(|report| has_ended(report)).count();
        for _ in MAX_ENDED..ended {
            // Ids are UUIDv7: the smallest is the oldest. One that was just asked for stays.
            let mut others = last.values().filter(|report| report.recording != noted);
            let oldest = others.find(|report| has_ended(report));
            if let Some(oldest) = oldest.map(|report| report.recording) {
                last.remove(&oldest);
            }
        }
        self.held.set(i64::try_from(last.len()).unwrap_or(i64::MAX));
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
        let mut last = self.lock();
        last.remove(&recording);
        self.held.set(i64::try_from(last.len()).unwrap_or(i64::MAX));
    }

    async fn send(&self, report: RecorderReport) {
        let may_be_missed = report.status == RecordingStatus::Finishing && report.problem.is_none();
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

fn has_ended(report: &RecorderReport) -> bool {
    matches!(
        report.status,
        RecordingStatus::Ready | RecordingStatus::Failed
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test]
    async fn the_oldest_that_ended_are_let_go_of_and_never_one_that_runs() {
        let (reports, _taken) = mpsc::channel(1);
        let held = IntGauge::new("held", "Held.").expect("a name");
        let board = Board::new(reports, held.clone());
        let id = |n: usize| RecordingId(Uuid::from_u128(n as u128));
        let note = |n: usize, status| {
            let report = board.present(id(n));
            board.note(RecorderReport { status, ..report });
        };
        note(0, RecordingStatus::Recording);
        for n in 1..=MAX_ENDED + 2 {
            note(n, RecordingStatus::Ready);
        }
        assert_eq!(held.get(), MAX_ENDED as i64 + 1);
        assert!(board.knows(id(0)), "it runs");
        assert!(!board.knows(id(2)));
        assert!(board.knows(id(3)));
        note(2, RecordingStatus::Ready);
        assert!(board.knows(id(2)), "it was asked for");
        assert_eq!(held.get(), MAX_ENDED as i64 + 1);
    }
}
