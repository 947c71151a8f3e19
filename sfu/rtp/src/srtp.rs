//! SRTP and SRTCP (RFC 3711) with AES-GCM (RFC 7714) or with AES in counter mode and HMAC-SHA1,
//! keyed by DTLS (RFC 5764, section 4.2).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use zeroize::Zeroizing;

use crate::rtp::Header;
use crate::window::Window;

mod counter;
mod gcm;

use counter::Counter;
use gcm::Gcm;

/// The longest tag that a profile has; [`Profile::tag_bytes`] is each one's.
pub const MAX_TAG_BYTES: usize = gcm::TAG_BYTES;

/// The flag for encryption and the index, near the end of an SRTCP packet (RFC 3711, section 3.4).
const SRTCP_WORD_BYTES: usize = 4;
const SRTCP_ENCRYPTED: u32 = 1 << 31;
/// The head of an RTCP packet that stays readable: its first four bytes and the sender's SSRC.
const RTCP_HEAD_BYTES: usize = 8;
/// What sealing adds to an RTCP packet at most.
pub const MAX_SRTCP_ADDS_BYTES: usize = MAX_TAG_BYTES + SRTCP_WORD_BYTES;
/// The fixed part of an RTP header, at whose end the SSRC is.
const RTP_HEAD_BYTES: usize = 12;
/// An index has 48 bits: so many packets a key may seal for an SSRC (RFC 3711, section 9.2).
const MAX_INDEX: u64 = (1 << 48) - 1;

const MAX_SALT_BYTES: usize = counter::SALT_BYTES;
const MAX_KEY_BYTES: usize = 32;

/// What a session key is for (RFC 3711, section 4.3.2). Encryption that authenticates needs no
/// keys of authentication.
const LABEL_RTP_KEY: u8 = 0;
const LABEL_RTP_TAG: u8 = 1;
const LABEL_RTP_SALT: u8 = 2;
const LABEL_RTCP_KEY: u8 = 3;
const LABEL_RTCP_TAG: u8 = 4;
const LABEL_RTCP_SALT: u8 = 5;

/// What both ends agreed on (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `AEAD_AES_128_GCM`
    AeadAes128Gcm,
    /// `AEAD_AES_256_GCM`
    AeadAes256Gcm,
    /// `AES128_CM_HMAC_SHA1_80`, of clients that know nothing better.
    Aes128CmHmacSha1,
}

impl Profile {
    fn key_bytes(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::Aes128CmHmacSha1 => 16,
            Profile::AeadAes256Gcm => 32,
        }
    }

    fn salt_bytes(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => gcm::SALT_BYTES,
            Profile::Aes128CmHmacSha1 => counter::SALT_BYTES,
        }
    }

    /// How long the tag at the end of what is sealed is.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => gcm::TAG_BYTES,
            Profile::Aes128CmHmacSha1 => counter::TAG_BYTES,
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

