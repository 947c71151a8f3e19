//! Where a recording stands on the recorder's own disk until its objects are safe.
//!
//! ```text
//! {spool}/{recording}/journal/000000.journal
//! {spool}/{recording}/tapes/{tape}/000000.tape
//! {spool}/{recording}/report.json      how it ended; then the rest goes
//! {spool}/{recording}/work/            files being made
//! ```
//! A started program never appends to a file of the one before: it begins the next number.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use recorder_core::journal::{self, Account, JournalLine};
use recorder_core::tape::{SegmentHeader, SegmentReader, TapeEntries};
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

    /// All that the journal says.
    pub(crate) fn account(&self) -> io::Result<Account> {
        let mut lines: Vec<JournalLine> = Vec::new();
        for (_, path) in numbered(&self.dir.join("journal"), "journal")? {
            lines.extend(journal::decode(&fs::read(path)?).0);
        }
        Ok(journal::account(lines))
    }

    pub(crate) fn tape_dir(&self, tape: TapeId) -> PathBuf {
        self.dir.join("tapes").join(tape.to_string())
    }

    /// Every tape whose first segment can be read, in the order in which they were opened.
    pub(crate) fn tapes(&self) -> io::Result<Vec<SpooledTape>> {
        let mut tapes = Vec::new();
        for entry in fs::read_dir(self.dir.join("tapes"))? {
            let segments = numbered(&entry?.path(), "tape")?;
            let header = segments.iter().find_map(|(_, path)| read_header(path));
            tapes.extend(header.map(|header| SpooledTape { header, segments }));
        }
        tapes.sort_by_key(|tape| tape.header.tape);
        Ok(tapes)
    }

    /// Cuts the tails that a crash tore off the last segments, and says where each tape ends.
    pub(crate) fn recover(&self) -> io::Result<Vec<TapeEnd>> {
        let mut ends = Vec::new();
        for tape in self.tapes()? {
            if let Some((_, last)) = tape.segments.last() {
                cut_torn_tail(last)?;
            }
            let mut entries = tape.read();
            while entries.next().is_some() {}
            ends.push(TapeEnd {
                tape: tape.header.tape,
                next_index: entries.next_index(),
            });
        }
        Ok(ends)
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
    /// Reads the tape through. A segment that cannot be opened reads as empty, so its entries
    /// are named missing.
    pub(crate) fn read(&self) -> TapeEntries<impl Iterator<Item = Vec<u8>> + Send + use<>> {
        let paths = self.segments.clone();
        TapeEntries::new(
            paths
                .into_iter()
                .map(|(_, path)| fs::read(path).unwrap_or_default()),
        )
    }
}

fn read_header(path: &Path) -> Option<SegmentHeader> {
    let bytes = fs::read(path).ok()?;
    SegmentReader::open(&bytes).ok().map(|(header, _)| header)
}

fn cut_torn_tail(path: &Path) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let Ok((_, mut reader)) = SegmentReader::open(&bytes) else {
        // Not even a header: nothing in it was ever acknowledged.
        fs::remove_file(path)?;
        return durable::sync_parent(path);
    };
    while reader.next().is_some() {}
    if reader.whole_bytes() < bytes.len() {
        let file: File = OpenOptions::new().write(true).open(path)?;
        file.set_len(reader.whole_bytes() as u64)?;
        file.sync_all()?;
    }
    Ok(())
}

/// Files called `{number}.{ending}`, by number.
pub(crate) fn numbered(dir: &Path, ending: &str) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
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
