//! What a poster's datagrams go over: UDP, or a stream as networks that block UDP let through.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

pub(crate) enum Wire {
    Udp(UdpSocket),
    /// Opened when the first frame leaves.
    Unopened(TcpSocket),
    Tcp {
        stream: TcpStream,
        far: SocketAddr,
        came: Vec<u8>,
    },
}

impl Wire {
    pub(crate) async fn udp() -> Wire {
        Wire::Udp(UdpSocket::bind("127.0.0.1:0").await.expect("a free port"))
    }

    pub(crate) fn tcp() -> Wire {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a free port");
        Wire::Unopened(socket)
    }

    pub(crate) fn local(&self) -> SocketAddr {
        let local = match self {
            Wire::Udp(socket) => socket.local_addr(),
            Wire::Unopened(socket) => socket.local_addr(),
            Wire::Tcp { stream, .. } => stream.local_addr(),
        };
        local.expect("bound")
    }

    pub(crate) async fn send(&mut self, destination: SocketAddr, bytes: &[u8]) {
        if let Wire::Unopened(_) = self {
            let placeholder = Wire::tcp();
            let Wire::Unopened(socket) = std::mem::replace(self, placeholder) else {
                return;
            };
            *self = Wire::Tcp {
                stream: socket.connect(destination).await.expect("it listens"),
                far: destination,
                came: Vec::new(),
            };
        }
        match self {
            Wire::Udp(socket) => {
                let sent = socket.send_to(bytes, destination).await;
                sent.expect("loopback takes it");
            }
            Wire::Unopened(_) => panic!("it was opened"),
            Wire::Tcp { stream, far, .. } => {
                assert_eq!(*far, destination, "there is one stream");
                let length = u16::try_from(bytes.len()).expect("a datagram");
                let frame = [&length.to_be_bytes(), bytes].concat();
                stream.write_all(&frame).await.expect("it reads");
            }
        }
    }

    /// Can be dropped while it waits.
    pub(crate) async fn receive(&mut self) -> (SocketAddr, Vec<u8>) {
        match self {
            Wire::Udp(socket) => {
                let mut buffer = vec![0; 2_048];
                let (bytes, source) = socket.recv_from(&mut buffer).await.expect("a datagram");
                buffer.truncate(bytes);
                (source, buffer)
            }
            Wire::Unopened(_) => std::future::pending().await,
            Wire::Tcp { stream, far, came } => loop {
                if let Some((length, rest)) = came.split_first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*length));
                    if let Some(frame) = rest.get(..length) {
                        let frame = frame.to_vec();
                        came.drain(..2 + length);
                        return (*far, frame);
                    }
                }
                let read = stream.read_buf(came).await.expect("it writes");
                assert_ne!(read, 0, "the node closed the stream");
            },
        }
    }
}
