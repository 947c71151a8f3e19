//! A burst to one destination with one system call: the kernel makes, routes and hands on one
//! packet instead of many, and cuts it as late as it can (UDP_SEGMENT, udp(7)).

use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
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
    /// Not as a burst, and no other burst either: the kernel or the device cannot cut.
    NeverAgain,
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
        // A device that leaves checksums to us cannot cut; old kernels do not know the option.
        Errno::EIO | Errno::EOPNOTSUPP | Errno::ENOPROTOOPT => Sent::NeverAgain,
        // Such as segments that are longer than the path carries: each is judged by itself.
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
            (Errno::EIO, Sent::NeverAgain),
            (Errno::EOPNOTSUPP, Sent::NeverAgain),
            (Errno::EINVAL, Sent::Singly),
            (Errno::EMSGSIZE, Sent::Singly),
            (Errno::ENETUNREACH, Sent::Singly),
        ];
        for (problem, expected) in cases {
            assert_eq!(judge(problem), expected, "{problem}");
        }
    }
}
