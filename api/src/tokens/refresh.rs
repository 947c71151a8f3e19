//! Refresh tokens: rotated on each use; an old one that returns ends the whole sign-in
//! (OWASP ASVS 5.0.0, 10.4.5), save for a short grace in which the answer may have been lost.
//!
//! The first token is random. A successor is the tag of its predecessor under a secret key, so
//! two requests that race, and a repeat within the grace, get the same successor without any
//! token being stored.

use api_store::refresh::RefreshRow;

use super::MacKey;

/// How long a sign-in lasts without use.
pub(crate) const REFRESH_LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// How long the predecessor still answers with the same successor.
pub(crate) const GRACE_MS: i64 = 10_000;

/// What to do with a token that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give its successor.
    Rotate,
    /// Its successor was given a moment ago: give the same again.
    Repeat,
    /// Its successor was given long ago: somebody has a copy. End the sign-in.
    Reuse,
    /// Expired, or the sign-in has ended.
    Dead,
}

/// Judges a token at `now_ms`.
pub(crate) fn judge(row: &RefreshRow, now_ms: i64) -> Verdict {
    if row.revoked_at_ms.is_some() || now_ms >= row.expires_at_ms {
        return Verdict::Dead;
    }
    match row.rotated_at_ms {
        None => Verdict::Rotate,
        Some(rotated_at_ms) if now_ms - rotated_at_ms <= GRACE_MS => Verdict::Repeat,
        Some(_) => Verdict::Reuse,
    }
}

/// The one successor of a token.
pub(crate) fn successor(key: &MacKey, token: &str) -> String {
    key.tag(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::ids::{OrganisationId, UserId};
    use uuid::Uuid;

    #[test]
    fn every_state_of_a_token_has_its_verdict() {
        let row = |rotated_at_ms, revoked_at_ms| RefreshRow {
            organisation: OrganisationId(Uuid::nil()),
            user: UserId(Uuid::nil()),
            family: Uuid::nil(),
            expires_at_ms: 100_000,
            rotated_at_ms,
            revoked_at_ms,
        };
        let cases = [
            (row(None, None), 99_999, Verdict::Rotate),
            (row(None, None), 100_000, Verdict::Dead),
            (row(None, Some(5)), 6, Verdict::Dead),
            (row(Some(50), None), 50 + GRACE_MS, Verdict::Repeat),
            (row(Some(50), None), 51 + GRACE_MS, Verdict::Reuse),
            (row(Some(50), Some(60)), 61, Verdict::Dead),
            (row(Some(50), None), 100_000, Verdict::Dead),
        ];
        for (row, now_ms, verdict) in cases {
            assert_eq!(judge(&row, now_ms), verdict, "{row:?} at {now_ms}");
        }
    }
}
