//! Sessions: one meeting as a record. A room has one open session at a time.

use sfu_protocol::ids::{OrganisationId, RoomId, SessionId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::{After, Store, StoreError, parsed};

/// One meeting as a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub organisation: OrganisationId,
    /// In which room.
    pub room: RoomId,
    /// The room's title at the time.
    pub title: String,
    /// When somebody first asked to come.
    pub created_at_ms: i64,
    /// When the last grant into it was given.
    pub last_grant_at_ms: i64,
    /// When the first participant came. None: nobody has yet.
    pub started_at_ms: Option<i64>,
    /// When it was over.
    pub ended_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for SessionRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(SessionRow {
            id: parsed(row, "id")?,
            organisation: parsed(row, "organisation_id")?,
            room: parsed(row, "room_id")?,
            title: row.try_get("title")?,
            created_at_ms: row.try_get("created_at_ms")?,
            last_grant_at_ms: row.try_get("last_grant_at_ms")?,
            started_at_ms: row.try_get("started_at_ms")?,
            ended_at_ms: row.try_get("ended_at_ms")?,
        })
    }
}

/// The open session of a room, opened with `id` if there is none. Notes that a grant is given.
///
/// # Errors
/// When the database fails.
pub async fn open(
    store: &Store,
    organisation: OrganisationId,
    room: RoomId,
    id: SessionId,
    title: &str,
    now_ms: i64,
) -> Result<SessionRow, StoreError> {
    Ok(sqlx::query_as(
        "INSERT INTO sessions (id, organisation_id, room_id, title, created_at_ms, last_grant_at_ms)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (room_id) WHERE ended_at_ms IS NULL
         DO UPDATE SET last_grant_at_ms = excluded.last_grant_at_ms
         RETURNING *",
    )
    .bind(id.to_string())
    .bind(organisation.to_string())
    .bind(room.to_string())
    .bind(title)
    .bind(now_ms)
    .fetch_one(&store.pool)
    .await?)
}

/// Finds a session of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn find(
    store: &Store,
    organisation: OrganisationId,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(
        sqlx::query_as("SELECT * FROM sessions WHERE organisation_id = $1 AND id = $2")
            .bind(organisation.to_string())
            .bind(id.to_string())
            .fetch_optional(&store.pool)
            .await?,
    )
}

/// The room's open session, or else its last.
///
/// # Errors
/// When the database fails.
pub async fn latest_of_room(
    store: &Store,
    organisation: OrganisationId,
    room: RoomId,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM sessions WHERE organisation_id = $1 AND room_id = $2
         ORDER BY created_at_ms DESC, id DESC LIMIT 1",
    )
    .bind(organisation.to_string())
    .bind(room.to_string())
    .fetch_optional(&store.pool)
    .await?)
}

/// Lists sessions to which somebody came, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    store: &Store,
    organisation: OrganisationId,
    after: &After,
    limit: i64,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM sessions
         WHERE organisation_id = $1 AND started_at_ms IS NOT NULL
           AND (started_at_ms < $2 OR (started_at_ms = $2 AND id < $3))
         ORDER BY started_at_ms DESC, id DESC LIMIT $4",
    )
    .bind(organisation.to_string())
    .bind(after.at_ms)
    .bind(&after.id)
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// Lists open sessions of every organisation, for comparison with what nodes say is.
///
/// # Errors
/// When the database fails.
pub async fn list_open(store: &Store, limit: i64) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM sessions WHERE ended_at_ms IS NULL ORDER BY created_at_ms LIMIT $1",
    )
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// Notes that the first participant came. The first time counts.
///
/// # Errors
/// When the database fails.
pub async fn start(
    store: &Store,
    organisation: OrganisationId,
    id: SessionId,
    at_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sessions SET started_at_ms = $3
         WHERE organisation_id = $1 AND id = $2 AND started_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(at_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Closes a session: it is over, and so is everyone's stay. A closed session is left as it is.
///
/// # Errors
/// When the database fails.
pub async fn close(
    store: &Store,
    organisation: OrganisationId,
    id: SessionId,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = store.pool.begin().await?;
    sqlx::query(
        "UPDATE sessions SET ended_at_ms = $3
         WHERE organisation_id = $1 AND id = $2 AND ended_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(at_ms)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "UPDATE participants SET left_at_ms = $3
         WHERE organisation_id = $1 AND session_id = $2
           AND joined_at_ms IS NOT NULL AND left_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(at_ms)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use uuid::Uuid;

    #[tokio::test]
    async fn many_who_open_at_once_are_in_one_session_and_the_next_meeting_is_another() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let room = testing::room(&store, organisation).await;
        let (a, b) = tokio::join!(
            testing::session(&store, organisation, room),
            testing::session(&store, organisation, room)
        );
        assert_eq!(a, b);
        close(&store, organisation, a, 9).await.expect("closes");
        let next = SessionId(Uuid::now_v7());
        let opened = open(&store, organisation, room, next, "t", 10)
            .await
            .expect("opens");
        assert_eq!(opened.id, next);
        assert_eq!(list_open(&store, 10).await.expect("a query"), [opened]);
    }

    #[tokio::test]
    async fn a_session_nobody_came_to_is_not_listed() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let room = testing::room(&store, organisation).await;
        let session = testing::session(&store, organisation, room).await;
        let page = || list(&store, organisation, &AFTER, 10);
        static AFTER: std::sync::LazyLock<After> = std::sync::LazyLock::new(After::newest);
        assert_eq!(page().await.expect("a query"), []);
        start(&store, organisation, session, 3)
            .await
            .expect("starts");
        start(&store, organisation, session, 4)
            .await
            .expect("is left as it is");
        assert_eq!(page().await.expect("a query")[0].started_at_ms, Some(3));
    }
}
