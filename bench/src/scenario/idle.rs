//! People who are there, muted and without a camera: what a room costs while nothing happens.

use std::time::Duration;

use super::{AUDIO_SLOTS, MAX_VIDEO_SLOTS, Part, Plan, Scenario, Size, everyone_in};
use crate::media::Talking;
use crate::report::Summary;

/// What one of them may cost, in cores.
const MOST_CORES_EACH: f64 = 0.05 / 2_000.0;

/// How often Chromium checks a path that holds.
const CHECKS_EVERY: Duration = Duration::from_millis(2_500);

/// What the process costs with nobody in it: its own clocks.
const ALONE_CORES: f64 = 0.005;

/// See the module's head.
pub(crate) struct Idle;

impl Scenario for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn claim(&self) -> &'static str {
        "--publishers people are muted and show nothing: two thousand of them cost a twentieth of a core"
    }

    fn usual_publishers(&self) -> u16 {
        20
    }

    fn plan(&self, size: &Size) -> Plan {
        let person = Part {
            speaks: true,
            talk: Talking::Never,
            audio_slots: AUDIO_SLOTS,
            video_slots: MAX_VIDEO_SLOTS,
            checks_every: CHECKS_EVERY,
            ..Part::default()
        };
        Plan::of(vec![person; size.publishers.into()], size.rooms)
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        let mut broken = everyone_in(summary);
        let most = ALONE_CORES + MOST_CORES_EACH * summary.participants as f64;
        if let Some(used) = summary.target_used
            && used.cores > most
        {
            broken.push(format!(
                "{:.3} cores were used, {most:.3} are claimed",
                used.cores
            ));
        }
        if summary.packets_received > 0 {
            broken.push("somebody was heard or seen".to_owned());
        }
        broken
    }
}
