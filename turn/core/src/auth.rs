//! Who may use the relay: short-lived credentials (`sfu_protocol::turn`) and stateless nonces.
//!
//! Nothing is stored for a stranger. A nonce carries its own expiry and is bound to the client's
//! address by a keyed hash, so it can neither be guessed nor used from elsewhere.

use aws_lc_rs::hmac;

use sfu_protocol::turn;

use crate::ClientAddress;
use crate::stun::{LongTermKey, Message, attribute};

/// How long a nonce is good. A client gets a new one with error 438 and asks again.
pub const NONCE_S: u64 = 600;

/// Longest user name that is looked at: an expiry and a UUID are 47 characters.
pub const MAX_USERNAME_BYTES: usize = 128;

/// The realm. Short, because a stranger's answer repeats it.
pub const REALM: &str = "colloquy";

const NONCE_TAG_BYTES: usize = 6;

/// Why a request is not answered with a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No integrity: answer 401 with realm and nonce.
    #[error("no credentials")]
    Unauthenticated,
    /// The nonce is stale: answer 438 with a new one.
    #[error("the nonce is stale")]
    StaleNonce,
    /// Credentials are incomplete: answer 400.
    #[error("the credentials are incomplete")]
    Incomplete,
    /// Wrong, expired or not of this deployment: answer 401.
    #[error("wrong credentials")]
    Wrong,
}

/// A request whose integrity was right.
#[derive(Clone)]
pub struct Authenticated {
    /// The user name.
    pub username: String,
    /// For the integrity of the answer.
    pub key: LongTermKey,
}

/// Checks credentials.
pub struct Authority {
    secret: Vec<u8>,
    nonce_key: hmac::Key,
}

impl Authority {
    /// With the secret shared with `api`, and a random key for nonces.
    pub fn new(secret: &[u8], nonce_key: [u8; 32]) -> Authority {
        Authority {
            secret: secret.to_vec(),
            nonce_key: hmac::Key::new(hmac::HMAC_SHA256, &nonce_key),
        }
    }

    /// A nonce for a client at `now_s`: expiry and tag in hexadecimal, 20 characters.
    pub fn nonce(&self, client: ClientAddress, now_s: u64) -> String {
        let expiry = now_s + NONCE_S;
        let tag = self.nonce_tag(client, expiry);
        let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:08x}{tag}", expiry & 0xFFFF_FFFF)
    }

    fn nonce_tag(&self, client: ClientAddress, expiry: u64) -> [u8; NONCE_TAG_BYTES] {
        let said = format!("{}|{}", client.0, expiry & 0xFFFF_FFFF);
        let tag = hmac::sign(&self.nonce_key, said.as_bytes());
        let mut short = [0; NONCE_TAG_BYTES];
        short.copy_from_slice(&tag.as_ref()[..NONCE_TAG_BYTES]);
        short
    }

    fn nonce_is_fresh(&self, nonce: &str, client: ClientAddress, now_s: u64) -> bool {
        let Some(expiry) = nonce
            .get(..8)
            .and_then(|text| u64::from_str_radix(text, 16).ok())
        else {
            return false;
        };
        let expected = self.nonce_tag(client, expiry);
        let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        let tag_fits = nonce.get(8..).is_some_and(|tag| {
            aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_bytes(), expected.as_bytes())
                .is_ok()
        });
        tag_fits && expiry > now_s & 0xFFFF_FFFF
    }

    /// Checks a request (RFC 8489, section 9.2.4).
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn check(
        &self,
        message: &Message<'_>,
        client: ClientAddress,
        now_s: u64,
    ) -> Result<Authenticated, Refusal> {
        if !message.has_integrity() {
            return Err(Refusal::Unauthenticated);
        }
        let username = message.text(attribute::USERNAME);
        let (Some(username), Some(realm), Some(nonce)) = (
            username,
            message.text(attribute::REALM),
            message.text(attribute::NONCE),
        ) else {
            return Err(Refusal::Incomplete);
        };
        if username.len() > MAX_USERNAME_BYTES || realm != REALM {
            return Err(Refusal::Wrong);
        }
        if !self.nonce_is_fresh(nonce, client, now_s) {
            return Err(Refusal::StaleNonce);
        }
        let password = turn::password_of(&self.secret, username);
        let key = LongTermKey::derive(username, REALM, &password);
        let in_time = turn::expiry_s(username).is_some_and(|expiry| expiry > now_s);
        if in_time && message.is_intact(&key) {
            Ok(Authenticated {
                username: username.to_owned(),
                key,
            })
        } else {
            Err(Refusal::Wrong)
        }
    }
}
