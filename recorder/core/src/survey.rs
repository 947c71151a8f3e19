//! The first reading of a tape: what was counted and what its clock shows. The second reading
//! ([`crate::assemble`]) makes frames, with the clocks of all tapes known.

use sfu_protocol::media::{Codec, MediaTime};

use crate::clock::TapeClock;
use crate::reorder::{OrderCounts, Ordered, Reorder};
use crate::tape::{TapeFault, TapeItem};

/// Mutes and faults kept of one tape. Beyond, the rest is not told one by one.
pub const MAX_NOTES: usize = 10_000;

/// What one tape holds.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Packets, losses, duplicates.
    pub counts: OrderCounts,
    /// Entries that the node received and the tape does not have.
    pub entries_missing: u64,
    /// Entries on the tape.
    pub entries: u64,
    /// Mutes in order: when, and whether muted from then.
    pub mutes: Vec<(MediaTime, bool)>,
    /// Faults: in which segment, where and why.
    pub faults: Vec<(usize, TapeFault)>,
    /// When the last entry arrived.
    pub last_arrived: Option<MediaTime>,
    /// When the tape was closed; None when it was cut off.
    pub closed_at: Option<MediaTime>,
    /// For placing it on the recording's clock.
    pub clock: TapeClock,
}

/// Reads a tape through.
pub fn survey(codec: Codec, items: impl Iterator<Item = TapeItem>) -> Survey {
    let mut survey = Survey {
        counts: OrderCounts::default(),
        entries_missing: 0,
        entries: 0,
        mutes: Vec::new(),
        faults: Vec::new(),
        last_arrived: None,
        closed_at: None,
        clock: TapeClock::new(codec),
    };
    let mut reorder = Reorder::default();
    for item in items {
        match item {
            TapeItem::Entry(entry) => {
                survey.entries += 1;
                survey.last_arrived = survey.last_arrived.max(Some(entry.arrived));
                reorder.push(entry);
            }
            TapeItem::Missing(range) => {
                let missing = range.end.saturating_sub(range.start);
                survey.entries_missing = survey.entries_missing.saturating_add(missing);
                reorder.missing(missing);
            }
            TapeItem::Closed { at, .. } => survey.closed_at = Some(at),
            TapeItem::Fault { segment, fault } => {
                if survey.faults.len() < MAX_NOTES {
                    survey.faults.push((segment, fault));
                }
            }
        }
        survey.take(&mut reorder);
    }
    reorder.finish();
    survey.take(&mut reorder);
    survey.counts = reorder.counts();
    survey
}

impl Survey {
    fn take(&mut self, reorder: &mut Reorder) {
        while let Some(ordered) = reorder.pop() {
            self.clock.observe(&ordered);
            if let Ordered::Muted { arrived, muted } = ordered
                && self.mutes.len() < MAX_NOTES
            {
                self.mutes.push((arrived, muted));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::TapeFaultKind;
    use sfu_protocol::link::{EndReason, TapeBody, TapeEntry};
    use std::sync::Arc;

    fn entry(at: u64, body: TapeBody) -> TapeItem {
        TapeItem::Entry(TapeEntry {
            arrived: MediaTime(at),
            layer: 0,
            body,
        })
    }

    fn rtp(at: u64, seq: u64) -> TapeItem {
        entry(
            at,
            TapeBody::Rtp {
                seq,
                timestamp: 0,
                marker: true,
                retransmitted: false,
                payload: Arc::from([1]),
            },
        )
    }

    #[test]
    fn a_survey_tells_packets_losses_missing_entries_mutes_faults_and_the_end() {
        let fault = TapeFault {
            at_byte: 7,
            kind: TapeFaultKind::Torn,
        };
        let found = survey(
            Codec::Opus,
            [
                rtp(1, 10),
                rtp(2, 12),
                entry(3, TapeBody::Muted { muted: true }),
                TapeItem::Fault { segment: 0, fault },
                TapeItem::Missing(3..5),
                rtp(9, 15),
                TapeItem::Closed {
                    at: MediaTime(10),
                    reason: EndReason::Asked,
                },
            ]
            .into_iter(),
        );
        assert_eq!((found.counts.packets, found.counts.lost), (3, 1));
        assert_eq!((found.entries, found.entries_missing), (4, 2));
        assert_eq!(found.mutes, [(MediaTime(3), true)]);
        assert_eq!(found.faults, [(0, fault)]);
        assert_eq!(found.last_arrived, Some(MediaTime(9)));
        assert_eq!(found.closed_at, Some(MediaTime(10)));
    }
}