impl End {
    /// The one at the other side.
    pub fn other(self) -> End {
        match self {
            End::Client => End::Server,
            End::Server => End::Client,
        }
    }
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
        if material.len() != 2 * (profile.key_bytes() + profile.salt_bytes()) {
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
        let (key_bytes, salt_bytes) = (self.profile.key_bytes(), self.profile.salt_bytes());
        let (keys, salts) = self.material.split_at(2 * key_bytes);
        let master = match end {
            End::Client => (&keys[..key_bytes], &salts[..salt_bytes]),
            End::Server => (&keys[key_bytes..], &salts[salt_bytes..]),
        };
        let rtp = [LABEL_RTP_KEY, LABEL_RTP_TAG, LABEL_RTP_SALT];
        let rtcp = [LABEL_RTCP_KEY, LABEL_RTCP_TAG, LABEL_RTCP_SALT];
        Ok((
            Cipher::derive(self.profile, master, rtp)?,
            Cipher::derive(self.profile, master, rtcp)?,
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

/// The session keys of RTP or of RTCP.
///
/// What is authenticated and not encrypted comes before the text in AES-GCM, all of it. With HMAC
/// there is a tail behind the text: for RTP the rollovers, which AES-GCM has in its nonce (RFC
/// 3711, section 4.2), and for RTCP the word with the index.
enum Cipher {
    Gcm(Gcm),
    // The context of HMAC is large, and few have one.
    Counter(Box<Counter>),
}

impl Cipher {
    fn derive(
        profile: Profile,
        (key, salt): (&[u8], &[u8]),
        [key_label, tag_label, salt_label]: [u8; 3],
    ) -> Result<Cipher, Refused> {
        let mut session_key = Zeroizing::new([0; MAX_KEY_BYTES]);
        let session_key = &mut session_key[..key.len()];
        derive(key, salt, key_label, session_key)?;
        let mut session_salt = [0; MAX_SALT_BYTES];
        derive(key, salt, salt_label, &mut session_salt[..salt.len()])?;
        match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let [salt @ .., _, _] = session_salt;
                Gcm::new(session_key, salt).map(Cipher::Gcm)
            }
            Profile::Aes128CmHmacSha1 => {
                let mut tag_key = Zeroizing::new([0; counter::TAG_KEY_BYTES]);
                derive(key, salt, tag_label, &mut *tag_key)?;
                let counter = Counter::new(session_key, session_salt, &tag_key)?;
                Ok(Cipher::Counter(Box::new(counter)))
            }
        }
    }

    fn tag_bytes(&self) -> usize {
        match self {
            Cipher::Gcm(_) => gcm::TAG_BYTES,
            Cipher::Counter(_) => counter::TAG_BYTES,
        }
    }
}

/// How often a sequence number rolled over.
fn rollovers(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
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

impl Opener {
    /// How long the payload of a sealed RTP packet is.
    pub fn plain_bytes(&self, header: &Header, packet: &[u8]) -> Option<usize> {
        packet
            .len()
            .checked_sub(header.bytes + self.rtp.tag_bytes())
    }

    /// Opens the payload of an RTP packet into `plain`, which is as long as
    /// [`plain_bytes`](Self::plain_bytes) says, and answers the packet's index. The window of the packet's SSRC learns of it.
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
        let bytes = self.plain_bytes(header, packet);
        if bytes != Some(plain.len()) {
            return Err(Refused::Malformed);
        }
        let (head, sealed) = packet.split_at(header.bytes);
        let sealed = sealed.split_at(plain.len());
        let number = (header.ssrc, index);
        match &self.rtp {
            Cipher::Gcm(gcm) => gcm.open(number, head, sealed, plain)?,
            Cipher::Counter(counter) => {
                counter.open(number, head, sealed, rollovers(index), plain)?;
            }
        }
        window.note(index);
        Ok(index)
    }

    /// Opens an RTCP packet into `plain`, whatever was in it before. The window of the sender's
    /// SSRC, see [`rtcp_sender`], learns of it.
    ///
    /// # Errors
    /// See [`Refused`]. What is in `plain` then means nothing.
    pub fn open_rtcp(
        &self,
        window: &mut Window,
        packet: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let ssrc = rtcp_sender(packet).ok_or(Refused::Malformed)?;
        let tag_bytes = self.rtcp.tag_bytes();
        let text_end = packet.len().checked_sub(tag_bytes + SRTCP_WORD_BYTES);
        let text_end = text_end.filter(|&end| end >= RTCP_HEAD_BYTES);
        let text_end = text_end.ok_or(Refused::Malformed)?;
        let (readable, added) = packet.split_at(text_end);
        // The tag is before the word (RFC 7714, section 9.3), or after it (RFC 3711, section 3.4).
        let (word, tag) = match &self.rtcp {
            Cipher::Gcm(_) => (&added[tag_bytes..], &added[..tag_bytes]),
            Cipher::Counter(_) => added.split_at(SRTCP_WORD_BYTES),
        };
        let word: [u8; SRTCP_WORD_BYTES] = word.try_into().map_err(|_| Refused::Malformed)?;
        let word_value = u32::from_be_bytes(word);
        let index = u64::from(word_value & !SRTCP_ENCRYPTED);
        if !window.is_new(index) {
            return Err(Refused::Replayed);
        }
        // RFC 7714, sections 9.2 and 9.3: what is not encrypted is authenticated all the same.
        let clear = match word_value & SRTCP_ENCRYPTED {
            0 => text_end,
            _ => RTCP_HEAD_BYTES,
        };
        plain.clear();
        plain.extend_from_slice(readable);
        let (head, text) = readable.split_at(clear);
        let (number, plain_text) = ((ssrc, index), &mut plain[clear..]);
        match &self.rtcp {
            Cipher::Gcm(gcm) => {
                let mut authentic = [0; RTCP_HEAD_BYTES + SRTCP_WORD_BYTES];
                let long;
                let authentic = match head.first_chunk::<RTCP_HEAD_BYTES>() {
                    Some(first) if head.len() == first.len() => {
                        authentic[..RTCP_HEAD_BYTES].copy_from_slice(first);
                        authentic[RTCP_HEAD_BYTES..].copy_from_slice(&word);
                        authentic.as_slice()
                    }
                    _ => {
                        long = [head, &word].concat();
                        long.as_slice()
                    }
                };
                gcm.open(number, authentic, (text, tag), plain_text)?;
            }
            Cipher::Counter(counter) => {
                counter.open(number, head, (text, tag), word, plain_text)?;
            }
        }
        window.note(index);
        Ok(())
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
    /// How long the tag is that [`seal_in_place`](Self::seal_in_place) writes.
    pub fn tag_bytes(&self) -> usize {
        self.rtp.tag_bytes()
    }

    /// Seals an RTP packet where it lies, and allocates nothing: `packet` is the header of
    /// `header_bytes`, the payload, and room for the tag. `index` is its sequence number with the
    /// rollovers before it; no index may be used twice for an SSRC.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn seal_in_place(
        &self,
        header_bytes: usize,
        packet: &mut [u8],
        index: u64,
    ) -> Result<(), Refused> {
        if index > MAX_INDEX {
            return Err(Refused::UsedUp);
        }
        let text_end = packet.len().checked_sub(self.tag_bytes());
        let text_end = text_end.filter(|&end| (RTP_HEAD_BYTES..=end).contains(&header_bytes));
        let text_end = text_end.ok_or(Refused::Malformed)?;
        let (readable, room) = packet.split_at_mut(text_end);
        let (head, text) = readable.split_at_mut(header_bytes);
        let [.., a, b, c, d] = *head
            .first_chunk::<RTP_HEAD_BYTES>()
            .ok_or(Refused::Malformed)?;
        let number = (u32::from_be_bytes([a, b, c, d]), index);
        match &self.rtp {
            Cipher::Gcm(gcm) => room.copy_from_slice(&gcm.seal(number, head, text)?),
            Cipher::Counter(counter) => {
                room.copy_from_slice(&counter.seal(number, head, text, rollovers(index))?);
            }
        }
        Ok(())
    }

    /// Seals an RTP packet, which gets longer by the tag; see
    /// [`seal_in_place`](Self::seal_in_place).
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn seal(&self, index: u64, packet: &mut Vec<u8>) -> Result<(), Refused> {
        let header = Header::read(packet).ok_or(Refused::Malformed)?;
        packet.resize(packet.len() + self.tag_bytes(), 0);
        self.seal_in_place(header.bytes, packet, index)
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
        let number = (ssrc, u64::from(index));
        let word = (index | SRTCP_ENCRYPTED).to_be_bytes();
        let (head, text) = packet.split_at_mut(RTCP_HEAD_BYTES);
        match &self.rtcp {
            Cipher::Gcm(gcm) => {
                let mut readable = [0; RTCP_HEAD_BYTES + SRTCP_WORD_BYTES];
                readable[..RTCP_HEAD_BYTES].copy_from_slice(head);
                readable[RTCP_HEAD_BYTES..].copy_from_slice(&word);
                let tag = gcm.seal(number, &readable, text)?;
                packet.extend_from_slice(&tag);
                packet.extend_from_slice(&word);
            }
            Cipher::Counter(counter) => {
                let tag = counter.seal(number, head, text, word)?;
                packet.extend_from_slice(&word);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
