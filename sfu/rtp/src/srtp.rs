//! SRTP and SRTCP with AES-GCM (RFC 3711, RFC 7714), keyed by DTLS (RFC 5764, section 4.2).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use zeroize::{Zeroize, Zeroizing};

use crate::rtp::Header;
use crate::window::Window;

/// The tag at the end of what is sealed (RFC 7714, section 13.1).
pub const TAG_BYTES: usize = 16;

/// The flag for encryption and the index, at the end of an SRTCP packet (RFC 3711, section 3.4).
const SRTCP_WORD_BYTES: usize = 4;
const SRTCP_ENCRYPTED: u32 = 1 << 31;
/// The head of an RTCP packet that stays readable: its first four bytes and the sender's SSRC.
const RTCP_HEAD_BYTES: usize = 8;
/// What sealing adds to an RTCP packet.
pub const SRTCP_ADDS_BYTES: usize = TAG_BYTES + SRTCP_WORD_BYTES;

const SALT_BYTES: usize = 12;
const MAX_KEY_BYTES: usize = 32;

/// What a session key is for (RFC 3711, section 4.3.2). Encryption that authenticates needs no
/// keys of authentication.
const LABEL_RTP_KEY: u8 = 0;
const LABEL_RTP_SALT: u8 = 2;
const LABEL_RTCP_KEY: u8 = 3;
const LABEL_RTCP_SALT: u8 = 5;

