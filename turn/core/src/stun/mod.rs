//! STUN messages (RFC 8489): reading, writing, integrity.

mod message;
mod write;

pub use message::{Class, Message, Method, ParseError, attribute};
pub use write::Writer;

use aws_lc_rs::hmac;
use md5::{Digest, Md5};

/// The magic cookie (RFC 8489, section 5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// Length of the header.
pub const HEADER_BYTES: usize = 20;

/// The length of MESSAGE-INTEGRITY's value: HMAC-SHA1.
pub const INTEGRITY_BYTES: usize = 20;

/// The key of long-term credentials (RFC 8489, section 9.2.2):
/// `MD5(username ":" realm ":" password)`.
#[derive(Clone)]
pub struct LongTermKey(hmac::Key);

impl LongTermKey {
    /// Derives the key.
    pub fn derive(username: &str, realm: &str, password: &str) -> LongTermKey {
        let mut md5 = Md5::new();
        for part in [username, ":", realm, ":", password] {
            md5.update(part.as_bytes());
        }
        LongTermKey(hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            &md5.finalize(),
        ))
    }

    fn sign(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context.sign()
    }
}
