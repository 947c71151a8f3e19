//! From which new addresses a client's checks are worth ICE's while. ICE makes a candidate of
//! every address from which a check comes that holds our password, keeps it for as long as the
//! transport lives, and compares all of them at every further one.
//!
//! # Threat model
//! - One who overhears a check can repeat it from anywhere, and as often as he likes. Without a
//!   memory each new address would become a candidate, the client's own would be forgotten beyond
//!   the bound, and the media thread would be busy comparing. So a transaction that was answered
//!   is not taken from another address.
//! - One who holds a check back, or is faster than its client, has what nobody has seen yet. His
//!   addresses are as few as those of a client that changes its network all the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::demux::{answered, requested};
use crate::media::policer::Bucket;
use crate::report::DropReason;

/// Answered transactions that are remembered: those of some minutes. What is overheard and
/// repeated later is bounded by the rate of addresses.
const MAX_ANSWERED: usize = 512;

/// New addresses in a burst: a laptop's interfaces, and relays.
const ADDRESS_BURST: u32 = 16;

/// How often another may come for longer: a telephone on a train.
const AN_ADDRESS_EVERY: Duration = Duration::from_secs(5);

/// The checks of one client.
#[derive(Debug)]
pub(super) struct Checks {
    answered: VecDeque<[u8; 12]>,
    addresses: Bucket,
}

impl Default for Checks {
    fn default() -> Self {
        Checks {
            answered: VecDeque::new(),
            addresses: Bucket::slow(ADDRESS_BURST, AN_ADDRESS_EVERY),
        }
    }
}

impl Checks {
    /// Whether ICE is to see a check from an address that is not its client's.
    pub(super) fn admits(&mut self, bytes: &[u8], now: Instant) -> Result<(), DropReason> {
        let repeated = |transaction| self.answered.contains(&transaction);
        if requested(bytes).is_some_and(repeated) {
            return Err(DropReason::Repeated);
        }
        match self.addresses.is_empty(now) {
            true => Err(DropReason::ManyAddresses),
            false => Ok(()),
        }
    }

    /// An address has proved to be its client's.
    pub(super) fn learned(&mut self, now: Instant) {
        self.addresses.take(1, now);
    }

    /// A datagram leaves: an answer says that the check was good.
    pub(super) fn departs(&mut self, bytes: &[u8]) {
        let Some(transaction) = answered(bytes) else {
            return;
        };
        if self.answered.contains(&transaction) {
            return;
        }
        if self.answered.len() == MAX_ANSWERED {
            self.answered.pop_front();
        }
        self.answered.push_back(transaction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::BINDING_SUCCESS;

    fn stun(kind: [u8; 2], transaction: u32) -> Vec<u8> {
        let mut bytes = [&kind[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42]].concat();
        bytes.extend(transaction.to_be_bytes());
        bytes.resize(20, 0);
        bytes
    }

    #[test]
    fn what_was_answered_is_not_taken_from_elsewhere_and_memory_is_bounded() {
        let t0 = crate::testing::start();
        let mut checks = Checks::default();
        for n in 0..2 * MAX_ANSWERED as u32 {
            let check = stun([0, 1], n);
            assert_eq!(checks.admits(&check, t0), Ok(()), "{n}");
            // Refused by ICE: nothing is remembered.
            checks.departs(&stun([1, 0x11], n));
            assert_eq!(checks.admits(&check, t0), Ok(()), "{n}");
            for _ in 0..2 {
                checks.departs(&stun(BINDING_SUCCESS, n));
            }
            assert_eq!(checks.admits(&check, t0), Err(DropReason::Repeated));
        }
        assert_eq!(checks.answered.len(), MAX_ANSWERED);
    }

    #[test]
    fn new_addresses_have_a_burst_and_then_a_rate() {
        let t0 = crate::testing::start();
        let mut checks = Checks::default();
        let mut learned = |from: u32, now| {
            (from..from + 100)
                .take_while(|n| {
                    let good = checks.admits(&stun([0, 1], *n), now).is_ok();
                    checks.learned(now);
                    good
                })
                .count()
        };
        assert_eq!(learned(0, t0), ADDRESS_BURST as usize);
        assert_eq!(learned(100, t0 + AN_ADDRESS_EVERY * 2), 2);
    }
}
