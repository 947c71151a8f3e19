//! How much may be sent again. By itself `str0m` forgets every request that waits once
//! retransmissions were 15 % of what a stream sent in the last second, which a network that loses
//! a tenth reaches with every keyframe; and as it looks only every 50 ms, one feedback packet can
//! ask for thousands in between. Here every retransmission is paid for by media that went out
//! before it.

use std::time::Duration;

use str0m::net::Transmit;
use str0m::rtp::StreamTx;

use super::bindings::ssrc_of;

/// Packets of a stream that can be sent again.
const RTX_PACKETS: usize = 2_000;

/// How old they may be: three round trips of a bad path; libwebrtc keeps no less. An entry takes some
/// 430 bytes beside the payload, which all receivers share, and most of a participant's memory is this.
const RTX_AGE: Duration = Duration::from_secs(1);

/// From now on what a stream sends can be sent again; what it sent before cannot.
pub(super) fn remember(stream: &mut StreamTx) {
    stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, None);
}

/// What media earns: half of it, so that retransmissions are at most a third of what leaves. A
/// path that loses a tenth needs about a fifth: what is lost, lost again, and asked for twice
/// because its round trip swings.
const MEDIA_BYTES_PER_BYTE: usize = 2;

/// What may be sent again before media has earned it: of the first picture, a few packets.
const REPAIR_FIRST_BYTES: usize = 8 * 1024;

/// What can be saved up: half a second of 4 Mbit/s, which a path lost before it came back.
pub(crate) const REPAIR_BURST_BYTES: usize = 256 * 1024;

/// What may be asked for in vain while nothing is saved, before the client counts as one that asks
/// for more than anybody loses: each is sealed before it is refused.
const REPAIR_REFUSED_BYTES: usize = 128 * 1024;

/// What becomes of a retransmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// It leaves.
    Granted,
    /// It does not; another may once media has earned it.
    Refused,
    /// It does not, and everything else that was asked for is to be forgotten.
    Abused,
}

/// The budget of one connection.
#[derive(Debug)]
pub(crate) struct RepairBudget {
    saved_bytes: usize,
    refused_bytes: usize,
}

impl Default for RepairBudget {
    fn default() -> Self {
        RepairBudget {
            saved_bytes: REPAIR_FIRST_BYTES,
            refused_bytes: 0,
        }
    }
}

impl RepairBudget {
    /// Media leaves.
    pub(crate) fn earn(&mut self, bytes: usize) {
        let earned = bytes / MEDIA_BYTES_PER_BYTE;
        self.saved_bytes = (self.saved_bytes + earned).min(REPAIR_BURST_BYTES);
        self.refused_bytes = self.refused_bytes.saturating_sub(earned);
    }

    /// Whether a retransmission may leave.
    pub(crate) fn spend(&mut self, bytes: usize) -> Repair {
        if bytes <= self.saved_bytes {
            self.saved_bytes -= bytes;
            return Repair::Granted;
        }
        self.refused_bytes += bytes;
        if self.refused_bytes <= REPAIR_REFUSED_BYTES {
            return Repair::Refused;
        }
        self.refused_bytes = 0;
        Repair::Abused
    }
}

/// Retransmissions that wait until all that leaves at their moment is known. `str0m` hands streams
/// out in another order in each process, and the budget must not refuse by chance: the media of the
/// moment earns first, then each stream has its turn by its SSRC.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    waiting: Vec<Transmit>,
    bytes: usize,
}

impl Turns {
    /// Takes one. True when no more may wait: whoever asked for so many asks for too many.
    pub(crate) fn wait(&mut self, transmit: Transmit) -> bool {
        self.bytes += transmit.contents.len();
        self.waiting.push(transmit);
        self.bytes > REPAIR_REFUSED_BYTES
    }

    /// Those that waited, in order. A stream's own order stays.
    pub(crate) fn take(&mut self) -> Vec<Transmit> {
        self.bytes = 0;
        let mut turns = std::mem::take(&mut self.waiting);
        turns.sort_by_key(|transmit| ssrc_of(&transmit.contents));
        turns
    }
}

