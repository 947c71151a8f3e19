//! A directory as object store, with the promise of a good S3: an object is there as a whole and
//! on disk, or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use uuid::Uuid;

use super::ObjectKey;
use crate::durable;

/// Where objects stand until they are whole. No key can begin with a dot.
const UNFINISHED: &str = ".unfinished";

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Length.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("object store: {doing} {path}: {source}")]
pub struct StoreError {
    /// What was tried.
    pub doing: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl StoreError {
    /// Whether the object is simply not there.
    pub fn is_absent(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Objects in a directory, each a file at its key.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Opens the directory, makes it when absent, and clears what a crash left unfinished.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let directory = Directory {
            root: root.to_owned(),
        };
        let unfinished = root.join(UNFINISHED);
        during("clearing", &unfinished, durable::remove_dir(&unfinished))?;
        during("making", &unfinished, durable::create_dirs(&unfinished))?;
        Ok(directory)
    }

    /// Opens the directory to read only.
    pub fn read_only(root: &Path) -> Self {
        Directory {
            root: root.to_owned(),
        }
    }

    /// Where objects stand until they are whole: on the store's disk.
    pub(crate) fn unfinished_dir(&self) -> PathBuf {
        self.root.join(UNFINISHED)
    }

    /// Stores a file's content. An object that is there is replaced.
    pub fn put_file(&self, key: &ObjectKey, file: &Path) -> Result<Stored, StoreError> {
        let source = during("opening", file, File::open(file))?;
        self.put(key, source)
    }

    /// Stores bytes. An object that is there is replaced.
    pub fn put_bytes(&self, key: &ObjectKey, bytes: &[u8]) -> Result<Stored, StoreError> {
        self.put(key, bytes)
    }

    fn put(&self, key: &ObjectKey, source: impl Read) -> Result<Stored, StoreError> {
        let unfinished = self.root.join(UNFINISHED).join(Uuid::new_v4().to_string());
        let stored =
            during("writing", &unfinished, write_whole(source, &unfinished)).inspect_err(|_| {
                // What cannot be written can often still be removed; if not, the next start does.
                let _ = fs::remove_file(&unfinished);
            })?;
        let path = self.path(key);
        if let Some(parent) = path.parent() {
            during("making", parent, durable::create_dirs(parent))?;
        }
        during("naming", &path, fs::rename(&unfinished, &path))?;
        during("naming", &path, durable::sync_parent(&path))?;
        Ok(stored)
    }

    /// Reads an object back: its length and hash as they are now.
    pub fn read_back(&self, key: &ObjectKey) -> Result<Stored, StoreError> {
        let path = self.path(key);
        let file = during("opening", &path, File::open(&path))?;
        during("reading", &path, copy_hashed(file, &mut io::sink()))
    }

    /// An object's bytes. Only for small ones.
    pub fn read(&self, key: &ObjectKey) -> Result<Vec<u8>, StoreError> {
        let path = self.path(key);
        during("reading", &path, fs::read(&path))
    }

    /// Removes all objects whose keys begin with `folder` and a slash.
    pub fn remove_folder(&self, folder: &ObjectKey) -> Result<(), StoreError> {
        let path = self.path(folder);
        during("removing", &path, durable::remove_dir(&path))
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.as_str())
    }
}

fn during<T>(doing: &'static str, path: &Path, result: io::Result<T>) -> Result<T, StoreError> {
    result.map_err(|source| StoreError {
        doing,
        path: path.to_owned(),
        source,
    })
}

fn write_whole(source: impl Read, path: &Path) -> io::Result<Stored> {
    let mut file = File::create_new(path)?;
    let stored = copy_hashed(source, &mut file)?;
    file.sync_all()?;
    Ok(stored)
}

fn copy_hashed(mut source: impl Read, target: &mut impl Write) -> io::Result<Stored> {
    let mut hash = Context::new(&SHA256);
    let mut bytes = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&chunk[..count]);
        target.write_all(&chunk[..count])?;
        bytes += count as u64;
    }
    Ok(Stored {
        bytes,
        sha256: hex::encode(hash.finish()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ObjectKey {
        text.parse().expect("a key")
    }

    #[test]
    fn what_is_put_is_read_back_with_its_hash_and_replaced_as_a_whole() {
        let root = tempfile::tempdir().expect("a directory");
        let store = Directory::open(root.path()).expect("opens");
        let stored = store.put_bytes(&key("a/b/c"), b"abc").expect("stores");
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            stored.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(store.read_back(&key("a/b/c")).expect("reads"), stored);
        store.put_bytes(&key("a/b/c"), b"other").expect("replaces");
        assert_eq!(store.read(&key("a/b/c")).expect("reads"), b"other");
        store.remove_folder(&key("a")).expect("removes");
        assert!(
            store
                .read_back(&key("a/b/c"))
                .expect_err("gone")
                .is_absent()
        );
        store.remove_folder(&key("a")).expect("nothing to remove");
    }

    #[test]
    fn what_a_crash_left_unfinished_is_cleared_at_the_next_start() {
        let root = tempfile::tempdir().expect("a directory");
        Directory::open(root.path()).expect("opens");
        let left = root.path().join(UNFINISHED).join("left");
        fs::write(&left, b"half").expect("writes");
        Directory::open(root.path()).expect("opens again");
        assert!(!left.exists());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let root = tempfile::tempdir().expect("a directory");
        let file = root.path().join("file");
        fs::write(&file, b"").expect("writes");
        let error = Directory::open(&file.join("below")).expect_err("not a directory");
        assert!(error.to_string().contains("below"), "{error}");
    }
}
