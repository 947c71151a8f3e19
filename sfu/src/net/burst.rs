//! A burst to one destination with one system call: the kernel makes, routes and hands on one
//! packet instead of many, and cuts it as late as it can (UDP_SEGMENT, udp(7)).

use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, getsockopt, sendmsg, sockopt};
use sfu_core::io::Burst;

/// What became of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// The kernel took all of it.
    Whole,
    /// The send buffer is full.
    Blocked,
    /// Not as a burst: its datagrams are to be sent one by one.
    Singly,
}

/// How many bursts in a row are refused before no more are tried: some devices refuse each, and
/// every refusal costs a call.
const MAX_REFUSED: u32 = 16;

/// Whether a socket sends bursts.
#[derive(Debug)]
pub(super) struct Bursts {
    known: bool,
    refused: u32,
}

impl Bursts {
    /// None is sent.
    pub(super) const NONE: Bursts = Bursts {
        known: false,
        refused: 0,
    };

    /// A kernel that does not know them (before 4.18) would send a burst as one long datagram and
    /// say nothing: it is asked first.
    pub(super) fn of(socket: &UdpSocket) -> Self {
        Bursts {
            known: getsockopt(socket, sockopt::UdpGsoSegment).is_ok(),
            refused: 0,
        }
    }

    /// Whether the next one is worth a try.
    pub(super) fn are_sent(&self) -> bool {
        self.known && self.refused < MAX_REFUSED
    }

    /// What became of one.
    pub(super) fn learn(&mut self, sent: Sent) {
        match sent {
            Sent::Whole => self.refused = 0,
            Sent::Blocked => {}
            Sent::Singly => {
                self.refused += 1;
                if self.refused == MAX_REFUSED {
                    tracing::info!("bursts are refused; datagrams are sent one by one from now on");
                }
            }
        }
    }
}

/// Sends a burst of at least two.
pub(super) fn send(socket: &UdpSocket, burst: &Burst<'_>) -> Sent {
    let Ok(segment_bytes) = u16::try_from(burst.segment_bytes) else {
        return Sent::Singly;
    };
    let to = SockaddrStorage::from(burst.destination);
    let slices = [IoSlice::new(burst.bytes)];
    let cut = [ControlMessage::UdpGsoSegments(&segment_bytes)];
    let sent = sendmsg(
        socket.as_raw_fd(),
        &slices,
        &cut,
        MsgFlags::MSG_DONTWAIT,
        Some(&to),
    );
    match sent {
        Ok(_) => Sent::Whole,
        Err(problem) => judge(problem),
    }
}

fn judge(problem: Errno) -> Sent {
    match problem {
        Errno::EAGAIN | Errno::ENOBUFS => Sent::Blocked,
        // Segments that are longer than the path carries, or a device that cannot cut: each
        // datagram is judged by itself.
        _ => Sent::Singly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_go_together_goes_singly_and_only_a_full_buffer_blocks() {
        let cases = [
            (Errno::EAGAIN, Sent::Blocked),
            (Errno::ENOBUFS, Sent::Blocked),
            (Errno::EIO, Sent::Singly),
            (Errno::EINVAL, Sent::Singly),
            (Errno::EMSGSIZE, Sent::Singly),
            (Errno::ENETUNREACH, Sent::Singly),
        ];
        for (problem, expected) in cases {
            assert_eq!(judge(problem), expected, "{problem}");
        }
    }

    #[test]
    fn bursts_are_given_up_after_so_many_refusals_in_a_row() {
        let mut bursts = Bursts {
            known: true,
            refused: 0,
        };
        for _ in 1..MAX_REFUSED {
            bursts.learn(Sent::Singly);
        }
        bursts.learn(Sent::Blocked);
        assert!(bursts.are_sent());
        bursts.learn(Sent::Whole);
        for _ in 0..MAX_REFUSED {
            assert!(bursts.are_sent());
            bursts.learn(Sent::Singly);
        }
        assert!(!bursts.are_sent());
    }
}
