//! What is held: who takes part and when, over which network, and the claim.

mod audio;
mod churn;
mod fanout;
mod idle;
mod join_storm;
mod lossy;
mod meeting;
mod reconnect;
mod record;
mod rooms;

use std::time::Duration;

use sfu_client::impair::path;
use sfu_client::peer::Publication;
use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;

use crate::media::{LAYER_HEIGHTS, Talking};
use crate::report::Summary;

/// Most cameras that one participant watches at once, where nobody says otherwise.
pub(crate) const MAX_VIDEO_SLOTS: u8 = 9;

/// Most voices that one participant hears at once.
pub(crate) const AUDIO_SLOTS: u8 = 4;

/// How large a run is, and how long. The numbers are for each room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) publishers: u16,
    pub(crate) viewers: u16,
    pub(crate) rooms: u16,
    /// Simulcast layers of each camera.
    pub(crate) layers: u8,
    /// Most cameras that one participant watches at once.
    pub(crate) pictures: u8,
    /// How long is measured.
    pub(crate) window: Duration,
}

impl Size {
    /// One who only watches, where so many have a camera.
    pub(crate) fn viewer(&self, cameras: u16) -> Part {
        Part {
            video_slots: self.pictures.min(u8::try_from(cameras).unwrap_or(u8::MAX)),
            ..Part::viewer(cameras)
        }
    }
}

/// What one participant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Simulcast layers of its camera; none has no camera.
    pub(crate) camera_layers: Option<u8>,
    /// Whether it has a microphone.
    pub(crate) speaks: bool,
    pub(crate) talk: Talking,
    /// How many cameras it watches at once.
    pub(crate) video_slots: u8,
    /// How many voices it hears at once.
    pub(crate) audio_slots: u8,
    /// Whether its own network loses datagrams, so that it asks for many again.
    pub(crate) loses: bool,
    /// In which height it watches.
    pub(crate) max_height: u16,
    /// How long after the window opened it comes; none is there before.
    pub(crate) comes_after: Option<Duration>,
    /// How long it stays; none stays to the end.
    pub(crate) stays: Option<Duration>,
    /// Longest wait between two checks of its path.
    pub(crate) checks_every: Duration,
}

impl Default for Part {
    fn default() -> Self {
        Part {
            camera_layers: None,
            speaks: false,
            talk: Talking::Always,
            video_slots: 0,
            audio_slots: 0,
            loses: false,
            max_height: LAYER_HEIGHTS[LAYER_HEIGHTS.len() - 1],
            comes_after: None,
            stays: None,
            checks_every: Duration::from_millis(500),
        }
    }
}

impl Part {
    /// One who sends a camera and a microphone and watches nobody.
    pub(crate) fn publisher(layers: u8) -> Self {
        Part {
            camera_layers: Some(layers),
            speaks: true,
            ..Part::default()
        }
    }

    /// One who only watches so many cameras.
    pub(crate) fn viewer(cameras: u16) -> Self {
        Part {
            video_slots: MAX_VIDEO_SLOTS.min(u8::try_from(cameras).unwrap_or(u8::MAX)),
            audio_slots: AUDIO_SLOTS,
            ..Part::default()
        }
    }

    /// What it sends.
    pub(crate) fn publications(&self) -> Vec<Publication> {
        let camera = self
            .camera_layers
            .map(|layers| Publication::live(Source::Camera, layers));
        let state = match self.talk {
            Talking::Never => TrackState::Muted,
            Talking::Always | Talking::InTurns => TrackState::Live,
        };
        let microphone = self.speaks.then(|| Publication {
            state,
            ..Publication::live(Source::Microphone, 1)
        });
        camera.into_iter().chain(microphone).collect()
    }

    /// Whether it has anything that it could send.
    pub(crate) fn publishes(&self) -> bool {
        self.camera_layers.is_some() || self.speaks
    }

    /// Whether its voice is sent.
    pub(crate) fn is_heard(&self) -> bool {
        self.speaks && self.talk != Talking::Never
    }

    /// Whether it sends anything.
    pub(crate) fn sends(&self) -> bool {
        self.camera_layers.is_some() || self.is_heard()
    }
}

