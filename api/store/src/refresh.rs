//! Refresh tokens: families, and their tokens by hash. What reuse means is decided in `api`.

use sfu_protocol::ids::{OrganisationId, UserId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::{Store, StoreError, parsed};

/// A refresh token with its family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRow {
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Who signed in.
    pub user: UserId,
    /// Which sign-in.
    pub family: Uuid,
    /// After this it is dead.
    pub expires_at_ms: i64,
    /// When its successor was made.
    pub rotated_at_ms: Option<i64>,
    /// When the whole sign-in ended.
    pub revoked_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for RefreshRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(RefreshRow {
            organisation: parsed(row, "organisation_id")?,
            user: parsed(row, "user_id")?,
            family: parsed(row, "family_id")?,
            expires_at_ms: row.try_get("expires_at_ms")?,
            rotated_at_ms: row.try_get("rotated_at_ms")?,
            revoked_at_ms: row.try_get("revoked_at_ms")?,
        })
    }
}

/// A token to be stored.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// SHA-256 of the token.
    pub hash: &'a str,
    /// When it is given out.
    pub issued_at_ms: i64,
    /// After this it is dead.
    pub expires_at_ms: i64,
}

const INSERT_TOKEN: &str = "INSERT INTO refresh_tokens
    (token_hash, organisation_id, family_id, issued_at_ms, expires_at_ms)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token_hash) DO NOTHING";

async fn insert_token(
    connection: &mut sqlx::AnyConnection,
    organisation: OrganisationId,
    family: Uuid,
    token: &NewToken<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT_TOKEN)
        .bind(token.hash)
        .bind(organisation.to_string())
        .bind(family.to_string())
        .bind(token.issued_at_ms)
        .bind(token.expires_at_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Begins a sign-in with its first token.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    store: &Store,
    organisation: OrganisationId,
    user: UserId,
    family: Uuid,
    token: &NewToken<'_>,
) -> Result<(), StoreError> {
    let mut transaction = store.pool.begin().await?;
    sqlx::query(
        "INSERT INTO refresh_families (id, organisation_id, user_id, created_at_ms)
         VALUES ($1, $2, $3, $4)",
    )
    .bind(family.to_string())
    .bind(organisation.to_string())
    .bind(user.to_string())
    .bind(token.issued_at_ms)
    .execute(&mut *transaction)
    .await?;
    insert_token(&mut transaction, organisation, family, token).await?;
    transaction.commit().await?;
    Ok(())
}

/// Finds a token. Its hash is all that the browser gives: the answer names the organisation.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, hash: &str) -> Result<Option<RefreshRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT t.organisation_id, t.family_id, t.expires_at_ms, t.rotated_at_ms,
                f.user_id, f.revoked_at_ms
         FROM refresh_tokens t JOIN refresh_families f ON f.id = t.family_id
         WHERE t.token_hash = $1",
    )
    .bind(hash)
    .fetch_optional(&store.pool)
    .await?)
}

/// Marks a token as rotated (the first time counts) and stores its successor. Two that rotate
/// the same token at once store the same successor once.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    store: &Store,
    organisation: OrganisationId,
    family: Uuid,
    hash: &str,
    successor: &NewToken<'_>,
) -> Result<(), StoreError> {
    let mut transaction = store.pool.begin().await?;
    sqlx::query(
        "UPDATE refresh_tokens SET rotated_at_ms = $3
         WHERE organisation_id = $1 AND token_hash = $2 AND rotated_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(hash)
    .bind(successor.issued_at_ms)
    .execute(&mut *transaction)
    .await?;
    insert_token(&mut transaction, organisation, family, successor).await?;
    transaction.commit().await?;
    Ok(())
}

/// Ends a sign-in with all its tokens.
///
/// # Errors
/// When the database fails.
pub async fn revoke_family(
    store: &Store,
    organisation: OrganisationId,
    family: Uuid,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE refresh_families SET revoked_at_ms = $3
         WHERE organisation_id = $1 AND id = $2 AND revoked_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(family.to_string())
    .bind(now_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Ends every sign-in of a person but one.
///
/// # Errors
/// When the database fails.
pub async fn revoke_others(
    store: &Store,
    organisation: OrganisationId,
    user: UserId,
    keep: Uuid,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE refresh_families SET revoked_at_ms = $4
         WHERE organisation_id = $1 AND user_id = $2 AND id <> $3 AND revoked_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(user.to_string())
    .bind(keep.to_string())
    .bind(now_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Deletes tokens that expired before `before_ms`, of every organisation, then empty families.
///
/// # Errors
/// When the database fails.
pub async fn delete_expired(store: &Store, before_ms: i64) -> Result<(), StoreError> {
    let mut transaction = store.pool.begin().await?;
    sqlx::query("DELETE FROM refresh_tokens WHERE expires_at_ms < $1")
        .bind(before_ms)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "DELETE FROM refresh_families WHERE NOT EXISTS
         (SELECT 1 FROM refresh_tokens t WHERE t.family_id = refresh_families.id)",
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn token(hash: &str, at_ms: i64) -> NewToken<'_> {
        NewToken {
            hash,
            issued_at_ms: at_ms,
            expires_at_ms: at_ms + 100,
        }
    }

    #[tokio::test]
    async fn a_second_rotation_keeps_the_first_time_and_one_successor() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let user = testing::user(&store, organisation, "a@example.org").await;
        let family = Uuid::now_v7();
        begin(&store, organisation, user, family, &token("t0", 0))
            .await
            .expect("begins");
        for at_ms in [5, 9] {
            rotate(&store, organisation, family, "t0", &token("t1", at_ms))
                .await
                .expect("rotates");
        }
        let old = find(&store, "t0").await.expect("a query").expect("there");
        let new = find(&store, "t1").await.expect("a query").expect("there");
        assert_eq!(old.rotated_at_ms, Some(5));
        assert_eq!((new.rotated_at_ms, new.expires_at_ms), (None, 105));
    }

    #[tokio::test]
    async fn expired_tokens_are_deleted_and_a_living_family_stays() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let user = testing::user(&store, organisation, "a@example.org").await;
        let family = Uuid::now_v7();
        begin(&store, organisation, user, family, &token("t0", 0))
            .await
            .expect("begins");
        rotate(&store, organisation, family, "t0", &token("t1", 50))
            .await
            .expect("rotates");
        delete_expired(&store, 120).await.expect("deletes");
        assert_eq!(find(&store, "t0").await.expect("a query"), None);
        assert!(find(&store, "t1").await.expect("a query").is_some());
    }
}
