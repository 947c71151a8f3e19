//! The peer behind the relay: sends back whatever comes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::line::MAX_MESSAGE_BYTES;

/// Room for what all allocations send at once. The kernel gives as much of it as it allows, and
/// what it drops is counted.
const BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// See the module's head. It ends when it is dropped.
pub(super) struct Echo {
    address: SocketAddr,
    came: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Echo {
    /// Listens on a port of this address; 0 is any.
    pub(super) async fn open(ip: IpAddr, port: u16) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((ip, port)).await;
        let socket = socket.with_context(|| match port {
            0 => format!("no port for a peer on {ip}"),
            port => format!("no peer on {}", SocketAddr::new(ip, port)),
        })?;
        let buffers = SockRef::from(&socket);
        buffers.set_recv_buffer_size(BUFFER_BYTES)?;
        buffers.set_send_buffer_size(BUFFER_BYTES)?;
        let came = Arc::<AtomicU64>::default();
        Ok(Echo {
            address: socket.local_addr()?,
            task: tokio::spawn(send_back(socket, Arc::clone(&came))),
            came,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many datagrams came.
    pub(super) fn came(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send_back(socket: UdpSocket, came: Arc<AtomicU64>) {
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                came.fetch_add(1, Ordering::Relaxed);
                // What cannot be sent is lost as anything on a network, and counted as lost.
                let _ = socket.send_to(&buffer[..length], from).await;
            }
            // An answer to an earlier datagram: its receiver is gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => {
                tracing::warn!(%error, "the peer behind the relay has ended");
                return;
            }
        }
    }
}
