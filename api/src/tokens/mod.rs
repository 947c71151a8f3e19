//! The tokens that this crate gives out, one file each, and how secrets are compared.
//!
//! | token | form | lives |
//! |---|---|---|
//! | [`access`] | signed, HS256 | 10 minutes, in the page's memory |
//! | [`refresh`] | opaque, stored by hash | 30 days, in an httpOnly cookie, rotated on each use |
//! | [`rejoin`] | signed, HS256 | a day; keeps a participant's identity over a reload |
//! | [`invite`] | derived from the invite's id, stored by hash | until revoked |
//! | [`setup`] | derived, one for each deployment | until the first owner exists |
//!
//! Grants, which nodes read, are in `sfu-protocol`.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sfu_protocol::grant::{GrantSigner, KeyError};

use crate::secrets::{KEY_BYTES, Secrets};

pub(crate) mod access;
pub(crate) mod invite;
pub(crate) mod refresh;
pub(crate) mod rejoin;
pub(crate) mod setup;
mod signed;

/// Longest token that is read.
pub(crate) const MAX_TOKEN_BYTES: usize = 2_048;

/// Every key, by purpose.
pub(crate) struct Keys {
    pub(crate) access: signed::SignedTokens,
    pub(crate) rejoin: signed::SignedTokens,
    pub(crate) refresh: MacKey,
    pub(crate) invite: MacKey,
    pub(crate) setup: MacKey,
    pub(crate) grants: GrantSigner,
}

impl Keys {
    pub(crate) fn of(secrets: &Secrets) -> Result<Keys, KeyError> {
        let mac = |purpose| MacKey::new(&secrets.derive(purpose));
        Ok(Keys {
            access: access::tokens(&secrets.derive("access tokens")),
            rejoin: rejoin::tokens(&secrets.derive("rejoin tokens")),
            refresh: mac("refresh tokens"),
            invite: mac("invite tokens"),
            setup: mac("setup token"),
            grants: GrantSigner::from_pem(secrets.grant_private_pem())?,
        })
    }
}

/// An HMAC-SHA256 key (RFC 2104).
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> MacKey {
        MacKey(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The tag of a text, in 43 characters.
    pub(crate) fn tag(&self, text: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, text.as_bytes()))
    }

    /// Whether `tag` is the tag of `text`, in constant time.
    pub(crate) fn verify(&self, text: &str, tag: &str) -> bool {
        BASE64_URL_SAFE_NO_PAD
            .decode(tag)
            .is_ok_and(|bytes| hmac::verify(&self.0, text.as_bytes(), &bytes).is_ok())
    }
}

/// What is stored of a token: SHA-256, in hexadecimal. Tokens have 256 random bits, so no salt
/// and no slow hash is needed.
pub(crate) fn hash(token: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, token.as_bytes()))
}