/// Everything that a run needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Who takes part, room by room. The first of each room are there first.
    pub(crate) rooms: Vec<Vec<Part>>,
    /// What everyone's own network does.
    pub(crate) network: path::Line,
    /// When all connections are cut, after the window opened.
    pub(crate) cut_after: Option<Duration>,
    /// Whether every room is recorded.
    pub(crate) records: bool,
}

impl Plan {
    /// So many rooms alike, over a clear network.
    pub(crate) fn of(room: Vec<Part>, rooms: u16) -> Self {
        Plan {
            rooms: vec![room; rooms.into()],
            network: path::Line::CLEAR,
            cut_after: None,
            records: false,
        }
    }

    /// How many take part, over the whole run.
    pub(crate) fn participants(&self) -> usize {
        self.rooms.iter().map(Vec::len).sum()
    }
}

/// Something that can be held and claims something.
pub(crate) trait Scenario {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// What it says of a target that passes, in a sentence.
    fn claim(&self) -> &'static str;

    /// How many publish in a room, unless it is said.
    fn usual_publishers(&self) -> u16 {
        1
    }

    /// Who takes part and what happens.
    fn plan(&self, size: &Size) -> Plan;

    /// Why the claim does not hold; empty when it does.
    fn broken_claims(&self, summary: &Summary) -> Vec<String>;
}

/// Every scenario.
pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    vec![
        Box::new(fanout::Fanout),
        Box::new(meeting::Meeting),
        Box::new(rooms::Rooms),
        Box::new(audio::Audio),
        Box::new(idle::Idle),
        Box::new(join_storm::JoinStorm),
        Box::new(churn::Churn),
        Box::new(lossy::Lossy),
        Box::new(reconnect::Reconnect),
        Box::new(record::Record),
    ]
}

/// The scenario of that name.
pub(crate) fn by_name(name: &str) -> Option<Box<dyn Scenario>> {
    all().into_iter().find(|scenario| scenario.name() == name)
}

/// One publishes, the others watch: what most scenarios begin with.
fn audience(size: &Size) -> Vec<Part> {
    let publishers = std::iter::repeat_n(Part::publisher(size.layers), size.publishers.into());
    let viewers = std::iter::repeat_n(size.viewer(size.publishers), size.viewers.into());
    publishers.chain(viewers).collect()
}

/// Everyone sees and hears the others.
fn circle(size: &Size) -> Vec<Part> {
    let person = Part {
        camera_layers: Some(size.layers),
        speaks: true,
        talk: Talking::InTurns,
        ..size.viewer(size.publishers.saturating_sub(1))
    };
    vec![person; size.publishers.into()]
}

/// What most scenarios claim: everyone is in, and of the frames that were due to be seen almost
/// all were decoded, soon.
fn delivery_claims(
    summary: &Summary,
    least_delivered_percent: f64,
    most_p95_ms: f64,
) -> Vec<String> {
    let mut broken = everyone_in(summary);
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

fn everyone_in(summary: &Summary) -> Vec<String> {
    let missing = summary.participants - summary.joined;
    match missing {
        0 => Vec::new(),
        _ => vec![format!("{missing} participants did not get in")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_is_found_by_its_name_and_has_somebody_to_see_or_hear_and_somebody_who_does() {
        let size = Size {
            publishers: 3,
            viewers: 5,
            rooms: 2,
            layers: 1,
            pictures: MAX_VIDEO_SLOTS,
            window: Duration::from_secs(10),
        };
        for scenario in all() {
            let found = by_name(scenario.name()).expect("listed");
            let plan = found.plan(&size);
            assert_eq!(plan.rooms.len(), 2, "{}", scenario.name());
            for parts in plan.rooms {
                assert!(parts.iter().any(Part::publishes), "{}", scenario.name());
                let listens = |part: &Part| part.video_slots > 0 || part.audio_slots > 0;
                assert!(parts.iter().any(listens), "{}", scenario.name());
                let first = parts.first().expect("somebody");
                assert_eq!(first.comes_after, None, "{}", scenario.name());
            }
        }
        assert!(by_name("dance").is_none());
    }
}
