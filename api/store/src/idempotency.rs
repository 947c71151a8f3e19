//! Answers kept under an `Idempotency-Key`, so that a repeated request is carried out once.

use sfu_protocol::ids::OrganisationId;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::{Store, StoreError};

/// Which request.
#[derive(Debug, Clone)]
pub struct RequestKey<'a> {
    /// Whose.
    pub organisation: OrganisationId,
    /// Who asks, as one word; two callers may use the same key.
    pub caller: &'a str,
    /// What the caller gave.
    pub key: &'a str,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// Of the request that came first.
    pub request_hash: String,
    /// When it came.
    pub created_at_ms: i64,
    /// HTTP status and body. None: it is still being carried out.
    pub answer: Option<(i32, String)>,
}

impl FromRow<'_, AnyRow> for KeptRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let status: Option<i32> = row.try_get("status")?;
        let body: Option<String> = row.try_get("body")?;
        Ok(KeptRow {
            request_hash: row.try_get("request_hash")?,
            created_at_ms: row.try_get("created_at_ms")?,
            answer: status.zip(body),
        })
    }
}

/// Claims a key. None: it is yours, carry the request out. Some: it was claimed before.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    store: &Store,
    request: &RequestKey<'_>,
    request_hash: &str,
    now_ms: i64,
) -> Result<Option<KeptRow>, StoreError> {
    let done = sqlx::query(
        "INSERT INTO idempotency_keys
            (organisation_id, caller, idempotency_key, request_hash, created_at_ms)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organisation_id, caller, idempotency_key) DO NOTHING",
    )
    .bind(request.organisation.to_string())
    .bind(request.caller)
    .bind(request.key)
    .bind(request_hash)
    .bind(now_ms)
    .execute(&store.pool)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(None);
    }
    Ok(sqlx::query_as(
        "SELECT * FROM idempotency_keys
         WHERE organisation_id = $1 AND caller = $2 AND idempotency_key = $3",
    )
    .bind(request.organisation.to_string())
    .bind(request.caller)
    .bind(request.key)
    .fetch_optional(&store.pool)
    .await?)
}

/// Keeps the answer to a claimed request.
///
/// # Errors
/// When the database fails.
pub async fn keep(
    store: &Store,
    request: &RequestKey<'_>,
    status: i32,
    body: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE idempotency_keys SET status = $4, body = $5
         WHERE organisation_id = $1 AND caller = $2 AND idempotency_key = $3",
    )
    .bind(request.organisation.to_string())
    .bind(request.caller)
    .bind(request.key)
    .bind(status)
    .bind(body)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Gives a claimed key back: the request failed and may be tried again.
///
/// # Errors
/// When the database fails.
pub async fn release(store: &Store, request: &RequestKey<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM idempotency_keys
         WHERE organisation_id = $1 AND caller = $2 AND idempotency_key = $3",
    )
    .bind(request.organisation.to_string())
    .bind(request.caller)
    .bind(request.key)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Deletes what was claimed before `before_ms`, and the oldest beyond `most` of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn trim(
    store: &Store,
    organisation: OrganisationId,
    before_ms: i64,
    most: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM idempotency_keys
         WHERE organisation_id = $1 AND (created_at_ms < $2 OR created_at_ms < COALESCE(
            (SELECT k.created_at_ms FROM idempotency_keys k WHERE k.organisation_id = $1
             ORDER BY k.created_at_ms DESC LIMIT 1 OFFSET $3), $2))",
    )
    .bind(organisation.to_string())
    .bind(before_ms)
    .bind(most.saturating_sub(1))
    .execute(&store.pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_key_is_claimed_once_and_answers_what_was_kept() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let request = RequestKey {
            organisation,
            caller: "user:1",
            key: "k",
        };
        assert_eq!(claim(&store, &request, "h", 1).await.expect("claims"), None);
        let running = claim(&store, &request, "h", 2)
            .await
            .expect("a query")
            .expect("claimed");
        assert_eq!((running.answer, running.created_at_ms), (None, 1));
        keep(&store, &request, 201, "{}").await.expect("keeps");
        let kept = claim(&store, &request, "h", 3)
            .await
            .expect("a query")
            .expect("claimed");
        assert_eq!(kept.answer, Some((201, "{}".to_owned())));
        let other = RequestKey {
            caller: "user:2",
            ..request.clone()
        };
        assert_eq!(claim(&store, &other, "h", 3).await.expect("claims"), None);
        release(&store, &request).await.expect("releases");
        assert_eq!(claim(&store, &request, "h", 4).await.expect("claims"), None);
    }

    #[tokio::test]
    async fn the_oldest_keys_beyond_the_bound_are_forgotten() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        for at_ms in 0..5 {
            let key = format!("k{at_ms}");
            let request = RequestKey {
                organisation,
                caller: "c",
                key: &key,
            };
            claim(&store, &request, "h", at_ms).await.expect("claims");
        }
        trim(&store, organisation, 1, 2).await.expect("trims");
        for (key, stays) in [("k0", false), ("k2", false), ("k3", true), ("k4", true)] {
            let request = RequestKey {
                organisation,
                caller: "c",
                key,
            };
            let found = claim(&store, &request, "h", 9).await.expect("a query");
            assert_eq!(found.is_some(), stays, "{key}");
        }
    }
}
