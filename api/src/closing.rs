//! What ends with a meeting: its session, everyone's stay, and its recording.

use api_store::StoreError;
use api_store::room::RoomRow;
use api_store::session::{self, SessionRow};
use sfu_protocol::recording::RecorderCommand;

use crate::app::App;

/// Closes the session that is on in a room, if there is one.
pub(crate) async fn close_latest(app: &App, room: &RoomRow, at_ms: i64) -> Result<(), StoreError> {
    match session::latest_of_room(&app.store, room.organisation, room.id).await? {
        Some(session) if session.ended_at_ms.is_none() => close(app, &session, at_ms).await,
        _ => Ok(()),
    }
}

/// Closes a session.
pub(crate) async fn close(app: &App, session: &SessionRow, at_ms: i64) -> Result<(), StoreError> {
    session::close(&app.store, session.organisation, session.id, at_ms).await?;
    let running =
        api_store::recording::running_in_room(&app.store, session.organisation, session.room)
            .await?;
    let Some(recording) = running else {
        return Ok(());
    };
    let command = RecorderCommand::Stop {
        recording: recording.id,
    };
    if let Err(error) = app.recorders.send(command).await {
        // The reconciling job asks again.
        tracing::warn!(recording = %recording.id, %error, "a recording is to end, but no recorder answers");
    }
    Ok(())
}
