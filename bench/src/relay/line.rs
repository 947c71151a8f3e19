//! The way between a client and its relay: whole messages over UDP or over a stream.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use anyhow::Context;
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket, lookup_host};

use super::message::{Framed, framed};

/// Longest message that is read: more than a relay relays.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 * 1024 + 4;

/// What may wait for a stream that takes nothing. Beyond it payloads are not sent, and counted.
const MAX_WAITING_BYTES: usize = 256 * 1024;

/// How a client speaks with the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// Where a relay is and how it is spoken with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) transport: Transport,
    /// `HOST:PORT`.
    pub(super) host: String,
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let form = "a relay is turn:udp:HOST:PORT or turn:tcp:HOST:PORT";
        let rest = text
            .strip_prefix("turn:")
            .with_context(|| format!("{text:?}: {form}"))?;
        let (transport, host) = rest
            .split_once(':')
            .with_context(|| format!("{text:?}: {form}"))?;
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => anyhow::bail!("{text:?}: the bench speaks no TLS with a relay yet; {form}"),
            _ => anyhow::bail!("{text:?}: {form}"),
        };
        let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        anyhow::ensure!(matches!(port, Some(Ok(1..))), "{text:?}: {form}");
        Ok(Place {
            transport,
            host: host.to_owned(),
        })
    }
}

impl Place {
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
    Tcp(Stream),
}

/// A stream and what is under way on either side.
pub(super) struct Stream {
    tcp: TcpStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Line {
    pub(super) async fn open(transport: Transport, relay: SocketAddr) -> io::Result<Self> {
        match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(any_beside(relay)).await?;
                socket.connect(relay).await?;
                // Its first sends do not wait for a reactor that has not seen it yet.
                socket.writable().await?;
                Ok(Line::Udp(socket))
            }
            Transport::Tcp => {
                let tcp = TcpStream::connect(relay).await?;
                tcp.set_nodelay(true)?;
                Ok(Line::Tcp(Stream {
                    tcp,
                    incoming: Vec::new(),
                    outgoing: Vec::new(),
                }))
            }
        }
    }

    /// Waits until something can be read, or what waits can be sent.
    pub(super) async fn ready(&self) -> io::Result<()> {
        match self {
            Line::Udp(socket) => socket.readable().await,
            Line::Tcp(stream) => {
                let both = match stream.outgoing.is_empty() {
                    true => Interest::READABLE,
                    false => Interest::READABLE | Interest::WRITABLE,
                };
                stream.tcp.ready(both).await.map(|_| ())
            }
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
            Line::Tcp(stream) => {
                if stream.outgoing.len() > MAX_WAITING_BYTES {
                    return Ok(false);
                }
                stream.outgoing.extend_from_slice(message);
                let padded = message.len().next_multiple_of(4);
                stream.outgoing.extend(&[0; 3][..padded - message.len()]);
                stream.flush().map(|()| true)
            }
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
            Line::Tcp(stream) => {
                stream.flush()?;
                stream.take(buffer)
            }
        }
    }
}

impl Stream {
    fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.tcp.try_write(&self.outgoing) {
                Ok(taken) => drop(self.outgoing.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match framed(&self.incoming) {
                Framed::Whole(message, next) => {
                    buffer[..message].copy_from_slice(&self.incoming[..message]);
                    self.incoming.drain(..next);
                    return Ok(Some(message));
                }
                Framed::Broken => return Err(io::Error::other("no relay speaks there")),
                Framed::Partly => {}
            }
            match self.tcp.try_read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.incoming.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Any port, in the family of an address.
pub(super) fn any_beside(address: SocketAddr) -> SocketAddr {
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
        let udp: Place = "turn:udp:127.0.0.1:3478".parse().expect("a relay");
        assert_eq!(udp.transport, Transport::Udp);
        let tcp: Place = "turn:tcp:[::1]:3478".parse().expect("a relay");
        assert_eq!(
            (tcp.transport, tcp.host.as_str()),
            (Transport::Tcp, "[::1]:3478")
        );
        for (text, word) in [
            ("http://127.0.0.1:8080", "turn:udp:HOST:PORT"),
            ("turn:127.0.0.1:3478", "turn:udp:HOST:PORT"),
            ("turn:udp:127.0.0.1", "turn:udp:HOST:PORT"),
            ("turn:udp:127.0.0.1:0", "turn:udp:HOST:PORT"),
            ("turn:sctp:127.0.0.1:1", "turn:udp:HOST:PORT"),
            ("turn:tls:127.0.0.1:5349", "no TLS"),
        ] {
            let problem = text.parse::<Place>().expect_err(text).to_string();
            assert!(problem.contains(word), "{problem}");
        }
    }

    #[tokio::test]
    async fn over_a_stream_messages_are_padded_and_found_again_wherever_it_is_cut() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let relay = listener.local_addr().expect("bound");
        let (line, accepted) = tokio::join!(Line::open(Transport::Tcp, relay), listener.accept());
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
