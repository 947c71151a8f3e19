//! Invites to rooms, by hash of their token.

use sfu_protocol::ids::{OrganisationId, RoomId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::{Store, StoreError, parsed};

/// An invite without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteRow {
    /// Which; the token is derived from it.
    pub id: Uuid,
    /// Whose.
    pub organisation: OrganisationId,
    /// To which room.
    pub room: RoomId,
    /// When it was made.
    pub created_at_ms: i64,
}

impl FromRow<'_, AnyRow> for InviteRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(InviteRow {
            id: parsed(row, "id")?,
            organisation: parsed(row, "organisation_id")?,
            room: parsed(row, "room_id")?,
            created_at_ms: row.try_get("created_at_ms")?,
        })
    }
}

/// Adds an invite.
///
/// # Errors
/// When the database fails.
pub async fn insert(store: &Store, invite: &InviteRow, token_hash: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO invites (id, organisation_id, room_id, token_hash, created_at_ms)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(invite.id.to_string())
    .bind(invite.organisation.to_string())
    .bind(invite.room.to_string())
    .bind(token_hash)
    .bind(invite.created_at_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Finds a living invite. Its token is all that a guest gives: the answer names the organisation.
///
/// # Errors
/// When the database fails.
pub async fn find_by_token(
    store: &Store,
    token_hash: &str,
) -> Result<Option<InviteRow>, StoreError> {
    Ok(
        sqlx::query_as("SELECT * FROM invites WHERE token_hash = $1 AND revoked_at_ms IS NULL")
            .bind(token_hash)
            .fetch_optional(&store.pool)
            .await?,
    )
}

/// Finds a living invite by its id.
///
/// # Errors
/// When the database fails.
pub async fn find(
    store: &Store,
    organisation: OrganisationId,
    id: Uuid,
) -> Result<Option<InviteRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM invites WHERE organisation_id = $1 AND id = $2 AND revoked_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .fetch_optional(&store.pool)
    .await?)
}

/// The newest living invite of a room.
///
/// # Errors
/// When the database fails.
pub async fn of_room(
    store: &Store,
    organisation: OrganisationId,
    room: RoomId,
) -> Result<Option<InviteRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM invites
         WHERE organisation_id = $1 AND room_id = $2 AND revoked_at_ms IS NULL
         ORDER BY created_at_ms DESC LIMIT 1",
    )
    .bind(organisation.to_string())
    .bind(room.to_string())
    .fetch_optional(&store.pool)
    .await?)
}

/// Ends an invite; who is in the room stays.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    store: &Store,
    organisation: OrganisationId,
    id: Uuid,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE invites SET revoked_at_ms = $3 WHERE organisation_id = $1 AND id = $2")
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

    #[tokio::test]
    async fn a_revoked_invite_is_found_by_nobody() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let room = testing::room(&store, organisation).await;
        let invite = InviteRow {
            id: Uuid::now_v7(),
            organisation,
            room,
            created_at_ms: 1,
        };
        insert(&store, &invite, "hash").await.expect("inserts");
        let found = find_by_token(&store, "hash").await.expect("a query");
        assert_eq!(found, Some(invite.clone()));
        revoke(&store, organisation, invite.id, 2)
            .await
            .expect("revokes");
        assert_eq!(find_by_token(&store, "hash").await.expect("a query"), None);
        assert_eq!(
            find(&store, organisation, invite.id)
                .await
                .expect("a query"),
            None
        );
        assert_eq!(
            of_room(&store, organisation, room).await.expect("a query"),
            None
        );
    }
}
