//! The relay sockets: one for each allocation, each read by a task of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntCounter;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use turn_core::{PeerAddress, RelayPort};

/// Largest datagram that is relayed. Media stays below 1,500 bytes.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 2_048;

/// Datagrams from peers that wait for the relay loop. Full: the newest is dropped and counted,
/// as a full socket buffer would.
pub(crate) const MAX_WAITING: usize = 4_096;

/// How long a socket rests that could not be read. An ICMP answer to an earlier packet surfaces
/// once and is nothing to act on; a lasting fault must not take a core.
pub(crate) const AFTER_AN_ERROR: Duration = Duration::from_millis(10);

/// A datagram that a peer sent to a relay socket.
pub(crate) struct FromPeer {
    pub(crate) port: RelayPort,
    pub(crate) peer: PeerAddress,
    pub(crate) payload: Vec<u8>,
}

struct Open {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

/// Every relay socket that is open.
pub(crate) struct Sockets {
    ip: IpAddr,
    open: BTreeMap<RelayPort, Open>,
    inbox: mpsc::Sender<FromPeer>,
    dropped: IntCounter,
}

impl Sockets {
    pub(crate) fn new(ip: IpAddr, inbox: mpsc::Sender<FromPeer>, dropped: IntCounter) -> Sockets {
        Sockets {
            ip,
            open: BTreeMap::new(),
            inbox,
            dropped,
        }
    }

    pub(crate) async fn open(&mut self, port: RelayPort) -> io::Result<()> {
        let socket = Arc::new(UdpSocket::bind(SocketAddr::new(self.ip, port.0)).await?);
        let reader = tokio::spawn(read(
            port,
            Arc::clone(&socket),
            self.inbox.clone(),
            self.dropped.clone(),
        ));
        self.open.insert(port, Open { socket, reader });
        Ok(())
    }

    pub(crate) fn close(&mut self, port: RelayPort) {
        if let Some(open) = self.open.remove(&port) {
            open.reader.abort();
        }
    }

    /// Sends to a peer. A full socket drops the packet, as any network does.
    pub(crate) fn send(&self, port: RelayPort, peer: PeerAddress, payload: &[u8]) -> bool {
        self.open
            .get(&port)
            .is_some_and(|open| open.socket.try_send_to(payload, peer.0).is_ok())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for open in self.open.values() {
            open.reader.abort();
        }
    }
}

async fn read(
    port: RelayPort,
    socket: Arc<UdpSocket>,
    inbox: mpsc::Sender<FromPeer>,
    dropped: IntCounter,
) {
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(AFTER_AN_ERROR).await;
            continue;
        };
        let datagram = FromPeer {
            port,
            peer: PeerAddress(peer),
            payload: buffer[..length].to_vec(),
        };
        match inbox.try_send(datagram) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => dropped.inc(),
            Err(mpsc::error::TrySendError::Closed(_)) => return,
        }
    }
}
