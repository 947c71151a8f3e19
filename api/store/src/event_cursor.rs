//! The last event of each node that the deployment has taken in.

use sfu_protocol::ids::NodeId;
use sqlx::Row;

use crate::{Store, StoreError, unreadable};

/// How far a node's events are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The event's number, counted by the node process.
    pub number: u64,
    /// Its place on the node's media clock, in microseconds.
    pub at_us: u64,
}

/// Reads a node's cursor; the zero cursor for a node not heard of.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, node: &NodeId) -> Result<Cursor, StoreError> {
    let found = sqlx::query("SELECT last_number, last_at_us FROM event_cursors WHERE node = $1")
        .bind(&node.0)
        .fetch_optional(&store.pool)
        .await?;
    let Some(row) = found else {
        return Ok(Cursor::default());
    };
    let unsigned = |column: &str| -> Result<u64, sqlx::Error> {
        u64::try_from(row.try_get::<i64, _>(column)?).map_err(|error| unreadable(column, error))
    };
    Ok(Cursor {
        number: unsigned("last_number")?,
        at_us: unsigned("last_at_us")?,
    })
}

/// Writes a node's cursor.
///
/// # Errors
/// When the database fails.
pub async fn set(store: &Store, node: &NodeId, cursor: Cursor) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO event_cursors (node, last_number, last_at_us) VALUES ($1, $2, $3)
         ON CONFLICT (node) DO UPDATE SET
            last_number = excluded.last_number, last_at_us = excluded.last_at_us",
    )
    .bind(&node.0)
    .bind(i64::try_from(cursor.number).unwrap_or(i64::MAX))
    .bind(i64::try_from(cursor.at_us).unwrap_or(i64::MAX))
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Notes when the database was last seen to take a write. The cursor stays as it is.
///
/// # Errors
/// When the database fails: nothing can be written now.
pub async fn check(store: &Store, node: &NodeId, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO event_cursors (node, last_number, last_at_us, checked_at_ms)
         VALUES ($1, 0, 0, $2)
         ON CONFLICT (node) DO UPDATE SET checked_at_ms = excluded.checked_at_ms",
    )
    .bind(&node.0)
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
    async fn a_cursor_begins_at_zero_and_is_replaced() {
        let (store, _folder) = testing::temporary().await;
        let node = NodeId("n".to_owned());
        assert_eq!(
            find(&store, &node).await.expect("a query"),
            Cursor::default()
        );
        check(&store, &node, 1).await.expect("writes");
        assert_eq!(
            find(&store, &node).await.expect("a query"),
            Cursor::default()
        );
        for number in [7, 8] {
            set(&store, &node, Cursor { number, at_us: 5 })
                .await
                .expect("sets");
            check(&store, &node, 2).await.expect("writes");
            assert_eq!(find(&store, &node).await.expect("a query").number, number);
        }
    }
}
