//! Everyone publishes and everyone watches, as people do.

use super::{Plan, Scenario, Size, circle, delivery_claims};
use crate::report::Summary;

/// See the module's head. `--viewers` have no part in it.
pub(crate) struct Meeting;

impl Scenario for Meeting {
    fn name(&self) -> &'static str {
        "meeting"
    }

    fn claim(&self) -> &'static str {
        "--publishers people see each other: 99 % of the frames, 95 % of them within 150 ms"
    }

    fn usual_publishers(&self) -> u16 {
        4
    }

    fn plan(&self, size: &Size) -> Plan {
        Plan::of(circle(size), size.rooms)
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        delivery_claims(summary, 99.0, 150.0)
    }
}
