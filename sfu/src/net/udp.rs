//! One UDP socket of one shard: a batch in with one system call, a batch out with few.
//!
//! Receiving is recvmmsg(2); a burst to one receiver is sent as one ([`burst`]), what is between
//! bursts with sendmmsg(2). The last comes from another crate than the others because each has it
//! only in part in a form that needs no `unsafe` here and holds no pointer between two calls.

use std::io;
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt,
    sockopt::{RcvBufForce, ReceiveTimestampns, SndBufForce},
};
use nix::sys::time::TimeSpec;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use sfu_core::io::{Burst, Departures};
use socket2::{Domain, Protocol, Socket, Type};

use super::burst::{self, Bursts, Sent};
use super::overflow::Overflow;

/// Most datagrams taken by one call. At 64 the cost of the call itself is below 2 % of what the
/// kernel spends on the datagrams.
pub(crate) const RECEIVE_BATCH: usize = 64;

/// Longest datagram that is read, in bytes: an Ethernet frame's worth with room for odd links.
/// A longer one is counted and dropped; neither RTP nor DTLS sends such.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 2048;

/// Most single datagrams given to one call.
const SEND_BATCH: usize = 64;

/// How long a full send buffer is waited for, once a batch. Then the rest is dropped: the
/// shard's other participants are worth more than this batch, and what matters is sent again.
const SEND_PATIENCE: Duration = Duration::from_millis(2);

/// What a socket has seen, counted since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SocketCounts {
    /// Datagrams handed to the shard.
    pub(crate) received: u64,
    /// Datagrams longer than [`MAX_DATAGRAM_BYTES`], dropped.
    pub(crate) oversized: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full, as of the last
    /// look.
    pub(crate) overflowed: u64,
    /// Datagrams that the kernel took.
    pub(crate) sent: u64,
    /// Of them those that it took several at once.
    pub(crate) sent_in_bursts: u64,
    /// Datagrams dropped because the send buffer stayed full.
    pub(crate) blocked: u64,
    /// Datagrams that the kernel would not send, such as to an unreachable network.
    pub(crate) refused: u64,
}

impl SocketCounts {
    fn add(&mut self, outcome: SendOutcome) {
        self.sent += outcome.sent;
        self.blocked += outcome.blocked;
        self.refused += outcome.refused;
    }
}

/// Opens a UDP socket with large buffers. The kernel may grant less than asked.
pub(crate) fn open(
    address: SocketAddr,
    receive_buffer_bytes: usize,
    send_buffer_bytes: usize,
) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Forcing takes CAP_NET_ADMIN; without it net.core.rmem_max and wmem_max are the limit.
    if setsockopt(&socket, RcvBufForce, &receive_buffer_bytes).is_err() {
        socket.set_recv_buffer_size(receive_buffer_bytes)?;
    }
    if setsockopt(&socket, SndBufForce, &send_buffer_bytes).is_err() {
        socket.set_send_buffer_size(send_buffer_bytes)?;
    }
    // Without it nobody learns how long packets are on their way through us.
    let _ = setsockopt(&socket, ReceiveTimestampns, &true);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    tracing::debug!(
        %address,
        // Linux reports twice what it was asked for, the other half being its own book-keeping.
        receive_buffer_bytes = socket.recv_buffer_size()? / 2,
        send_buffer_bytes = socket.send_buffer_size()? / 2,
        "UDP socket open"
    );
    Ok(socket.into())
}

/// How many times counts are read until the kernel's are among them in any case.
const ASK_KERNEL_EVERY: u32 = 10;

/// A socket with the memory for its batches. Belongs to one thread.
pub(crate) struct BatchSocket {
    socket: UdpSocket,
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; MAX_DATAGRAM_BYTES]]>,
    counts: SocketCounts,
    overflow: Overflow,
    /// Whether the kernel is asked what it dropped: a batch was full, and a buffer that overflows
    /// fills many, or it was not asked for long.
    brimmed: bool,
    unasked: u32,
    bursts: Bursts,
    /// When packets of media came, as the kernel's clock has it: those of one batch.
    media_came: Vec<Duration>,
}

impl BatchSocket {
    /// `bursts`: whether datagrams to one receiver go to the kernel together.
    pub(crate) fn new(socket: UdpSocket, bursts: bool) -> Self {
        BatchSocket {
            overflow: Overflow::of(&socket),
            brimmed: true,
            unasked: 0,
            bursts: if bursts {
                Bursts::of(&socket)
            } else {
                Bursts::NONE
            },
            socket,
            headers: MultiHeaders::preallocate(RECEIVE_BATCH, Some(nix::cmsg_space!(TimeSpec))),
            buffers: vec![[0; MAX_DATAGRAM_BYTES]; RECEIVE_BATCH].into_boxed_slice(),
            counts: SocketCounts::default(),
            media_came: Vec::with_capacity(RECEIVE_BATCH),
        }
    }

