use std::net::{Ipv4Addr, SocketAddr};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::line::{Line, MAX_MESSAGE_BYTES, Transport};
use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// What certificates are for.
const NAME: &str = "relay.example";

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new([NAME.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, key()).expect("signed")
}

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    file
}

fn trust(name: &str, authority: &Authority) -> Trust {
    let file = file(&authority.pem());
    Trust::new(&format!("{name}:5349"), Some(file.path())).expect("an authority")
}

/// A relay's end with a certificate that `authority` signed.
fn far_end(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
    let mut params = CertificateParams::new([NAME.to_owned()]).expect("a name");
    change(&mut params);
    let key = key();
    let certificate = params.signed_by(&key, authority).expect("signed");
    acceptor(certificate.der().clone(), &key)
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("a certificate and its key");
    TlsAcceptor::from(Arc::new(config))
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// What a client says that opens a line to it.
async fn refused(acceptor: TlsAcceptor, trust: Trust) -> String {
    let (listener, relay) = listen().await;
    let accept = async {
        let (tcp, _) = listener.accept().await.expect("a client");
        acceptor.accept(tcp).await.expect_err("the client goes")
    };
    let transport = Transport::Tls(trust);
    let (opened, _) = tokio::join!(Line::open(&transport, relay), accept);
    opened.err().expect("refused").to_string()
}

#[tokio::test]
async fn whoever_is_not_proved_to_be_the_relay_is_refused_and_it_is_said_why() {
    let known = authority("known");
    let sound = |_: &mut CertificateParams| {};
    let past = |params: &mut CertificateParams| params.not_after = date_time_ymd(2001, 1, 1);
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(3001, 1, 1);
    let of_an_authority = acceptor(known.der().clone(), known.key());
    let cases = [
        (
            far_end(&authority("other"), sound),
            NAME,
            "nobody who is trusted",
        ),
        (
            far_end(&authority("known"), sound),
            NAME,
            "nobody who is trusted",
        ),
        (
            far_end(&known, sound),
            "other.example",
            "not for other.example",
        ),
        (far_end(&known, sound), "127.0.0.1", "not for 127.0.0.1"),
        (far_end(&known, past), NAME, "has expired"),
        (far_end(&known, future), NAME, "not valid yet"),
        (of_an_authority, NAME, "(CA:TRUE)"),
    ];
    for (acceptor, name, words) in cases {
        let problem = refused(acceptor, trust(name, &known)).await;
        assert!(problem.contains(words), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[tokio::test]
async fn where_no_tls_is_spoken_it_is_said() {
    let known = authority("known");
    for (says, words) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "no TLS is spoken there"),
        ("", "is TLS spoken there?"),
    ] {
        let (listener, relay) = listen().await;
        let speak = async {
            let (mut tcp, _) = listener.accept().await.expect("a client");
            tcp.read_u8().await.expect("it says hello");
            tcp.write_all(says.as_bytes())
                .await
                .expect("loopback takes it");
        };
        let transport = Transport::Tls(trust(NAME, &known));
        let (opened, ()) = tokio::join!(Line::open(&transport, relay), speak);
        let problem = opened.err().expect("refused").to_string();
        assert!(problem.contains(words), "{problem}");
    }
}

#[tokio::test]
async fn under_tls_messages_are_padded_and_found_again_wherever_records_are_cut() {
    let known = authority("known");
    let (listener, relay) = listen().await;
    let acceptor = far_end(&known, |_| {});
    let accept = async {
        let (tcp, _) = listener.accept().await.expect("a client");
        acceptor.accept(tcp).await.expect("it believes us")
    };
    let transport = Transport::Tls(trust(NAME, &known));
    let (line, mut far) = tokio::join!(Line::open(&transport, relay), accept);
    let mut line = line.expect("open");
    assert!(line.put(&[0x40, 0, 0, 1, 7]).expect("sent"));
    let mut sent = [0; 8];
    far.read_exact(&mut sent).await.expect("padded");
    assert_eq!(sent, [0x40, 0, 0, 1, 7, 0, 0, 0]);

    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    let mut found = Vec::new();
    let whole = [0x40, 0, 0, 1, 7, 0, 0, 0, 0x40, 0, 0, 2, 8, 9, 0, 0];
    for part in whole.chunks(3) {
        far.write_all(part).await.expect("written");
        far.flush().await.expect("sent");
    }
    while found.len() < 2 {
        line.ready().await.expect("readable");
        while let Some(length) = line.take(&mut buffer).expect("whole") {
            found.push(buffer[4..length].to_vec());
        }
    }
    assert_eq!(found, [vec![7], vec![8, 9]]);
    far.shutdown().await.expect("closed");
    drop(far);
    let end = loop {
        line.ready().await.expect("readable");
        if let Err(end) = line.take(&mut buffer) {
            break end;
        }
    };
    assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn authorities_are_those_of_a_file_or_the_file_is_named_as_the_fault() {
    let (nothing, broken) = (
        file("no certificate"),
        file("-----BEGIN CERTIFICATE-----\n"),
    );
    let missing = Path::new("/nowhere/authorities.pem");
    for (path, words) in [
        (nothing.path(), "no certificate is in it"),
        (broken.path(), "--ca"),
        (missing, "/nowhere/authorities.pem"),
    ] {
        let problem = Trust::new("relay.example:1", Some(path)).expect_err("nobody is trusted");
        let problem = format!("{problem:#}");
        assert!(problem.contains(words), "{problem}");
    }
    let known = file(&authority("known").pem());
    for (host, is_name) in [
        ("[::1]:1", true),
        ("10.0.0.1:1", true),
        ("no_name!:1", false),
    ] {
        let trust = Trust::new(host, Some(known.path()));
        assert_eq!(trust.is_ok(), is_name, "{host}");
    }
}
