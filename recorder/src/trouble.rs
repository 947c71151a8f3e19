//! What is wrong with a disk, for programs and for people.

use std::io::{self, ErrorKind};
use std::path::Path;

use sfu_protocol::recording::TroubleReason;

use crate::durable;

/// Free space from which a disk that was full is written again: some seconds of a meeting. With
/// less it would be full again at once, and everyone told of it each time.
const FREE_TO_GO_ON_BYTES: u64 = 8 * 1024 * 1024;

/// What is written to see whether a disk takes anything.
const PROBE_BYTES: usize = 4096;

/// What kind of trouble an error is.
pub(crate) fn reason(error: &io::Error) -> TroubleReason {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            TroubleReason::DiskFull
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => TroubleReason::ReadOnly,
        _ => TroubleReason::Unwritable,
    }
}

/// What the matter is with a disk.
pub(crate) fn disk_words(reason: TroubleReason) -> &'static str {
    match reason {
        TroubleReason::DiskFull => "the recorder's disk is full",
        TroubleReason::ReadOnly => "the recorder's disk is read-only",
        TroubleReason::Unwritable => "the recorder's disk fails",
    }
}

/// Whether files can be written in a folder, and enough of them to go on.
pub(crate) fn probe(dir: &Path) -> io::Result<()> {
    let path = dir.join("probe");
    durable::replace_file(&path, &[0; PROBE_BYTES])?;
    if free_bytes(dir)? < FREE_TO_GO_ON_BYTES {
        return Err(io::Error::from(ErrorKind::StorageFull));
    }
    Ok(())
}

/// Bytes that this user can still write.
pub(crate) fn free_bytes(dir: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(dir)?;
    Ok(disk.blocks_available() * disk.fragment_size())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    #[test]
    fn what_the_system_says_becomes_what_a_person_can_mend() {
        // errno(3) on Linux.
        let cases = [
            (28, TroubleReason::DiskFull),
            (122, TroubleReason::DiskFull),
            (27, TroubleReason::DiskFull),
            (30, TroubleReason::ReadOnly),
            (13, TroubleReason::ReadOnly),
            (1, TroubleReason::ReadOnly),
            (5, TroubleReason::Unwritable),
        ];
        for (errno, wanted) in cases {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(reason(&error), wanted, "{error}");
        }
    }

    #[test]
    fn a_device_that_is_always_full_is_called_full() {
        let mut full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let error = full.write_all(b"x").expect_err("it is full");
        assert_eq!(reason(&error), TroubleReason::DiskFull);
    }

    #[test]
    fn a_folder_that_takes_files_is_fit_and_one_that_is_none_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        std::fs::write(&file, b"").expect("writes");
        assert!(free_bytes(dir.path()).expect("there is one") > 0);
        assert_eq!(
            probe(&file).map_err(|error| reason(&error)),
            Err(TroubleReason::Unwritable)
        );
    }
}
