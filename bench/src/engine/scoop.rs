//! Datagrams off a socket, several with one system call: recvmmsg(2).

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Most datagrams taken before the participant's other business goes on: a large frame's worth.
const AT_ONCE: usize = 16;

/// Largest datagram that is read: more than any path carries.
const DATAGRAM_BYTES: usize = 2_048;

/// The memory of one call. Each thread has one, for all its participants.
struct Scoop {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; DATAGRAM_BYTES]; AT_ONCE]>,
}

thread_local! {
    static SCOOP: RefCell<Scoop> = RefCell::new(Scoop {
        headers: MultiHeaders::preallocate(AT_ONCE, None),
        buffers: Box::new([[0; DATAGRAM_BYTES]; AT_ONCE]),
    });
}

/// Gives what a socket has to `each`, at most [`AT_ONCE`] datagrams.
pub(super) fn take(socket: &UdpSocket, mut each: impl FnMut(SocketAddr, &[u8])) {
    let fetch = || {
        let taken = SCOOP.with_borrow_mut(|scoop| scoop.take(socket.as_raw_fd(), &mut each));
        match taken {
            AT_ONCE => Ok(()),
            // It had no more than that: the next is told anew.
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    };
    let _ = socket.try_io(Interest::READABLE, fetch);
}

impl Scoop {
    fn take(&mut self, socket: i32, mut each: impl FnMut(SocketAddr, &[u8])) -> usize {
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; AT_ONCE] = std::array::from_fn(|_| {
            let buffer = buffers.next().expect("as many buffers as slices");
            [IoSliceMut::new(buffer)]
        });
        let flags = MsgFlags::MSG_DONTWAIT;
        // Nothing is there. A socket that is bound only is told of no ICMP error.
        let Ok(batch) = recvmmsg(socket, &mut self.headers, slices.iter_mut(), flags, None) else {
            return 0;
        };
        let mut taken = 0;
        for message in batch {
            taken += 1;
            let bytes = message.iovs().next().unwrap_or_default();
            if let Some(source) = message.address.as_ref().and_then(address) {
                each(source, bytes);
            }
        }
        taken
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddrV4::from(*v4).into()),
        (None, Some(v6)) => Some(SocketAddrV6::from(*v6).into()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_datagram_is_taken_once_and_readiness_comes_again() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let to = receiver.local_addr().expect("an address");
        let from = sender.local_addr().expect("an address");
        let mut expected = 0_u8;
        for round in [1, AT_ONCE, AT_ONCE + 3] {
            for _ in 0..round {
                let byte = [expected];
                sender.send_to(&byte, to).await.expect("loopback takes it");
                expected += 1;
            }
            let first = expected - round as u8;
            let mut came = Vec::new();
            while came.len() < round {
                receiver.readable().await.expect("it becomes readable");
                take(&receiver, |source, bytes| {
                    assert_eq!(source, from);
                    came.push(bytes[0]);
                });
            }
            assert_eq!(came, (first..expected).collect::<Vec<_>>());
        }
    }
}
