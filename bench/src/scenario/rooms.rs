//! Many rooms at once, each small: what a working day looks like.

use super::{Plan, Scenario, Size, audience, circle, delivery_claims};
use crate::report::Summary;

/// See the module's head. With `--viewers 0` each room is a meeting of its publishers.
pub(crate) struct Rooms;

impl Scenario for Rooms {
    fn name(&self) -> &'static str {
        "rooms"
    }

    fn claim(&self) -> &'static str {
        "--rooms rooms at once, none at the cost of another: 99 % of the frames, 95 % of them within 150 ms"
    }

    fn plan(&self, size: &Size) -> Plan {
        let room = match size.viewers {
            0 => circle(size),
            _ => audience(size),
        };
        Plan::of(room, size.rooms)
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        delivery_claims(summary, 99.0, 150.0)
    }
}
