//! Short-lived TURN credentials: `api` makes them, a relay checks them and asks nobody.
//!
//! The form is the one that other relays read too (draft-uberti-behave-turn-rest): the user name
//! is `{expiry, seconds since the Unix epoch}:{participant}`, the password is
//! `base64(HMAC-SHA1(secret, user name))`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ids::ParticipantId;

/// How long a credential lives. It is renewed over signalling while a participant is here.
pub const TURN_CREDENTIAL_S: u64 = 600;

/// A user name and its password, as `RTCIceServer` wants them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnCredential {
    /// `{expiry}:{participant}`.
    pub username: String,
    /// Base64.
    pub password: String,
}

/// Makes a participant's credential at `now_s`, seconds since the Unix epoch.
pub fn mint(secret: &[u8], participant: ParticipantId, now_s: u64) -> TurnCredential {
    let username = format!("{}:{participant}", now_s + TURN_CREDENTIAL_S);
    let password = password_of(secret, &username);
    TurnCredential { username, password }
}

/// The password that belongs to a user name.
pub fn password_of(secret: &[u8], username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

/// Whether a user name is still good at `now_s`. None when it names no expiry.
pub fn expiry_s(username: &str) -> Option<u64> {
    username.split_once(':')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_names_its_expiry_and_its_password_depends_on_secret_and_name() {
        let participant = ParticipantId(uuid::Uuid::from_u128(1));
        let credential = mint(b"secret", participant, 1_000);
        assert_eq!(expiry_s(&credential.username), Some(1_600));
        assert_eq!(
            credential.password,
            password_of(b"secret", &credential.username)
        );
        assert_ne!(
            credential.password,
            password_of(b"other", &credential.username)
        );
        assert_ne!(credential.password, password_of(b"secret", "1601:x"));
    }

    /// The vector of RFC 2202, section 3, test case 2.
    #[test]
    fn the_password_is_hmac_sha1() {
        let password = password_of(b"Jefe", "what do ya want for nothing?");
        assert_eq!(password, "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    }

    #[test]
    fn a_name_without_expiry_has_none() {
        for name in ["", "alice", ":x", "soon:x", "-1:x"] {
            assert_eq!(expiry_s(name), None, "{name}");
        }
    }
}