/// What both ends agreed on (RFC 7714, section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `AEAD_AES_128_GCM`
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM`
    AeadAes256Gcm,
}

impl Profile {
    fn key_bytes(self) -> usize {
        match self {
            Profile::AeadAes128Gcm => 16,
            Profile::AeadAes256Gcm => 32,
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Profile::AeadAes128Gcm => &AES_128_GCM,
            Profile::AeadAes256Gcm => &AES_256_GCM,
        }
    }
}

/// Which end of the DTLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Who began it.
    Client,
    /// Who answered.
    Server,
}

/// Something is not as it must be, or not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Keying material of another length than the profile's.
    #[error("keying material of a wrong length")]
    Keying,
    /// Too short, or not of this form.
    #[error("malformed")]
    Malformed,
    /// It came before, or is too old to tell.
    #[error("came before")]
    Replayed,
    /// The tag is not its.
    #[error("not authentic")]
    Forged,
    /// As many packets as a key may seal were sealed.
    #[error("the key is used up")]
    UsedUp,
}

/// The master keys and salts of both ends, which DTLS exported (RFC 5764, section 4.2). They are
/// overwritten when it is dropped.
pub struct Keying {
    profile: Profile,
    material: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Keying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keying").finish_non_exhaustive()
    }
}

impl Keying {
    /// Takes what DTLS exported: keys of client and server, then their salts.
    ///
    /// # Errors
    /// [`Refused::Keying`]
    pub fn new(profile: Profile, material: &[u8]) -> Result<Keying, Refused> {
        if material.len() != 2 * (profile.key_bytes() + SALT_BYTES) {
            return Err(Refused::Keying);
        }
        let material = Zeroizing::new(material.to_vec());
        Ok(Keying { profile, material })
    }

    /// Opens what an end sealed.
    ///
    /// # Errors
    /// [`Refused::Keying`]
    pub fn opener(&self, sealed_by: End) -> Result<Opener, Refused> {
        let (rtp, rtcp) = self.ciphers(sealed_by)?;
        Ok(Opener { rtp, rtcp })
    }

    /// Seals as an end. There must be one for all that it sends: two would use the same numbers.
    ///
    /// # Errors
    /// [`Refused::Keying`]
    pub fn sealer(&self, own: End) -> Result<Sealer, Refused> {
        let (rtp, rtcp) = self.ciphers(own)?;
        Ok(Sealer {
            rtp,
            rtcp,
            rtcp_index: 0,
        })
    }

    fn ciphers(&self, end: End) -> Result<(Cipher, Cipher), Refused> {
        let bytes = self.profile.key_bytes();
        let (keys, salts) = self.material.split_at(2 * bytes);
        let (key, salt) = match end {
            End::Client => (&keys[..bytes], &salts[..SALT_BYTES]),
            End::Server => (&keys[bytes..], &salts[SALT_BYTES..]),
        };
        let cipher = |key_label, salt_label| {
            let mut session_key = [0; MAX_KEY_BYTES];
            let mut session_salt = [0; SALT_BYTES];
            derive(key, salt, key_label, &mut session_key[..bytes])?;
            derive(key, salt, salt_label, &mut session_salt)?;
            let cipher = Cipher::new(self.profile, &session_key[..bytes], session_salt);
            session_key.zeroize();
            cipher
        };
        Ok((
            cipher(LABEL_RTP_KEY, LABEL_RTP_SALT)?,
            cipher(LABEL_RTCP_KEY, LABEL_RTCP_SALT)?,
        ))
    }
}

/// Derives a session key (RFC 3711, sections 4.3.1 and 4.3.3; RFC 7714, section 11): what AES in
/// counter mode makes of zeros. `session_key` holds the zeros.
fn derive(key: &[u8], salt: &[u8], label: u8, session_key: &mut [u8]) -> Result<(), Refused> {
    let mut counter = [0; 16];
    counter[..salt.len()].copy_from_slice(salt);
    counter[7] ^= label;
    let algorithm = match key.len() {
        16 => &AES_128,
        _ => &AES_256,
    };
    UnboundCipherKey::new(algorithm, key)
        .and_then(EncryptingKey::ctr)
        .and_then(|key| {
            key.less_safe_encrypt(session_key, EncryptionContext::Iv128(counter.into()))
        })
        .map_err(|_| Refused::Keying)?;
    Ok(())
}

/// One session key and its salt.
struct Cipher {
    key: LessSafeKey,
    salt: [u8; SALT_BYTES],
}

impl Cipher {
    fn new(profile: Profile, key: &[u8], salt: [u8; SALT_BYTES]) -> Result<Cipher, Refused> {
        let key = UnboundKey::new(profile.algorithm(), key).map_err(|_| Refused::Keying)?;
        let key = LessSafeKey::new(key);
        Ok(Cipher { key, salt })
    }

    /// RFC 7714, sections 8.1 and 9.1: both are the SSRC and an index of 48 bits.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = [0; SALT_BYTES];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn open(
        &self,
        nonce: Nonce,
        head: &[u8],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), Refused> {
        let bytes = sealed.len().checked_sub(TAG_BYTES);
        let bytes = bytes.filter(|&bytes| bytes == plain.len());
        let (text, tag) = sealed.split_at(bytes.ok_or(Refused::Malformed)?);
        self.key
            .open_separate_gather(nonce, Aad::from(head), text, tag, plain)
            .map_err(|_| Refused::Forged)
    }
}

/// Opens what the other end sealed.
pub struct Opener {
    rtp: Cipher,
    rtcp: Cipher,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

/// How long the payload of a sealed RTP packet is.
pub fn plain_bytes(header: &Header, packet: &[u8]) -> Option<usize> {
    packet.len().checked_sub(header.bytes + TAG_BYTES)
}

impl Opener {
    /// Opens the payload of an RTP packet into `plain`, which is as long as [`plain_bytes`] says,
    /// and answers the packet's index. The window of the packet's SSRC learns of it.
    ///
    /// # Errors
    /// See [`Refused`]. Nothing is learned, and what is in `plain` means nothing.
    pub fn open(
        &self,
        window: &mut Window,
        header: &Header,
        packet: &[u8],
        plain: &mut [u8],
    ) -> Result<u64, Refused> {
        let index = window.index_of(header.seq);
        if !window.is_new(index) {
            return Err(Refused::Replayed);
        }
        let split = packet.split_at_checked(header.bytes);
        let (head, sealed) = split.ok_or(Refused::Malformed)?;
        let nonce = self.rtp.nonce(header.ssrc, index);
        self.rtp.open(nonce, head, sealed, plain)?;
        window.note(index);
        Ok(index)
    }

    /// Opens an RTCP packet. The window of the sender's SSRC, see [`rtcp_sender`], learns of it.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn open_rtcp(&self, window: &mut Window, packet: &[u8]) -> Result<Vec<u8>, Refused> {
        let ssrc = rtcp_sender(packet).ok_or(Refused::Malformed)?;
        let (rest, word) = packet
            .split_last_chunk::<SRTCP_WORD_BYTES>()
            .ok_or(Refused::Malformed)?;
        let split = rest.len().checked_sub(TAG_BYTES);
        let split = split.filter(|&split| split >= RTCP_HEAD_BYTES);
        let split = split.ok_or(Refused::Malformed)?;
        let word_value = u32::from_be_bytes(*word);
        let index = u64::from(word_value & !SRTCP_ENCRYPTED);
        if !window.is_new(index) {
            return Err(Refused::Replayed);
        }
        let nonce = self.rtcp.nonce(ssrc, index);
        // RFC 7714, sections 9.2 and 9.3: what is not encrypted is authenticated all the same.
        let clear = match word_value & SRTCP_ENCRYPTED {
            0 => split,
            _ => RTCP_HEAD_BYTES,
        };
        let head = [&packet[..clear], word].concat();
        let mut plain = packet[..split].to_vec();
        self.rtcp
            .open(nonce, &head, &rest[clear..], &mut plain[clear..])?;
        window.note(index);
        Ok(plain)
    }
}

/// Who says that it sent an RTCP packet: the window to open it with is this SSRC's.
pub fn rtcp_sender(packet: &[u8]) -> Option<u32> {
    let head: &[u8; RTCP_HEAD_BYTES] = packet.first_chunk()?;
    let [.., a, b, c, d] = *head;
    Some(u32::from_be_bytes([a, b, c, d]))
}

/// Seals what is sent.
pub struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// Seals an RTP packet in place. `index` is its sequence number with the rollovers before it;
    /// no index may be used twice for an SSRC.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn seal(&self, index: u64, packet: &mut Vec<u8>) -> Result<(), Refused> {
        let header = Header::read(packet).ok_or(Refused::Malformed)?;
        let nonce = self.rtp.nonce(header.ssrc, index);
        let (head, plain) = packet.split_at_mut(header.bytes);
        let sealed = self
            .rtp
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*head), plain);
        let tag = sealed.map_err(|_| Refused::Malformed)?;
        packet.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Seals an RTCP packet in place. Its index is the number of those before it, whoever is the
    /// sender in it.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), Refused> {
        let index = self.rtcp_index;
        if index & SRTCP_ENCRYPTED != 0 {
            return Err(Refused::UsedUp);
        }
        let ssrc = rtcp_sender(packet).ok_or(Refused::Malformed)?;
        self.rtcp_index += 1;
        let nonce = self.rtcp.nonce(ssrc, u64::from(index));
        let word = (index | SRTCP_ENCRYPTED).to_be_bytes();
        let (head, plain) = packet.split_at_mut(RTCP_HEAD_BYTES);
        let mut readable = [0; RTCP_HEAD_BYTES + SRTCP_WORD_BYTES];
        readable[..RTCP_HEAD_BYTES].copy_from_slice(head);
        readable[RTCP_HEAD_BYTES..].copy_from_slice(&word);
        let sealed = self
            .rtcp
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(readable), plain);
        let tag = sealed.map_err(|_| Refused::Malformed)?;
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&word);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
