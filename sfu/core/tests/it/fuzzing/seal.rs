//! SRTP from the sender's side with keys that are overheard at the DTLS handshake, so that any
//! plaintext can be sealed rightly: RFC 3711 section 4.3 (keys), RFC 7714 (AES-GCM).

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use str0m::config::{DtlsCert, DtlsVersion};
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{AeadAes256Gcm, AeadAes256GcmCipher, CryptoError, CryptoProvider};
use str0m::net::Protocol;
use str0m::{Candidate, Rtc};

const KEY_BYTES: usize = AeadAes256Gcm::KEY_LEN;
const SALT_BYTES: usize = AeadAes256Gcm::SALT_LEN;

/// What the sender's keys are derived from.
#[derive(Debug, Clone)]
pub(crate) struct Master {
    key: [u8; KEY_BYTES],
    salt: [u8; SALT_BYTES],
}

thread_local! {
    /// The provider is shared and static, so what it overhears is left here.
    static OVERHEARD: RefCell<Option<Master>> = const { RefCell::new(None) };
}

/// The keys of the handshake that was overheard last on this thread.
pub(crate) fn overheard() -> Option<Master> {
    OVERHEARD.with_borrow_mut(Option::take)
}

/// A transport whose handshake is listened to.
pub(crate) fn listening_transport(now: Instant, address: SocketAddr) -> Rtc {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        let listening: &'static Listening = Box::leak(Box::new(Listening(
            str0m::crypto::from_feature_flags().dtls_provider,
        )));
        Arc::new(CryptoProvider {
            dtls_provider: listening,
            ..str0m::crypto::from_feature_flags()
        })
    });
    let mut rtc = Rtc::builder()
        .set_rtp_mode(true)
        .set_crypto_provider(provider.clone())
        .enable_opus(true, true)
        .build(now);
    rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).expect("a host address"));
    rtc
}

#[derive(Debug)]
struct Listening(&'static dyn DtlsProvider);

impl DtlsProvider for Listening {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.0.new_dtls(cert, now, version, mtu)?;
        Ok(Box::new(ListeningInstance(inner)))
    }
}

#[derive(Debug)]
struct ListeningInstance(Box<dyn DtlsInstance>);

impl DtlsInstance for ListeningInstance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.0.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            assert_eq!(*profile, SrtpProfile::AEAD_AES_256_GCM, "what we can seal");
            let master = Master::of_sender(material.as_ref(), self.0.is_active());
            OVERHEARD.with_borrow_mut(|place| *place = Some(master));
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

impl Master {
    /// The material is the client's key, the server's, the client's salt, the server's
    /// (RFC 5764, section 4.2); whoever is active in DTLS is the client.
    fn of_sender(material: &[u8], active: bool) -> Master {
        let ours = usize::from(!active);
        let key = &material[ours * KEY_BYTES..][..KEY_BYTES];
        let salt = &material[2 * KEY_BYTES + ours * SALT_BYTES..][..SALT_BYTES];
        Master {
            key: key.try_into().expect("that many bytes"),
            salt: salt.try_into().expect("that many bytes"),
        }
    }

    fn derive<const N: usize>(&self, label: u8) -> [u8; N] {
        let mut input = [0; 16];
        input[..SALT_BYTES].copy_from_slice(&self.salt);
        input[7] ^= label;
        let rounds = str0m::crypto::from_feature_flags().srtp_provider;
        let mut out = [0; N];
        for (round, part) in (0u16..).zip(out.chunks_mut(16)) {
            input[14..].copy_from_slice(&round.to_be_bytes());
            let mut block = [0; 32];
            rounds.srtp_aes_256_ecb_round(&self.key, &input, &mut block);
            part.copy_from_slice(&block[..part.len()]);
        }
        out
    }
}

/// Seals any plaintext as the sender would.
pub(crate) struct Seal {
    rtp: Box<dyn AeadAes256GcmCipher>,
    rtp_salt: [u8; SALT_BYTES],
    rtcp: Box<dyn AeadAes256GcmCipher>,
    rtcp_salt: [u8; SALT_BYTES],
    /// Far ahead of what the transport itself has counted to.
    rtcp_index: u32,
}

impl Seal {
    pub(crate) fn new(master: &Master) -> Seal {
        let ciphers = str0m::crypto::from_feature_flags().srtp_provider;
        let cipher = |label| {
            let key = master.derive::<KEY_BYTES>(label);
            ciphers.aead_aes_256_gcm().create_cipher(key, true)
        };
        Seal {
            rtp: cipher(0),
            rtp_salt: master.derive(2),
            rtcp: cipher(3),
            rtcp_salt: master.derive(5),
            rtcp_index: 1 << 20,
        }
    }

    /// RFC 7714, section 8: the header stays readable and is authenticated. A header that says
    /// more than there is ends with the packet.
    pub(crate) fn rtp(&mut self, roc: u32, plain: &[u8]) -> Option<Vec<u8>> {
        let head: &[u8; 12] = plain.first_chunk()?;
        let seq = u16::from_be_bytes([head[2], head[3]]);
        let ssrc = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        let (header, payload) = plain.split_at(header_bytes(plain).min(plain.len()));
        let iv = AeadAes256Gcm::rtp_iv(self.rtp_salt, ssrc, roc, seq);
        let mut sealed = vec![0; payload.len() + AeadAes256Gcm::TAG_LEN];
        self.rtp
            .encrypt(&iv, header, payload, &mut sealed)
            .expect("room for the tag");
        Some([header, &sealed].concat())
    }

    /// RFC 7714, section 9.
    pub(crate) fn rtcp(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let (header, rest) = plain.split_first_chunk::<8>()?;
        let ssrc = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        self.rtcp_index += 1;
        let index = self.rtcp_index.to_be_bytes();
        let encrypted = [index[0] | 0x80, index[1], index[2], index[3]];
        let iv = AeadAes256Gcm::rtcp_iv(self.rtcp_salt, ssrc, self.rtcp_index);
        let aad = [&header[..], &encrypted].concat();
        let mut sealed = vec![0; rest.len() + AeadAes256Gcm::TAG_LEN];
        self.rtcp
            .encrypt(&iv, &aad, rest, &mut sealed)
            .expect("room for the tag");
        Some([&header[..], &sealed, &encrypted].concat())
    }
}

/// RFC 3550, section 5.1 and 5.3.1.
fn header_bytes(plain: &[u8]) -> usize {
    let fixed = 12 + 4 * usize::from(plain[0] & 0x0f);
    if plain[0] & 0x10 == 0 {
        return fixed;
    }
    let words = plain.get(fixed + 2..fixed + 4).map_or(0, |length| {
        usize::from(u16::from_be_bytes([length[0], length[1]]))
    });
    fixed + 4 + 4 * words
}
