//! One recording from `start` to `ready`: capture until it ends, then its files.

mod finishing;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use recorder_core::journal::{Assignment, JournalLine};
use sfu_protocol::ids::RecordingId;
use sfu_protocol::recording::{RecorderReport, RecordingStatus, TroubleReason};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::Instant;

use crate::board::Board;
use crate::condition::LookAgain;
use crate::config::Config;
use crate::intake::Order;
use crate::metrics::Metrics;
use crate::spool::Spool;
use crate::store::Directory;
use crate::tape_writer::{self, SealedSegment, ToWriter, WriterDoor, WriterStart, WriterState};
use crate::trouble;
use crate::uploads::Uploads;

/// Closed segments waiting for upload. Beyond, they are uploaded when the recording is finished.
const SEALED_SEGMENTS: usize = 64;

/// Tape writers that one recording may wear out. A writer ends only by a fault of its own; one more
/// is begun where the tapes end, and the node sends the rest again. Beyond, the recording fails.
const MAX_WRITERS: usize = 3;

/// What all sessions of a recorder share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Directory,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) board: Board,
    pub(crate) metrics: Metrics,
    /// Told whenever something is on disk.
    pub(crate) changed: Arc<Notify>,
    /// One recording's files are made at a time: they leave a core for the calls.
    pub(crate) finishing: Arc<Semaphore>,
    /// Has the spool's disk looked at.
    pub(crate) look_again: LookAgain,
}

/// What a session is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// End it and make its files.
    pub(crate) stop: bool,
    /// Leave it as it stands: it is gone on with at the next start.
    pub(crate) leave: bool,
}

/// How capturing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Captured {
    /// Ended: files are to be made.
    Whole,
    /// Left for the next start.
    Left,
    /// The tape writer ended by itself: another must go on.
    Broken,
}

/// Runs a recording until it is ready, failed or left.
pub(crate) async fn run(
    shared: Shared,
    assignment: Assignment,
    resumed: bool,
    mut wish: watch::Receiver<Wish>,
) {
    let recording = assignment.recording;
    let session = Session {
        spool: Spool::of(&shared.config.spool_dir, recording),
        shared,
        recording,
    };
    let past = if resumed { session.past() } else { Past::Runs };
    let mut uploads = Uploads::default();
    if past != Past::Ended {
        session.tell(RecordingStatus::Starting, |_| {}).await;
        session.shared.metrics.running.inc();
        let stopping = past == Past::StopAsked;
        let captured = session
            .capture(assignment, (resumed, stopping), &mut wish, &mut uploads)
            .await;
        session.shared.metrics.running.dec();
        match captured {
            Ok(Captured::Whole) => {}
            Ok(Captured::Left) => return,
            Ok(Captured::Broken) => {
                let problem = "The recording's tapes could not be written on. They are kept.";
                return session.fail(problem.to_owned()).await;
            }
            Err(error) => {
                let problem = format!("The recording could not be begun: {error}.");
                return session.fail(problem).await;
            }
        }
    }
    session.finish(uploads, &mut wish).await;
}

/// How a recording stood when it was found at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// It is to go on.
    Runs,
    /// It is to end; its node may still hold the rest of it.
    StopAsked,
    /// All of it is on tape.
    Ended,
}

struct Session {
    shared: Shared,
    recording: RecordingId,
    spool: Spool,
}

/// What capturing holds.
struct Capture {
    writer: WriterDoor,
    state: watch::Receiver<WriterState>,
    sealed: mpsc::Receiver<SealedSegment>,
    uploads: Uploads,
    /// How long its node may say nothing before it ends. Not counted while the disk fails: what
    /// the node says is then asked for again.
    patience: Option<Duration>,
    gives_up_at: Option<Instant>,
    /// It was to end before this writer began.
    must_stop: bool,
    stopping: bool,
}

impl Capture {
    fn wait_at_most(&mut self, patience: Duration) {
        self.patience = Some(patience);
        self.gives_up_at = None;
    }

    /// Waits until the writer has put all it was handed on disk and is gone: whoever goes on with
    /// the recording finds its files at rest.
    async fn let_go(mut self) -> Uploads {
        drop(self.writer);
        while self.state.changed().await.is_ok() {}
        self.uploads
    }

    fn count_patience(&mut self, trouble: Option<TroubleReason>) {
        match self.patience.filter(|_| trouble.is_none()) {
            Some(patience) => {
                self.gives_up_at
                    .get_or_insert_with(|| Instant::now() + patience);
            }
            None => self.gives_up_at = None,
        }
    }
}

impl Session {
    fn past(&self) -> Past {
        match self.spool.account() {
            Ok(account) if account.ended => Past::Ended,
            Ok(account) if account.stop_asked => Past::StopAsked,
            Ok(_) | Err(_) => Past::Runs,
        }
    }

