//! The token of the setup link: one for each deployment, of no use once the first owner exists.

use super::MacKey;

const WHAT: &str = "first owner";

/// The token.
pub(crate) fn token(key: &MacKey) -> String {
    key.tag(WHAT)
}

/// Whether this is the token, in constant time.
pub(crate) fn is_token(key: &MacKey, token: &str) -> bool {
    key.verify(WHAT, token)
}
