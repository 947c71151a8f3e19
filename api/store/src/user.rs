//! People with an account.

use serde::{Deserialize, Serialize};
use sfu_protocol::ids::{OrganisationId, UserId};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::{Store, StoreError, parsed, word, worded};

/// What a person is in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserRole {
    /// Leads it.
    Owner,
    /// Belongs to it.
    Member,
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Who.
    pub id: UserId,
    /// Of which organisation.
    pub organisation: OrganisationId,
    /// Normalised by the caller; unique in the deployment, because a sign-in names nothing else.
    pub email: String,
    /// The name shown.
    pub name: String,
    /// What they are.
    pub role: UserRole,
    /// In PHC string form.
    pub password_hash: String,
    /// When the account was made.
    pub created_at_ms: i64,
}

impl FromRow<'_, AnyRow> for UserRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(UserRow {
            id: parsed(row, "id")?,
            organisation: parsed(row, "organisation_id")?,
            email: row.try_get("email")?,
            name: row.try_get("name")?,
            role: worded(row, "role")?,
            password_hash: row.try_get("password_hash")?,
            created_at_ms: row.try_get("created_at_ms")?,
        })
    }
}

/// Why a person could not be added.
#[derive(Debug, thiserror::Error)]
pub enum InsertUserError {
    /// Somebody has this address.
    #[error("the address is taken")]
    EmailTaken,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

const INSERT: &str = "INSERT INTO users
    (id, organisation_id, email, name, role, password_hash, created_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(crate) async fn insert_within(
    connection: &mut sqlx::AnyConnection,
    user: &UserRow,
) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT)
        .bind(user.id.to_string())
        .bind(user.organisation.to_string())
        .bind(&user.email)
        .bind(&user.name)
        .bind(word(&user.role))
        .bind(&user.password_hash)
        .bind(user.created_at_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a person to an organisation that exists.
///
/// # Errors
/// See [`InsertUserError`].
pub async fn insert(store: &Store, user: &UserRow) -> Result<(), InsertUserError> {
    let mut connection = store
        .pool
        .acquire()
        .await
        .map_err(StoreError::from)
        .map_err(InsertUserError::Store)?;
    insert_within(&mut connection, user).await.map_err(taken)
}

/// Adds an organisation with its first owner.
///
/// # Errors
/// See [`InsertUserError`].
pub async fn insert_with_organisation(
    store: &Store,
    organisation_name: &str,
    user: &UserRow,
) -> Result<(), InsertUserError> {
    let mut transaction = store.pool.begin().await.map_err(taken)?;
    sqlx::query("INSERT INTO organisations (id, name, created_at_ms) VALUES ($1, $2, $3)")
        .bind(user.organisation.to_string())
        .bind(organisation_name)
        .bind(user.created_at_ms)
        .execute(&mut *transaction)
        .await
        .map_err(taken)?;
    insert_within(&mut transaction, user).await.map_err(taken)?;
    transaction.commit().await.map_err(taken)
}

fn taken(error: sqlx::Error) -> InsertUserError {
    let error = StoreError::from(error);
    if error.is_unique_violation() {
        InsertUserError::EmailTaken
    } else {
        InsertUserError::Store(error)
    }
}

/// Finds a person by address. A sign-in knows no organisation: the answer names it.
///
/// # Errors
/// When the database fails.
pub async fn find_by_email(store: &Store, email: &str) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM users WHERE email = $1")
        .bind(email)
        .fetch_optional(&store.pool)
        .await?)
}

/// Finds a person whose sign-in (`family`) still stands.
///
/// # Errors
/// When the database fails.
pub async fn find_signed_in(
    store: &Store,
    organisation: OrganisationId,
    id: UserId,
    family: Uuid,
) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT users.* FROM users
         JOIN refresh_families ON refresh_families.user_id = users.id
         WHERE users.organisation_id = $1 AND users.id = $2
           AND refresh_families.id = $3 AND refresh_families.revoked_at_ms IS NULL",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(family.to_string())
    .fetch_optional(&store.pool)
    .await?)
}

/// Finds a person of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn find(
    store: &Store,
    organisation: OrganisationId,
    id: UserId,
) -> Result<Option<UserRow>, StoreError> {
    Ok(
        sqlx::query_as("SELECT * FROM users WHERE organisation_id = $1 AND id = $2")
            .bind(organisation.to_string())
            .bind(id.to_string())
            .fetch_optional(&store.pool)
            .await?,
    )
}

/// Changes the name and the password hash.
///
/// # Errors
/// When the database fails.
pub async fn update(
    store: &Store,
    organisation: OrganisationId,
    id: UserId,
    name: &str,
    password_hash: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE users SET name = $3, password_hash = $4 WHERE organisation_id = $1 AND id = $2",
    )
    .bind(organisation.to_string())
    .bind(id.to_string())
    .bind(name)
    .bind(password_hash)
    .execute(&store.pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn an_address_is_taken_once_in_the_whole_deployment() {
        let (store, _folder) = testing::temporary().await;
        let one = testing::organisation(&store, "one").await;
        let two = testing::organisation(&store, "two").await;
        testing::user(&store, one, "ada@example.org").await;
        let mut second = find_by_email(&store, "ada@example.org")
            .await
            .expect("a query")
            .expect("there");
        second.id = UserId(Uuid::now_v7());
        second.organisation = two;
        let error = insert(&store, &second).await.expect_err("taken");
        assert!(matches!(error, InsertUserError::EmailTaken));
    }

    #[tokio::test]
    async fn a_refused_first_user_leaves_no_organisation_behind() {
        let (store, _folder) = testing::temporary().await;
        let one = testing::organisation(&store, "one").await;
        testing::user(&store, one, "ada@example.org").await;
        let mut second = find_by_email(&store, "ada@example.org")
            .await
            .expect("a query")
            .expect("there");
        second.id = UserId(Uuid::now_v7());
        second.organisation = OrganisationId(Uuid::now_v7());
        insert_with_organisation(&store, "two", &second)
            .await
            .expect_err("taken");
        let left = crate::organisation::find(&store, second.organisation)
            .await
            .expect("a query");
        assert_eq!(left, None);
    }

    #[tokio::test]
    async fn a_person_is_not_found_through_another_organisation() {
        let (store, _folder) = testing::temporary().await;
        let one = testing::organisation(&store, "one").await;
        let two = testing::organisation(&store, "two").await;
        let ada = testing::user(&store, one, "ada@example.org").await;
        assert!(find(&store, one, ada).await.expect("a query").is_some());
        assert_eq!(find(&store, two, ada).await.expect("a query"), None);
    }
}
