//! A recording with its files and its health.

use api_store::recording::RecordingRow;
use serde::Serialize;
use sfu_protocol::recording::{self as words, RecordedFile, RecordingHealth};
use uuid::Uuid;

use super::Timestamp;
use crate::app::App;
use crate::problem::Problem;

/// Most files shown of one recording: a hundred participants with four sources that come and go.
const MAX_FILES: i64 = 2_000;

/// That a room is being recorded.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct RecordingNotice {
    pub(crate) recording_id: Uuid,
    /// The name of who started it.
    pub(crate) started_by: String,
    pub(crate) started_at: Timestamp,
}

impl From<&RecordingRow> for RecordingNotice {
    fn from(row: &RecordingRow) -> Self {
        RecordingNotice {
            recording_id: row.id.0,
            started_by: row.started_by.clone(),
            started_at: Timestamp(row.started_at_ms.unwrap_or(row.created_at_ms)),
        }
    }
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordingStatus {
    /// Asked for, not yet running.
    Starting,
    /// Packets are written.
    Recording,
    /// Ended; files are being made.
    Finishing,
    /// Every part is there and matches the manifest.
    Ready,
    /// It could not be made; `problem` says why.
    Failed,
}

impl From<words::RecordingStatus> for RecordingStatus {
    fn from(status: words::RecordingStatus) -> Self {
        match status {
            words::RecordingStatus::Starting => RecordingStatus::Starting,
            words::RecordingStatus::Recording => RecordingStatus::Recording,
            words::RecordingStatus::Finishing => RecordingStatus::Finishing,
            words::RecordingStatus::Ready => RecordingStatus::Ready,
            words::RecordingStatus::Failed => RecordingStatus::Failed,
        }
    }
}

/// What a file of a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileKind {
    /// Everyone together, H.264 and AAC in MP4.
    Composed,
    /// One participant's track as it was sent.
    Track,
    /// The list of all parts with their hashes.
    Manifest,
    /// A tape segment.
    Tape,
}

impl From<words::FileKind> for FileKind {
    fn from(kind: words::FileKind) -> Self {
        match kind {
            words::FileKind::Composed => FileKind::Composed,
            words::FileKind::Track => FileKind::Track,
            words::FileKind::Manifest => FileKind::Manifest,
            words::FileKind::Tape => FileKind::Tape,
        }
    }
}

/// One file of a recording.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RecordedFile)]
pub(crate) struct FileView {
    pub(crate) kind: FileKind,
    /// Good for a limited time; ask for the recording again to get a fresh one.
    pub(crate) url: String,
    pub(crate) bytes: u64,
    /// Lower-case hexadecimal.
    pub(crate) sha256: String,
    pub(crate) content_type: String,
    /// `{participant}:{source}`, for a track.
    #[schema(required)]
    pub(crate) track: Option<String>,
    /// The participant's name, for a track.
    #[schema(required)]
    pub(crate) name: Option<String>,
}

/// A stretch of a track that is missing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MissingStretch {
    /// `{participant}:{source}`.
    pub(crate) track: String,
    /// From the recording's start.
    pub(crate) from_ms: u64,
    /// From the recording's start.
    pub(crate) to_ms: u64,
}

/// How whole a recording is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RecordingHealth)]
pub(crate) struct HealthView {
    pub(crate) duration_ms: u64,
    /// Media packets on the tapes.
    pub(crate) packets_recorded: u64,
    /// Packets that participants sent and the server never received.
    pub(crate) packets_lost_on_network: u64,
    /// Entries that the server received and the tapes do not have.
    pub(crate) entries_missing: u64,
    /// Stretches without media that were not a mute.
    pub(crate) gaps: Vec<MissingStretch>,
    /// Largest distance between a participant's sound and picture. Null when nobody sent both.
    #[schema(required)]
    pub(crate) largest_av_skew_ms: Option<u32>,
}

impl From<&RecordingHealth> for HealthView {
    fn from(health: &RecordingHealth) -> Self {
        let gaps = health.gaps.iter().map(|gap| MissingStretch {
            track: gap.track.to_string(),
            from_ms: gap.from_ms,
            to_ms: gap.to_ms,
        });
        HealthView {
            duration_ms: health.duration_ms,
            packets_recorded: health.packets_recorded,
            packets_lost_on_network: health.packets_lost_on_network,
            entries_missing: health.entries_missing,
            gaps: gaps.collect(),
            largest_av_skew_ms: health.largest_av_skew_ms,
        }
    }
}

/// A recording.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Recording)]
pub(crate) struct RecordingView {
    pub(crate) id: Uuid,
    pub(crate) room_id: Uuid,
    pub(crate) session_id: Uuid,
    pub(crate) status: RecordingStatus,
    /// The name of who started it.
    pub(crate) started_by: String,
    #[schema(required)]
    pub(crate) started_at: Option<Timestamp>,
    #[schema(required)]
    pub(crate) ended_at: Option<Timestamp>,
    /// While finishing: 0 to 100.
    #[schema(required)]
    pub(crate) progress_percent: Option<u8>,
    /// When failed: what went wrong.
    #[schema(required)]
    pub(crate) problem: Option<String>,
    /// When ready.
    pub(crate) files: Vec<FileView>,
    /// When ready.
    #[schema(required)]
    pub(crate) health: Option<HealthView>,
}

impl RecordingView {
    /// Loads the files of a recording, signs their links and shows it all.
    pub(crate) async fn load(app: &App, row: &RecordingRow) -> Result<RecordingView, Problem> {
        let rows =
            api_store::recording::files(&app.store, row.organisation, row.id, MAX_FILES).await?;
        let mut files = Vec::with_capacity(rows.len());
        for file in rows {
            files.push(FileView::sign(app, file).await?);
        }
        let percent = row
            .progress_percent
            .and_then(|percent| u8::try_from(percent).ok());
        Ok(RecordingView {
            id: row.id.0,
            room_id: row.room.0,
            session_id: row.session.0,
            status: row.status.into(),
            started_by: row.started_by.clone(),
            started_at: row.started_at_ms.map(Timestamp),
            ended_at: row.ended_at_ms.map(Timestamp),
            progress_percent: percent,
            problem: row.problem.clone(),
            files,
            health: row.health.as_ref().map(HealthView::from),
        })
    }
}

impl FileView {
    async fn sign(app: &App, file: RecordedFile) -> Result<FileView, Problem> {
        let url = app
            .objects
            .signed_url(&file.key, app.now_ms())
            .await
            .map_err(|error| Problem::internal(&error))?;
        Ok(FileView {
            kind: file.kind.into(),
            url,
            bytes: file.bytes,
            sha256: file.sha256,
            content_type: file.content_type,
            track: file.track.map(|track| track.to_string()),
            name: file.name,
        })
    }
}
