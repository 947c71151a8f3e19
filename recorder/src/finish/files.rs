//! The single files: tapes as they are, one for each track.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use recorder_core::assemble::{Assemble, Rising};
use recorder_core::frame::{Frame, TrackFrames};
use recorder_core::manifest;
use recorder_core::stretch::{Coverage, Stretch, union};
use recorder_core::timeline::patience_us;
use sfu_protocol::ids::TrackId;
use sfu_protocol::media::Codec;
use sfu_protocol::recording::{FileKind, RecordedFile};

use super::gather::{Gathered, ReadTape};
use super::{FinishError, Job};
use crate::compose::{self, TrackFileError};
use crate::store::{ObjectKey, Stored};

/// A key that this crate made itself.
pub(super) fn key(text: &str) -> ObjectKey {
    text.parse().expect("keys are made of ids and plain names")
}

/// Puts every segment in the store; most are there since they were closed.
pub(super) fn store_tapes(
    job: &Job,
    gathered: &Gathered,
) -> Result<Vec<RecordedFile>, FinishError> {
    let mut parts = Vec::new();
    for tape in &gathered.tapes {
        let header = &tape.spooled.header;
        for (number, path) in &tape.spooled.segments {
            let text = manifest::segment_key(job.recording, header.tape, *number);
            let stored = match job.uploads.stored(path) {
                Some(stored) => stored.clone(),
                // It is named among the faults.
                None if gathered.read_faults.holds(path) => continue,
                None => job.store.put_file(&key(&text), path)?,
            };
            parts.push(RecordedFile {
                kind: FileKind::Tape,
                key: text,
                content_type: "application/octet-stream".to_owned(),
                bytes: stored.bytes,
                sha256: stored.sha256,
                track: Some(header.track),
                name: Some(header.name.clone()),
            });
        }
    }
    Ok(parts)
}

/// A track's file before it is stored.
pub(super) struct WrittenTrack {
    track: TrackId,
    name: String,
    codec: Codec,
    part: usize,
    path: PathBuf,
}

/// All tracks' files, and when frames are in them.
pub(super) struct WrittenTracks {
    pub(super) written: Vec<WrittenTrack>,
    pub(super) covered: BTreeMap<TrackId, Vec<Stretch>>,
    /// Files that could not be written, in words.
    pub(super) faults: Vec<String>,
}

/// Writes every track that has a frame. One that cannot be written does not keep the others
/// from being made.
pub(super) fn write_tracks(gathered: &Gathered, work: &Path) -> WrittenTracks {
    let mut tracks = WrittenTracks {
        written: Vec::new(),
        covered: BTreeMap::new(),
        faults: Vec::new(),
    };
    let mut parts: BTreeMap<TrackId, usize> = BTreeMap::new();
    for frames in track_frames(gathered) {
        let (track, name, codec) = (frames.track, frames.name.clone(), frames.codec);
        let part = parts.entry(track).or_default();
        let path = work.join(format!(
            "{}-{}-{part}.{}",
            track.participant,
            track.source,
            manifest::track_ending(codec)
        ));
        let (frames, coverage) = noting_coverage(frames);
        match compose::write_track(frames, &path) {
            Ok(_) => {
                let covered = tracks.covered.entry(track).or_default();
                covered.extend_from_slice(take(&coverage).stretches());
                *covered = union(std::mem::take(covered));
                tracks.written.push(WrittenTrack {
                    track,
                    name,
                    codec,
                    part: *part,
                    path,
                });
                *part += 1;
            }
            Err(TrackFileError::Empty) => {
                tracing::info!(%track, "the track has no whole frame: no file of it");
            }
            Err(error) => {
                tracing::error!(%track, %error, "the track's file cannot be written");
                tracks.faults.push(format!(
                    "The file of {name}'s {} could not be made: {error}",
                    track.source
                ));
            }
        }
    }
    tracks
}

pub(super) fn store_track(job: &Job, written: WrittenTrack) -> Result<RecordedFile, FinishError> {
    let text = manifest::track_key(job.recording, written.track, written.codec, written.part);
    let Stored { bytes, sha256 } = job.store.put_file(&key(&text), &written.path)?;
    Ok(RecordedFile {
        kind: FileKind::Track,
        key: text,
        content_type: manifest::track_content_type(written.codec).to_owned(),
        bytes,
        sha256,
        track: Some(written.track),
        name: Some(written.name),
    })
}

/// Every track's frames from the tapes, one for each codec that it had.
pub(super) fn track_frames(gathered: &Gathered) -> Vec<TrackFrames> {
    let mut groups: BTreeMap<(TrackId, usize), Vec<&ReadTape>> = BTreeMap::new();
    for tape in &gathered.tapes {
        let header = &tape.spooled.header;
        let part = groups
            .range((header.track, 0)..=(header.track, usize::MAX))
            .find(|(_, tapes)| tapes[0].spooled.header.codec == header.codec)
            .map(|((_, part), _)| *part);
        let next = groups
            .range((header.track, 0)..=(header.track, usize::MAX))
            .count();
        let group = groups
            .entry((header.track, part.unwrap_or(next)))
            .or_default();
        group.push(tape);
    }
    groups
        .into_iter()
        .map(|((track, _), tapes)| one_codec(gathered, track, &tapes))
        .collect()
}

fn one_codec(gathered: &Gathered, track: TrackId, tapes: &[&ReadTape]) -> TrackFrames {
    let header = &tapes[tapes.len() - 1].spooled.header;
    let (start, codec) = (gathered.start, header.codec);
    let assembled: Vec<_> = tapes
        .iter()
        .map(|tape| {
            Assemble::new(
                tape.spooled.read(&gathered.read_faults),
                codec,
                tape.mapping.clone(),
                start,
            )
        })
        .collect();
    let frames = Rising::new(
        assembled.into_iter().flatten(),
        codec.kind(),
        gathered.duration_us(),
    );
    TrackFrames {
        track,
        name: header.name.clone(),
        codec,
        frames: Box::new(frames),
    }
}

fn noting_coverage(source: TrackFrames) -> (TrackFrames, Arc<Mutex<Coverage>>) {
    let coverage = Arc::new(Mutex::new(Coverage::new(patience_us(source.track.source))));
    let noted = coverage.clone();
    let frames = source.frames.inspect(move |frame: &Frame| {
        noted
            .lock()
            .expect("nobody panics while noting a frame")
            .frame(frame.at_us);
    });
    let source = TrackFrames {
        frames: Box::new(frames),
        ..source
    };
    (source, coverage)
}

fn take(coverage: &Mutex<Coverage>) -> Coverage {
    coverage
        .lock()
        .expect("nobody panics while noting a frame")
        .clone()
}