    /// When the packets of media came that were taken since it was last asked, since 1970.
    pub(crate) fn media_came(&mut self) -> std::vec::Drain<'_, Duration> {
        self.media_came.drain(..)
    }

    /// The counts. Looks at the kernel's too, which has a table of all sockets written, where
    /// there may be something in it.
    pub(crate) fn counts(&mut self) -> SocketCounts {
        self.unasked += 1;
        if std::mem::take(&mut self.brimmed) || self.unasked >= ASK_KERNEL_EVERY {
            self.unasked = 0;
            self.counts.overflowed = self.overflow.look().unwrap_or(self.counts.overflowed);
        }
        self.counts
    }

    /// Takes one batch and gives each datagram to `each`. Answers how many the kernel had;
    /// [`RECEIVE_BATCH`] means that there may be more.
    pub(crate) fn receive(&mut self, mut each: impl FnMut(SocketAddr, &[u8])) -> io::Result<usize> {
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; RECEIVE_BATCH] = std::array::from_fn(|_| {
            let buffer = buffers.next().expect("as many buffers as slices");
            [IoSliceMut::new(buffer)]
        });
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let batch = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(batch) => batch,
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut taken = 0;
        self.media_came.clear();
        for message in batch {
            taken += 1;
            if message.flags.contains(MsgFlags::MSG_TRUNC) {
                self.counts.oversized += 1;
                continue;
            }
            if let Some(source) = message.address.as_ref().and_then(to_std) {
                self.counts.received += 1;
                let bytes = message.iovs().next().unwrap_or_default();
                if is_media(bytes)
                    && let Some(came) = message.cmsgs().ok().and_then(|mut all| all.find_map(stamp))
                {
                    self.media_came.push(came);
                }
                each(source, bytes);
            }
        }
        self.brimmed |= taken == RECEIVE_BATCH;
        Ok(taken)
    }

    /// Sends a batch, in order, as far as the kernel takes it. What it does not take is counted
    /// and gone.
    pub(crate) fn send(&mut self, departures: &Departures) {
        let mut patient = true;
        // Most batches are bursts only.
        let mut singles = Vec::new();
        for burst in departures.bursts() {
            if burst.count > 1 && self.bursts.are_sent() {
                self.send_singles(&mut singles, &mut patient);
                if self.send_burst(&burst, &mut patient) {
                    continue;
                }
            }
            for datagram in burst.datagrams() {
                singles.push(addressed(datagram));
                if singles.len() == SEND_BATCH {
                    self.send_singles(&mut singles, &mut patient);
                }
            }
        }
        self.send_singles(&mut singles, &mut patient);
    }

    fn send_singles(&mut self, singles: &mut Vec<Addressed<'_>>, patient: &mut bool) {
        if !singles.is_empty() {
            self.counts.add(send_chunk(&self.socket, singles, patient));
            singles.clear();
        }
    }

    /// Answers false when its datagrams are to be sent one by one.
    fn send_burst(&mut self, burst: &Burst<'_>, patient: &mut bool) -> bool {
        let mut sent = burst::send(&self.socket, burst);
        if sent == Sent::Blocked && std::mem::take(patient) && wait_writable(&self.socket) {
            sent = burst::send(&self.socket, burst);
        }
        self.bursts.learn(sent);
        match sent {
            Sent::Whole => {
                self.counts.sent += burst.count as u64;
                self.counts.sent_in_bursts += burst.count as u64;
            }
            Sent::Blocked => self.counts.blocked += burst.count as u64,
            Sent::Singly => return false,
        }
        true
    }
}

/// Whether a datagram is RTP (RFC 7983, section 7; RFC 5761, section 4).
fn is_media(bytes: &[u8]) -> bool {
    matches!(bytes, [128..=191, kind, ..] if !(192..=223).contains(kind))
}

fn stamp(message: ControlMessageOwned) -> Option<Duration> {
    match message {
        ControlMessageOwned::ScmTimestampns(at) => Some(at.into()),
        _ => None,
    }
}

fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|&v4| SocketAddr::from(v4));
    v4.or_else(|| address.as_sockaddr_in6().map(|&v6| SocketAddr::from(v6)))
}

/// A datagram as sendmmsg(2) wants it.
type Addressed<'d> = (SocketAddrAny, [IoSlice<'d>; 1]);

