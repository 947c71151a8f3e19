//! A few publish, many only watch: the cost of a copy.

use super::{Plan, Scenario, Size, audience, delivery_claims};
use crate::report::Summary;

/// See the module's head.
pub(crate) struct Fanout;

impl Scenario for Fanout {
    fn name(&self) -> &'static str {
        "fanout"
    }

    fn claim(&self) -> &'static str {
        "every viewer decodes 99 % of the publishers' frames, 95 % of them within 150 ms"
    }

    fn plan(&self, size: &Size) -> Plan {
        Plan::of(audience(size), size.rooms)
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        delivery_claims(summary, 99.0, 150.0)
    }
}
