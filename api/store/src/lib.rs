//! All SQL, and only SQL.
//!
//! One file per noun, each with its plain row structs and free functions over a [`Store`].
//! Nothing here decides: rules live in `api`. Time and new ids are arguments.
//!
//! # Rules
//! - Every row has an `organisation_id`, and every query that starts from an id of a caller filters by it.
//!   The few that cannot (a token or an address is all that is known) say so and answer with the
//!   organisation.
//! - Types that both databases decode through `sqlx::Any`: TEXT, BIGINT, INTEGER. Placeholders
//!   are `$1`.
//! - In a transaction the first statement writes: SQLite then waits for its turn by the busy
//!   timeout, where a read that later writes would be refused at once.
//! - A new table: a new file in both folders of `migrations/`, byte for byte the same, then a module here.

use std::str::FromStr;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, ConnectOptions, Connection, Executor, Row};

pub mod event_cursor;
pub mod idempotency;
pub mod invite;
pub mod key;
pub mod organisation;
pub mod participant;
pub mod recording;
pub mod refresh;
pub mod room;
pub mod session;
pub mod setup;
pub mod user;

#[cfg(test)]
mod testing;

/// Connections of one process to its database. More would only wait for SQLite's one writer.
const MAX_CONNECTIONS: u32 = 8;

/// How long a statement waits for SQLite's one writer before it fails.
const BUSY_TIMEOUT_MS: u32 = 5_000;

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/postgres");

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached, refused the query, or holds what cannot be read.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

impl StoreError {
    /// Whether a UNIQUE constraint or a primary key refused the row.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, StoreError::Database(error)
            if error.as_database_error().is_some_and(|cause| cause.is_unique_violation()))
    }

    /// Whether the database itself is at fault and may carry out the same query later: its disk
    /// is full or cannot be written, it is away, or it rolled back one of two that met.
    pub fn is_unavailable(&self) -> bool {
        let StoreError::Database(error) = self else {
            return false;
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_its_own(&code)),
            _ => false,
        }
    }
}

/// Whether a database's code says that the database cannot work, rather than that the query is
/// wrong. PostgreSQL: SQLSTATE of five characters (classes 08, 40, 53, 57P and 58, and 25006). SQLite:
/// a number whose low byte is BUSY, READONLY, IOERR, FULL or CANTOPEN.
fn is_its_own(code: &str) -> bool {
    if code.len() == 5 {
        let classes = ["08", "40", "53", "57P", "58", "25006"];
        return classes.iter().any(|class| code.starts_with(class));
    }
    let primary = code.parse::<u32>().map(|code| code & 0xff);
    matches!(primary, Ok(5 | 8 | 10 | 13 | 14))
}

/// Where the rows are.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    sqlite: bool,
}

impl Store {
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    /// When the database cannot be reached or a migration fails.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        let store = Store::connect(url).await?;
        let migrator = if store.sqlite { &SQLITE } else { &POSTGRES };
        migrator.run(&store.pool).await?;
        Ok(store)
    }

    /// Whether connecting would make the database: a file of SQLite's that is not there, and may be
    /// made (`mode=rwc`).
    ///
    /// # Errors
    /// When the URL is none of SQLite's although it begins like one.
    pub fn would_make(url: &str) -> Result<bool, StoreError> {
        if !url.starts_with("sqlite:") || !url.contains("mode=rwc") {
            return Ok(false);
        }
        let options = sqlx::sqlite::SqliteConnectOptions::from_str(url)?;
        Ok(!options.get_filename().exists())
    }

    /// Connects and leaves the schema as it is.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn connect(url: &str) -> Result<Store, StoreError> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        let options = sqlx::any::AnyConnectOptions::from_str(url)?.disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        connection.execute(sqlite_pragmas()).await?;
                    }
                    Ok(())
                })
            })
            .after_release(|connection, _| Box::pin(is_reusable(connection)))
            .connect_with(options)
            .await?;
        Ok(Store { pool, sqlite })
    }

    /// Asks SQLite whether every page, index and reference is whole; answers what is not.
    /// PostgreSQL sees to that itself and is only asked whether it answers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn examine(&self) -> Result<Vec<String>, StoreError> {
        if !self.sqlite {
            return self.ping().await.map(|()| Vec::new());
        }
        let rows = sqlx::query(
            "SELECT integrity_check AS fault FROM pragma_integrity_check
             WHERE integrity_check <> 'ok'
             UNION ALL
             SELECT 'a row of ' || \"table\" || ' refers to none of ' || parent
             FROM pragma_foreign_key_check",
        )
        .fetch_all(&self.pool)
        .await?;
        let faults: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get("fault")).collect();
        Ok(faults?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Waits for running queries and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Whether a connection that was given back may be lent again: only outside of a transaction.
///
/// SQLite itself rolls back the transaction that finds its disk full. The driver's own rollback
/// then fails, it counts a transaction too many ever after, and what looks like the rollback of a
/// later one only goes back to a savepoint, with the one writer's lock kept.
async fn is_reusable(connection: &mut sqlx::AnyConnection) -> Result<bool, sqlx::Error> {
    // A rollback is only queued when a transaction is dropped; the answer comes after it.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// WAL lets readers pass the writer; FULL makes a commit survive a power cut.
fn sqlite_pragmas() -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
    ))
}

/// Where a page of a list begins: after the row made at this time with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The row's time.
    pub at_ms: i64,
    /// The row's id.
    pub id: String,
}

