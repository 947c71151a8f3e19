//! TLS to a relay: whose certificates are believed, what leaves and comes under it, and what is
//! said when it is refused. Without a socket.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

use super::line::MAX_MESSAGE_BYTES;

/// Whom a relay has to be.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Trust {
    /// For a relay at `HOST:PORT` whose certificate one of the authorities in a PEM file has
    /// signed, or one of this system's when no file is named.
    pub(super) fn new(host: &str, authorities: Option<&Path>) -> anyhow::Result<Self> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let name = name.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name)
            .with_context(|| format!("{host:?}: no certificate can be for it"))?;
        let roots = authorities.map_or_else(of_this_system, within)?;
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
        // Each allocation is another client: none may take up what another one agreed on.
        config.resumption = Resumption::disabled();
        Ok(Trust {
            config: Arc::new(config),
            name,
        })
    }

    /// Begins a handshake.
    pub(super) fn begin(&self) -> io::Result<Tls> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let mut connection = connection.map_err(|error| io::Error::other(words(&error, true)))?;
        connection.set_buffer_limit(Some(2 * MAX_MESSAGE_BYTES));
        Ok(Tls(Box::new(connection)))
    }
}

fn of_this_system() -> anyhow::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let problem = found.errors.first().map(|error| format!(" ({error})"));
    anyhow::ensure!(
        !roots.is_empty(),
        "this system names no certificate authority{}: --ca FILE names one",
        problem.unwrap_or_default()
    );
    Ok(roots)
}

fn within(file: &Path) -> anyhow::Result<RootCertStore> {
    let shown = file.display();
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file);
    for certificate in certificates.with_context(|| format!("--ca {shown}"))? {
        let added = certificate
            .map_err(anyhow::Error::from)
            .and_then(|certificate| Ok(roots.add(certificate)?));
        added.with_context(|| format!("--ca {shown}"))?;
    }
    anyhow::ensure!(!roots.is_empty(), "--ca {shown}: no certificate is in it");
    Ok(roots)
}

/// One connection's TLS.
pub(super) struct Tls(Box<ClientConnection>);

impl Tls {
    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Moves what it has to say by itself to the end of `outgoing`.
    pub(super) fn speak(&mut self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(outgoing)?;
        }
        Ok(())
    }

    /// Seals a message in records of its own at the end of `outgoing`.
    pub(super) fn seal(&mut self, message: &[u8], outgoing: &mut Vec<u8>) -> io::Result<()> {
        self.0.writer().write_all(message)?;
        self.speak(outgoing)
    }

    /// Opens what came, whole records or not, to the end of `incoming`. Whatever has to be
    /// answered is at the end of `outgoing`, after an error too.
    pub(super) fn unseal(
        &mut self,
        mut sealed: &[u8],
        incoming: &mut Vec<u8>,
        outgoing: &mut Vec<u8>,
    ) -> io::Result<()> {
        while !sealed.is_empty() {
            self.0.read_tls(&mut sealed)?;
            let begun = self.0.is_handshaking();
            let opened = self.0.process_new_packets();
            self.speak(outgoing)?;
            let opened = opened.map_err(|error| io::Error::other(words(&error, begun)))?;
            let from = incoming.len();
            incoming.resize(from + opened.plaintext_bytes_to_read(), 0);
            self.0.reader().read_exact(&mut incoming[from..])?;
            if opened.peer_has_closed() {
                // Nothing follows; the end of the stream is seen where it is read.
                break;
            }
        }
        Ok(())
    }
}

/// What went wrong, for a line that begins with the relay's address.
fn words(error: &Error, in_handshake: bool) -> String {
    match error {
        Error::InvalidMessage(_) if in_handshake => "no TLS is spoken there".to_owned(),
        Error::InvalidCertificate(problem) => refusal(problem),
        Error::AlertReceived(alert) => format!("it refuses TLS with us: {alert:?}"),
        _ => format!("TLS: {error}"),
    }
}

/// Of whom a certificate is: rustls writes `DnsName("localhost")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| match name.split('"').nth(1) {
        Some(bare) => bare.to_owned(),
        None => name.clone(),
    };
    presented.iter().map(bare).collect::<Vec<_>>().join(" and ")
}

fn refusal(problem: &CertificateError) -> String {
    match problem {
        // The latter when somebody bears the name of an authority that is.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is signed by nobody who is trusted here: --ca FILE names who else is"
                .to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "its certificate is for {}, not for {}",
            names(presented),
            expected.to_str()
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        // Only its name is told.
        CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            "it shows the certificate of an authority (CA:TRUE) instead of one of its own, which \
             that authority has signed"
                .to_owned()
        }
        other => format!("its certificate is refused: {other}"),
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
