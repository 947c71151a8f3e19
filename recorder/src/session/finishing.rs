//! From the last entry on tape to `ready`: the files are made, and made again while a disk is in
//! the way.

use std::path::PathBuf;
use std::time::Duration;

use sfu_protocol::recording::{RecorderReport, RecordingStatus};
use tokio::sync::watch;

use super::{Session, Wish, blocking, leave};
use crate::finish::{self, Failure, Finished, Job};
use crate::trouble;
use crate::uploads::Uploads;

/// First wait before files are made again that a disk had no room for; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Longest such wait: making the files costs a core each time.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

impl Session {
    /// Makes the files. While a disk takes nothing the recording is neither ready nor failed: it
    /// says what is in the way and is tried again.
    pub(super) async fn finish(&self, uploads: Uploads, wish: &mut watch::Receiver<Wish>) {
        let mut wait = FIRST_WAIT;
        loop {
            self.tell(RecordingStatus::Finishing, |report| {
                report.progress_percent = Some(0);
            })
            .await;
            self.shared.metrics.finishing.inc();
            let finished = tokio::select! {
                finished = self.make_files(uploads.clone()) => Some(finished),
                () = leave(wish) => None,
            };
            self.shared.metrics.finishing.dec();
            let Some(finished) = finished else { return };
            let Some(in_the_way) = self.in_the_way(&finished).await else {
                return match finished {
                    Ok(finished) => self.conclude(finished).await,
                    Err(failure) => self.fail(failure.problem).await,
                };
            };
            tracing::warn!(recording = %self.recording, in_the_way, "the files wait for a disk");
            self.shared.metrics.finish_retries.inc();
            self.tell(RecordingStatus::Finishing, |report| {
                report.progress_percent = None;
                report.problem = Some(format!(
                    "The files cannot be stored yet: {in_the_way}. It is tried again by itself; nothing recorded is lost."
                ));
            })
            .await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = leave(wish) => return,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// What a person has to mend before the files can be made; none when no disk is at fault.
    async fn in_the_way(&self, finished: &Result<Finished, Failure>) -> Option<&'static str> {
        match finished {
            Ok(finished) if finished.problem.is_none() => return None,
            Err(Failure {
                disk: Some(reason), ..
            }) => return Some(trouble::disk_words(*reason)),
            Ok(_) | Err(_) => {}
        }
        // An encoder does not say why it could not write; what it wrote so far is still there.
        let folders: [PathBuf; 2] = [
            self.spool.dir().to_owned(),
            self.shared.store.unfinished_dir(),
        ];
        let probed = blocking(move || folders.iter().try_for_each(|dir| trouble::probe(dir)));
        let error = probed.await.err()?;
        Some(trouble::disk_words(trouble::reason(&error)))
    }

    async fn make_files(&self, uploads: Uploads) -> Result<Finished, Failure> {
        let _turn = self.shared.finishing.acquire().await;
        let (progress, mut steps) = watch::channel(0);
        let job = Job {
            recording: self.recording,
            spool: self.spool.clone(),
            store: self.shared.store.clone(),
            canvas: self.shared.config.canvas(),
            fps: self.shared.config.fps,
            uploads,
        };
        let mut finished = finish::on_a_thread(job, progress)
            .map_err(|error| Failure::of(format!("No thread to make the files on: {error}.")))?;
        loop {
            tokio::select! {
                finished = &mut finished => {
                    return finished.unwrap_or_else(|_| {
                        let problem = "Making the files ended unexpectedly; the tapes are kept.";
                        Err(Failure::of(problem.to_owned()))
                    });
                }
                Ok(()) = steps.changed() => {
                    let percent = *steps.borrow_and_update();
                    self.tell(RecordingStatus::Finishing, |report| {
                        report.progress_percent = Some(percent);
                        report.problem = None;
                    }).await;
                }
            }
        }
    }

    async fn conclude(&self, finished: Finished) {
        let status = match finished.problem {
            None => RecordingStatus::Ready,
            Some(_) => RecordingStatus::Failed,
        };
        match status {
            RecordingStatus::Ready => self.shared.metrics.ready.inc(),
            _ => self.shared.metrics.failed.inc(),
        }
        let report = RecorderReport {
            recording: self.recording,
            status,
            started_at_ms: finished.started_at_ms,
            ended_at_ms: finished.ended_at_ms,
            progress_percent: None,
            files: finished.files,
            health: Some(finished.health),
            problem: finished.problem,
        };
        tracing::info!(recording = %self.recording, ?status, "recording finished");
        self.keep(&report, finished.safe).await;
        self.shared.board.tell(report).await;
    }

    pub(super) async fn fail(&self, problem: String) {
        tracing::error!(recording = %self.recording, problem, "recording failed");
        self.shared.metrics.failed.inc();
        let mut report = self.shared.board.present(self.recording);
        report.status = RecordingStatus::Failed;
        report.progress_percent = None;
        report.problem = Some(problem);
        self.keep(&report, false).await;
        self.shared.board.tell(report).await;
    }

    /// Notes how it ended; once the objects are safe the spool is cleared.
    async fn keep(&self, report: &RecorderReport, safe: bool) {
        let (spool, report) = (self.spool.clone(), report.clone());
        let kept = blocking(move || {
            spool.write_report(&report)?;
            if safe { spool.clear() } else { Ok(()) }
        });
        if let Err(error) = kept.await {
            tracing::error!(recording = %self.recording, %error, "the spool cannot be cleared");
        }
    }
}
