//! What `api` asks of a recorder, and what a recorder reports.

use serde::{Deserialize, Serialize};

use crate::ids::{RecordingId, RoomId, SessionId, TrackId};

/// What `api` asks of a recorder. Each may be repeated without harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RecorderCommand {
    /// Record a room.
    Start {
        /// Made by `api`.
        recording: RecordingId,
        /// Which room.
        room: RoomId,
        /// Whose record it joins.
        session: SessionId,
        /// What the files are called for people.
        title: String,
        /// Who started it, told to every participant.
        started_by: String,
    },
    /// End the recording and make its files.
    Stop {
        /// Which.
        recording: RecordingId,
    },
    /// Destroy every tape and file of it.
    Delete {
        /// Which.
        recording: RecordingId,
    },
    /// Say again how every recording that is known here stands.
    Report {},
}

/// What a file of a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Everyone together, H.264 and AAC in MP4.
    Composed,
    /// One participant's track as it was sent.
    Track,
    /// The list of all parts with their hashes.
    Manifest,
    /// A tape segment: the source of truth.
    Tape,
}

/// One file of a recording in the object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// What it is.
    pub kind: FileKind,
    /// The object's key.
    pub key: String,
    /// MIME type.
    pub content_type: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256 of the content, lower-case hexadecimal.
    pub sha256: String,
    /// Set for a track and a tape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackId>,
    /// The participant's name, for a track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A stretch of a track that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingStretch {
    /// Of which track.
    pub track: TrackId,
    /// From the recording's start.
    pub from_ms: u64,
    /// From the recording's start.
    pub to_ms: u64,
}

/// How whole a recording is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHealth {
    /// From start to end.
    pub duration_ms: u64,
    /// Media packets on the tapes.
    pub packets_recorded: u64,
    /// Packets that the publishers sent and the node never received.
    pub packets_lost_on_network: u64,
    /// Entries that the node received and the tapes do not have.
    pub entries_missing: u64,
    /// Stretches without media that were not a mute.
    pub gaps: Vec<MissingStretch>,
    /// Largest distance between a participant's sound and picture in the files, in
    /// milliseconds. None when nobody sent both.
    pub largest_av_skew_ms: Option<u32>,
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingStatus {
    /// Asked for, not yet running.
    Starting,
    /// Packets are written.
    Recording,
    /// Ended; files are being made.
    Finishing,
    /// Every part is in the object store and matches the manifest.
    Ready,
    /// It could not be made; the message says why.
    Failed,
}

/// Why a recorder cannot write tapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TroubleReason {
    /// No space, no quota, or a file that may grow no further (ENOSPC, EDQUOT, EFBIG).
    DiskFull,
    /// The disk takes nothing (EROFS, EACCES, EPERM).
    ReadOnly,
    /// Anything else: the recorder's log has it.
    Unwritable,
}

/// What a recorder reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderReport {
    /// Which.
    pub recording: RecordingId,
    /// How far.
    pub status: RecordingStatus,
    /// When it began, milliseconds since the Unix epoch.
    pub started_at_ms: Option<u64>,
    /// When it ended, milliseconds since the Unix epoch.
    pub ended_at_ms: Option<u64>,
    /// While finishing: 0 to 100.
    pub progress_percent: Option<u8>,
    /// When ready.
    pub files: Vec<RecordedFile>,
    /// When ready.
    pub health: Option<RecordingHealth>,
    /// When failed, and while running when tapes cannot be written: what a person reads.
    pub problem: Option<String>,
}
