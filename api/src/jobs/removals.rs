//! A node forgets with its process who was sent out; the books do not. A grant lives on for minutes,
//! so a node that may have begun anew is told again whose is dead.

use api_store::{StoreError, participant};
use sfu_protocol::control::ControlRequest;

use crate::admission::GRANT_LIFETIME_S;
use crate::app::App;

/// Removals that are told; as many as a shard of a node remembers. Beyond, the oldest are left out:
/// their grants die first.
const MAX_REMOVALS: i64 = 4_096;

/// Tells the nodes whose grant is dead although its time is not over.
pub(crate) async fn tell(app: &App) -> Result<(), StoreError> {
    let lifetime_ms = i64::try_from(GRANT_LIFETIME_S * 1_000).unwrap_or(i64::MAX);
    let since_ms = app.now_ms() - lifetime_ms;
    for gone in participant::list_removed(&app.store, since_ms, MAX_REMOVALS).await? {
        let wish = ControlRequest::RemoveParticipant {
            room: gone.room,
            participant: gone.participant,
        };
        if let Err(error) = app.nodes.control(wish).await {
            tracing::warn!(room = %gone.room, %error, "a node is not told whose grant is dead");
        }
    }
    Ok(())
}
