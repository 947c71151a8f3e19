//! To which of its verified addresses a client is sent media: the one that its handshake went to,
//! until it moves. A NAT gives a client another port, a telephone leaves its Wi-Fi.
//!
//! # Threat model
//! A move needs, unless ICE was agreed on anew, a binding request that ICE has verified (its message integrity holds our
//! password), that nominates (RFC 8445, section 7.1.2), whose transaction was not seen before, and
//! a former address from which nothing comes any more, then or within a second. So nobody can
//! guess a way, and whoever repeats an overheard request from elsewhere changes nothing. One who
//! holds a request back and sends it in the client's place while the client is silent gets sealed
//! packets until the client's next request: no more than they could have had on the wire. One who
//! can write the former address and has nothing authentic to say keeps nothing there but handshakes
//! and checks for as long as they do: of media only what proves authentic counts.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::demux::{answered, is_stun, requested, stun_attribute};

/// How long nothing may come from an address before another takes its place: media comes every
/// 20 ms, and swings by a hundred on a bad path. Until then what the client is asked to send again
/// goes nowhere, and it is asked five times only.
const SILENCE: Duration = Duration::from_millis(200);

/// How long a verified request waits for the former address to be silent: checks come twice a
/// second, so the next one says it again.
const REQUEST_LASTS: Duration = Duration::from_secs(1);

/// Transactions that are remembered. A client makes a few a second; older ones are of no use once
/// its path has changed.
const MAX_TRANSACTIONS: usize = 32;

const STUN_USE_CANDIDATE: u16 = 0x0025;

/// The way to one client.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// Where str0m sent the handshake to, or a new agreement on ICE has led since.
    nominated: Option<SocketAddr>,
    /// ICE was agreed on anew: whoever it nominates first is the client.
    restarting: bool,
    /// Where that goes instead.
    moved_to: Option<SocketAddr>,
    heard_at: Option<Instant>,
    /// The request in hand: from where, when it may move the way.
    asks: Option<SocketAddr>,
    /// From where a request was verified while the former address still spoke, and when.
    verified: Option<(SocketAddr, Instant)>,
    transactions: VecDeque<[u8; 12]>,
}

impl Way {
    /// A datagram came, and is about to be given to ICE.
    pub(crate) fn receives(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        self.asks = None;
        if self.current() == Some(source) {
            self.heard_at = Some(now);
        }
        let Some(transaction) = requested(bytes) else {
            return;
        };
        let nominates = stun_attribute(bytes, STUN_USE_CANDIDATE).is_some();
        let fresh = !self.transactions.contains(&transaction);
        if fresh {
            if self.transactions.len() == MAX_TRANSACTIONS {
                self.transactions.pop_front();
            }
            self.transactions.push_back(transaction);
        }
        if !nominates || !fresh {
            return;
        }
        if self.current() == Some(source) {
            self.verified = None;
            self.restarting = false;
        } else {
            self.asks = Some(source);
        }
    }

    /// Where a datagram of str0m's really goes. An answer to a check goes where it came from, and
    /// says that the check was verified.
    pub(crate) fn departs(&mut self, now: Instant, to: SocketAddr, bytes: &[u8]) -> SocketAddr {
        if is_stun(bytes) {
            let verified = answered(bytes).is_some() && self.asks == Some(to);
            if verified && self.restarting {
                self.asks = None;
                self.go_to(now, to);
            } else if verified && self.nominated.is_some() {
                self.verified = Some((to, now));
                self.asks = None;
                self.move_if_silent(now);
            }
            return to;
        }
        if self.nominated != Some(to) {
            self.go_to(now, to);
        }
        self.move_if_silent(now);
        self.moved_to.unwrap_or(to)
    }

    /// ICE is agreed on anew (RFC 8445, section 2.4).
    pub(crate) fn restarts(&mut self) {
        self.restarting = true;
    }

    fn go_to(&mut self, now: Instant, to: SocketAddr) {
        self.nominated = Some(to);
        self.restarting = false;
        self.moved_to = None;
        self.verified = None;
        self.heard_at = Some(now);
    }

    /// Where media goes to now.
    pub(crate) fn media(&mut self, now: Instant) -> Option<SocketAddr> {
        self.move_if_silent(now);
        self.current()
    }

