//! From tapes to files: reads every tape twice, writes each track and the composed file, stores
//! all of it, and calls the recording whole only when every part in the store matches.
//!
//! What cannot be made does not keep the rest from being made: the manifest and the files that
//! there are are stored, the problem is told, and the tapes stay in the spool for another try.
//!
//! Runs on a thread of its own at low priority, so that calls come first.

mod files;
mod gather;

use std::io;
use std::path::{Path, PathBuf};

use recorder_core::layout::{Canvas, Scene, scenes};
use recorder_core::manifest::{self, MANIFEST_VERSION, Manifest};
use recorder_core::{health, timeline};
use sfu_protocol::ids::RecordingId;
use sfu_protocol::recording::{FileKind, RecordedFile, RecordingHealth, TroubleReason};
use tokio::sync::{oneshot, watch};

use crate::compose::{self, ComposeJob};
use crate::spool::Spool;
use crate::store::{Directory, StoreError};
use crate::trouble;
use crate::uploads::Uploads;
use crate::verify::{self, VerifyError};
use gather::Gathered;

/// How much lower than others this thread's priority is: beside a busy call it gets a third of
/// the call's share, so that a short recording is there soon.
const NICE_SHORT: i32 = 5;

/// The same for a long recording, which would take that much for long: a tenth.
const NICE_LONG: i32 = 10;

/// What is to be finished.
pub(crate) struct Job {
    pub(crate) recording: RecordingId,
    pub(crate) spool: Spool,
    pub(crate) store: Directory,
    pub(crate) canvas: Canvas,
    pub(crate) fps: u32,
    pub(crate) uploads: Uploads,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) started_at_ms: Option<u64>,
    pub(crate) ended_at_ms: Option<u64>,
    pub(crate) files: Vec<RecordedFile>,
    pub(crate) health: RecordingHealth,
    /// Set when something is not there that should be: what a person reads.
    pub(crate) problem: Option<String>,
    /// Nothing of the spool is needed any more.
    pub(crate) safe: bool,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What a person reads.
    pub(crate) problem: String,
    /// Set when a disk refused: it may take everything later.
    pub(crate) disk: Option<TroubleReason>,
}

