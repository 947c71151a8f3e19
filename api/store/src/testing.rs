//! A temporary database for each test.

use sfu_protocol::ids::{OrganisationId, RoomId, SessionId, UserId};
use uuid::Uuid;

use crate::user::{UserRole, UserRow};
use crate::{Store, organisation, room, session, user};

pub(crate) fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}/test.db?mode=rwc", folder.path().display())
}

pub(crate) async fn temporary() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&url(&folder)).await.expect("opens");
    (store, folder)
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
