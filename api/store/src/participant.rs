//! Who may come to a session, who came, and when.

use sfu_protocol::ids::{OrganisationId, ParticipantId, RoomId, SessionId, UserId};
use sfu_protocol::signal::Role;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::{Store, StoreError, parsed, parsed_option, word, worded};

/// A person or guest in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantRow {
    /// Who.
    pub id: ParticipantId,
    /// In which session.
    pub session: SessionId,
    /// Whose session.
    pub organisation: OrganisationId,
    /// The name shown.
    pub name: String,
    /// What they are there.
    pub role: Role,
    /// Their account, if they have one here.
    pub user: Option<UserId>,
    /// When the last grant was given before they came; for who has not come, the last so far.
    pub invited_at_ms: i64,
    /// When they first came. None: they have not.
    pub joined_at_ms: Option<i64>,
    /// When they last left. None: they are there.
    pub left_at_ms: Option<i64>,
    /// When a host sent them out.
    pub removed_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for ParticipantRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(ParticipantRow {
            id: parsed(row, "id")?,
            session: parsed(row, "session_id")?,
            organisation: parsed(row, "organisation_id")?,
            name: row.try_get("name")?,
            role: worded(row, "role")?,
            user: parsed_option(row, "user_id")?,
            invited_at_ms: row.try_get("invited_at_ms")?,
            joined_at_ms: row.try_get("joined_at_ms")?,
            left_at_ms: row.try_get("left_at_ms")?,
            removed_at_ms: row.try_get("removed_at_ms")?,
        })
    }
}

/// Who is given a grant, or came with one.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// Whose session.
    pub organisation: OrganisationId,
    /// Which session.
    pub session: SessionId,
    /// Who.
    pub participant: ParticipantId,
    /// The name shown.
    pub name: &'a str,
    /// What they are there.
    pub role: Role,
    /// Their account, if they have one here.
    pub user: Option<UserId>,
    /// When.
    pub at_ms: i64,
}

/// Notes that a grant is given. Who is known already gets the new name and role.
///
/// # Errors
/// When the database fails.
pub async fn invite(store: &Store, arrival: &Arrival<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO participants
            (id, session_id, organisation_id, name, role, user_id, invited_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (session_id, id) DO UPDATE SET
            name = excluded.name, role = excluded.role,
            invited_at_ms = CASE WHEN participants.joined_at_ms IS NULL
                THEN excluded.invited_at_ms ELSE participants.invited_at_ms END",
    )
    .bind(arrival.participant.to_string())
    .bind(arrival.session.to_string())
    .bind(arrival.organisation.to_string())
    .bind(arrival.name)
    .bind(word(&arrival.role))
    .bind(arrival.user.map(|user| user.to_string()))
    .bind(arrival.at_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Notes that somebody came, or came back.
///
/// # Errors
/// When the database fails.
pub async fn join(store: &Store, arrival: &Arrival<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO participants
            (id, session_id, organisation_id, name, role, user_id, invited_at_ms, joined_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (session_id, id) DO UPDATE SET
            name = excluded.name, role = excluded.role, left_at_ms = NULL,
            joined_at_ms = COALESCE(participants.joined_at_ms, excluded.joined_at_ms)",
    )
    .bind(arrival.participant.to_string())
    .bind(arrival.session.to_string())
    .bind(arrival.organisation.to_string())
    .bind(arrival.name)
    .bind(word(&arrival.role))
    .bind(arrival.user.map(|user| user.to_string()))
    .bind(arrival.at_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Notes that somebody went, and whether a host sent them out.
///
/// # Errors
/// When the database fails.
pub async fn leave(
    store: &Store,
    organisation: OrganisationId,
    session: SessionId,
    participant: ParticipantId,
    at_ms: i64,
    removed: bool,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE participants SET left_at_ms = $4,
            removed_at_ms = CASE WHEN $5 = 1 THEN $4 ELSE removed_at_ms END
         WHERE organisation_id = $1 AND session_id = $2 AND id = $3",
    )
    .bind(organisation.to_string())
    .bind(session.to_string())
    .bind(participant.to_string())
    .bind(at_ms)
    .bind(i32::from(removed))
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Finds somebody in a session, whether they came or not.
///
/// # Errors
/// When the database fails.
pub async fn find(
    store: &Store,
    organisation: OrganisationId,
    session: SessionId,
    participant: ParticipantId,
) -> Result<Option<ParticipantRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM participants
         WHERE organisation_id = $1 AND session_id = $2 AND id = $3",
    )
    .bind(organisation.to_string())
    .bind(session.to_string())
    .bind(participant.to_string())
    .fetch_optional(&store.pool)
    .await?)
}

/// Whether a host has sent this person out of a session, as whichever participant.
///
/// # Errors
/// When the database fails.
pub async fn was_removed(
    store: &Store,
    organisation: OrganisationId,
    session: SessionId,
    user: UserId,
) -> Result<bool, StoreError> {
    let found = sqlx::query(
        "SELECT id FROM participants
         WHERE organisation_id = $1 AND session_id = $2 AND user_id = $3
           AND removed_at_ms IS NOT NULL LIMIT 1",
    )
    .bind(organisation.to_string())
    .bind(session.to_string())
    .bind(user.to_string())
    .fetch_optional(&store.pool)
    .await?;
    Ok(found.is_some())
}

/// Lists who came to a session, in the order of coming.
///
/// # Errors
/// When the database fails.
pub async fn list(
    store: &Store,
    organisation: OrganisationId,
    session: SessionId,
    limit: i64,
) -> Result<Vec<ParticipantRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT * FROM participants
         WHERE organisation_id = $1 AND session_id = $2 AND joined_at_ms IS NOT NULL
         ORDER BY joined_at_ms, id LIMIT $3",
    )
    .bind(organisation.to_string())
    .bind(session.to_string())
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// Deletes those of every organisation who were given a grant before `before_ms` and never came.
/// Who was sent out stays in the books, so that they are refused when they come back.
///
/// # Errors
/// When the database fails.
pub async fn delete_absent(store: &Store, before_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM participants
         WHERE joined_at_ms IS NULL AND removed_at_ms IS NULL AND invited_at_ms < $1",
    )
    .bind(before_ms)
    .execute(&store.pool)
    .await?;
    Ok(())
}

