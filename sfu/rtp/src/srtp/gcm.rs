//! AES-GCM, which encrypts and authenticates at once (RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::Refused;

/// RFC 7714, section 13.1.
pub(super) const TAG_BYTES: usize = 16;
pub(super) const SALT_BYTES: usize = 12;

/// One session key and its salt.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; SALT_BYTES],
}

impl Gcm {
    /// With a session key of 16 or 32 bytes.
    pub(super) fn new(key: &[u8], salt: [u8; SALT_BYTES]) -> Result<Gcm, Refused> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            _ => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| Refused::Keying)?;
        let key = LessSafeKey::new(key);
        Ok(Gcm { key, salt })
    }

    /// Sections 8.1 and 9.1: both are the SSRC and an index of 48 bits.
    fn nonce(&self, (ssrc, index): (u32, u64)) -> Nonce {
        let mut nonce = [0; SALT_BYTES];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    pub(super) fn seal(
        &self,
        number: (u32, u64),
        readable: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], Refused> {
        let nonce = self.nonce(number);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(readable), text);
        let tag = sealed.map_err(|_| Refused::Malformed)?;
        tag.as_ref().try_into().map_err(|_| Refused::Malformed)
    }

    /// Opens `text` into `plain`, which is as long.
    pub(super) fn open(
        &self,
        number: (u32, u64),
        readable: &[u8],
        (text, tag): (&[u8], &[u8]),
        plain: &mut [u8],
    ) -> Result<(), Refused> {
        let nonce = self.nonce(number);
        self.key
            .open_separate_gather(nonce, Aad::from(readable), text, tag, plain)
            .map_err(|_| Refused::Forged)
    }
}
