//! The first owner of a deployment, made once.

use crate::user::{self, UserRow};
use crate::{Store, StoreError};

/// Why the first owner could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CompleteSetupError {
    /// Somebody was faster, or it is long done.
    #[error("the deployment has an owner")]
    AlreadyDone,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<sqlx::Error> for CompleteSetupError {
    fn from(error: sqlx::Error) -> Self {
        let error = StoreError::from(error);
        if error.is_unique_violation() {
            CompleteSetupError::AlreadyDone
        } else {
            CompleteSetupError::Store(error)
        }
    }
}

/// Whether the first owner is still to be made.
///
/// # Errors
/// When the database fails.
pub async fn is_open(store: &Store) -> Result<bool, StoreError> {
    let done = sqlx::query("SELECT id FROM setup WHERE id = 1")
        .fetch_optional(&store.pool)
        .await?;
    Ok(done.is_none())
}

/// Makes the first organisation and its owner. Of two that try at once, one succeeds.
///
/// # Errors
/// See [`CompleteSetupError`].
pub async fn complete(
    store: &Store,
    organisation_name: &str,
    owner: &UserRow,
) -> Result<(), CompleteSetupError> {
    let mut transaction = store.pool.begin().await?;
    sqlx::query("INSERT INTO organisations (id, name, created_at_ms) VALUES ($1, $2, $3)")
        .bind(owner.organisation.to_string())
        .bind(organisation_name)
        .bind(owner.created_at_ms)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO setup (id, organisation_id, completed_at_ms) VALUES (1, $1, $2)")
        .bind(owner.organisation.to_string())
        .bind(owner.created_at_ms)
        .execute(&mut *transaction)
        .await?;
    user::insert_within(&mut transaction, owner).await?;
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use crate::user::UserRole;
    use sfu_protocol::ids::{OrganisationId, UserId};
    use uuid::Uuid;

    fn owner(email: &str) -> UserRow {
        UserRow {
            id: UserId(Uuid::now_v7()),
            organisation: OrganisationId(Uuid::now_v7()),
            email: email.to_owned(),
            name: "Ada".to_owned(),
            role: UserRole::Owner,
            password_hash: "hash".to_owned(),
            created_at_ms: 1,
        }
    }

    #[tokio::test]
    async fn of_two_first_owners_at_once_exactly_one_is_made() {
        let (store, _folder) = testing::temporary().await;
        assert!(is_open(&store).await.expect("a query"));
        let (a, b) = (owner("a@example.org"), owner("b@example.org"));
        let (first, second) = tokio::join!(complete(&store, "x", &a), complete(&store, "x", &b));
        assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1);
        assert!(!is_open(&store).await.expect("a query"));
    }
}
