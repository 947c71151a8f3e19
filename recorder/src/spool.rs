//! Where a recording stands on the recorder's own disk until its objects are safe.
//!
//! ```text
//! {spool}/{recording}/journal/000000.journal
//! {spool}/{recording}/tapes/{tape}/000000.tape
//! {spool}/{recording}/report.json      how it ended; then the rest goes
//! {spool}/{recording}/work/            files being made
//! ```
//! A started program never appends to a file of the one before: it begins the next number.
//!
//! What may hold a recording is never removed: only what was cut off before it held anything, and
//! what is in the object store as a whole.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use recorder_core::journal::{self, Account, JournalLine};
use recorder_core::tape::{SegmentHeader, SegmentReader, TapeEntries, TapeFault, TapeFaultKind};
use sfu_protocol::ids::{RecordingId, TapeId};
use sfu_protocol::link::TapeEnd;
use sfu_protocol::recording::RecorderReport;

use crate::durable;

/// The spool of one recording.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    dir: PathBuf,
}

/// A tape on disk.
#[derive(Debug, Clone)]
pub(crate) struct SpooledTape {
    pub(crate) header: SegmentHeader,
    /// Number and path, rising.
    pub(crate) segments: Vec<(u32, PathBuf)>,
}

/// All tapes of a recording.
#[derive(Debug, Default)]
pub(crate) struct SpooledTapes {
    /// Those with a segment whose header can be read, in the order in which they were opened.
    pub(crate) tapes: Vec<SpooledTape>,
    /// The others, in words: what is on them is not known.
    pub(crate) unreadable: Vec<String>,
}

/// Segments that could not be read from the disk, collected while tapes are read. Their entries
/// are missing from what is made, and their files must stay.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadFaults(Arc<Mutex<BTreeMap<PathBuf, String>>>);

/// Faults kept one by one. Beyond, the first ones say enough.
const MAX_READ_FAULTS: usize = 100;

impl ReadFaults {
    fn note(&self, path: &Path, error: &io::Error) {
        let mut faults = self.0.lock().expect("nobody panics while noting a fault");
        if faults.len() < MAX_READ_FAULTS && !faults.contains_key(path) {
            tracing::error!(path = %path.display(), %error, "a tape segment cannot be read");
            let fault = format!("{} cannot be read: {error}", place(path));
            faults.insert(path.to_owned(), fault);
        }
    }

    /// Whether this one could not be read.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        let faults = self.0.lock().expect("nobody panics while noting a fault");
        faults.contains_key(path)
    }

    /// What was found so far.
    pub(crate) fn found(&self) -> Vec<String> {
        let faults = self.0.lock().expect("nobody panics while noting a fault");
        faults.values().cloned().collect()
    }
}

/// Recordings that have something in the spool.
pub(crate) fn recordings(spool_dir: &Path) -> io::Result<Vec<RecordingId>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(spool_dir)? {
        if let Some(recording) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            found.push(recording);
        }
    }
    found.sort_unstable();
    Ok(found)
}

impl Spool {
    pub(crate) fn of(spool_dir: &Path, recording: RecordingId) -> Self {
        Spool {
            dir: spool_dir.join(recording.to_string()),
        }
    }

    pub(crate) fn create(&self) -> io::Result<()> {
        durable::create_dirs(&self.dir.join("journal"))?;
        durable::create_dirs(&self.dir.join("tapes"))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// An empty folder for files being made.
    pub(crate) fn fresh_work_dir(&self) -> io::Result<PathBuf> {
        let work = self.dir.join("work");
        durable::remove_dir(&work)?;
        durable::create_dirs(&work)?;
        Ok(work)
    }

    pub(crate) fn journal_path(&self, number: u32) -> PathBuf {
        self.dir
            .join("journal")
            .join(format!("{number:06}.journal"))
    }

    pub(crate) fn next_journal(&self) -> io::Result<u32> {
        let files = numbered(&self.dir.join("journal"), "journal")?;
        Ok(files.last().map_or(0, |(number, _)| number + 1))
    }

    /// All that the journal says. Without any file of it that is nothing.
    pub(crate) fn account(&self) -> io::Result<Account> {
        let mut lines: Vec<JournalLine> = Vec::new();
        for (_, path) in numbered(&self.dir.join("journal"), "journal")? {
            lines.extend(journal::decode(&fs::read(path)?).0);
        }
        Ok(journal::account(lines))
    }

    /// Whether there is nothing that could be lost: it was cut off before its first line was on
    /// disk. An error is no emptiness.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        if self.dir.join("report.json").try_exists()? || self.account()?.assignment.is_some() {
            return Ok(false);
        }
        for dir in self.tape_dirs()? {
            if fs::read_dir(dir)?.next().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn tape_dir(&self, tape: TapeId) -> PathBuf {
        self.dir.join("tapes").join(tape.to_string())
    }

    fn tape_dirs(&self) -> io::Result<Vec<PathBuf>> {
        entries(&self.dir.join("tapes"))
    }

    /// Every tape, by the first of its segments whose header can be read. An error of the disk is
    /// an error: a tape is not left out because a file could not be opened just now.
    pub(crate) fn tapes(&self) -> io::Result<SpooledTapes> {
        let mut found = SpooledTapes::default();
        for dir in self.tape_dirs()? {
            let segments = numbered(&dir, "tape")?;
            match first_header(&segments)? {
                Ok(header) => found.tapes.push(SpooledTape { header, segments }),
                // Nothing was ever acknowledged of it.
                Err(None) => {}
                Err(Some(fault)) => found
                    .unreadable
                    .push(format!("{} cannot be read: {fault}", place(&dir))),
            }
        }
        found.tapes.sort_by_key(|tape| tape.header.tape);
        found.unreadable.sort_unstable();
        Ok(found)
    }

    /// Cuts the tails that a crash tore off the last segments, and says where each tape ends.
    pub(crate) fn recover(&self) -> io::Result<Vec<TapeEnd>> {
        let mut ends = Vec::new();
        for dir in self.tape_dirs()? {
            if let Some((_, last)) = numbered(&dir, "tape")?.last() {
                cut_torn_tail(last)?;
            }
        }
        let faults = ReadFaults::default();
        for tape in self.tapes()?.tapes {
            let mut entries = tape.read(&faults);
            while entries.next().is_some() {}
            ends.push(TapeEnd {
                tape: tape.header.tape,
                next_index: entries.next_index(),
            });
        }
        match faults.found().pop() {
            // Where a tape ends is not known then, and must not be guessed.
            Some(fault) => Err(io::Error::other(fault)),
            None => Ok(ends),
        }
    }

    pub(crate) fn write_report(&self, report: &RecorderReport) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(report)?;
        durable::replace_file(&self.dir.join("report.json"), &json)
    }

