//! How patient a handshake is. The transport's own DTLS waits a second before it says anything
//! again, and gives up after four repetitions (RFC 9147, section 5.8.1 and its note on latency);
//! and what a browser repeats, which begins after 50 ms, counts against the same four. On a path
//! that loses a tenth that ends joins.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate};
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

/// The first wait; it doubles with each repetition. Longer than most round trips.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Repetitions of one flight, those included that a browser's own bring about. The handshake as a
/// whole ends after forty seconds.
const MAX_REPETITIONS: usize = 64;

/// From now on every transport of this process that names no other provider has patient handshakes.
/// The first call counts. Their waits swing by chance; `seed` decides it where a whole world is to
/// repeat, and must be none anywhere else: the same seed makes the same secrets.
pub fn install(seed: Option<fn() -> u64>) {
    static PATIENT: OnceLock<Patient> = OnceLock::new();
    let provider = CryptoProvider {
        dtls_provider: PATIENT.get_or_init(|| Patient {
            seed,
            checked: OnceLock::new(),
        }),
        ..from_feature_flags()
    };
    provider.install_process_default();
}

#[derive(Debug)]
struct Patient {
    seed: Option<fn() -> u64>,
    /// What the first connection was made with: to make it anew would try out every cipher again.
    checked: OnceLock<(Option<usize>, Arc<Config>)>,
}

impl DtlsProvider for Patient {
    fn generate_certificate(&self) -> Option<DtlsCertificate> {
        from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCertificate,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let config = match self.seed {
            Some(_) => self.config(mtu)?,
            None => match self.checked.get() {
                Some((for_mtu, config)) if *for_mtu == mtu => Arc::clone(config),
                _ => {
                    let config = self.config(mtu)?;
                    let _ = self.checked.set((mtu, Arc::clone(&config)));
                    config
                }
            },
        };
        let certificate = certificate.clone();
        let dtls = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, certificate, now),
            _ => Dtls::new_auto(config, certificate, now),
        };
        Ok(Box::new(Handshake(dtls)))
    }
}

impl Patient {
    fn config(&self, mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
        // Apart from the waits, as the transport's own provider has it: ICE has proved the address.
        let mut config = Config::builder()
            .use_server_cookie(false)
            .flight_start_rto(FIRST_WAIT)
            .flight_retries(MAX_REPETITIONS);
        if let Some(seed) = self.seed {
            config = config.dangerously_set_rng_seed(seed());
        }
        if let Some(mtu) = mtu {
            config = config.mtu(mtu);
        }
        let config = config.build();
        let config = config.map_err(|error| CryptoError::Other(error.to_string()))?;
        Ok(Arc::new(config))
    }
}

#[derive(Debug)]
struct Handshake(Dtls);

impl DtlsInstance for Handshake {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
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
