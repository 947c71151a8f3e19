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
    let mut connection = store.pool.acquire().await?;
    Ok(add(&mut connection, invite, token_hash).await?)
}

async fn add(
    connection: &mut sqlx::AnyConnection,
    invite: &InviteRow,
    token_hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO invites (id, organisation_id, room_id, token_hash, created_at_ms)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(invite.id.to_string())
    .bind(invite.organisation.to_string())
    .bind(invite.room.to_string())
    .bind(token_hash)
    .bind(invite.created_at_ms)
    .execute(connection)
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

/// Ends every living invite of the room of `invite` and adds that one instead. Who is in the room
/// stays.
///
/// # Errors
/// When the database fails.
pub async fn renew(store: &Store, invite: &InviteRow, token_hash: &str) -> Result<(), StoreError> {
    let mut transaction = store.pool.begin().await?;
    sqlx::query(
        "UPDATE invites SET revoked_at_ms = $3
         WHERE organisation_id = $1 AND room_id = $2 AND revoked_at_ms IS NULL",
    )
    .bind(invite.organisation.to_string())
    .bind(invite.room.to_string())
    .bind(invite.created_at_ms)
    .execute(&mut *transaction)
    .await?;
    add(&mut transaction, invite, token_hash).await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_renewed_invite_ends_those_of_its_room_and_no_others() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let room = testing::room(&store, organisation).await;
        let other = testing::room(&store, organisation).await;
        let invite = |room| InviteRow {
            id: Uuid::now_v7(),
            organisation,
            room,
            created_at_ms: 1,
        };
        let (first, elsewhere) = (invite(room), invite(other));
        insert(&store, &first, "first").await.expect("inserts");
        insert(&store, &elsewhere, "elsewhere")
            .await
            .expect("inserts");
        let found = find_by_token(&store, "first").await.expect("a query");
        assert_eq!(found, Some(first.clone()));
        let second = InviteRow {
            created_at_ms: 2,
            ..invite(room)
        };
        renew(&store, &second, "second").await.expect("renews");
        for (hash, left) in [
            ("first", None),
            ("second", Some(&second)),
            ("elsewhere", Some(&elsewhere)),
        ] {
            let found = find_by_token(&store, hash).await.expect("a query");
            assert_eq!(found.as_ref(), left, "{hash}");
        }
        let old = find(&store, organisation, first.id).await;
        assert_eq!(old.expect("a query"), None);
        let newest = of_room(&store, organisation, room).await;
        assert_eq!(newest.expect("a query"), Some(second));
    }
}