    /// Captures until the recording ends, with as many writers as that takes.
    async fn capture(
        &self,
        assignment: Assignment,
        (resumed, mut stopping): (bool, bool),
        wish: &mut watch::Receiver<Wish>,
        uploads: &mut Uploads,
    ) -> io::Result<Captured> {
        for worn_out in 0..MAX_WRITERS {
            let goes_on = resumed && worn_out == 0;
            let asked = (!goes_on).then(|| JournalLine::Asked {
                assignment: assignment.clone(),
            });
            let mut capture = self.begin(&assignment, asked).await?;
            capture.must_stop = stopping;
            if goes_on {
                capture.wait_at_most(self.shared.config.resume_wait());
            }
            let order = Order::Record {
                assignment: assignment.clone(),
                writer: capture.writer.clone(),
                resumed: resumed || worn_out > 0,
            };
            self.order(order).await;
            let captured = self.listen(&mut capture, wish).await;
            if captured != Captured::Broken {
                let recording = self.recording;
                self.order(Order::Forget { recording }).await;
                uploads.extend(capture.let_go().await);
                return Ok(captured);
            }
            uploads.extend(capture.uploads);
            tracing::error!(recording = %self.recording, "the tape writer ended by a fault: another goes on");
            stopping = capture.stopping;
        }
        let recording = self.recording;
        self.order(Order::Stop { recording }).await;
        self.order(Order::Forget { recording }).await;
        Ok(Captured::Broken)
    }

    async fn begin(
        &self,
        assignment: &Assignment,
        asked: Option<JournalLine>,
    ) -> io::Result<Capture> {
        let (sealed_tx, sealed) = mpsc::channel(SEALED_SEGMENTS);
        let (spool, shared) = (self.spool.clone(), self.shared.clone());
        tracing::info!(recording = %assignment.recording, room = %assignment.room, "recording");
        let (writer, state) = blocking(move || {
            spool.create()?;
            let have = spool.recover()?;
            tape_writer::start(WriterStart {
                have,
                spool,
                asked,
                fsync_interval: shared.config.fsync_interval(),
                metrics: shared.metrics,
                changed: shared.changed,
                sealed: sealed_tx,
            })
        })
        .await?;
        Ok(Capture {
            writer,
            state,
            sealed,
            uploads: Uploads::default(),
            patience: None,
            gives_up_at: None,
            must_stop: false,
            stopping: false,
        })
    }

    async fn listen(&self, capture: &mut Capture, wish: &mut watch::Receiver<Wish>) -> Captured {
        let mut told_running = false;
        let mut told_trouble = None;
        loop {
            let wished = *wish.borrow_and_update();
            // Whoever wishes is gone: the recorder was dropped.
            let dropped = wish.has_changed().is_err();
            if wished.leave || dropped {
                return Captured::Left;
            }
            if (wished.stop || capture.must_stop) && !capture.stopping {
                self.stop(capture).await;
            }
            let state = *capture.state.borrow_and_update();
            if state.ended {
                return Captured::Whole;
            }
            if let Some(at) = state.started_at
                && !told_running
            {
                told_running = true;
                self.tell(RecordingStatus::Recording, |report| {
                    report.started_at_ms = Some(at.as_ms());
                })
                .await;
            }
            if state.is_alive() && !capture.stopping {
                capture.patience = None;
            }
            self.tell_trouble(state, &mut told_trouble).await;
            capture.count_patience(state.trouble);
            if capture.state.has_changed().is_err() && !capture.state.borrow().ended {
                return Captured::Broken;
            }
            self.wait(capture, wish).await;
        }
    }

    /// Says in the recording's report that it cannot be written, or can again.
    async fn tell_trouble(&self, state: WriterState, told: &mut Option<TroubleReason>) {
        if state.trouble == *told {
            return;
        }
        *told = state.trouble;
        self.shared.look_again.now();
        let status = self.shared.board.present(self.recording).status;
        self.tell(status, |report| {
            report.problem = state.trouble.map(|reason| {
                format!(
                    "Nothing is kept now: {}. What happens meanwhile may be missing; it goes on by itself.",
                    trouble::disk_words(reason)
                )
            });
        })
        .await;
    }

    /// Until something changes; segments that close meanwhile are uploaded.
    async fn wait(&self, capture: &mut Capture, wish: &mut watch::Receiver<Wish>) {
        let gives_up_at = capture.gives_up_at;
        tokio::select! {
            // What the room said in time counts, however late it is read.
            biased;
            _ = wish.changed() => {}
            // Also when the writer is gone.
            _ = capture.state.changed() => {}
            Some(segment) = capture.sealed.recv() => {
                let (store, recording) = (self.shared.store.clone(), self.recording);
                capture.uploads.segment(store, recording, segment).await;
            }
            () = until(gives_up_at) => {
                tracing::warn!(recording = %self.recording, "nothing more comes from its room: the recording ends");
                capture.patience = None;
                let end = ToWriter::End { link: None, at: None };
                capture.writer.put(end).await;
                self.order(Order::Stop { recording: self.recording }).await;
            }
        }
    }

    async fn stop(&self, capture: &mut Capture) {
        capture.stopping = true;
        let line = ToWriter::Line(JournalLine::StopAsked {});
        capture.writer.put(line).await;
        capture.wait_at_most(self.shared.config.stop_wait());
        self.order(Order::Stop {
            recording: self.recording,
        })
        .await;
    }

    async fn order(&self, order: Order) {
        // Without an intake the recorder is being dropped.
        let _ = self.shared.orders.send(order).await;
    }

    async fn tell(&self, status: RecordingStatus, change: impl FnOnce(&mut RecorderReport)) {
        let mut report = self.shared.board.present(self.recording);
        report.status = status;
        change(&mut report);
        self.shared.board.tell(report).await;
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Until the session is to be left, or whoever wishes is gone.
async fn leave(wish: &mut watch::Receiver<Wish>) {
    let _ = wish.wait_for(|wish| wish.leave).await;
}

/// Runs what waits for the disk away from the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::other("the work on disk was cut off")),
    }
}

/// How long a recorder that stops waits for its sessions.
pub(crate) const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
