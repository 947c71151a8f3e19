//! A stream to a relay, plain or under TLS, and the messages in it.

use std::io;
use std::net::SocketAddr;

use tokio::io::Interest;
use tokio::net::TcpStream;

use super::message::{Framed, framed};
use super::tls::{Tls, Trust};

/// What may wait for a stream that takes nothing. Beyond it payloads are not sent, and counted.
const MAX_WAITING_BYTES: usize = 256 * 1024;

/// What is read at once in a handshake.
const HANDSHAKE_BYTES: usize = 4 * 1024;

/// A stream and what is under way on either side.
pub(super) struct Stream {
    tcp: TcpStream,
    tls: Option<Tls>,
    /// As the relay means it.
    incoming: Vec<u8>,
    /// As it leaves.
    outgoing: Vec<u8>,
}

impl Stream {
    /// Connects; when the relay has to be somebody, proves that it is.
    pub(super) async fn open(relay: SocketAddr, trust: Option<&Trust>) -> io::Result<Self> {
        let tcp = TcpStream::connect(relay).await?;
        tcp.set_nodelay(true)?;
        let mut stream = Stream {
            tcp,
            tls: trust.map(Trust::begin).transpose()?,
            incoming: Vec::new(),
            outgoing: Vec::new(),
        };
        stream.shake_hands().await?;
        Ok(stream)
    }

    async fn shake_hands(&mut self) -> io::Result<()> {
        let mut buffer = [0; HANDSHAKE_BYTES];
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_handshaking()) {
            tls.speak(&mut self.outgoing)?;
            self.flush()?;
            self.ready().await?;
            if let Err(error) = self.read(&mut buffer) {
                // The relay is told why, if it still listens.
                let _ = self.flush();
                return Err(match error.kind() {
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                        io::Error::other("it ends the TLS handshake; is TLS spoken there?")
                    }
                    _ => error,
                });
            }
        }
        self.flush()
    }

    /// Waits until something can be read, or what waits can be sent.
    pub(super) async fn ready(&self) -> io::Result<()> {
        let both = match self.outgoing.is_empty() {
            true => Interest::READABLE,
            false => Interest::READABLE | Interest::WRITABLE,
        };
        self.tcp.ready(both).await.map(|_| ())
    }

    /// Sends a message; answers whether there was room for it.
    pub(super) fn put(&mut self, message: &[u8]) -> io::Result<bool> {
        if self.outgoing.len() > MAX_WAITING_BYTES {
            return Ok(false);
        }
        let padding = message.len().next_multiple_of(4) - message.len();
        let padding = &[0; 3][..padding];
        match &mut self.tls {
            Some(tls) => tls.seal(&[message, padding].concat(), &mut self.outgoing)?,
            None => {
                self.outgoing.extend_from_slice(message);
                self.outgoing.extend_from_slice(padding);
            }
        }
        self.flush().map(|()| true)
    }

    /// The next message that came, in `buffer`, which is as long as the longest; its length.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.flush()?;
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
            if !self.read(buffer)? {
                return Ok(None);
            }
        }
    }

    /// Reads what came, by way of `buffer`; answers whether anything had.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let length = match self.tcp.try_read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        match &mut self.tls {
            Some(tls) => tls.unseal(&buffer[..length], &mut self.incoming, &mut self.outgoing)?,
            None => self.incoming.extend_from_slice(&buffer[..length]),
        }
        Ok(true)
    }

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
}
