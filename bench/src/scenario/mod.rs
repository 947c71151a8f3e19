//! What is held: who publishes, who watches, and the claim.

mod fanout;
mod meeting;

use crate::report::Summary;

/// Most cameras that one participant watches at once.
pub(crate) const MAX_VIDEO_SLOTS: u8 = 9;

/// Most voices that one participant hears at once.
pub(crate) const AUDIO_SLOTS: u8 = 4;

/// How large a run is. Each number is for one room, but the last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) publishers: u16,
    pub(crate) viewers: u16,
    pub(crate) rooms: u16,
}

/// What one participant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Whether it sends a camera and a microphone.
    pub(crate) publishes: bool,
    /// How many cameras it watches at once.
    pub(crate) video_slots: u8,
    /// How many voices it hears at once.
    pub(crate) audio_slots: u8,
}

/// Something that can be held and claims something.
pub(crate) trait Scenario {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// What it says of a target that passes, in a sentence.
    fn claim(&self) -> &'static str;

    /// Who takes part, room by room.
    fn cast(&self, size: &Size) -> Vec<Vec<Part>>;

    /// Why the claim does not hold; empty when it does.
    fn broken_claims(&self, summary: &Summary) -> Vec<String>;
}

/// Every scenario.
pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    vec![Box::new(fanout::Fanout), Box::new(meeting::Meeting)]
}

/// The scenario of that name.
pub(crate) fn by_name(name: &str) -> Option<Box<dyn Scenario>> {
    all().into_iter().find(|scenario| scenario.name() == name)
}

/// What both scenarios claim: everyone is in, and of the frames that were due to be seen almost
/// all were decoded, soon.
fn delivery_claims(
    summary: &Summary,
    least_delivered_percent: f64,
    most_p95_ms: f64,
) -> Vec<String> {
    let mut broken = Vec::new();
    if summary.joined < summary.participants {
        let missing = summary.participants - summary.joined;
        broken.push(format!("{missing} participants did not get in"));
    }
    if summary.delivered_percent < least_delivered_percent {
        broken.push(format!(
            "{:.2} % of the frames were decoded, {least_delivered_percent} % are claimed",
            summary.delivered_percent
        ));
    }
    if summary.latency_ms.p95 > most_p95_ms {
        broken.push(format!(
            "95 % of the frames were there after {:.1} ms, {most_p95_ms} ms are claimed",
            summary.latency_ms.p95
        ));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_is_found_by_its_name_and_has_somebody_to_see_and_somebody_who_sees() {
        let size = Size {
            publishers: 3,
            viewers: 5,
            rooms: 2,
        };
        for scenario in all() {
            let found = by_name(scenario.name()).expect("listed");
            let rooms = found.cast(&size);
            assert_eq!(rooms.len(), 2, "{}", scenario.name());
            for parts in rooms {
                assert!(parts.iter().any(|part| part.publishes));
                assert!(parts.iter().any(|part| part.video_slots > 0));
            }
        }
        assert!(by_name("dance").is_none());
    }
}