impl After {
    /// Before every row, in the order newest first.
    pub fn newest() -> After {
        After {
            at_ms: i64::MAX,
            id: "~".to_owned(),
        }
    }
}

/// Reads a TEXT column as an identity.
fn parsed<T>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|error: T::Err| unreadable(column, error))
}

/// Reads a TEXT column that may be NULL as an identity.
fn parsed_option<T>(row: &AnyRow, column: &str) -> Result<Option<T>, sqlx::Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| {
        text.parse()
            .map_err(|error: T::Err| unreadable(column, error))
    })
    .transpose()
}

/// A word of the protocol (`snake_case`) as TEXT.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => unreachable!("only unit variants are stored as words"),
    }
}

/// Reads a TEXT column as a word of the protocol.
fn worded<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_value(serde_json::Value::String(text))
        .map_err(|error| unreadable(column, error))
}

fn unreadable(column: &str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::temporary;

    #[tokio::test]
    async fn a_row_that_refers_to_nothing_is_found_and_a_whole_database_has_no_fault() {
        let (store, _folder) = temporary().await;
        assert_eq!(store.examine().await.expect("answers"), [""; 0]);
        if !store.sqlite {
            return;
        }
        let orphan = "PRAGMA foreign_keys = OFF;
             INSERT INTO rooms (id, organisation_id, title, created_at_ms) VALUES ('r', 'o', 't', 1);";
        store.pool.execute(orphan).await.expect("is let in");
        assert_eq!(
            store.examine().await.expect("answers"),
            ["a row of rooms refers to none of organisations"]
        );
    }

    #[test]
    fn both_migration_folders_hold_the_same_schema() {
        let text = |migrator: &sqlx::migrate::Migrator| -> Vec<String> {
            migrator
                .iter()
                .map(|step| step.sql.as_str().to_owned())
                .collect()
        };
        assert_eq!(text(&SQLITE), text(&POSTGRES));
    }

    #[test]
    fn a_database_that_cannot_work_is_told_from_a_query_that_is_wrong() {
        // sqlite3.h: FULL, READONLY, IOERR_WRITE, CANTOPEN, BUSY; then CONSTRAINT_UNIQUE, ERROR.
        let sqlite = ["13", "8", "778", "14", "5", "2067", "1"];
        let found: Vec<bool> = sqlite.map(is_its_own).to_vec();
        assert_eq!(found, [true, true, true, true, true, false, false]);
        // PostgreSQL, appendix A: disk_full, connection_failure, read_only_sql_transaction,
        // admin_shutdown, io_error, deadlock_detected; then unique_violation, undefined_table.
        let postgres = [
            "53100", "08006", "25006", "57P01", "58030", "40P01", "23505", "42P01",
        ];
        let found: Vec<bool> = postgres.map(is_its_own).to_vec();
        assert_eq!(found, [true, true, true, true, true, true, false, false]);
    }

    #[tokio::test]
    async fn every_sqlite_connection_is_durable_and_checks_foreign_keys() {
        let (store, place) = temporary().await;
        if !place.is_sqlite() {
            return;
        }
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut connection = store.pool.acquire().await.expect("a connection");
            for (pragma, expected) in [
                ("PRAGMA synchronous", 2_i64),
                ("PRAGMA foreign_keys", 1),
                ("PRAGMA busy_timeout", i64::from(BUSY_TIMEOUT_MS)),
            ] {
                let row = connection.fetch_one(pragma).await.expect("a pragma");
                assert_eq!(row.get::<i64, _>(0), expected, "{pragma}");
            }
            held.push(connection);
        }
    }

    #[tokio::test]
    async fn a_transaction_that_found_the_disk_full_keeps_no_lock_afterwards() {
        let (store, place) = temporary().await;
        if !place.is_sqlite() {
            return;
        }
        let crowd = "INSERT INTO organisations (id, name, created_at_ms) VALUES ('o', ";
        // Every connection has the limit: whichever is lent next finds the disk full.
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut connection = store.pool.acquire().await.expect("a connection");
            let limit = "PRAGMA max_page_count = 1";
            connection.execute(limit).await.expect("a limit");
            held.push(connection);
        }
        drop(held);
        let mut transaction = store.pool.begin().await.expect("begins");
        let large = sqlx::AssertSqlSafe(format!("{crowd} hex(zeroblob(1000000)), 1)"));
        let refused = transaction.execute(large).await.expect_err("no room");
        assert!(StoreError::from(refused).is_unavailable());
        drop(transaction);

        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            held.push(store.pool.acquire().await.expect("a connection"));
        }
        // Twice, so that after each connection another one writes.
        for _ in 0..2 {
            for connection in &mut held {
                let mut transaction = connection.begin().await.expect("begins");
                let small = sqlx::AssertSqlSafe(format!("{crowd} 'small', 1)"));
                transaction.execute(small).await.expect("the lock is free");
                transaction.rollback().await.expect("rolls back");
            }
        }
    }

    #[tokio::test]
    async fn opening_twice_keeps_the_rows() {
        let (store, place) = temporary().await;
        let organisation = crate::testing::organisation(&store, "a").await;
        store.close().await;
        let again = Store::open(&place.url).await.expect("opens again");
        let found = organisation::find(&again, organisation)
            .await
            .expect("a query");
        assert_eq!(found.expect("still there").name, "a");
    }
}
