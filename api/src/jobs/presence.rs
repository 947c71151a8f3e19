//! Events of nodes become rows: who came to which session, and when it was over.
//!
//! An event may come twice (after a lost link) and is then left alone. It waits while the database
//! cannot be used. A node process that restarts counts from 1 again; its clock tells that apart
//! from a repeat.

use api_store::StoreError;
use api_store::event_cursor::{self, Cursor};
use api_store::participant::{self, Arrival};
use api_store::room::{self, RoomRow};
use api_store::session::{self, SessionRow};
use sfu_protocol::control::{NodeEvent, RoomEvent};
use sfu_protocol::ids::SessionId;
use sfu_protocol::signal::LeaveReason;
use tokio::sync::{mpsc, watch};

use crate::app::{App, SharedApp};
use crate::closing;
use crate::jobs::patience::Patience;

/// Takes events in until there are no more. After `stop`, those that wait already are taken in.
pub(crate) async fn run(
    app: SharedApp,
    mut events: mpsc::Receiver<NodeEvent>,
    mut stop: watch::Receiver<bool>,
) {
    let mut cursor = event_cursor::find(&app.store, &app.node)
        .await
        .unwrap_or_default();
    let mut last_number = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = stop.changed() => {
                events.close();
                events.recv().await
            }
        };
        let Some(event) = event else { return };
        note_missed(&app, &mut last_number, &event);
        let outcome = match take_with_patience(&app, &mut cursor, &event, &stop).await {
            Ok(true) => "taken",
            Ok(false) => "repeated",
            Err(error) => {
                tracing::error!(
                    room = %event.room, number = event.number, %error,
                    "an event of a node could not be written and is given up"
                );
                "failed"
            }
        };
        app.metrics.node_events.with_label_values(&[outcome]).inc();
    }
}

/// Counts what the node no longer had for us: we were away too long. What is over by then is found
/// by the reconciling job.
fn note_missed(app: &App, last_number: &mut Option<u64>, event: &NodeEvent) {
    let missed = last_number.map_or(0, |last| event.number.saturating_sub(last + 1));
    *last_number = Some(event.number);
    if missed > 0 {
        tracing::warn!(
            missed,
            before = event.number,
            "events of a node were missed"
        );
        let counter = app.metrics.node_events.with_label_values(&["missed"]);
        counter.inc_by(missed);
    }
}

/// A removal that is not written is none: the next join would be let in.
async fn take_with_patience(
    app: &App,
    cursor: &mut Cursor,
    event: &NodeEvent,
    stop: &watch::Receiver<bool>,
) -> Result<bool, StoreError> {
    let mut patience = Patience::until(stop);
    loop {
        let outcome = take(app, cursor, event).await;
        if !patience.tries_again(&outcome).await {
            return outcome;
        }
    }
}

/// Takes one event in. Answers whether it was new.
pub(crate) async fn take(
    app: &App,
    cursor: &mut Cursor,
    event: &NodeEvent,
) -> Result<bool, StoreError> {
    if !is_new(*cursor, event) {
        return Ok(false);
    }
    let written = write(app, event).await?;
    let passed = Cursor {
        number: event.number,
        at_us: event.at.0,
    };
    // An event that wrote nothing may be taken in again, so it needs no durable mark.
    if written {
        event_cursor::set(&app.store, &app.node, passed).await?;
    }
    *cursor = passed;
    Ok(true)
}

/// Whether an event is one that the cursor has not passed.
fn is_new(cursor: Cursor, event: &NodeEvent) -> bool {
    event.number > cursor.number || event.at.0 > cursor.at_us
}

/// Writes what an event says. Answers whether there was anything to write.
async fn write(app: &App, event: &NodeEvent) -> Result<bool, StoreError> {
    let concerns_us = matches!(
        event.event,
        RoomEvent::RoomOpened {}
            | RoomEvent::ParticipantJoined { .. }
            | RoomEvent::ParticipantLeft { .. }
            | RoomEvent::RoomClosed {}
    );
    if !concerns_us {
        return Ok(false);
    }
    let Some(room) = room::find_for_node(&app.store, event.room).await? else {
        tracing::warn!(room = %event.room, "a node tells of a room that is not in the books");
        return Ok(false);
    };
    let at_ms = i64::try_from(event.at.as_ms()).unwrap_or(i64::MAX);
    match &event.event {
        RoomEvent::RoomOpened {} => {
            let session = current(app, &room, at_ms).await?;
            session::start(&app.store, room.organisation, session, at_ms).await?;
        }
        RoomEvent::ParticipantJoined {
            participant,
            name,
            role,
        } => {
            let session = current(app, &room, at_ms).await?;
            session::start(&app.store, room.organisation, session, at_ms).await?;
            let arrival = Arrival {
                organisation: room.organisation,
                session,
                participant: *participant,
                name,
                role: *role,
                user: None,
                at_ms,
            };
            participant::join(&app.store, &arrival).await?;
        }
        RoomEvent::ParticipantLeft {
            participant,
            reason,
        } => {
            if let Some(session) = latest(app, &room).await? {
                let removed = *reason == LeaveReason::Removed;
                let organisation = room.organisation;
                participant::leave(
                    &app.store,
                    organisation,
                    session.id,
                    *participant,
                    at_ms,
                    removed,
                )
                .await?;
            }
        }
        RoomEvent::RoomClosed {} => close(app, &room, at_ms).await?,
        _ => {}
    }
    Ok(true)
}

/// The session in which somebody is: the open one. Who comes with a grant of a session that is
/// over (the room emptied and they returned) opens the next; what a node tells late of a room that
/// was ended belongs to its last.
async fn current(app: &App, room: &RoomRow, at_ms: i64) -> Result<SessionId, StoreError> {
    if room.ended_at_ms.is_some()
        && let Some(last) = latest(app, room).await?
    {
        return Ok(last.id);
    }
    let fresh = SessionId(app.new_id());
    let (organisation, title) = (room.organisation, &room.title);
    Ok(
        session::open(&app.store, organisation, room.id, fresh, title, at_ms)
            .await?
            .id,
    )
}

/// Closes the session of a room that emptied, unless somebody has been given a grant into it
/// since: they are told this session and must find it. If they do not come after all, the
/// reconciling job closes it.
async fn close(app: &App, room: &RoomRow, at_ms: i64) -> Result<(), StoreError> {
    match latest(app, room).await? {
        Some(session) if session.ended_at_ms.is_none() && session.last_grant_at_ms > at_ms => {
            Ok(())
        }
        // A session that is closed already may have got a latecomer, whose stay ends here too.
        Some(session) => closing::close(app, &session, at_ms).await,
        None => Ok(()),
    }
}

async fn latest(app: &App, room: &RoomRow) -> Result<Option<SessionRow>, StoreError> {
    session::latest_of_room(&app.store, room.organisation, room.id).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::ids::RoomId;
    use sfu_protocol::media::MediaTime;
    use uuid::Uuid;

    #[test]
    fn a_repeat_is_told_from_a_node_that_counts_from_one_again() {
        let cursor = Cursor {
            number: 10,
            at_us: 1_000,
        };
        let event = |number, at_us| NodeEvent {
            number,
            room: RoomId(Uuid::nil()),
            at: MediaTime(at_us),
            event: RoomEvent::RoomOpened {},
        };
        let cases = [
            (event(11, 1_000), true),
            (event(11, 900), true),
            (event(10, 1_000), false),
            (event(3, 400), false),
            (event(1, 5_000), true),
        ];
        for (event, new) in cases {
            assert_eq!(is_new(cursor, &event), new, "{event:?}");
        }
    }
}
