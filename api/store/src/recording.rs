//! Recordings and their files.

use sfu_protocol::ids::{OrganisationId, RecordingId, RoomId, SessionId};
use sfu_protocol::recording::{FileKind, RecordedFile, RecordingHealth, RecordingStatus};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::{Store, StoreError, parsed, parsed_option, unreadable, word, worded};

/// A recording without its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingRow {
    /// Which.
    pub id: RecordingId,
    /// Whose.
    pub organisation: OrganisationId,
    /// Of which room.
    pub room: RoomId,
    /// Of which session.
    pub session: SessionId,
    /// How far.
    pub status: RecordingStatus,
    /// The name of who started it.
    pub started_by: String,
    /// When it was asked for.
    pub created_at_ms: i64,
    /// When it began.
    pub started_at_ms: Option<i64>,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// While finishing.
    pub progress_percent: Option<i32>,
    /// When failed.
    pub problem: Option<String>,
    /// When ready.
    pub health: Option<RecordingHealth>,
}

impl FromRow<'_, AnyRow> for RecordingRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let health: Option<String> = row.try_get("health")?;
        Ok(RecordingRow {
            id: parsed(row, "id")?,
            organisation: parsed(row, "organisation_id")?,
            room: parsed(row, "room_id")?,
            session: parsed(row, "session_id")?,
            status: worded(row, "status")?,
            started_by: row.try_get("started_by")?,
            created_at_ms: row.try_get("created_at_ms")?,
            started_at_ms: row.try_get("started_at_ms")?,
            ended_at_ms: row.try_get("ended_at_ms")?,
            progress_percent: row.try_get("progress_percent")?,
            problem: row.try_get("problem")?,
            health: health
                .map(|json| serde_json::from_str(&json))
                .transpose()
                .map_err(|error| unreadable("health", error))?,
        })
    }
}

/// Why a recording could not be added.
#[derive(Debug, thiserror::Error)]
pub enum InsertRecordingError {
    /// The room is being recorded.
    #[error("the room is being recorded")]
    Running,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

/// Adds a recording. Of two for the same room at once, one succeeds.
///
/// # Errors
/// See [`InsertRecordingError`].
pub async fn insert(store: &Store, recording: &RecordingRow) -> Result<(), InsertRecordingError> {
    let done = sqlx::query(
        "INSERT INTO recordings
            (id, organisation_id, room_id, session_id, status, started_by, created_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(recording.id.to_string())
    .bind(recording.organisation.to_string())
    .bind(recording.room.to_string())
    .bind(recording.session.to_string())
    .bind(word(&recording.status))
    .bind(&recording.started_by)
    .bind(recording.created_at_ms)
    .execute(&store.pool)
    .await
    .map_err(StoreError::from);
    match done {
        Ok(_) => Ok(()),
        Err(error) if error.is_unique_violation() => Err(InsertRecordingError::Running),
        Err(error) => Err(InsertRecordingError::Store(error)),
    }
}

/// Finds a recording of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn find(
    store: &Store,
    organisation: OrganisationId,
    id: RecordingId,
) -> Result<Option<RecordingRow>, StoreError> {
    Ok(
        sqlx::query_as("SELECT * FROM recordings WHERE organisation_id = $1 AND id = $2")
            .bind(organisation.to_string())
            .bind(id.to_string())
            .fetch_optional(&store.pool)
            .await?,
    )
}

/// Finds the recording that a recorder speaks of. A recorder knows no organisation: the answer
/// names it.
///
/// # Errors
/// When the database fails.
pub async fn find_for_recorder(
    store: &Store,
    id: RecordingId,
) -> Result<Option<RecordingRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM recordings WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&store.pool)
        .await?)
}

/// The recording that runs in a room now.
///
/// # Errors
/// When the database fails.
pub async fn running_in_room(
    store: &Store,
    organisation: OrganisationId,
    room: RoomId,
) -> Result<Option<RecordingRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM recordings WHERE organisation_id = $1 AND room_id = $2
           AND status IN ('starting', 'recording')",
    )
    .bind(organisation.to_string())
    .bind(room.to_string())
    .fetch_optional(&store.pool)
    .await?)
}