impl Failure {
    /// One of which no disk is the cause.
    pub(crate) fn of(problem: String) -> Self {
        Failure {
            problem,
            disk: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FinishError {
    #[error("The tapes cannot be read: {0}.")]
    Spool(#[from] io::Error),
    #[error("The recording has no journal: what it was of is not known.")]
    NoJournal,
    #[error("{0}. The tapes are kept.")]
    Store(#[from] StoreError),
    #[error("The stored recording does not match: {0}. The tapes are kept.")]
    Verify(#[from] VerifyError),
    #[error("{0} of the stored parts do not match the manifest. The tapes are kept.")]
    Differs(usize),
}

impl From<FinishError> for Failure {
    fn from(error: FinishError) -> Self {
        let refused = match &error {
            FinishError::Spool(refused) => Some(refused),
            FinishError::Store(store) => Some(&store.source),
            _ => None,
        };
        let disk = refused.map(trouble::reason);
        Failure {
            problem: error.to_string(),
            // One that fails otherwise is not waited for: it may never come back.
            disk: disk.filter(|reason| *reason != TroubleReason::Unwritable),
        }
    }
}

/// Starts the work; the receiver yields what came of it, a failure in words for a person.
pub(crate) fn on_a_thread(
    job: Job,
    progress: watch::Sender<u8>,
) -> io::Result<oneshot::Receiver<Result<Finished, Failure>>> {
    let (told, finished) = oneshot::channel();
    std::thread::Builder::new()
        .name("finish".to_owned())
        .spawn(move || {
            lower_priority(NICE_SHORT);
            let made = finish(&job, &progress).map_err(Failure::from);
            // Nobody waits any more when the recorder stops.
            let _ = told.send(made);
        })?;
    Ok(finished)
}

/// Threads that are started from here on inherit it.
fn lower_priority(nice: i32) {
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::warn!(%error, "files are made at ordinary priority");
    }
}

fn finish(job: &Job, progress: &watch::Sender<u8>) -> Result<Finished, FinishError> {
    let began = std::time::Instant::now();
    let gathered = Gathered::read(&job.spool)?;
    let assignment = gathered.account.assignment.clone();
    let assignment = assignment.ok_or(FinishError::NoJournal)?;
    if gathered.duration_us() > compose::SHORT_US {
        lower_priority(NICE_LONG);
    }
    let work = job.spool.fresh_work_dir()?;
    let mut parts = files::store_tapes(job, &gathered)?;
    progress.send_replace(5);

    let tracks = files::write_tracks(&gathered, &work);
    progress.send_replace(10);
    let timeline = timeline::build(
        gathered.start,
        gathered.end,
        &gathered.account.events,
        &gathered.facts(),
        &tracks.covered,
    );
    let playable = !tracks.written.is_empty();
    for track in tracks.written {
        parts.push(files::store_track(job, track)?);
    }
    let mut faults = tracks.faults;
    if playable {
        let scenes = scenes(&timeline, job.canvas);
        match composed(job, &gathered, scenes, &assignment.title, &work, progress) {
            Ok(out) => parts.push(store_composed(job, out)?),
            Err(error) => faults.push(format!("The composed file could not be made: {error}")),
        }
    }
    faults.extend(gathered.faults());
    let manifest = Manifest {
        version: MANIFEST_VERSION,
        started_at_ms: gathered.start.as_ms(),
        ended_at_ms: gathered.end.as_ms(),
        health: health::health(&timeline, gathered.surveys(), &gathered.mappings()),
        tapes: gathered.lines(),
        problem: problem(&faults, playable, &gathered),
        faults,
        assignment,
        timeline,
        parts,
    };
    let finished = seal(job, manifest)?;
    progress.send_replace(100);
    tracing::info!(
        recording = %job.recording,
        took_ms = began.elapsed().as_millis() as u64,
        duration_ms = finished.health.duration_ms,
        "files made"
    );
    Ok(finished)
}

/// Composition is most of the work: from 10 to 95 percent.
fn composed(
    job: &Job,
    gathered: &Gathered,
    scenes: Vec<Scene>,
    title: &str,
    work: &Path,
    progress: &watch::Sender<u8>,
) -> Result<PathBuf, compose::ComposeError> {
    let out = work.join("composed.mp4");
    let compose = ComposeJob {
        canvas: job.canvas,
        fps: job.fps,
        scenes,
        tracks: files::track_frames(gathered),
        duration_us: gathered.duration_us(),
        title: title.to_owned(),
    };
    let mut tell = |percent: u8| {
        progress.send_replace(10 + (u32::from(percent.min(100)) * 85 / 100) as u8);
    };
    compose::render(compose, &out, &mut tell)?;
    Ok(out)
}

/// What a person reads when something is not there that should be.
fn problem(faults: &[String], playable: bool, gathered: &Gathered) -> Option<String> {
    match faults {
        [] if playable => None,
        [] => Some(nothing_to_play(gathered)),
        [only] => Some(format!("{only}. The tapes are kept.")),
        [first, rest @ ..] => Some(format!(
            "{first} (and {} more, listed in the manifest). The tapes are kept.",
            rest.len()
        )),
    }
}

fn nothing_to_play(gathered: &Gathered) -> String {
    let said = if gathered.account.started_at.is_none() {
        "The recording never began: its node refused it or was not reached. \
         A room that is being recorded already cannot be recorded twice."
    } else if gathered.tapes.is_empty() {
        "The recording is empty: nobody sent sound or picture while it ran."
    } else {
        "The recording holds nothing that can be played: what arrived has no whole frame."
    };
    said.to_owned()
}

fn store_composed(job: &Job, out: PathBuf) -> Result<RecordedFile, FinishError> {
    let key = manifest::composed_key(job.recording);
    let stored = job.store.put_file(&files::key(&key), &out)?;
    Ok(RecordedFile {
        kind: FileKind::Composed,
        key,
        content_type: "video/mp4".to_owned(),
        bytes: stored.bytes,
        sha256: stored.sha256,
        track: None,
        name: None,
    })
}

/// Stores the manifest and reads everything back against it.
fn seal(job: &Job, manifest: Manifest) -> Result<Finished, FinishError> {
    let key = manifest::manifest_key(job.recording);
    let stored = job.store.put_bytes(&files::key(&key), &manifest.encode())?;
    let verified = verify::parts(&job.store, &manifest)?;
    if !verified.faults.is_empty() {
        for fault in &verified.faults {
            tracing::error!(recording = %job.recording, key = fault.key, fault = %fault.fault, "a part does not match");
        }
        return Err(FinishError::Differs(verified.faults.len()));
    }
    let mut told: Vec<RecordedFile> = manifest
        .parts
        .into_iter()
        .filter(|part| part.kind != FileKind::Tape)
        .collect();
    told.sort_by_key(|part| part.kind != FileKind::Composed);
    told.push(RecordedFile {
        kind: FileKind::Manifest,
        key,
        content_type: "application/json".to_owned(),
        bytes: stored.bytes,
        sha256: stored.sha256,
        track: None,
        name: None,
    });
    let began = manifest.problem.is_none() || manifest.started_at_ms > 0;
    Ok(Finished {
        started_at_ms: began.then_some(manifest.started_at_ms),
        ended_at_ms: began.then_some(manifest.ended_at_ms),
        files: told,
        health: manifest.health,
        safe: manifest.faults.is_empty(),
        problem: manifest.problem,
    })
}

#[cfg(test)]
mod tests;
