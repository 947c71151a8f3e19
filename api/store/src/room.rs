//! Rooms.

use sfu_protocol::ids::{OrganisationId, RoomId, UserId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::{After, Store, StoreError, parsed, parsed_option};

/// A room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRow {
    /// Which.
    pub id: RoomId,
    /// Whose.
    pub organisation: OrganisationId,
    /// What people call it.
    pub title: String,
    /// Who made it; none when a server did.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at_ms: i64,
    /// When a host ended it for all.
    pub ended_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for RoomRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(RoomRow {
            id: parsed(row, "id")?,
            organisation: parsed(row, "organisation_id")?,
            title: row.try_get("title")?,
            created_by: parsed_option(row, "created_by")?,
            created_at_ms: row.try_get("created_at_ms")?,
            ended_at_ms: row.try_get("ended_at_ms")?,
        })
    }
}

/// Adds a room.
///
/// # Errors
/// When the database fails.
pub async fn insert(store: &Store, room: &RoomRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO rooms (id, organisation_id, title, created_by, created_at_ms)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(room.id.to_string())
    .bind(room.organisation.to_string())
    .bind(&room.title)
    .bind(room.created_by.map(|user| user.to_string()))
    .bind(room.created_at_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Finds a room of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn find(
    store: &Store,
    organisation: OrganisationId,
    id: RoomId,
) -> Result<Option<RoomRow>, StoreError> {
    Ok(
        sqlx::query_as("SELECT * FROM rooms WHERE organisation_id = $1 AND id = $2")
            .bind(organisation.to_string())
            .bind(id.to_string())
            .fetch_optional(&store.pool)
            .await?,
    )
}

/// Finds the room that a node speaks of. A node knows no organisation: the answer names it.
///
/// # Errors
/// When the database fails.
pub async fn find_for_node(store: &Store, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM rooms WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&store.pool)
        .await?)
}

/// Lists rooms, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    store: &Store,
    organisation: OrganisationId,
    after: &After,
    limit: i64,
) -> Result<Vec<RoomRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM rooms
         WHERE organisation_id = $1
           AND (created_at_ms < $2 OR (created_at_ms = $2 AND id < $3))
         ORDER BY created_at_ms DESC, id DESC LIMIT $4",
    )
    .bind(organisation.to_string())
    .bind(after.at_ms)
    .bind(&after.id)
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// Notes that a host ended the room for all. The first time counts.
///
/// # Errors
/// When the database fails.
pub async fn end(
    store: &Store,
    organisation: OrganisationId,
    id: RoomId,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE rooms SET ended_at_ms = $3
         WHERE organisation_id = $1 AND id = $2 AND ended_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(now_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use uuid::Uuid;

    #[tokio::test]
    async fn pages_hold_every_room_once_even_when_made_in_the_same_millisecond() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let stranger = testing::organisation(&store, "other").await;
        testing::room(&store, stranger).await;
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(testing::room(&store, organisation).await);
        }
        let mut seen = Vec::new();
        let mut after = After::newest();
        loop {
            let page = list(&store, organisation, &after, 2)
                .await
                .expect("a query");
            let Some(last) = page.last() else { break };
            after = After {
                at_ms: last.created_at_ms,
                id: last.id.to_string(),
            };
            seen.extend(page.iter().map(|room| room.id));
        }
        seen.sort();
        made.sort();
        assert_eq!(seen, made);
    }

    #[tokio::test]
    async fn another_organisation_neither_finds_nor_ends_a_room() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let stranger = OrganisationId(Uuid::now_v7());
        let room = testing::room(&store, organisation).await;
        assert_eq!(find(&store, stranger, room).await.expect("a query"), None);
        end(&store, stranger, room, 5).await.expect("a query");
        let found = find(&store, organisation, room)
            .await
            .expect("a query")
            .expect("there");
        assert_eq!(found.ended_at_ms, None);
    }
}
