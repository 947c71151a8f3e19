//! What a shard's thread sleeps on: its UDP socket, a bell that other threads ring, and time.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// Wakes a sleeping shard thread. Ringing before it sleeps counts too, so no ring is lost.
#[derive(Clone)]
pub(crate) struct Bell(Arc<OwnedFd>);

/// Why the thread woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Woken {
    /// The socket has datagrams, or an error to take.
    pub(crate) socket: bool,
    /// Somebody rang.
    pub(crate) bell: bool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Bell(Arc::new(fd)))
    }

    /// Rings. Cheap when it has been rung already.
    pub(crate) fn ring(&self) {
        // It can only fail when the counter is full, and then it is ringing.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    fn silence(&self) {
        // It can only fail when nobody rang, and then it is silent.
        let _ = rustix::io::read(&*self.0, &mut [0u8; 8]);
    }

    /// Sleeps until `socket` can be read, somebody rings, or `longest` is over.
    pub(crate) fn sleep(&self, socket: impl AsFd, longest: Duration) -> io::Result<Woken> {
        let mut both = [
            PollFd::new(&socket, PollFlags::IN),
            PollFd::new(&*self.0, PollFlags::IN),
        ];
        wait(&mut both, longest)?;
        let woken = Woken {
            socket: !both[0].revents().is_empty(),
            bell: !both[1].revents().is_empty(),
        };
        if woken.bell {
            self.silence();
        }
        Ok(woken)
    }

    /// Sleeps until somebody rings or `longest` is over, whatever comes to the socket. True when
    /// somebody rang.
    pub(crate) fn doze(&self, longest: Duration) -> io::Result<bool> {
        let mut only = [PollFd::new(&*self.0, PollFlags::IN)];
        wait(&mut only, longest)?;
        let rung = !only[0].revents().is_empty();
        if rung {
            self.silence();
        }
        Ok(rung)
    }
}

fn wait(sources: &mut [PollFd<'_>], longest: Duration) -> io::Result<()> {
    let longest = Timespec {
        tv_sec: i64::try_from(longest.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: longest.subsec_nanos().into(),
    };
    match poll(sources, Some(&longest)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(30);

    fn socket() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").expect("a loopback socket")
    }

    #[test]
    fn a_ring_before_the_sleep_is_not_lost_and_is_heard_once() {
        let bell = Bell::new().expect("an eventfd");
        let quiet = socket();
        bell.ring();
        bell.ring();
        let woken = bell.sleep(&quiet, LONG).expect("polls");
        assert_eq!((woken.socket, woken.bell), (false, true));
        let woken = bell.sleep(&quiet, Duration::ZERO).expect("polls");
        assert_eq!((woken.socket, woken.bell), (false, false));
    }

    #[test]
    fn a_ring_from_another_thread_ends_the_sleep() {
        let bell = Bell::new().expect("an eventfd");
        let quiet = socket();
        let far = bell.clone();
        let ringer = std::thread::spawn(move || far.ring());
        let woken = bell.sleep(&quiet, LONG).expect("polls");
        ringer.join().expect("rings");
        assert!(woken.bell);
    }

    #[test]
    fn a_datagram_ends_the_sleep_and_time_does_too() {
        let bell = Bell::new().expect("an eventfd");
        let (here, there) = (socket(), socket());
        let before = Instant::now();
        let woken = bell
            .sleep(&here, Duration::from_micros(1500))
            .expect("polls");
        assert_eq!((woken.socket, woken.bell), (false, false));
        assert!(before.elapsed() >= Duration::from_micros(1500));

        let to = here.local_addr().expect("bound");
        there.send_to(b"x", to).expect("loopback sends");
        assert!(bell.sleep(&here, LONG).expect("polls").socket);
    }

    #[test]
    fn who_dozes_hears_the_bell_and_not_the_socket() {
        let bell = Bell::new().expect("an eventfd");
        let before = Instant::now();
        assert!(!bell.doze(Duration::from_micros(1500)).expect("polls"));
        assert!(before.elapsed() >= Duration::from_micros(1500));
        bell.ring();
        assert!(bell.doze(LONG).expect("polls"));
        assert!(!bell.doze(Duration::ZERO).expect("polls"));
    }
}
