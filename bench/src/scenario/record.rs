//! Rooms that are recorded, and the recordings read again afterwards.

use super::{Plan, Scenario, Size, circle, delivery_claims};
use crate::report::Summary;

/// See the module's head. `--viewers` have no part in it.
pub(crate) struct Record;

impl Scenario for Record {
    fn name(&self) -> &'static str {
        "record"
    }

    fn claim(&self) -> &'static str {
        "--rooms meetings are recorded: nothing is missing on the tapes, every file is what it is said to be, and the meeting is as without"
    }

    fn usual_publishers(&self) -> u16 {
        4
    }

    fn plan(&self, size: &Size) -> Plan {
        Plan {
            records: true,
            ..Plan::of(circle(size), size.rooms)
        }
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        let mut broken = delivery_claims(summary, 99.0, 150.0);
        let recorded = summary.recorded.unwrap_or_default();
        let rooms = u64::from(summary.rooms);
        if recorded.ready < rooms {
            let missing = rooms - recorded.ready;
            broken.push(format!("{missing} recordings are not there or not whole"));
        }
        if recorded.entries_missing > 0 {
            let missing = recorded.entries_missing;
            broken.push(format!("{missing} entries are missing on the tapes"));
        }
        if recorded.ready > 0 && recorded.packets == 0 {
            broken.push("the tapes are empty".to_owned());
        }
        broken
    }
}