    fn move_if_silent(&mut self, now: Instant) {
        let silent = self.heard_at.is_none_or(|at| now >= at + SILENCE);
        let lasts = |(_, at): &(SocketAddr, Instant)| now < *at + REQUEST_LASTS;
        if let Some((to, _)) = self.verified.take_if(|_| silent).filter(lasts) {
            self.moved_to = (self.nominated != Some(to)).then_some(to);
            self.heard_at = Some(now);
        }
    }

    /// Where media went to last.
    pub(crate) fn current(&self) -> Option<SocketAddr> {
        self.moved_to.or(self.nominated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::BINDING_SUCCESS;

    const MEDIA: [u8; 12] = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn check(transaction: u8, nominates: bool) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, if nominates { 4 } else { 0 }];
        bytes.extend([0x21, 0x12, 0xa4, 0x42]);
        bytes.extend([transaction; 12]);
        if nominates {
            bytes.extend([0, 0x25, 0, 0]);
        }
        bytes
    }

    /// A request comes, and ICE answers it, or does not.
    fn asks(way: &mut Way, now: Instant, from: SocketAddr, request: &[u8], verified: bool) {
        way.receives(now, from, request);
        if verified {
            let answer = [&BINDING_SUCCESS[..], &request[2..]].concat();
            assert_eq!(way.departs(now, from, &answer), from);
        }
    }

    #[test]
    fn the_way_moves_to_whom_ice_has_verified_once_the_former_address_is_silent() {
        // When the check comes, its transaction, whether it nominates and is verified; where
        // media goes then.
        let (old, new) = (address(1), address(2));
        let cases = [
            ("the old address still speaks", 100, 2, true, true, old),
            ("it is silent", 300, 2, true, true, new),
            ("nobody verified it", 300, 2, true, false, old),
            ("it does not nominate", 300, 2, false, true, old),
            ("it was overheard", 300, 1, true, true, old),
        ];
        for (name, after_ms, transaction, nominates, verified, expected) in cases {
            let t0 = crate::testing::start();
            let mut way = Way::default();
            asks(&mut way, t0, old, &check(1, true), true);
            assert_eq!(way.departs(t0, old, &MEDIA), old);
            way.receives(t0, old, &MEDIA);
            let now = t0 + Duration::from_millis(after_ms);
            asks(&mut way, now, new, &check(transaction, nominates), verified);
            assert_eq!(way.departs(now, old, &MEDIA), expected, "{name}");
        }
    }

    #[test]
    fn a_verified_request_waits_for_the_former_address_to_fall_silent_but_not_long() {
        // When the old address speaks after the check, and where media goes at which time.
        type Media = &'static [(u64, u16)];
        let cases: [(&str, &[u64], Media); 3] = [
            ("silent", &[], &[(150, 1), (199, 1), (200, 2), (900, 2)]),
            ("a straggler", &[150], &[(200, 1), (349, 1), (350, 2)]),
            (
                "it speaks on",
                &[200, 390, 580, 770, 960],
                &[(1_200, 1), (1_500, 1)],
            ),
        ];
        for (name, speaks, media) in cases {
            let t0 = crate::testing::start();
            let at = |ms| t0 + Duration::from_millis(ms);
            let mut way = Way::default();
            way.departs(t0, address(1), &MEDIA);
            asks(&mut way, at(100), address(2), &check(2, true), true);
            let mut speaks = speaks.iter().peekable();
            for (ms, expected) in media {
                while let Some(spoke) = speaks.next_if(|spoke| *spoke < ms) {
                    way.receives(at(*spoke), address(1), &MEDIA);
                }
                let to = way.departs(at(*ms), address(1), &MEDIA);
                assert_eq!(to, address(*expected), "{name} at {ms}");
            }
        }
    }

    #[test]
    fn the_way_comes_back_and_follows_what_is_nominated_next() {
        let t0 = crate::testing::start();
        let mut way = Way::default();
        way.departs(t0, address(1), &MEDIA);
        let later = t0 + SILENCE;
        asks(&mut way, later, address(2), &check(1, true), true);
        assert_eq!(way.departs(later, address(1), &MEDIA), address(2));
        let again = later + SILENCE;
        asks(&mut way, again, address(1), &check(2, true), true);
        assert_eq!(way.departs(again, address(1), &MEDIA), address(1));
        assert_eq!(way.departs(again, address(3), &MEDIA), address(3));
    }
}
