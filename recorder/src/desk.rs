//! Takes commands, holds a session for each recording, and finds the unfinished ones at start.

use std::collections::BTreeMap;
use std::io;

use deploy_process::shutdown::Shutdown;
use recorder_core::journal::Assignment;
use recorder_core::manifest;
use sfu_protocol::ids::RecordingId;
use sfu_protocol::recording::{RecorderCommand, RecorderReport, RecordingStatus};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::durable;
use crate::session::{self, LEAVE_PATIENCE, Shared, Wish};
use crate::spool::{self, Spool};
use crate::trouble;

/// Recordings at a time, those whose files are being made included. One more is refused.
const MAX_SESSIONS: usize = 256;

/// Commands waiting.
pub(crate) const COMMANDS: usize = 256;

struct Session {
    wish: watch::Sender<Wish>,
    task: JoinHandle<()>,
}

pub(crate) struct Desk {
    shared: Shared,
    sessions: BTreeMap<RecordingId, Session>,
}

impl Desk {
    pub(crate) fn new(shared: Shared) -> Self {
        Desk {
            shared,
            sessions: BTreeMap::new(),
        }
    }

    /// Goes on with what the spool holds unfinished. Needs a tokio runtime.
    pub(crate) fn recover(&mut self) -> io::Result<()> {
        let spool_dir = self.shared.config.spool_dir.clone();
        durable::create_dirs(&spool_dir)?;
        for recording in spool::recordings(&spool_dir)? {
            self.recover_one(recording, &Spool::of(&spool_dir, recording));
        }
        Ok(())
    }

    fn recover_one(&mut self, recording: RecordingId, spool: &Spool) {
        if let Some(report) = spool.read_report() {
            if report.status == RecordingStatus::Ready {
                // A stop between the report and the clearing left the tapes.
                warn_unless_done(recording, spool.clear());
            }
            return self.shared.board.note(report);
        }
        let assignment = spool.account().map(|account| account.assignment);
        let problem = match (assignment, spool.is_empty()) {
            (Ok(Some(assignment)), _) => {
                tracing::info!(%recording, "an unfinished recording is gone on with");
                return self.begin(assignment, true);
            }
            (_, Ok(true)) => return warn_unless_done(recording, spool.remove()),
            (Ok(None), _) => "its first line is damaged".to_owned(),
            (Err(error), _) => error.to_string(),
        };
        let problem =
            format!("The recording's journal cannot be read: {problem}. Its tapes are kept.");
        tracing::error!(%recording, problem, "a recording is not gone on with");
        self.shared.board.note(RecorderReport {
            status: RecordingStatus::Failed,
            problem: Some(problem),
            ..self.shared.board.present(recording)
        });
    }

