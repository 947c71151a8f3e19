//! The token a page keeps in memory and shows with each request.

use serde::{Deserialize, Serialize};
use sfu_protocol::ids::{OrganisationId, UserId};
use uuid::Uuid;

use super::signed::SignedTokens;
use crate::secrets::KEY_BYTES;

/// How long it is good. Its sign-in is looked up with each request, so it dies at once with it.
pub(crate) const ACCESS_LIFETIME_MS: i64 = 10 * 60 * 1_000;

/// Who shows it. What they may do is read from the store each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    /// Who.
    #[serde(rename = "sub")]
    pub(crate) user: UserId,
    /// Of which organisation.
    pub(crate) organisation: OrganisationId,
    /// Which sign-in.
    pub(crate) family: Uuid,
}

pub(crate) fn tokens(key: &[u8; KEY_BYTES]) -> SignedTokens {
    SignedTokens::new(key, "colloquy-access+jwt", "colloquy-api")
}