#[cfg(test)]
mod tests {
    use str0m::net::Protocol;

    use super::*;

    fn retransmission(ssrc: u8, seq: u8, bytes: usize) -> Transmit {
        let mut contents = vec![0; bytes];
        contents[0] = 0x80;
        contents[3] = seq;
        contents[11] = ssrc;
        Transmit {
            proto: Protocol::Udp,
            source: ([127, 0, 0, 1], 1).into(),
            destination: ([127, 0, 0, 1], 2).into(),
            contents: contents.into(),
        }
    }

    #[test]
    fn retransmissions_of_one_moment_have_their_turn_by_stream_however_they_came() {
        type Packets = &'static [(u8, u8)];
        let cases: [(Packets, Packets); 4] = [
            (&[], &[]),
            (&[(7, 1), (3, 1)], &[(3, 1), (7, 1)]),
            (&[(3, 1), (7, 1)], &[(3, 1), (7, 1)]),
            (
                &[(7, 255), (7, 0), (3, 9), (7, 1), (3, 8)],
                &[(3, 9), (3, 8), (7, 255), (7, 0), (7, 1)],
            ),
        ];
        for (came, turns) in cases {
            let mut waiting = Turns::default();
            for &(ssrc, seq) in came {
                assert!(!waiting.wait(retransmission(ssrc, seq, 40)));
            }
            let taken = waiting.take();
            let taken = taken.iter().map(|t| (t.contents[11], t.contents[3]));
            assert_eq!(taken.collect::<Vec<_>>(), turns, "{came:?}");
            assert!(waiting.take().is_empty());
        }
    }

    #[test]
    fn no_more_wait_than_somebody_may_ask_for_in_vain() {
        let mut waiting = Turns::default();
        for _ in 0..2 {
            let came = (0..).take_while(|_| !waiting.wait(retransmission(1, 0, 1_024)));
            assert_eq!(came.count(), REPAIR_REFUSED_BYTES / 1_024);
            assert_eq!(waiting.take().len(), REPAIR_REFUSED_BYTES / 1_024 + 1);
        }
    }

    fn granted(budget: &mut RepairBudget, times: usize, bytes: usize) -> usize {
        let asked = (0..times).filter(|_| budget.spend(bytes) == Repair::Granted);
        asked.count()
    }

    #[test]
    fn retransmissions_are_a_third_of_what_leaves_however_many_are_asked_for() {
        let mut budget = RepairBudget::default();
        let first = granted(&mut budget, 100, 1_000);
        assert_eq!(first, REPAIR_FIRST_BYTES / 1_000, "before media earned any");
        let mut sent_again = 0;
        for _ in 0..1_000 {
            budget.earn(1_000);
            sent_again += granted(&mut budget, 50, 1_000);
        }
        assert_eq!(sent_again, 500);
    }

    #[test]
    fn what_is_saved_is_bounded() {
        let mut budget = RepairBudget::default();
        (0..10_000).for_each(|_| budget.earn(1_000));
        let sent_again = granted(&mut budget, 10_000, 1_024);
        assert_eq!(sent_again, REPAIR_BURST_BYTES / 1_024);
    }

    #[test]
    fn who_asks_a_little_too_much_is_refused_and_keeps_what_can_be_sent_again() {
        let mut budget = RepairBudget::default();
        granted(&mut budget, 8, 1_024);
        for _ in 0..1_000 {
            assert_eq!(budget.spend(512), Repair::Refused);
            budget.earn(1_024);
            assert_eq!(budget.spend(512), Repair::Granted);
        }
    }

    #[test]
    fn who_asks_without_end_is_cut_short_each_time_the_patience_ends() {
        let mut budget = RepairBudget::default();
        granted(&mut budget, 8, 1_024);
        let patience = REPAIR_REFUSED_BYTES / 1_024;
        for _ in 0..3 {
            let asked = (0..=patience).map(|_| budget.spend(1_024));
            let abused = asked.filter(|repair| *repair == Repair::Abused);
            assert_eq!(abused.count(), 1);
        }
    }
}
