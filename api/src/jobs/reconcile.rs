//! What should be is compared with what is, every half minute, so that a restart or a lost
//! message on either side heals by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api_store::recording::{self, RecordingRow};
use api_store::session::{self, SessionRow};
use api_store::{StoreError, participant, refresh, room};
use sfu_protocol::control::{ControlReply, ControlRequest, RoomReport};
use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::recording::{RecorderCommand, RecordingStatus};
use sfu_protocol::signal::ByeReason;
use tokio::sync::watch;

use crate::admission::GRANT_LIFETIME_S;
use crate::app::{App, SharedApp};
use crate::closing;

const EVERY: Duration = Duration::from_secs(30);

/// A session whose room no node has is over, unless somebody has been given a grant or this office
/// opened this lately: they may be on their way, or on their way back after a restart. The same
/// holds for one person's stay.
const ARRIVAL_MS: i64 = 120_000;

/// A recording that still runs this long after its session is one that no recorder knows.
const GIVE_UP_MS: i64 = 10 * 60_000;

/// Who has not come this long after the last grant does not come any more: the grant has died,
/// and a node's word of a late arrival has had as long again to get here.
#[expect(
    clippy::cast_possible_wrap,
    reason = "minutes in seconds are a small number"
)]
const KEEP_ABSENT_MS: i64 = 2 * GRANT_LIFETIME_S as i64 * 1_000;

/// Sessions and recordings looked at in one round; the rest waits for the next.
const MAX_ROWS: i64 = 500;

/// Expired refresh tokens are kept this long, so that their reuse is still seen as such.
const KEEP_EXPIRED_MS: i64 = 24 * 60 * 60 * 1_000;

/// The rooms that nodes have, and who is in them.
type Here = BTreeMap<RoomId, BTreeSet<ParticipantId>>;

/// Compares until `stop`.
pub(crate) async fn run(app: SharedApp, mut stop: watch::Receiver<bool>) {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = round(&app).await {
            tracing::error!(%error, "a round of reconciling failed; the next is in half a minute");
        }
    }
}

/// One round.
pub(crate) async fn round(app: &App) -> Result<(), StoreError> {
    if let Some(here) = rooms_on_nodes(app).await {
        close_ended_rooms(app, &here).await?;
        for session in session::list_open(&app.store, MAX_ROWS).await? {
            match here.get(&session.room) {
                Some(present) => end_stays(app, &session, present).await?,
                None => close_if_over(app, &session).await?,
            }
        }
    }
    start_waiting_recordings(app).await?;
    end_outliving_recordings(app).await?;
    participant::delete_absent(&app.store, app.now_ms() - KEEP_ABSENT_MS).await?;
    refresh::delete_expired(&app.store, app.now_ms() - KEEP_EXPIRED_MS).await
}

/// None when a node does not answer: then nothing is known of its rooms.
async fn rooms_on_nodes(app: &App) -> Option<Here> {
    match app.nodes.control(ControlRequest::ListRooms {}).await {
        Ok(ControlReply::Rooms { rooms }) => {
            let present = |report: RoomReport| {
                let people = report.participants.into_iter().collect();
                (report.room, people)
            };
            Some(rooms.into_iter().map(present).collect())
        }
        Ok(ControlReply::Done {}) => None,
        Err(error) => {
            tracing::warn!(%error, "a node does not say which rooms it has");
            None
        }
    }
}

async fn close_ended_rooms(app: &App, here: &Here) -> Result<(), StoreError> {
    for &id in here.keys() {
        let ended = room::find_for_node(&app.store, id)
            .await?
            .is_some_and(|room| room.ended_at_ms.is_some());
        if ended {
            let wish = ControlRequest::CloseRoom {
                room: id,
                reason: ByeReason::Ended,
            };
            if let Err(error) = app.nodes.control(wish).await {
                tracing::warn!(room = %id, %error, "an ended room is still on its node");
            }
        }
    }
    Ok(())
}

async fn close_if_over(app: &App, session: &SessionRow) -> Result<(), StoreError> {
    let now_ms = app.now_ms();
    let last_ms = session.last_grant_at_ms.max(app.opened_at_ms);
    if now_ms - last_ms > ARRIVAL_MS {
        closing::close(app, session, now_ms).await?;
    }
    Ok(())
}

/// Who was there when the node was killed and has not come back is not there any more, since this
/// office opened at the latest. Who went while it was open was told of by the node.
async fn end_stays(
    app: &App,
    session: &SessionRow,
    present: &BTreeSet<ParticipantId>,
) -> Result<(), StoreError> {
    if app.now_ms() - app.opened_at_ms <= ARRIVAL_MS {
        return Ok(());
    }
    let (store, organisation) = (&app.store, session.organisation);
    let mut missed = participant::list(store, organisation, session.id, MAX_ROWS).await?;
    missed.retain(|who| {
        let came_before = who.joined_at_ms.is_some_and(|at| at < app.opened_at_ms);
        came_before && who.left_at_ms.is_none() && !present.contains(&who.id)
    });
    if missed.is_empty() {
        return Ok(());
    }
    // Who came back between the node's answer and the reading of the rows is in its next answer.
    let Some(here) = rooms_on_nodes(app).await else {
        return Ok(());
    };
    for who in missed {
        let back = here.get(&session.room);
        if !back.is_some_and(|present| present.contains(&who.id)) {
            let at_ms = app.opened_at_ms;
            participant::leave(store, organisation, session.id, who.id, at_ms, false).await?;
        }
    }
    Ok(())
}

/// A recorder that was killed before it had the wish on disk knows nothing of it. One that knows
/// the recording only says again how it stands.
async fn start_waiting_recordings(app: &App) -> Result<(), StoreError> {
    for waiting in recording::list_starting(&app.store, MAX_ROWS).await? {
        let command = RecorderCommand::Start {
            recording: waiting.id,
            room: waiting.room,
            session: waiting.session,
            title: waiting.title,
            started_by: waiting.started_by,
        };
        if let Err(error) = app.recorders.send(command).await {
            tracing::warn!(recording = %waiting.id, %error, "a recording is to begin, but no recorder answers");
        }
    }
    Ok(())
}

async fn end_outliving_recordings(app: &App) -> Result<(), StoreError> {
    let now_ms = app.now_ms();
    for outliving in recording::list_outliving(&app.store, MAX_ROWS).await? {
        let session = session::find(&app.store, outliving.organisation, outliving.session).await?;
        let ended_at_ms = session
            .and_then(|session| session.ended_at_ms)
            .unwrap_or(now_ms);
        if now_ms - ended_at_ms > GIVE_UP_MS {
            give_up(app, outliving).await?;
            continue;
        }
        let command = RecorderCommand::Stop {
            recording: outliving.id,
        };
        if let Err(error) = app.recorders.send(command).await {
            tracing::warn!(recording = %outliving.id, %error, "a recording is to end, but no recorder answers");
        }
    }
    Ok(())
}

async fn give_up(app: &App, outliving: RecordingRow) -> Result<(), StoreError> {
    tracing::error!(recording = %outliving.id, "no recorder knows a recording; it is given up");
    let failed = RecordingRow {
        status: RecordingStatus::Failed,
        problem: Some("The recorder did not finish this recording.".to_owned()),
        ..outliving
    };
    recording::update(&app.store, &failed, &[]).await
}
