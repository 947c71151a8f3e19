//! Recomputes every hash of a stored recording.

use std::path::Path;

use recorder_core::manifest::{self, Manifest, ManifestFault};
use sfu_protocol::ids::RecordingId;

use crate::store::{Directory, KeyFault, ObjectKey, StoreError};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Parts that the manifest names.
    pub parts: usize,
    /// Bytes of those that match.
    pub bytes: u64,
    /// Parts that do not match.
    pub faults: Vec<PartFault>,
}

/// A part that does not match the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFault {
    /// Its key.
    pub key: String,
    /// How it differs.
    pub fault: Difference,
}

/// How a part differs from the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// Its length differs.
    #[error("has {found} bytes, not {expected}")]
    Length {
        /// By the manifest.
        expected: u64,
        /// In the store.
        found: u64,
    },
    /// Its content differs.
    #[error("has another content than when it was recorded")]
    Content,
}

/// Nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no manifest: no such recording, or it is not ready.
    #[error("no manifest: there is no such recording here, or it is not ready")]
    NoManifest,
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// The manifest names an impossible key.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Recomputes every hash of a recording in the object directory.
pub fn verify(objects_dir: &Path, recording: RecordingId) -> Result<Verified, VerifyError> {
    let store = Directory::read_only(objects_dir);
    let key: ObjectKey = manifest::manifest_key(recording).parse()?;
    let bytes = store.read(&key).map_err(|error| {
        if error.is_absent() {
            VerifyError::NoManifest
        } else {
            VerifyError::Store(error)
        }
    })?;
    parts(&store, &Manifest::decode(&bytes)?)
}

/// Reads every part back and compares it.
pub(crate) fn parts(store: &Directory, manifest: &Manifest) -> Result<Verified, VerifyError> {
    let mut verified = Verified {
        parts: manifest.parts.len(),
        bytes: 0,
        faults: Vec::new(),
    };
    for part in &manifest.parts {
        let difference = match store.read_back(&part.key.parse()?) {
            Ok(found) if found.bytes != part.bytes => Some(Difference::Length {
                expected: part.bytes,
                found: found.bytes,
            }),
            Ok(found) if found.sha256 != part.sha256 => Some(Difference::Content),
            Ok(found) => {
                verified.bytes += found.bytes;
                None
            }
            Err(error) if error.is_absent() => Some(Difference::Missing),
            Err(error) => return Err(error.into()),
        };
        verified.faults.extend(difference.map(|fault| PartFault {
            key: part.key.clone(),
            fault,
        }));
    }
    Ok(verified)
}
