//! The journal on disk. Lines stay in memory until they are fsynced; after a failure they all
//! go to a new file.

use std::fs::File;
use std::io::{self, Write};

use recorder_core::journal::{self, JournalLine};

use crate::durable;
use crate::spool::Spool;

/// Lines that wait for a disk that fails. Beyond, new events are dropped: a timeline with a hole.
const MAX_WAITING_LINES: usize = 20_000;

pub(super) struct JournalFile {
    spool: Spool,
    next_number: u32,
    file: Option<File>,
    waiting: Vec<Vec<u8>>,
}

impl JournalFile {
    pub(super) fn open(spool: Spool) -> io::Result<Self> {
        Ok(JournalFile {
            next_number: spool.next_journal()?,
            spool,
            file: None,
            waiting: Vec::new(),
        })
    }

    /// Puts a first line on disk at once; answers whether it is there. Where the disk takes none
    /// it waits like any other.
    pub(super) fn begin(&mut self, first: Option<&JournalLine>) -> bool {
        let Some(line) = first else {
            return true;
        };
        self.push(line);
        let written = self.sync().is_ok();
        if !written {
            self.let_go();
        }
        written
    }

    /// Takes a line; answers whether there was a place for it.
    pub(super) fn push(&mut self, line: &JournalLine) -> bool {
        let taken = self.waiting.len() < MAX_WAITING_LINES;
        if taken {
            self.waiting.push(journal::encode(line));
        }
        taken
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let bytes = self.waiting.concat();
        match &mut self.file {
            Some(file) => {
                file.write_all(&bytes)?;
                file.sync_data()?;
            }
            None => {
                let path = self.spool.journal_path(self.next_number);
                self.next_number += 1;
                self.file = Some(durable::create_file(&path, &bytes)?);
            }
        }
        self.waiting.clear();
        Ok(())
    }

    pub(super) fn let_go(&mut self) {
        self.file = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::ids::RecordingId;
    use uuid::Uuid;

    #[test]
    fn lines_that_wait_are_bounded_and_go_to_a_new_file_after_a_failure() {
        let dir = tempfile::tempdir().expect("a directory");
        let spool = Spool::of(dir.path(), RecordingId(Uuid::nil()));
        spool.create().expect("creates");
        let mut journal = JournalFile::open(spool.clone()).expect("opens");
        assert!(journal.push(&JournalLine::StopAsked {}));
        journal.sync().expect("writes");
        journal.let_go();
        for _ in 0..MAX_WAITING_LINES {
            assert!(journal.push(&JournalLine::Ended { at: None }));
        }
        assert!(!journal.push(&JournalLine::Ended { at: None }));
        assert_eq!(journal.waiting.len(), MAX_WAITING_LINES);
        journal.sync().expect("writes");
        assert_eq!(spool.next_journal().expect("lists"), 2);
        let account = spool.account().expect("reads");
        assert!(account.stop_asked && account.ended);
    }
}