/// Notes that a running recording is to end. The first wish counts.
///
/// # Errors
/// When the database fails.
pub async fn ask_stop(
    store: &Store,
    organisation: OrganisationId,
    id: RecordingId,
    at_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recordings SET stop_asked_at_ms = $3
         WHERE organisation_id = $1 AND id = $2 AND stop_asked_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(at_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Lists recordings of every organisation that run although they are to end: their session is
/// over, or a host stopped them.
///
/// # Errors
/// When the database fails.
pub async fn list_outliving(store: &Store, limit: i64) -> Result<Vec<RecordingRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT r.* FROM recordings r JOIN sessions s ON s.id = r.session_id
         WHERE r.status IN ('starting', 'recording')
           AND (s.ended_at_ms IS NOT NULL OR r.stop_asked_at_ms IS NOT NULL)
         ORDER BY r.created_at_ms LIMIT $1",
    )
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// A recording that was asked for and does not run yet, with what its recorder is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starting {
    /// Which.
    pub id: RecordingId,
    /// Of which room.
    pub room: RoomId,
    /// Of which session.
    pub session: SessionId,
    /// The session's title.
    pub title: String,
    /// The name of who started it.
    pub started_by: String,
}

impl FromRow<'_, AnyRow> for Starting {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Starting {
            id: parsed(row, "id")?,
            room: parsed(row, "room_id")?,
            session: parsed(row, "session_id")?,
            title: row.try_get("title")?,
            started_by: row.try_get("started_by")?,
        })
    }
}

