//! A person with an account, and what a sign-in answers.

use api_store::user::{UserRole, UserRow};
use serde::Serialize;
use uuid::Uuid;

use super::Timestamp;

/// What a person is in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountRole {
    /// Leads it.
    Owner,
    /// Belongs to it.
    Member,
}

/// A person with an account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    pub(crate) id: Uuid,
    /// The name shown.
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: AccountRole,
}

impl From<&UserRow> for UserView {
    fn from(row: &UserRow) -> Self {
        UserView {
            id: row.id.0,
            name: row.name.clone(),
            email: row.email.clone(),
            role: match row.role {
                UserRole::Owner => AccountRole::Owner,
                UserRole::Member => AccountRole::Member,
            },
        }
    }
}

/// A sign-in. The refresh token comes beside it, in an httpOnly cookie.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuthAnswer {
    /// Show it as `Authorization: Bearer`; keep it in memory only.
    pub(crate) access_token: String,
    /// Refresh before this.
    pub(crate) expires_at: Timestamp,
    pub(crate) user: UserView,
}
