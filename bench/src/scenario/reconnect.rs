//! All connections are cut at once, WebSockets and sockets, and everybody comes back from another
//! address: a proxy that was restarted, a whole office that changed its network.

use super::{Plan, Scenario, Size, audience, everyone_in};
use crate::report::Summary;

/// Latest that one may see again.
const MOST_P95_MS: f64 = 2_000.0;

/// See the module's head.
pub(crate) struct Reconnect;

impl Scenario for Reconnect {
    fn name(&self) -> &'static str {
        "reconnect"
    }

    fn claim(&self) -> &'static str {
        "all connections are cut at once: everybody sees again, 95 % of them within 2 s"
    }

    fn plan(&self, size: &Size) -> Plan {
        Plan {
            cut_after: Some(size.window / 4),
            ..Plan::of(audience(size), size.rooms)
        }
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        let mut broken = everyone_in(summary);
        let away = summary.cut.saturating_sub(summary.came_back);
        if away > 0 {
            broken.push(format!("{away} did not see again"));
        }
        if summary.back_ms.p95 > MOST_P95_MS {
            broken.push(format!(
                "95 % saw again after {:.0} ms, {MOST_P95_MS} ms are claimed",
                summary.back_ms.p95
            ));
        }
        broken
    }
}
