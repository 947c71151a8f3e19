//! The keys that DTLS agreed on, told to us beside str0m.
//!
//! str0m makes its DTLS through a provider that is one for the whole process, so the provider
//! cannot know for whom it makes one. What holds instead: an `Rtc` is built on one thread, and
//! its DTLS is made before the building returns. So the place for the keys is laid down on this
//! thread while the `Rtc` is built, and the first DTLS takes it. Were that ever otherwise, the
//! place would stay empty, and the media would go through str0m.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use crate::srtp::{End, Keying, Profile};
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial,
    ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

/// Where the keys of one connection come to lie, and which end of DTLS it is.
pub type Place = Arc<OnceLock<(Keying, End)>>;

thread_local! {
    /// The place of the connection that is built on this thread right now.
    static LAID: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// What the process has now: it may be installed after the first connection.
fn ordinary() -> CryptoProvider {
    let ordinary = CryptoProvider::get_default().cloned();
    ordinary.unwrap_or_else(from_feature_flags)
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        dtls_provider: &Telling,
        ..ordinary()
    })
});

/// The provider that an `Rtc` must have of which the keys are wanted.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// Builds an `Rtc`, and answers where its keys will lie.
pub fn laid_while<T>(build: impl FnOnce() -> T) -> (T, Place) {
    let place = Place::default();
    LAID.set(Some(Arc::clone(&place)));
    let built = build();
    LAID.set(None);
    (built, place)
}

/// Makes DTLS as the ordinary provider does, and listens to it.
#[derive(Debug)]
struct Telling;

impl DtlsProvider for Telling {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        ordinary().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        dtls_version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let dtls = ordinary()
            .dtls_provider
            .new_dtls(cert, now, dtls_version, mtu)?;
        Ok(match LAID.take() {
            Some(place) => Box::new(Told { dtls, place }),
            None => dtls,
        })
    }

    fn is_test(&self) -> bool {
        ordinary().dtls_provider.is_test()
    }
}

/// One DTLS connection, which is listened to.
#[derive(Debug)]
struct Told {
    dtls: Box<dyn DtlsInstance>,
    place: Place,
}

impl Told {
    /// Keys of a profile that is not ours leave the place empty.
    fn keep(place: &Place, material: &KeyingMaterial, profile: SrtpProfile, end: End) {
        let profile = match profile {
            SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
            SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
            SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmHmacSha1,
            _ => return,
        };
        if let Ok(keying) = Keying::new(profile, material) {
            // A second time is no new agreement: the first keys stay.
            let _ = place.set((keying, end));
        }
    }
}

impl DtlsInstance for Told {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let end = match self.dtls.is_active() {
            true => End::Client,
            false => End::Server,
        };
        let output = self.dtls.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            Told::keep(&self.place, material, *profile, end);
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, payload: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(payload)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dtls() -> Box<dyn DtlsInstance> {
        let provider = provider().dtls_provider;
        let certificate = provider.generate_certificate().expect("a certificate");
        let made = provider.new_dtls(&certificate, Instant::now(), DtlsVersion::Dtls12, None);
        made.expect("a connection")
    }

    #[test]
    fn only_the_dtls_that_is_made_while_a_place_is_laid_takes_it() {
        let _before = dtls();
        let (first, place) = laid_while(|| {
            let first = dtls();
            let _second = dtls();
            first
        });
        let _after = dtls();
        assert_eq!(Arc::strong_count(&place), 2, "ours and the first's");
        drop(first);
        assert_eq!(Arc::strong_count(&place), 1);
    }

    #[test]
    fn a_place_that_nobody_took_is_laid_for_nobody_else() {
        let ((), place) = laid_while(|| ());
        let _later = dtls();
        assert_eq!(
            (Arc::strong_count(&place), place.get().is_none()),
            (1, true)
        );
    }

    #[test]
    fn keys_of_another_length_leave_the_place_empty() {
        for (profile, bytes) in [
            (SrtpProfile::AES128_CM_SHA1_80, 60),
            (SrtpProfile::AEAD_AES_128_GCM, 56),
            (SrtpProfile::AEAD_AES_256_GCM, 88),
        ] {
            let place = Place::default();
            let other = KeyingMaterial::new(&[7; 58]);
            Told::keep(&place, &other, profile, End::Client);
            assert!(place.get().is_none());
            let material = KeyingMaterial::new(&vec![7; bytes]);
            Told::keep(&place, &material, profile, End::Client);
            assert!(place.get().is_some());
        }
    }
}