/// Lists recordings of every organisation that do not run yet although their session is on and
/// nobody stopped them.
///
/// # Errors
/// When the database fails.
pub async fn list_starting(store: &Store, limit: i64) -> Result<Vec<Starting>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT r.id, r.room_id, r.session_id, s.title, r.started_by
         FROM recordings r JOIN sessions s ON s.id = r.session_id
         WHERE r.status = 'starting' AND s.ended_at_ms IS NULL AND r.stop_asked_at_ms IS NULL
         ORDER BY r.created_at_ms LIMIT $1",
    )
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// Lists the recordings of a session, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_session(
    store: &Store,
    organisation: OrganisationId,
    session: SessionId,
    limit: i64,
) -> Result<Vec<RecordingRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM recordings WHERE organisation_id = $1 AND session_id = $2
         ORDER BY created_at_ms, id LIMIT $3",
    )
    .bind(organisation.to_string())
    .bind(session.to_string())
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// Writes how a recording stands, and its files when there are any.
///
/// # Errors
/// When the database fails.
pub async fn update(
    store: &Store,
    recording: &RecordingRow,
    files: &[RecordedFile],
) -> Result<(), StoreError> {
    let health = recording
        .health
        .as_ref()
        .map(|health| serde_json::to_string(health).expect("plain fields serialise"));
    let mut transaction = store.pool.begin().await?;
    sqlx::query(
        "UPDATE recordings SET status = $3, started_at_ms = $4, ended_at_ms = $5,
            progress_percent = $6, problem = $7, health = $8
         WHERE organisation_id = $1 AND id = $2",
    )
    .bind(recording.organisation.to_string())
    .bind(recording.id.to_string())
    .bind(word(&recording.status))
    .bind(recording.started_at_ms)
    .bind(recording.ended_at_ms)
    .bind(recording.progress_percent)
    .bind(&recording.problem)
    .bind(health)
    .execute(&mut *transaction)
    .await?;
    if !files.is_empty() {
        replace_files(&mut transaction, recording, files).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn replace_files(
    connection: &mut sqlx::AnyConnection,
    recording: &RecordingRow,
    files: &[RecordedFile],
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM recorded_files WHERE organisation_id = $1 AND recording_id = $2")
        .bind(recording.organisation.to_string())
        .bind(recording.id.to_string())
        .execute(&mut *connection)
        .await?;
    for (position, file) in (0_i32..).zip(files) {
        sqlx::query(
            "INSERT INTO recorded_files
                (recording_id, organisation_id, position, kind, object_key, content_type, bytes,
                 sha256, track, name)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(recording.id.to_string())
        .bind(recording.organisation.to_string())
        .bind(position)
        .bind(word(&file.kind))
        .bind(&file.key)
        .bind(&file.content_type)
        .bind(i64::try_from(file.bytes).unwrap_or(i64::MAX))
        .bind(&file.sha256)
        .bind(file.track.map(|track| track.to_string()))
        .bind(&file.name)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

struct FileRow(RecordedFile);

impl FromRow<'_, AnyRow> for FileRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let bytes: i64 = row.try_get("bytes")?;
        Ok(FileRow(RecordedFile {
            kind: worded::<FileKind>(row, "kind")?,
            key: row.try_get("object_key")?,
            content_type: row.try_get("content_type")?,
            bytes: u64::try_from(bytes).map_err(|error| unreadable("bytes", error))?,
            sha256: row.try_get("sha256")?,
            track: parsed_option(row, "track")?,
            name: row.try_get("name")?,
        }))
    }
}

/// Lists the files of a recording in the recorder's order, tape segments aside: they are the
/// recorder's own.
///
/// # Errors
/// When the database fails.
pub async fn files(
    store: &Store,
    organisation: OrganisationId,
    id: RecordingId,
    limit: i64,
) -> Result<Vec<RecordedFile>, StoreError> {
    let rows: Vec<FileRow> = sqlx::query_as(
        "SELECT * FROM recorded_files
         WHERE organisation_id = $1 AND recording_id = $2 AND kind <> 'tape'
         ORDER BY position LIMIT $3",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(limit)
    .fetch_all(&store.pool)
    .await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use uuid::Uuid;

    async fn starting(store: &Store) -> RecordingRow {
        let organisation = testing::organisation(store, "o").await;
        let room = testing::room(store, organisation).await;
        RecordingRow {
            id: RecordingId(Uuid::now_v7()),
            organisation,
            room,
            session: testing::session(store, organisation, room).await,
            status: RecordingStatus::Starting,
            started_by: "Ada".to_owned(),
            created_at_ms: 1,
            started_at_ms: None,
            ended_at_ms: None,
            progress_percent: None,
            problem: None,
            health: None,
        }
    }

    #[tokio::test]
    async fn a_room_is_recorded_once_at_a_time() {
        let (store, _folder) = testing::temporary().await;
        let mut first = starting(&store).await;
        insert(&store, &first).await.expect("inserts");
        let second = RecordingRow {
            id: RecordingId(Uuid::now_v7()),
            ..first.clone()
        };
        let error = insert(&store, &second).await.expect_err("running");
        assert!(matches!(error, InsertRecordingError::Running));
        first.status = RecordingStatus::Finishing;
        update(&store, &first, &[]).await.expect("updates");
        insert(&store, &second)
            .await
            .expect("the first has stopped");
    }

    #[tokio::test]
    async fn what_a_host_stopped_is_to_end_and_not_to_begin_until_it_has_ended() {
        let (store, _folder) = testing::temporary().await;
        let mut recording = starting(&store).await;
        insert(&store, &recording).await.expect("inserts");
        let listed = async || {
            let to_begin = list_starting(&store, 9).await.expect("a query").len();
            let to_end = list_outliving(&store, 9).await.expect("a query").len();
            (to_begin, to_end)
        };
        assert_eq!(listed().await, (1, 0));
        for at_ms in [5, 6] {
            ask_stop(&store, recording.organisation, recording.id, at_ms)
                .await
                .expect("is noted");
        }
        assert_eq!(listed().await, (0, 1));
        for (status, to_end) in [
            (RecordingStatus::Recording, 1),
            (RecordingStatus::Finishing, 0),
        ] {
            recording.status = status;
            update(&store, &recording, &[]).await.expect("updates");
            assert_eq!(listed().await, (0, to_end), "{status:?}");
        }
    }

    #[tokio::test]
    async fn files_and_health_come_back_as_they_were_reported() {
        let (store, _folder) = testing::temporary().await;
        let mut recording = starting(&store).await;
        insert(&store, &recording).await.expect("inserts");
        let file = RecordedFile {
            kind: FileKind::Composed,
            key: "a/b.mp4".to_owned(),
            content_type: "video/mp4".to_owned(),
            bytes: 5_000_000_000,
            sha256: "00".to_owned(),
            track: None,
            name: None,
        };
        let tape = RecordedFile {
            kind: FileKind::Tape,
            ..file.clone()
        };
        recording.status = RecordingStatus::Ready;
        recording.health = Some(RecordingHealth {
            duration_ms: 20_000,
            ..Default::default()
        });
        for _ in 0..2 {
            update(&store, &recording, &[tape.clone(), file.clone()])
                .await
                .expect("updates");
        }
        let organisation = recording.organisation;
        let found = find(&store, organisation, recording.id)
            .await
            .expect("a query");
        assert_eq!(found, Some(recording.clone()));
        let listed = files(&store, organisation, recording.id, 10)
            .await
            .expect("a query");
        assert_eq!(listed, [file]);
    }
}
