//! The token in an invite link: the tag of the invite's id under a secret key.
//!
//! It can be shown again to a host at any time, yet the database holds only its hash, so a
//! stolen database opens no room.

use uuid::Uuid;

use super::MacKey;

/// The token of an invite.
pub(crate) fn token(key: &MacKey, invite: Uuid) -> String {
    key.tag(&invite.to_string())
}