fn addressed((destination, datagram): (SocketAddr, &[u8])) -> Addressed<'_> {
    (destination.into(), [IoSlice::new(datagram)])
}

fn send_chunk(socket: &UdpSocket, parts: &[Addressed<'_>], patient: &mut bool) -> SendOutcome {
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = Vec::with_capacity(parts.len());
    controls.resize_with(parts.len(), SendAncillaryBuffer::default);
    let mut messages: Vec<MMsgHdr<'_>> = parts
        .iter()
        .zip(&mut controls)
        .map(|((address, slices), control)| MMsgHdr::new_with_addr(address, slices, control))
        .collect();
    send_all(
        messages.len(),
        |from| sendmmsg(socket, &mut messages[from..], SendFlags::DONTWAIT),
        || std::mem::take(patient) && wait_writable(socket),
    )
}

/// Answers true: worth another attempt, which alone sees whether it is writable now.
fn wait_writable(socket: &UdpSocket) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    let longest = Timespec {
        tv_sec: 0,
        tv_nsec: SEND_PATIENCE.subsec_nanos().into(),
    };
    let _ = poll(&mut fds, Some(&longest));
    true
}

/// What became of a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct SendOutcome {
    sent: u64,
    blocked: u64,
    refused: u64,
}

/// Drives `send(from)` over `total` messages. sendmmsg(2) may take only some; an error concerns
/// the first message of the call, so that one is skipped and the others still go. A full buffer
/// is given to `wait`, which answers whether to try again.
fn send_all(
    total: usize,
    mut send: impl FnMut(usize) -> Result<usize, Errno>,
    mut wait: impl FnMut() -> bool,
) -> SendOutcome {
    let mut outcome = SendOutcome::default();
    let mut from = 0;
    while from < total {
        match send(from) {
            Ok(sent) => {
                outcome.sent += sent as u64;
                from += sent;
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN | Errno::NOBUFS) if wait() => {}
            Err(Errno::AGAIN | Errno::NOBUFS) => {
                outcome.blocked += (total - from) as u64;
                return outcome;
            }
            Err(_) => {
                outcome.refused += 1;
                from += 1;
            }
        }
    }
    outcome
}

