//! The way between a client and its relay: whole messages over UDP or over a stream.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use tokio::net::{UdpSocket, lookup_host};

use super::stream::Stream;
use super::tls::Trust;

/// Longest message that is read: more than a relay relays.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 * 1024 + 4;

/// How a client speaks with the relay.
#[derive(Debug, Clone)]
pub(super) enum Transport {
    Udp,
    Tcp,
    Tls(Trust),
}

impl Transport {
    /// Whether what is sent arrives in order and once.
    pub(super) fn is_stream(&self) -> bool {
        !matches!(self, Transport::Udp)
    }
}

/// Where a relay is and how it is spoken with.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) transport: Transport,
    /// `HOST:PORT`.
    pub(super) host: String,
}

impl Place {
    /// Reads how the command line names a relay, and the file of the authorities that its
    /// certificate may come from.
    pub(super) fn read(text: &str, authorities: Option<&Path>) -> anyhow::Result<Self> {
        let form = "a relay is turn:udp:HOST:PORT, turn:tcp:HOST:PORT or turn:tls:HOST:PORT";
        let rest = text
            .strip_prefix("turn:")
            .with_context(|| format!("{text:?}: {form}"))?;
        let (transport, host) = rest
            .split_once(':')
            .with_context(|| format!("{text:?}: {form}"))?;
        let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        anyhow::ensure!(matches!(port, Some(Ok(1..))), "{text:?}: {form}");
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls(Trust::new(host, authorities)?),
            _ => anyhow::bail!("{text:?}: {form}"),
        };
        anyhow::ensure!(
            authorities.is_none() || matches!(transport, Transport::Tls(_)),
            "--ca is for turn:tls:HOST:PORT: {text:?} shows no certificate"
        );
        Ok(Place {
            transport,
            host: host.to_owned(),
        })
    }

    pub(super) async fn resolve(&self) -> anyhow::Result<SocketAddr> {
        let found = lookup_host(&self.host).await;
        let mut found = found.with_context(|| format!("{} is not found", self.host))?;
        found
            .next()
            .with_context(|| format!("{} has no address", self.host))
    }
}

/// An open line.
pub(super) enum Line {
    Udp(UdpSocket),
    Stream(Box<Stream>),
}

impl Line {
    pub(super) async fn open(transport: &Transport, relay: SocketAddr) -> io::Result<Self> {
        let trust = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(any_beside(relay)).await?;
                socket.connect(relay).await?;
                // Its first sends do not wait for a reactor that has not seen it yet.
                socket.writable().await?;
                return Ok(Line::Udp(socket));
            }
            Transport::Tcp => None,
            Transport::Tls(trust) => Some(trust),
        };
        Ok(Line::Stream(Box::new(Stream::open(relay, trust).await?)))
    }

    /// Waits until something can be read, or what waits can be sent.
    pub(super) async fn ready(&self) -> io::Result<()> {
        match self {
            Line::Udp(socket) => socket.readable().await,
            Line::Stream(stream) => stream.ready().await,
        }
    }

    /// Sends a message; answers whether there was room for it.
    pub(super) fn put(&mut self, message: &[u8]) -> io::Result<bool> {
        match self {
            Line::Udp(socket) => match socket.try_send(message) {
                Ok(_) => Ok(true),
                Err(error) if is_full(&error) => Ok(false),
                Err(error) => Err(error),
            },
            Line::Stream(stream) => stream.put(message),
        }
    }

    /// The next message that came, in `buffer`, which is `MAX_MESSAGE_BYTES` long; its length.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Line::Udp(socket) => match socket.try_recv(buffer) {
                Ok(length) => Ok(Some(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error),
            },
            Line::Stream(stream) => stream.take(buffer),
        }
    }
}

/// Any port, in the family of an address.
fn any_beside(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn is_full(error: &io::Error) -> bool {
    let no_buffer = error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32);
    no_buffer || error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    #[test]
    fn a_relay_is_named_by_transport_host_and_port_or_refused() {
        let udp = Place::read("turn:udp:127.0.0.1:3478", None).expect("a relay");
        assert!(matches!(udp.transport, Transport::Udp), "{udp:?}");
        let tcp = Place::read("turn:tcp:[::1]:3478", None).expect("a relay");
        assert!(matches!(tcp.transport, Transport::Tcp), "{tcp:?}");
        assert_eq!(tcp.host, "[::1]:3478");
        for (text, authorities, word) in [
            ("http://127.0.0.1:8080", None, "turn:udp:HOST:PORT"),
            ("turn:127.0.0.1:3478", None, "turn:udp:HOST:PORT"),
            ("turn:udp:127.0.0.1", None, "turn:udp:HOST:PORT"),
            ("turn:udp:127.0.0.1:0", None, "turn:udp:HOST:PORT"),
            ("turn:sctp:127.0.0.1:1", None, "turn:tls:HOST:PORT"),
            (
                "turn:tcp:127.0.0.1:1",
                Some("ca.pem"),
                "shows no certificate",
            ),
            (
                "turn:tls:127.0.0.1:1",
                Some("/nowhere/ca.pem"),
                "/nowhere/ca.pem",
            ),
        ] {
            let problem = Place::read(text, authorities.map(Path::new)).expect_err(text);
            let problem = problem.to_string();
            assert!(problem.contains(word), "{problem}");
        }
    }

    #[tokio::test]
    async fn over_a_stream_messages_are_padded_and_found_again_wherever_it_is_cut() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let relay = listener.local_addr().expect("bound");
        let (line, accepted) = tokio::join!(Line::open(&Transport::Tcp, relay), listener.accept());
        let (mut line, mut far) = (line.expect("open"), accepted.expect("accepted").0);
        assert!(line.put(&[0x40, 0, 0, 1, 7]).expect("sent"));
        let mut sent = [0; 8];
        tokio::io::AsyncReadExt::read_exact(&mut far, &mut sent)
            .await
            .expect("padded");
        assert_eq!(sent, [0x40, 0, 0, 1, 7, 0, 0, 0]);

        let mut buffer = vec![0; MAX_MESSAGE_BYTES];
        let whole = [0x40, 0, 0, 1, 7, 0, 0, 0, 0x40, 0, 0, 2, 8, 9, 0, 0];
        let mut found = Vec::new();
        for byte in whole {
            far.write_all(&[byte]).await.expect("written");
            line.ready().await.expect("readable");
            while let Some(length) = line.take(&mut buffer).expect("whole") {
                found.push(buffer[4..length].to_vec());
            }
        }
        assert_eq!(found, [vec![7], vec![8, 9]]);
        drop(far);
        line.ready().await.expect("readable");
        assert!(line.take(&mut buffer).is_err(), "the end is an error");
    }
}
