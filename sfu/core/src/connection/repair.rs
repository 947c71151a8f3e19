//! How much may be sent again. By itself `str0m` forgets every request that waits once
//! retransmissions were 15 % of what a stream sent in the last second, which a network that loses
//! a tenth reaches with every keyframe; and as it looks only every 50 ms, one feedback packet can
//! ask for thousands in between. Here every retransmission is paid for by media that went out
//! before it.

use std::time::Duration;

use str0m::rtp::StreamTx;

/// Packets of a stream that can be sent again, and how old they may be.
const RTX_PACKETS: usize = 2_000;
const RTX_AGE: Duration = Duration::from_secs(3);

/// From now on what a stream sends can be sent again; what it sent before cannot.
pub(super) fn remember(stream: &mut StreamTx) {
    stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, None);
}

/// What media earns: a quarter of it, so that retransmissions are at most a fifth of what leaves.
const MEDIA_BYTES_PER_BYTE: usize = 4;

/// What can be saved up: half a second of 4 Mbit/s, which a path lost before it came back.
pub(crate) const REPAIR_BURST_BYTES: usize = 256 * 1024;

/// The budget of one connection.
#[derive(Debug, Default)]
pub(crate) struct RepairBudget {
    saved_bytes: usize,
}

impl RepairBudget {
    /// Media leaves.
    pub(crate) fn earn(&mut self, bytes: usize) {
        let earned = bytes / MEDIA_BYTES_PER_BYTE;
        self.saved_bytes = (self.saved_bytes + earned).min(REPAIR_BURST_BYTES);
    }

    /// Whether a retransmission may leave.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.saved_bytes;
        if enough {
            self.saved_bytes -= bytes;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retransmissions_are_a_fifth_of_what_leaves_however_many_are_asked_for() {
        let mut budget = RepairBudget::default();
        let mut sent_again = 0;
        for _ in 0..1_000 {
            budget.earn(1_000);
            sent_again += (0..50).filter(|_| budget.spend(1_000)).count();
        }
        assert_eq!(sent_again, 250);
    }

    #[test]
    fn what_is_saved_is_bounded() {
        let mut budget = RepairBudget::default();
        assert!(!budget.spend(1), "nothing was sent yet");
        (0..10_000).for_each(|_| budget.earn(1_000));
        let sent_again = (0..10_000).filter(|_| budget.spend(1_024)).count();
        assert_eq!(sent_again, REPAIR_BURST_BYTES / 1_024);
    }
}
