//! AES in counter mode, and HMAC-SHA1 cut to 80 bits over what it made (RFC 3711, sections 4.1.1
//! and 4.2.1). Older clients, GStreamer's among them, know nothing else.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};

use super::Refused;

pub(super) const TAG_BYTES: usize = 10;
pub(super) const SALT_BYTES: usize = 14;
/// How long the key of authentication is (section 5.2).
pub(super) const TAG_KEY_BYTES: usize = 20;
const BLOCK_BYTES: usize = 16;

/// A session key, its salt, and the key of authentication.
pub(super) struct Counter {
    key: EncryptingKey,
    salt: [u8; SALT_BYTES],
    tag_key: hmac::Key,
}

impl Counter {
    /// With a session key of 16 bytes.
    pub(super) fn new(
        key: &[u8],
        salt: [u8; SALT_BYTES],
        tag_key: &[u8; TAG_KEY_BYTES],
    ) -> Result<Counter, Refused> {
        let key = UnboundCipherKey::new(&AES_128, key).and_then(EncryptingKey::ctr);
        Ok(Counter {
            key: key.map_err(|_| Refused::Keying)?,
            salt,
            tag_key: hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, tag_key),
        })
    }

    /// Encrypts, or decrypts: both are the same. The last two bytes of the first block count the
    /// blocks of the packet.
    fn turn(&self, (ssrc, index): (u32, u64), text: &mut [u8]) -> Result<(), Refused> {
        let mut block = [0; BLOCK_BYTES];
        block[4..8].copy_from_slice(&ssrc.to_be_bytes());
        block[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in block.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        let first = EncryptionContext::Iv128(block.into());
        let turned = self.key.less_safe_encrypt(text, first);
        turned.map(drop).map_err(|_| Refused::Malformed)
    }

    fn tag(&self, readable: &[u8], text: &[u8], tail: [u8; 4]) -> hmac::Tag {
        let mut tag = hmac::Context::with_key(&self.tag_key);
        tag.update(readable);
        tag.update(text);
        tag.update(&tail);
        tag.sign()
    }

    /// `tail` is authenticated after the text, see [`super::Cipher`].
    pub(super) fn seal(
        &self,
        number: (u32, u64),
        readable: &[u8],
        text: &mut [u8],
        tail: [u8; 4],
    ) -> Result<[u8; TAG_BYTES], Refused> {
        self.turn(number, text)?;
        let tag = self.tag(readable, text, tail);
        let kept = tag.as_ref().first_chunk();
        kept.copied().ok_or(Refused::Malformed)
    }

    /// Opens `text` into `plain`, which is as long.
    pub(super) fn open(
        &self,
        number: (u32, u64),
        readable: &[u8],
        (text, tag): (&[u8], &[u8]),
        tail: [u8; 4],
        plain: &mut [u8],
    ) -> Result<(), Refused> {
        let expected = self.tag(readable, text, tail);
        let kept: Option<&[u8; TAG_BYTES]> = expected.as_ref().first_chunk();
        verify_slices_are_equal(kept.ok_or(Refused::Malformed)?, tag)
            .map_err(|_| Refused::Forged)?;
        plain.copy_from_slice(text);
        self.turn(number, plain)
    }
}
