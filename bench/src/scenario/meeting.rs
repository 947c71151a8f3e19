//! Everyone publishes and everyone watches, as people do.

use super::{AUDIO_SLOTS, MAX_VIDEO_SLOTS, Part, Scenario, Size, delivery_claims};
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

    fn cast(&self, size: &Size) -> Vec<Vec<Part>> {
        let others = u8::try_from(size.publishers.saturating_sub(1)).unwrap_or(u8::MAX);
        let person = Part {
            publishes: true,
            video_slots: MAX_VIDEO_SLOTS.min(others),
            audio_slots: AUDIO_SLOTS,
        };
        vec![vec![person; size.publishers.into()]; size.rooms.into()]
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        delivery_claims(summary, 99.0, 150.0)
    }
}
