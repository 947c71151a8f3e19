//! A few publish, many only watch: the cost of a copy.

use super::{AUDIO_SLOTS, MAX_VIDEO_SLOTS, Part, Scenario, Size, delivery_claims};
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

    fn cast(&self, size: &Size) -> Vec<Vec<Part>> {
        let publisher = Part {
            publishes: true,
            video_slots: 0,
            audio_slots: 0,
        };
        let viewer = Part {
            publishes: false,
            video_slots: MAX_VIDEO_SLOTS.min(u8::try_from(size.publishers).unwrap_or(u8::MAX)),
            audio_slots: AUDIO_SLOTS,
        };
        let publishers = std::iter::repeat_n(publisher, size.publishers.into());
        let viewers = std::iter::repeat_n(viewer, size.viewers.into());
        let room: Vec<Part> = publishers.chain(viewers).collect();
        vec![room; size.rooms.into()]
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        delivery_claims(summary, 99.0, 150.0)
    }
}
