//! Voices without pictures: many speakers, many listeners.

use super::{AUDIO_SLOTS, Part, Plan, Scenario, Size, everyone_in};
use crate::media::Talking;
use crate::report::Summary;

/// Latest that a voice may be.
const MOST_P95_MS: f64 = 100.0;

/// See the module's head.
pub(crate) struct Audio;

impl Scenario for Audio {
    fn name(&self) -> &'static str {
        "audio"
    }

    fn claim(&self) -> &'static str {
        "--publishers speakers and --viewers listeners hear the loudest four: 95 % of the voice within 100 ms, 0.1 % lost at most"
    }

    fn usual_publishers(&self) -> u16 {
        8
    }

    fn plan(&self, size: &Size) -> Plan {
        let speaker = Part {
            speaks: true,
            talk: Talking::InTurns,
            audio_slots: AUDIO_SLOTS,
            ..Part::default()
        };
        let listener = Part {
            speaks: false,
            ..speaker
        };
        let speakers = std::iter::repeat_n(speaker, size.publishers.into());
        let listeners = std::iter::repeat_n(listener, size.viewers.into());
        Plan::of(speakers.chain(listeners).collect(), size.rooms)
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        let mut broken = everyone_in(summary);
        if summary.voices == 0 {
            broken.push("nobody heard a voice".to_owned());
        }
        if summary.voice_latency_ms.p95 > MOST_P95_MS {
            broken.push(format!(
                "95 % of the voice was there after {:.1} ms, {MOST_P95_MS} ms are claimed",
                summary.voice_latency_ms.p95
            ));
        }
        if summary.loss_percent > 0.1 {
            broken.push(format!(
                "{:.3} % of the packets were lost, 0.1 % is claimed",
                summary.loss_percent
            ));
        }
        broken
    }
}
