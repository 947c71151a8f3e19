//! Tenants.

use sfu_protocol::ids::OrganisationId;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::{Store, StoreError, parsed};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganisationRow {
    /// Which.
    pub id: OrganisationId,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created_at_ms: i64,
}

impl FromRow<'_, AnyRow> for OrganisationRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(OrganisationRow {
            id: parsed(row, "id")?,
            name: row.try_get("name")?,
            created_at_ms: row.try_get("created_at_ms")?,
        })
    }
}

/// Adds a tenant.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    store: &Store,
    id: OrganisationId,
    name: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO organisations (id, name, created_at_ms) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(name)
        .bind(now_ms)
        .execute(&store.pool)
        .await?;
    Ok(())
}

/// Finds a tenant.
///
/// # Errors
/// When the database fails.
pub async fn find(
    store: &Store,
    id: OrganisationId,
) -> Result<Option<OrganisationRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM organisations WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&store.pool)
        .await?)
}
