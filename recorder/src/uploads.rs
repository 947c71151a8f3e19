//! Tape segments that are in the object store already, uploaded as they closed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use recorder_core::manifest;
use sfu_protocol::ids::RecordingId;

use crate::store::{Directory, Stored};
use crate::tape_writer::SealedSegment;

/// By the segment's path in the spool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uploads {
    done: BTreeMap<PathBuf, Stored>,
}

impl Uploads {
    /// Uploads a segment. What fails is uploaded again when the recording is finished.
    pub(crate) async fn segment(
        &mut self,
        store: Directory,
        recording: RecordingId,
        segment: SealedSegment,
    ) {
        let SealedSegment { tape, number, path } = segment;
        let key = manifest::segment_key(recording, tape, number);
        let file = path.clone();
        let put = tokio::task::spawn_blocking(move || {
            let key = key.parse().expect("a segment's key is plain");
            store.put_file(&key, &file)
        });
        match put.await {
            Ok(Ok(stored)) => {
                self.done.insert(path, stored);
            }
            Ok(Err(error)) => tracing::warn!(%error, "a tape segment waits in the spool"),
            Err(_) => {}
        }
    }

    /// Takes over what another knows.
    pub(crate) fn extend(&mut self, other: Uploads) {
        self.done.extend(other.done);
    }

    /// What a segment is in the store, when it is there.
    pub(crate) fn stored(&self, path: &PathBuf) -> Option<&Stored> {
        self.done.get(path)
    }
}
