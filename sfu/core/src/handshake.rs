//! How patient a handshake is. The transport's own DTLS waits a second before it says anything
//! again, and gives up after four repetitions (RFC 9147, section 5.8.1 and its note on latency);
//! and what a browser repeats, which begins after 50 ms, counts against the same four. On a path
//! that loses a tenth that ends joins. And each of these doubles its wait, also what the other end
//! repeats: on a path that loses a fifth it soon waits longer than a handshake may take. So what it
//! said last is said again by us, word for word, until the other end has it (a record that came
//! already is a replay there, section 4.5.1).

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
        let flight = Flight {
            datagrams: Vec::new(),
            is_over: false,
            unsaid: 0,
            again_at: now,
        };
        Ok(Box::new(Handshake {
            dtls,
            now,
            flight: Some(flight),
        }))
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

/// How long what was said last is not said again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Datagrams of a flight that are kept: certificates make it a few.
const MAX_FLIGHT: usize = 16;

#[derive(Debug)]
struct Handshake {
    dtls: Dtls,
    now: Instant,
    /// None once all is agreed on: what was said last is then said again when the other end repeats
    /// its own.
    flight: Option<Flight>,
}

/// What was said last.
#[derive(Debug)]
struct Flight {
    datagrams: Vec<Vec<u8>>,
    /// What is said next is another.
    is_over: bool,
    /// So many of the last are yet to be said again.
    unsaid: usize,
    again_at: Instant,
}

impl Flight {
    fn said(&mut self, datagram: &[u8], now: Instant) {
        if std::mem::take(&mut self.is_over) {
            self.datagrams.clear();
            self.unsaid = 0;
            self.again_at = now + AGAIN_AFTER;
        }
        if self.datagrams.len() < MAX_FLIGHT {
            self.datagrams.push(datagram.to_vec());
        }
    }

    fn time(&mut self, now: Instant) {
        if self.again_at <= now {
            self.unsaid = self.datagrams.len();
            self.again_at = now + AGAIN_AFTER;
        }
    }

    /// The next that is to be said again.
    fn again(&mut self) -> Option<Vec<u8>> {
        let unsaid = self.unsaid.checked_sub(1)?;
        let next = self.datagrams.len().checked_sub(self.unsaid)?;
        self.unsaid = unsaid;
        self.datagrams.get(next).cloned()
    }
}

impl DtlsInstance for Handshake {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if let Some(flight) = &mut self.flight {
            flight.is_over = true;
        }
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let again = self.flight.as_mut().and_then(Flight::again);
        if let Some(again) = again.filter(|again| again.len() <= buf.len()) {
            let (datagram, _) = buf.split_at_mut(again.len());
            datagram.copy_from_slice(&again);
            return DtlsOutput::Packet(datagram);
        }
        let output = self.dtls.poll_output(buf);
        let Some(flight) = &mut self.flight else {
            return output;
        };
        match output {
            DtlsOutput::Packet(datagram) => flight.said(datagram, self.now),
            DtlsOutput::Connected => self.flight = None,
            DtlsOutput::Timeout(at) if !flight.datagrams.is_empty() => {
                return DtlsOutput::Timeout(at.min(flight.again_at));
            }
            _ => {}
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        if let Some(flight) = &mut self.flight {
            flight.time(now);
            flight.is_over = true;
        }
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
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