    /// Runs until the process stops, or `leave` is asked or dropped.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<RecorderCommand>,
        shutdown: Shutdown,
        mut leave: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.take(command).await,
                    None => break,
                },
                () = asked(&mut leave) => break,
                () = shutdown.requested() => break,
            }
        }
        self.leave().await;
    }

    async fn take(&mut self, command: RecorderCommand) {
        self.sessions
            .retain(|_, session| !session.task.is_finished());
        match command {
            RecorderCommand::Start {
                recording,
                room,
                session,
                title,
                started_by,
            } => {
                let assignment = Assignment {
                    recording,
                    room,
                    session,
                    title,
                    started_by,
                };
                self.start(assignment).await;
            }
            RecorderCommand::Stop { recording } => self.stop(recording).await,
            RecorderCommand::Delete { recording } => self.delete(recording).await,
            RecorderCommand::Report {} => self.shared.board.tell_all().await,
        }
    }

    async fn start(&mut self, assignment: Assignment) {
        let recording = assignment.recording;
        self.remember(recording);
        if self.shared.board.knows(recording) {
            return self.shared.board.tell_again(recording).await;
        }
        match self.refusal() {
            Some(problem) => self.refuse(recording, problem).await,
            None => self.begin(assignment, false),
        }
    }

    /// Why a new recording is not begun.
    fn refusal(&self) -> Option<&'static str> {
        if self.sessions.len() >= MAX_SESSIONS {
            return Some("This recorder has as many recordings as it can hold. Try again later.");
        }
        let config = &self.shared.config;
        match trouble::free_bytes(&config.spool_dir) {
            Ok(free) if free < config.min_free_bytes => {
                Some("The recorder's disk is nearly full: a new recording is not begun.")
            }
            _ => None,
        }
    }

    async fn refuse(&self, recording: RecordingId, problem: &str) {
        tracing::warn!(%recording, problem, "recording refused");
        let report = RecorderReport {
            status: RecordingStatus::Failed,
            problem: Some(problem.to_owned()),
            ..self.shared.board.present(recording)
        };
        self.shared.board.tell(report).await;
    }

    fn begin(&mut self, assignment: Assignment, resumed: bool) {
        let recording = assignment.recording;
        let (wish, wishes) = watch::channel(Wish::default());
        let shared = self.shared.clone();
        shared.board.note(RecorderReport {
            status: RecordingStatus::Starting,
            problem: None,
            ..shared.board.present(recording)
        });
        let task = tokio::spawn(session::run(shared, assignment, resumed, wishes));
        self.sessions.insert(recording, Session { wish, task });
    }

    async fn stop(&mut self, recording: RecordingId) {
        self.see_off(recording).await;
        self.remember(recording);
        if self.wish_stop(recording) {
            return;
        }
        let board = &self.shared.board;
        if !board.knows(recording) {
            let problem = "This recorder does not know the recording: it never began here.";
            return self.refuse(recording, problem).await;
        }
        let failed = board.present(recording).status == RecordingStatus::Failed;
        let spool = Spool::of(&self.shared.config.spool_dir, recording);
        let tapes_kept = spool.account().ok().and_then(|account| account.assignment);
        match tapes_kept {
            // Its tapes are still here: making the files is tried again.
            Some(assignment) if failed => {
                self.begin(assignment, true);
                self.wish_stop(recording);
            }
            _ => board.tell_again(recording).await,
        }
    }

    /// Takes the report of one that ended long ago from the spool.
    fn remember(&self, recording: RecordingId) {
        if !self.shared.board.knows(recording) {
            let spool = Spool::of(&self.shared.config.spool_dir, recording);
            if let Some(report) = spool.read_report() {
                self.shared.board.note(report);
            }
        }
    }

    /// Whether there is a session that is told to stop.
    fn wish_stop(&self, recording: RecordingId) -> bool {
        let session = self.sessions.get(&recording);
        if let Some(session) = session {
            session.wish.send_modify(|wish| wish.stop = true);
        }
        session.is_some()
    }

    /// A session that has told how it ended is about to go: it takes no wish any more.
    async fn see_off(&mut self, recording: RecordingId) {
        let told = self.shared.board.present(recording).status;
        let ended = matches!(told, RecordingStatus::Ready | RecordingStatus::Failed);
        if ended && let Some(session) = self.sessions.remove(&recording) {
            let _ = tokio::time::timeout(LEAVE_PATIENCE, session.task).await;
        }
    }

    async fn delete(&mut self, recording: RecordingId) {
        if let Some(session) = self.sessions.remove(&recording) {
            session.wish.send_modify(|wish| wish.leave = true);
            // A session leaves at once, whatever it does; its thread may still write a file
            // into a folder that goes.
            let _ = tokio::time::timeout(LEAVE_PATIENCE, session.task).await;
        }
        self.shared.board.forget(recording);
        let spool = Spool::of(&self.shared.config.spool_dir, recording);
        let store = self.shared.store.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let folder = manifest::prefix(recording);
            let folder = folder.parse().expect("a recording's folder is plain");
            spool.remove().map_err(|error| error.to_string())?;
            store
                .remove_folder(&folder)
                .map_err(|error| error.to_string())
        });
        match removed.await {
            Ok(Ok(())) => tracing::info!(%recording, "recording deleted"),
            Ok(Err(error)) => tracing::error!(%recording, error, "recording not deleted"),
            Err(_) => {}
        }
    }

    /// Leaves every session as it stands; what is on tape is on disk.
    async fn leave(self) {
        for session in self.sessions.values() {
            session.wish.send_modify(|wish| wish.leave = true);
        }
        let all = async {
            for session in self.sessions.into_values() {
                let _ = session.task.await;
            }
        };
        if tokio::time::timeout(LEAVE_PATIENCE, all).await.is_err() {
            tracing::warn!(
                "a recording did not let go in time; it is gone on with at the next start"
            );
        }
    }
}

/// What is left over costs only space.
fn warn_unless_done(recording: RecordingId, cleared: io::Result<()>) {
    if let Err(error) = cleared {
        tracing::warn!(%recording, %error, "the spool cannot be cleared");
    }
}

async fn asked(leave: &mut watch::Receiver<bool>) {
    let _ = leave.wait_for(|leave| *leave).await;
}
