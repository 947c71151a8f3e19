//! A session: the record of one meeting.

use api_store::participant::ParticipantRow;
use api_store::session::SessionRow;
use serde::Serialize;
use uuid::Uuid;

use super::recording::RecordingStatus;
use super::{ParticipantRole, RecordingView, Timestamp};
use crate::app::App;
use crate::problem::Problem;

/// Most participants shown of one session.
const MAX_PARTICIPANTS: i64 = 1_000;

/// Most recordings shown of one session.
const MAX_RECORDINGS: i64 = 100;

/// A session in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionSummary {
    pub(crate) id: Uuid,
    pub(crate) room_id: Uuid,
    pub(crate) title: String,
    pub(crate) started_at: Timestamp,
    /// Null while the meeting is on.
    #[schema(required)]
    pub(crate) ended_at: Option<Timestamp>,
    /// How many came.
    pub(crate) participants: u32,
    /// How many are there now.
    pub(crate) present: u32,
    /// How each of its recordings stands, oldest first.
    pub(crate) recordings: Vec<RecordingStatus>,
}

/// Somebody who came to a session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SessionParticipant)]
pub(crate) struct ParticipantView {
    pub(crate) participant_id: Uuid,
    pub(crate) name: String,
    pub(crate) role: ParticipantRole,
    /// When they first came.
    pub(crate) joined_at: Timestamp,
    /// When they last left. Null: they are there.
    #[schema(required)]
    pub(crate) left_at: Option<Timestamp>,
}

/// A session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    pub(crate) id: Uuid,
    pub(crate) room_id: Uuid,
    pub(crate) title: String,
    pub(crate) started_at: Timestamp,
    /// Null while the meeting is on.
    #[schema(required)]
    pub(crate) ended_at: Option<Timestamp>,
    /// In the order of coming.
    pub(crate) participants: Vec<ParticipantView>,
    /// Oldest first.
    pub(crate) recordings: Vec<RecordingView>,
}

impl SessionSummary {
    /// Loads what a list shows of a session.
    pub(crate) async fn load(app: &App, row: &SessionRow) -> Result<SessionSummary, Problem> {
        let (store, organisation) = (&app.store, row.organisation);
        let attendance = api_store::participant::count(store, organisation, row.id).await?;
        let recordings =
            api_store::recording::of_session(store, organisation, row.id, MAX_RECORDINGS).await?;
        Ok(SessionSummary {
            id: row.id.0,
            room_id: row.room.0,
            title: row.title.clone(),
            started_at: Timestamp(row.started_at_ms.unwrap_or(row.created_at_ms)),
            ended_at: row.ended_at_ms.map(Timestamp),
            participants: u32::try_from(attendance.came).unwrap_or(u32::MAX),
            present: u32::try_from(attendance.present).unwrap_or(u32::MAX),
            recordings: recordings
                .iter()
                .map(|recording| recording.status.into())
                .collect(),
        })
    }
}

impl SessionView {
    /// Loads all that belongs to a session.
    pub(crate) async fn load(app: &App, row: &SessionRow) -> Result<SessionView, Problem> {
        let (store, organisation) = (&app.store, row.organisation);
        let people =
            api_store::participant::list(store, organisation, row.id, MAX_PARTICIPANTS).await?;
        let rows =
            api_store::recording::of_session(store, organisation, row.id, MAX_RECORDINGS).await?;
        let mut recordings = Vec::with_capacity(rows.len());
        for recording in &rows {
            recordings.push(RecordingView::load(app, recording).await?);
        }
        Ok(SessionView {
            id: row.id.0,
            room_id: row.room.0,
            title: row.title.clone(),
            started_at: Timestamp(row.started_at_ms.unwrap_or(row.created_at_ms)),
            ended_at: row.ended_at_ms.map(Timestamp),
            participants: people.iter().filter_map(ParticipantView::of).collect(),
            recordings,
        })
    }
}

impl ParticipantView {
    fn of(row: &ParticipantRow) -> Option<ParticipantView> {
        Some(ParticipantView {
            participant_id: row.id.0,
            name: row.name.clone(),
            role: row.role.into(),
            joined_at: Timestamp(row.joined_at_ms?),
            left_at: row.left_at_ms.map(Timestamp),
        })
    }
}
