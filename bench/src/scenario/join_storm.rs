//! Everybody comes inside one second, as at the full hour.

use std::time::Duration;

use super::{Part, Plan, Scenario, Size, everyone_in};
use crate::report::Summary;

/// In which all of them come.
const STORM: Duration = Duration::from_secs(1);

/// Latest that one of them may be in.
const MOST_P95_MS: f64 = 2_000.0;

/// See the module's head.
pub(crate) struct JoinStorm;

impl Scenario for JoinStorm {
    fn name(&self) -> &'static str {
        "join-storm"
    }

    fn claim(&self) -> &'static str {
        "--viewers come inside one second to a room where somebody publishes: all get in, 95 % of them within 2 s"
    }

    fn plan(&self, size: &Size) -> Plan {
        let publishers = std::iter::repeat_n(Part::publisher(size.layers), size.publishers.into());
        let newcomers = (0..size.viewers).map(|number| Part {
            comes_after: Some(STORM * number.into() / u32::from(size.viewers.max(1))),
            ..size.viewer(size.publishers)
        });
        Plan::of(publishers.chain(newcomers).collect(), size.rooms)
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        let mut broken = everyone_in(summary);
        if summary.join_ms.p95 > MOST_P95_MS {
            broken.push(format!(
                "95 % were in after {:.0} ms, {MOST_P95_MS} ms are claimed",
                summary.join_ms.p95
            ));
        }
        broken
    }
}
