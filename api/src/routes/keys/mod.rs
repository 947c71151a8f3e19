//! API keys of servers.

use api_store::key::KeyRow;
use serde::Serialize;
use uuid::Uuid;

use crate::views::Timestamp;

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;

/// An API key without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// How the secret begins, to tell keys apart.
    pub(crate) prefix: String,
    pub(crate) created_at: Timestamp,
    /// To the minute.
    #[schema(required)]
    pub(crate) last_used_at: Option<Timestamp>,
}

impl From<&KeyRow> for KeyView {
    fn from(row: &KeyRow) -> Self {
        KeyView {
            id: row.id,
            name: row.name.clone(),
            prefix: row.prefix.clone(),
            created_at: Timestamp(row.created_at_ms),
            last_used_at: row.last_used_at_ms.map(Timestamp),
        }
    }
}
