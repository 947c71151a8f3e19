//! Decides where everything is kept, and that one process at a time keeps it.
//!
//! ```text
//! data/
//!   colloquy.lock     held while a process runs
//!   colloquy.db       accounts, rooms, recordings as rows
//!   capacity.json     what this machine was found to hold
//!   secrets/          keys made at the first start, readable by the owner only
//!   spool/            tapes and files being made
//!   objects/          what is finished
//! ```

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::refusal::Refusal;

/// The folder of data, held for this process while the value lives.
#[derive(Debug)]
pub(crate) struct HeldFolder {
    _lock: File,
}

impl HeldFolder {
    /// Makes what is missing and takes the lock.
    pub(crate) fn open(root: &Path) -> Result<Self, Refusal> {
        let unusable = |fault| unusable(root, &fault);
        make(root)?;
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join("colloquy.lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Refusal::new(format!(
                    "data directory {} is in use by another colloquy process; stop it, or set data.dir",
                    root.display()
                )));
            }
            Err(TryLockError::Error(fault)) => return Err(unusable(fault)),
        }
        // The number is for a person who looks for the process; the lock itself is the kernel's.
        lock.set_len(0).map_err(unusable)?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { _lock: lock })
    }
}

/// Makes the folder, if it is missing.
pub(crate) fn make(root: &Path) -> Result<(), Refusal> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(root)
        .map_err(|fault| unusable(root, &fault))
}

fn unusable(root: &Path, fault: &std::io::Error) -> Refusal {
    Refusal::new(format!(
        "data directory {} is not writable: {fault}; set data.dir or --data-dir to one that is",
        root.display()
    ))
}

/// The group may read what the operator lets it.
const FOLDER_MODE: u32 = 0o750;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused_until_the_first_is_gone() {
        let parent = tempfile::tempdir().expect("a folder");
        let root = parent.path().join("data");
        let first = HeldFolder::open(&root).expect("free");
        let refusal = HeldFolder::open(&root).expect_err("held");
        assert!(refusal.to_string().contains("in use"), "{refusal}");
        drop(first);
        HeldFolder::open(&root).expect("free again");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused_by_its_name() {
        let parent = tempfile::tempdir().expect("a folder");
        let file = parent.path().join("file");
        std::fs::write(&file, "").expect("written");
        let refusal = HeldFolder::open(&file.join("data")).expect_err("inside of a file");
        assert!(refusal.to_string().contains("is not writable"), "{refusal}");
    }
}
