//! A temporary database for each test, on SQLite or on PostgreSQL.

use sfu_protocol::ids::{OrganisationId, RoomId, SessionId, UserId};
use sqlx::Connection;
use uuid::Uuid;

use crate::user::{UserRole, UserRow};
use crate::{Store, organisation, room, session, user};

/// Set it to the address of a PostgreSQL server whose user may create databases, and the suite
/// runs there instead of on SQLite. Each test makes a database of its own and leaves it behind.
const POSTGRES_VARIABLE: &str = "COLLOQUY_TEST_POSTGRES_URL";

/// Where a test's database is.
pub(crate) struct Place {
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

pub(crate) async fn temporary() -> (Store, Place) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = match std::env::var(POSTGRES_VARIABLE) {
        Ok(server) => fresh_postgres(&server).await,
        Err(_) => format!("sqlite://{}/test.db?mode=rwc", folder.path().display()),
    };
    let store = Store::open(&url).await.expect("opens");
    let place = Place {
        url,
        _folder: folder,
    };
    (store, place)
}

async fn fresh_postgres(server: &str) -> String {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(server)
        .await
        .expect("a server");
    let name = format!("test_{}", Uuid::now_v7().simple());
    let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .expect("a database");
    let (base, _) = server.rsplit_once('/').expect("a database in the address");
    format!("{base}/{name}")
}

pub(crate) async fn organisation(store: &Store, name: &str) -> OrganisationId {
    let id = OrganisationId(Uuid::now_v7());
    organisation::insert(store, id, name, 1)
        .await
        .expect("inserts");
    id
}

pub(crate) async fn user(store: &Store, organisation: OrganisationId, email: &str) -> UserId {
    let id = UserId(Uuid::now_v7());
    let row = UserRow {
        id,
        organisation,
        email: email.to_owned(),
        name: "Ada".to_owned(),
        role: UserRole::Owner,
        password_hash: "hash".to_owned(),
        created_at_ms: 1,
    };
    user::insert(store, &row).await.expect("inserts");
    id
}

pub(crate) async fn room(store: &Store, organisation: OrganisationId) -> RoomId {
    let row = room::RoomRow {
        id: RoomId(Uuid::now_v7()),
        organisation,
        title: "Monday".to_owned(),
        created_by: None,
        created_at_ms: 1,
        ended_at_ms: None,
    };
    room::insert(store, &row).await.expect("inserts");
    row.id
}

pub(crate) async fn session(
    store: &Store,
    organisation: OrganisationId,
    room: RoomId,
) -> SessionId {
    session::open(
        store,
        organisation,
        room,
        SessionId(Uuid::now_v7()),
        "Monday",
        1,
    )
    .await
    .expect("opens")
    .id
}