/// The descriptor to sleep on.
impl std::os::fd::AsFd for BatchSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> BatchSocket {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        BatchSocket::new(
            open(any, 1 << 20, 1 << 20).expect("a loopback socket"),
            true,
        )
    }

    fn address(socket: &BatchSocket) -> SocketAddr {
        socket.socket.local_addr().expect("bound")
    }

    fn take_all(socket: &mut BatchSocket, expected: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut seen = Vec::new();
        while seen.len() < expected {
            let taken = socket
                .receive(|source, bytes| seen.push((source, bytes.to_vec())))
                .expect("receives");
            assert!(taken > 0, "only {} of {expected} arrived", seen.len());
        }
        seen
    }

    #[test]
    fn more_than_a_batch_arrives_whole_in_order_and_with_its_source() {
        let (mut from, mut to) = (loopback(), loopback());
        let count = 2 * SEND_BATCH + 5;
        let mut departures = Departures::new();
        for n in 0..count {
            departures.push(address(&to), &vec![n as u8; n + 1]);
        }
        from.send(&departures);
        assert_eq!(from.counts().sent, count as u64);
        let seen = take_all(&mut to, count);
        for (n, (source, bytes)) in seen.iter().enumerate() {
            assert_eq!((*source, bytes), (address(&from), &vec![n as u8; n + 1]));
        }
        assert_eq!(to.counts().received, count as u64);
        assert_eq!(to.receive(|_, _| {}).expect("nothing waits"), 0);
    }

    #[test]
    fn bursts_and_single_datagrams_arrive_as_they_were_given() {
        let (mut from, mut to, mut other) = (loopback(), loopback(), loopback());
        let (first, second) = (address(&to), address(&other));
        let lengths = [(first, 900), (first, 900), (first, 300), (second, 80)];
        let more = [(first, 100), (second, 1_100), (second, 1_100)];
        let mut departures = Departures::new();
        for (number, (destination, length)) in lengths.into_iter().chain(more).enumerate() {
            departures.push(destination, &vec![number as u8; length]);
        }
        for bursts in [true, false] {
            assert_eq!(from.bursts.are_sent(), bursts);
            from.send(&departures);
            let seen = |socket: &mut BatchSocket, count| -> Vec<(u8, usize)> {
                let seen = take_all(socket, count);
                seen.iter().map(|(_, b)| (b[0], b.len())).collect()
            };
            assert_eq!(seen(&mut to, 4), [(0, 900), (1, 900), (2, 300), (4, 100)]);
            assert_eq!(seen(&mut other, 3), [(3, 80), (5, 1_100), (6, 1_100)]);
            from.bursts = Bursts::NONE;
        }
        assert_eq!((from.counts().sent, from.counts().sent_in_bursts), (14, 5));
    }

    #[test]
    fn an_empty_batch_is_no_call_and_an_empty_datagram_is_one() {
        let (mut from, mut to) = (loopback(), loopback());
        from.send(&Departures::new());
        let mut departures = Departures::new();
        departures.push(address(&to), b"");
        from.send(&departures);
        assert_eq!(take_all(&mut to, 1)[0].1, b"");
    }

    #[test]
    fn an_oversized_datagram_is_counted_and_the_next_one_still_arrives() {
        let (mut from, mut to) = (loopback(), loopback());
        let mut departures = Departures::new();
        departures.push(address(&to), &[7; MAX_DATAGRAM_BYTES + 1]);
        departures.push(address(&to), b"next");
        from.send(&departures);
        assert_eq!(take_all(&mut to, 1)[0].1, b"next");
        assert_eq!(to.counts().oversized, 1);
    }

    #[test]
    fn what_the_kernel_drops_from_a_full_buffer_is_counted() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut to = BatchSocket::new(open(any, 4096, 4096).expect("a loopback socket"), true);
        let from = UdpSocket::bind(any).expect("a loopback socket");
        let sent = 1_000;
        for _ in 0..sent {
            from.send_to(&[7; 1_000], address(&to))
                .expect("loopback takes all");
        }
        let overflowed = to.counts().overflowed;
        assert!(overflowed > 0);
        let mut taken = 0;
        while to.receive(|_, _| taken += 1).expect("receives") > 0 {}
        assert_eq!(taken + overflowed, sent);
    }

    #[test]
    fn a_datagram_that_cannot_be_sent_does_not_stop_the_others() {
        let (mut from, mut to) = (loopback(), loopback());
        let mut departures = Departures::new();
        // An IPv6 destination on an IPv4 socket.
        departures.push("[::1]:9".parse().expect("an address"), b"lost");
        departures.push(address(&to), b"kept");
        from.send(&departures);
        assert_eq!(take_all(&mut to, 1)[0].1, b"kept");
        assert_eq!((from.counts().sent, from.counts().refused), (1, 1));
    }

    #[test]
    fn ipv6_sources_are_read() {
        let any = "[::1]:0".parse().expect("an address");
        let Ok(to) = open(any, 1 << 16, 1 << 16) else {
            eprintln!("no IPv6 loopback here");
            return;
        };
        let mut to = BatchSocket::new(to, true);
        let from = UdpSocket::bind(any).expect("the second socket as well");
        from.send_to(b"six", address(&to)).expect("sends");
        let seen = take_all(&mut to, 1);
        assert_eq!(seen[0].0, from.local_addr().expect("bound"));
    }

    #[test]
    fn send_all_carries_on_after_partial_sends_and_gives_up_on_a_full_buffer() {
        /// How many messages, what the kernel answers, sent and blocked and refused, waits.
        type Case = (usize, Vec<Result<usize, Errno>>, (u64, u64, u64), u32);
        let cases: [Case; 6] = [
            (5, vec![Ok(5)], (5, 0, 0), 0),
            (5, vec![Ok(2), Ok(3)], (5, 0, 0), 0),
            (5, vec![Ok(2), Err(Errno::AGAIN), Ok(3)], (5, 0, 0), 1),
            (
                5,
                vec![Ok(1), Err(Errno::AGAIN), Ok(1), Err(Errno::NOBUFS)],
                (2, 3, 0),
                2,
            ),
            (3, vec![Err(Errno::NETUNREACH), Ok(2)], (2, 0, 1), 0),
            (2, vec![Err(Errno::INTR), Ok(2)], (2, 0, 0), 0),
        ];
        for (total, script, (sent, blocked, refused), waits) in cases {
            let mut answers = script.iter();
            let mut waited = 0;
            let outcome = send_all(
                total,
                |_| *answers.next().expect("no call past the end"),
                || {
                    waited += 1;
                    waited == 1
                },
            );
            let expected = SendOutcome {
                sent,
                blocked,
                refused,
            };
            assert_eq!(outcome, expected, "{script:?}");
            assert_eq!(waited, waits, "{script:?}");
            assert_eq!(answers.next(), None, "{script:?}");
        }
    }
}
