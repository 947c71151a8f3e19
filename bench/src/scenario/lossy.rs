//! Everyone's own network loses, delays and limits, both ways.

use sfu_client::impair::path::{Line, Path};

use super::{Part, Plan, Scenario, Size, circle, everyone_in};
use crate::report::Summary;

/// One datagram in twenty is lost, each is up to 60 ms late, and 8 Mbit/s fit through: the cameras of
/// the usual number of people, their keyframes and what is sent again. A line that is too small for
/// that would be lost on whoever does not make the pictures smaller, whatever it repairs.
pub(crate) const BAD: Path = Path {
    loss_ppm: 50_000,
    delay_ms: 20,
    jitter_ms: 40,
    rate_bps: Some(8_000_000),
    ..Path::CLEAR
};

/// Of the frames that were due.
const LEAST_DELIVERED_PERCENT: f64 = 90.0;

/// See the module's head. `--viewers` have no part in it.
pub(crate) struct Lossy;

impl Scenario for Lossy {
    fn name(&self) -> &'static str {
        "lossy"
    }

    fn claim(&self) -> &'static str {
        "--publishers people lose 5 % of the datagrams each way, 20 to 60 ms late, 8 Mbit/s: 90 % of the frames are decoded"
    }

    fn usual_publishers(&self) -> u16 {
        4
    }

    fn plan(&self, size: &Size) -> Plan {
        let loses = |part| Part {
            loses: true,
            ..part
        };
        let room = circle(size).into_iter().map(loses).collect();
        Plan {
            network: Line { up: BAD, down: BAD },
            ..Plan::of(room, size.rooms)
        }
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        let mut broken = everyone_in(summary);
        if summary.delivered_percent < LEAST_DELIVERED_PERCENT {
            broken.push(format!(
                "{:.2} % of the frames were decoded, {LEAST_DELIVERED_PERCENT} % are claimed",
                summary.delivered_percent
            ));
        }
        broken
    }
}