    /// How it ended, when it has.
    pub(crate) fn read_report(&self) -> Option<RecorderReport> {
        let bytes = fs::read(self.dir.join("report.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Everything but the report goes: the objects are safe.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for part in ["work", "tapes", "journal"] {
            durable::remove_dir(&self.dir.join(part))?;
        }
        Ok(())
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        durable::remove_dir(&self.dir)
    }
}

impl SpooledTape {
    /// Reads the tape through. A segment that cannot be opened reads as empty and is noted in
    /// `faults`.
    pub(crate) fn read(
        &self,
        faults: &ReadFaults,
    ) -> TapeEntries<impl Iterator<Item = Vec<u8>> + Send + use<>> {
        let (paths, faults) = (self.segments.clone(), faults.clone());
        TapeEntries::new(paths.into_iter().map(move |(_, path)| {
            fs::read(&path).unwrap_or_else(|error| {
                faults.note(&path, &error);
                Vec::new()
            })
        }))
    }
}

/// The first header that can be read, else the first fault that is more than a header that was
/// never whole.
fn first_header(
    segments: &[(u32, PathBuf)],
) -> io::Result<Result<SegmentHeader, Option<TapeFault>>> {
    let mut first_fault = None;
    for (_, path) in segments {
        match SegmentReader::open(&fs::read(path)?) {
            Ok((header, _)) => return Ok(Ok(header)),
            Err(fault) if fault.kind == TapeFaultKind::Torn => {}
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
    }
    Ok(Err(first_fault))
}

/// Cuts off what a crash left half written. Whatever else is wrong with a segment stays as it is:
/// readers name it and go on with the next one.
fn cut_torn_tail(path: &Path) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let mut reader = match SegmentReader::open(&bytes) {
        Ok((_, reader)) => reader,
        Err(fault) if fault.kind == TapeFaultKind::Torn => {
            // Not even a header: nothing in it was ever acknowledged.
            fs::remove_file(path)?;
            return durable::sync_parent(path);
        }
        Err(fault) => {
            tracing::error!(path = %path.display(), %fault, "a tape segment stays as it is");
            return Ok(());
        }
    };
    match reader.by_ref().find_map(Result::err) {
        Some(fault) if fault.kind == TapeFaultKind::Torn => {
            let file: File = OpenOptions::new().write(true).open(path)?;
            file.set_len(reader.whole_bytes() as u64)?;
            file.sync_all()
        }
        Some(fault) => {
            tracing::error!(path = %path.display(), %fault, "a tape segment stays as it is");
            Ok(())
        }
        None => Ok(()),
    }
}

/// The end of a path in the spool, for people: the folders above say nothing to them.
fn place(path: &Path) -> String {
    let names: Vec<_> = path.iter().rev().take(2).collect();
    let place: PathBuf = names.into_iter().rev().collect();
    place.display().to_string()
}

/// What a directory holds. One that is not there holds nothing.
fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Files called `{number}.{ending}`, by number.
pub(crate) fn numbered(dir: &Path, ending: &str) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut files = Vec::new();
    for path in entries(dir)? {
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse().ok());
        if let Some(number) = number
            && path.extension().is_some_and(|found| found == ending)
        {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests;
