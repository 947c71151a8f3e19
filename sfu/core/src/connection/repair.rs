//! How much may be sent again. Every retransmission is paid for by media that went out before it:
//! one feedback packet can ask for thousands.

/// What media earns: half of it, so that retransmissions are at most a third of what leaves. A
/// path that loses a tenth needs about a fifth: what is lost, lost again, and asked for twice
/// because its round trip swings.
const MEDIA_BYTES_PER_BYTE: usize = 2;

/// What may be sent again before media has earned it: of the first picture, a few packets.
const REPAIR_FIRST_BYTES: usize = 8 * 1024;

/// What can be saved up: half a second of 4 Mbit/s, which a path lost before it came back.
pub(crate) const REPAIR_BURST_BYTES: usize = 256 * 1024;

/// And no more than the path carries in this part of a second: what a full queue lost would fill it
/// again.
const REPAIR_BURST_OF_A_SECOND: u64 = 4;

/// What may be asked for in vain while nothing is saved, before the client counts as one that asks
/// for more than anybody loses.
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

    /// Whether a retransmission may leave on a path that is taken to carry so much.
    pub(crate) fn spend(&mut self, bytes: usize, path_bps: u64) -> Repair {
        let burst = path_bps / 8 / REPAIR_BURST_OF_A_SECOND;
        let burst = usize::try_from(burst).unwrap_or(usize::MAX);
        self.saved_bytes = self.saved_bytes.min(burst.max(REPAIR_FIRST_BYTES));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// More than any budget saves.
    const WIDE_BPS: u64 = 30_000_000;

    fn granted(budget: &mut RepairBudget, times: usize, bytes: usize) -> usize {
        let asked = (0..times).filter(|_| budget.spend(bytes, WIDE_BPS) == Repair::Granted);
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
    fn what_is_saved_is_no_more_than_a_quarter_second_of_the_path() {
        for (path_bps, bytes) in [(0, 8 * 1_024), (800_000, 25_000), (4_000_000, 125_000)] {
            let mut budget = RepairBudget::default();
            (0..10_000).for_each(|_| budget.earn(1_000));
            let granted = (0..10_000).filter(|_| budget.spend(100, path_bps) == Repair::Granted);
            assert_eq!(granted.count(), bytes / 100, "{path_bps}");
        }
    }

    #[test]
    fn who_asks_a_little_too_much_is_refused_and_keeps_what_can_be_sent_again() {
        let mut budget = RepairBudget::default();
        granted(&mut budget, 8, 1_024);
        for _ in 0..1_000 {
            assert_eq!(budget.spend(512, WIDE_BPS), Repair::Refused);
            budget.earn(1_024);
            assert_eq!(budget.spend(512, WIDE_BPS), Repair::Granted);
        }
    }

    #[test]
    fn who_asks_without_end_is_cut_short_each_time_the_patience_ends() {
        let mut budget = RepairBudget::default();
        granted(&mut budget, 8, 1_024);
        let patience = REPAIR_REFUSED_BYTES / 1_024;
        for _ in 0..3 {
            let asked = (0..=patience).map(|_| budget.spend(1_024, WIDE_BPS));
            let abused = asked.filter(|repair| *repair == Repair::Abused);
            assert_eq!(abused.count(), 1);
        }
    }
}
