//! API keys of servers, by hash.

use sfu_protocol::ids::{OrganisationId, UserId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::{After, Store, StoreError, parsed};

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub organisation: OrganisationId,
    /// What people call it.
    pub name: String,
    /// How the secret begins, to tell keys apart.
    pub prefix: String,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at_ms: i64,
    /// When it last opened a door.
    pub last_used_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for KeyRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(KeyRow {
            id: parsed(row, "id")?,
            organisation: parsed(row, "organisation_id")?,
            name: row.try_get("name")?,
            prefix: row.try_get("prefix")?,
            created_by: parsed(row, "created_by")?,
            created_at_ms: row.try_get("created_at_ms")?,
            last_used_at_ms: row.try_get("last_used_at_ms")?,
        })
    }
}

/// Adds a key unless the organisation has `limit` keys already. Answers whether it was added.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    store: &Store,
    key: &KeyRow,
    secret_hash: &str,
    limit: i64,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO api_keys
            (id, organisation_id, name, prefix, secret_hash, created_by, created_at_ms)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE (SELECT COUNT(*) FROM api_keys
                WHERE organisation_id = $2 AND revoked_at_ms IS NULL) < $8",
    )
    .bind(key.id.to_string())
    .bind(key.organisation.to_string())
    .bind(&key.name)
    .bind(&key.prefix)
    .bind(secret_hash)
    .bind(key.created_by.to_string())
    .bind(key.created_at_ms)
    .bind(limit)
    .execute(&store.pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finds a living key and notes its use. The secret is all that a server gives: the answer
/// names the organisation.
///
/// # Errors
/// When the database fails.
pub async fn open(
    store: &Store,
    secret_hash: &str,
    now_ms: i64,
) -> Result<Option<KeyRow>, StoreError> {
    let found: Option<KeyRow> =
        sqlx::query_as("SELECT * FROM api_keys WHERE secret_hash = $1 AND revoked_at_ms IS NULL")
            .bind(secret_hash)
            .fetch_optional(&store.pool)
            .await?;
    if let Some(key) = &found {
        note_use(store, key, now_ms).await?;
    }
    Ok(found)
}

/// How exact `last_used_at_ms` is: a busy server must not cost a write for each request.
const USE_RESOLUTION_MS: i64 = 60_000;

async fn note_use(store: &Store, key: &KeyRow, now_ms: i64) -> Result<(), StoreError> {
    if key
        .last_used_at_ms
        .is_some_and(|last_ms| now_ms - last_ms < USE_RESOLUTION_MS)
    {
        return Ok(());
    }
    sqlx::query("UPDATE api_keys SET last_used_at_ms = $3 WHERE organisation_id = $1 AND id = $2")
        .bind(key.organisation.to_string())
        .bind(key.id.to_string())
        .bind(now_ms)
        .execute(&store.pool)
        .await?;
    Ok(())
}

/// Lists living keys, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    store: &Store,
    organisation: OrganisationId,
    after: &After,
    limit: i64,
) -> Result<Vec<KeyRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM api_keys
         WHERE organisation_id = $1 AND revoked_at_ms IS NULL
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

/// Ends a key. Answers whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    store: &Store,
    organisation: OrganisationId,
    id: Uuid,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE api_keys SET revoked_at_ms = $3
         WHERE organisation_id = $1 AND id = $2 AND revoked_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(now_ms)
    .execute(&store.pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_key_opens_until_it_is_revoked_and_the_limit_refuses_one_more() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let key = KeyRow {
            id: Uuid::now_v7(),
            organisation,
            name: "ci".to_owned(),
            prefix: "ck_abc".to_owned(),
            created_by: testing::user(&store, organisation, "a@example.org").await,
            created_at_ms: 1,
            last_used_at_ms: None,
        };
        assert!(insert(&store, &key, "h1", 1).await.expect("inserts"));
        let second = KeyRow {
            id: Uuid::now_v7(),
            ..key.clone()
        };
        assert!(!insert(&store, &second, "h2", 1).await.expect("a query"));
        assert!(open(&store, "h1", 7).await.expect("a query").is_some());
        let listed = list(&store, organisation, &After::newest(), 10)
            .await
            .expect("a query");
        assert_eq!(listed[0].last_used_at_ms, Some(7));
        let stranger = testing::organisation(&store, "other").await;
        assert!(!revoke(&store, stranger, key.id, 8).await.expect("a query"));
        assert!(
            revoke(&store, organisation, key.id, 8)
                .await
                .expect("a query")
        );
        assert_eq!(open(&store, "h1", 9).await.expect("a query"), None);
    }
}
