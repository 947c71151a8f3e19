//! TLS in front of a relay that speaks UDP only: what a client says over a stream (RFC 8656,
//! section 12.5) goes on as datagrams, and what comes back goes to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// Longest message in either direction.
const MAX_MESSAGE_BYTES: usize = 2_048;

/// See the module's head. It ends when it is dropped.
pub(crate) struct TlsFront {
    pub(crate) port: u16,
    /// Of the authority that signed its certificate, as PEM.
    pub(crate) authority: String,
    _runtime: Runtime,
}

impl TlsFront {
    /// With a certificate for 127.0.0.1 that a new authority signed.
    pub(crate) fn before(relay: SocketAddr) -> TlsFront {
        let key = || KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        let key = key();
        let certificate = params.signed_by(&key, &authority).expect("signed");
        let secret = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret.into())
            .expect("a certificate and its key");
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        runtime.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(carry(acceptor.clone(), tcp, relay));
            }
        });
        TlsFront {
            port,
            authority: authority.pem(),
            _runtime: runtime,
        }
    }
}

/// Until the client goes, or says what is no message.
async fn carry(
    acceptor: TlsAcceptor,
    tcp: tokio::net::TcpStream,
    relay: SocketAddr,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(acceptor.accept(tcp).await?);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(relay).await?;
    let up = async {
        let mut message = [0; MAX_MESSAGE_BYTES];
        loop {
            from_client.read_exact(&mut message[..4]).await?;
            let length = usize::from(u16::from_be_bytes([message[2], message[3]]));
            let header = if message[0] < 0x40 { 20 } else { 4 };
            let end = (header + length).next_multiple_of(4);
            from_client.read_exact(&mut message[4..end]).await?;
            socket.send(&message[..header + length]).await?;
        }
    };
    let down = async {
        let mut message = [0; MAX_MESSAGE_BYTES];
        loop {
            let length = socket.recv(&mut message).await?;
            let end = length.next_multiple_of(4);
            message[length..end].fill(0);
            to_client.write_all(&message[..end]).await?;
            to_client.flush().await?;
        }
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}