/// Somebody who was sent out of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// From where.
    pub room: RoomId,
    /// Who.
    pub participant: ParticipantId,
}

impl FromRow<'_, AnyRow> for Removed {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Removed {
            room: parsed(row, "room_id")?,
            participant: parsed(row, "id")?,
        })
    }
}

/// Lists who of every organisation was sent out since `since_ms`, the last first.
///
/// # Errors
/// When the database fails.
pub async fn list_removed(
    store: &Store,
    since_ms: i64,
    limit: i64,
) -> Result<Vec<Removed>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT p.id, s.room_id FROM participants p JOIN sessions s ON s.id = p.session_id
         WHERE p.removed_at_ms >= $1 ORDER BY p.removed_at_ms DESC LIMIT $2",
    )
    .bind(since_ms)
    .bind(limit)
    .fetch_all(&store.pool)
    .await?)
}

/// How many came to a session, observers aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attendance {
    /// Ever.
    pub came: i64,
    /// Now.
    pub present: i64,
}

/// Counts who came and who is there, observers aside.
///
/// # Errors
/// When the database fails.
pub async fn count(
    store: &Store,
    organisation: OrganisationId,
    session: SessionId,
) -> Result<Attendance, StoreError> {
    // CAST: PostgreSQL's sum of integers is a bigint already, SQLite's an integer; both decode.
    let row = sqlx::query(
        "SELECT COUNT(*) AS came,
                CAST(COALESCE(SUM(CASE WHEN left_at_ms IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT)
                    AS present
         FROM participants
         WHERE organisation_id = $1 AND session_id = $2
           AND joined_at_ms IS NOT NULL AND role <> 'observer'",
    )
    .bind(organisation.to_string())
    .bind(session.to_string())
    .fetch_one(&store.pool)
    .await?;
    Ok(Attendance {
        came: row.try_get("came")?,
        present: row.try_get("present")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use uuid::Uuid;

    #[tokio::test]
    async fn coming_back_keeps_the_first_arrival_and_closing_ends_every_stay() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let room = testing::room(&store, organisation).await;
        let session = testing::session(&store, organisation, room).await;
        let mut arrival = Arrival {
            organisation,
            session,
            participant: ParticipantId(Uuid::now_v7()),
            name: "Ada",
            role: Role::Guest,
            user: None,
            at_ms: 10,
        };
        invite(&store, &arrival).await.expect("invites");
        assert_eq!(
            list(&store, organisation, session, 9)
                .await
                .expect("a query"),
            []
        );
        join(&store, &arrival).await.expect("joins");
        leave(
            &store,
            organisation,
            session,
            arrival.participant,
            20,
            false,
        )
        .await
        .expect("leaves");
        arrival.at_ms = 30;
        join(&store, &arrival).await.expect("joins again");
        let there = Attendance {
            came: 1,
            present: 1,
        };
        assert_eq!(
            count(&store, organisation, session).await.expect("a query"),
            there
        );
        crate::session::close(&store, organisation, session, 40)
            .await
            .expect("closes");
        let gone = &list(&store, organisation, session, 9)
            .await
            .expect("a query")[0];
        assert_eq!((gone.joined_at_ms, gone.left_at_ms), (Some(10), Some(40)));
        assert_eq!(gone.removed_at_ms, None);
    }

    #[tokio::test]
    async fn who_never_came_is_deleted_once_their_last_grant_is_old() {
        let (store, _folder) = testing::temporary().await;
        let organisation = testing::organisation(&store, "o").await;
        let room = testing::room(&store, organisation).await;
        let session = testing::session(&store, organisation, room).await;
        let arrival = |number, at_ms| Arrival {
            organisation,
            session,
            participant: ParticipantId(Uuid::from_u128(number)),
            name: "Ada",
            role: Role::Guest,
            user: None,
            at_ms,
        };
        let [absent, renewed, came, removed] = [1, 2, 3, 4];
        for number in [absent, renewed, came, removed] {
            invite(&store, &arrival(number, 10)).await.expect("invites");
        }
        invite(&store, &arrival(renewed, 30))
            .await
            .expect("invites again");
        join(&store, &arrival(came, 11)).await.expect("joins");
        let sent_out = arrival(removed, 12).participant;
        leave(&store, organisation, session, sent_out, 12, true)
            .await
            .expect("leaves");
        for (since_ms, listed) in [(12, vec![sent_out]), (13, vec![])] {
            let found = list_removed(&store, since_ms, 9).await.expect("a query");
            let found: Vec<ParticipantId> = found.iter().map(|gone| gone.participant).collect();
            assert_eq!(found, listed);
        }
        delete_absent(&store, 20).await.expect("deletes");
        for (number, kept) in [
            (absent, false),
            (renewed, true),
            (came, true),
            (removed, true),
        ] {
            let who = arrival(number, 0).participant;
            let found = find(&store, organisation, session, who)
                .await
                .expect("a query");
            assert_eq!(found.is_some(), kept, "{number}");
        }
    }
}
