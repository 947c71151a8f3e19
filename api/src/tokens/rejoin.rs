//! The token that lets the same person be the same participant after a reload.

use serde::{Deserialize, Serialize};
use sfu_protocol::ids::{OrganisationId, ParticipantId, RoomId, UserId};
use uuid::Uuid;

use super::signed::SignedTokens;
use crate::secrets::KEY_BYTES;

/// A meeting and its pauses. Who comes later is a new participant.
pub(crate) const REJOIN_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

/// Who was where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejoin {
    /// Whose room.
    pub(crate) organisation: OrganisationId,
    /// Which room.
    pub(crate) room: RoomId,
    /// As whom.
    pub(crate) participant: ParticipantId,
    /// The name shown.
    pub(crate) name: String,
    /// Set when they were signed in: only they may use it.
    pub(crate) user: Option<UserId>,
    /// Set when they came by invite: it must still stand.
    pub(crate) invite: Option<Uuid>,
}

pub(crate) fn tokens(key: &[u8; KEY_BYTES]) -> SignedTokens {
    SignedTokens::new(key, "colloquy-rejoin+jwt", "colloquy-rejoin")
}
