//! What an offer asks for, read from its text before `str0m` sees it: which m-lines publish what
//! and which are slots. JSEP (RFC 8829), simulcast (RFC 8853), rids (RFC 8851).

use std::collections::BTreeSet;

use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{MAX_SLOTS, PublishLine, SlotId};

use super::extensions::Extensions;
use crate::media::packet::MAX_LAYERS;

/// Most m-lines of one offer: every slot, every source, a data channel, and as many again that
/// were stopped. More is refused.
const MAX_LINES: usize = 2 * (MAX_SLOTS + 8);

/// Largest offer that is read; see `sfu_protocol::signal::MAX_SIGNAL_BYTES`.
const MAX_OFFER_BYTES: usize = 200 * 1024;

/// `str0m` keeps 16 bytes of a mid and 8 of a rid; longer ones could be confused.
const MAX_MID_BYTES: usize = 16;
const MAX_RID_BYTES: usize = 8;

/// Why an offer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    /// Too long, or too many lines.
    #[error("the offer is too large")]
    TooLarge,
    /// An m-line has no mid, or one that is too long or used twice.
    #[error("every m-line needs a short mid of its own")]
    BadMid,
    /// `publish` names an m-line that is not there, does not send, or is of the other kind.
    #[error("publish names an m-line that does not send this source")]
    BadPublish,
    /// A simulcast line with too many or too long rids.
    #[error("the simulcast layers cannot be used")]
    BadLayers,
    /// A header extension with several numbers, or the number of another one.
    #[error("the header extensions cannot be told apart")]
    BadExtensions,
    /// More slots than allowed.
    #[error("too many slots")]
    TooManySlots,
    /// The session description could not be applied.
    #[error("the session description could not be applied")]
    Unusable,
}

/// An m-line that publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedLine {
    pub(crate) mid: String,
    pub(crate) source: Source,
    /// Smallest first; empty without simulcast.
    pub(crate) rids: Vec<String>,
}

/// An m-line that is a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedSlot {
    pub(crate) slot: SlotId,
    pub(crate) kind: Kind,
    /// What its m-line lists, one bit each.
    pub(crate) payload_types: u128,
}

/// What an offer asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) lines: Vec<PlannedLine>,
    pub(crate) slots: Vec<PlannedSlot>,
    /// The certificate of the browser's end, the same for every m-line (RFC 8122).
    pub(crate) fingerprint: Option<String>,
    pub(crate) extensions: Extensions,
}

/// Reads an offer and what the client says about it.
pub(crate) fn plan(sdp: &str, publish: &[PublishLine]) -> Result<Plan, OfferError> {
    if sdp.len() > MAX_OFFER_BYTES {
        return Err(OfferError::TooLarge);
    }
    let (lines, extensions) = survey(sdp)?;
    extensions.check()?;
    let fingerprint = sdp
        .lines()
        .find_map(|line| line.strip_prefix("a=fingerprint:"));
    let mut plan = Plan {
        fingerprint: fingerprint.map(|value| value.trim_end().to_ascii_lowercase()),
        extensions,
        ..Plan::default()
    };
    let mut sources = BTreeSet::new();
    for wanted in publish {
        let line = lines
            .iter()
            .find(|line| line.mid == wanted.mid && line.sends);
        let line = line.ok_or(OfferError::BadPublish)?;
        let named_twice = plan.lines.iter().any(|planned| planned.mid == wanted.mid);
        if line.kind != Some(wanted.source.kind()) || named_twice || !sources.insert(wanted.source)
        {
            return Err(OfferError::BadPublish);
        }
        plan.lines.push(PlannedLine {
            mid: wanted.mid.clone(),
            source: wanted.source,
            rids: smallest_first(&line.rids),
        });
    }
    for line in &lines {
        let published = plan.lines.iter().any(|planned| planned.mid == line.mid);
        if let (Some(kind), true, false) = (line.kind, line.receives, published) {
            plan.slots.push(PlannedSlot {
                slot: SlotId(line.mid.clone()),
                kind,
                payload_types: line.payload_types,
            });
        }
    }
    if plan.slots.len() > MAX_SLOTS {
        return Err(OfferError::TooManySlots);
    }
    Ok(plan)
}

/// The offer as the transport sees it. An ICE-lite node checks no candidates, and must not hold
/// addresses that only the client's word stands for. And nothing is sent by the transport: streams
/// of slots are ours.
pub(crate) fn for_transport(sdp: &str, plan: &Plan) -> String {
    let mut seen = String::with_capacity(sdp.len());
    for section in sections(sdp) {
        let mid = mid_of(section);
        let is_slot = |slot: &PlannedSlot| mid.is_some_and(|mid| mid == slot.slot.0);
        let direction = match plan.slots.iter().any(is_slot) {
            true => "a=inactive\r\n",
            false => "a=sendonly\r\n",
        };
        // Who says nothing does both (RFC 8866, section 6.7).
        let mut said = mid.is_none();
        for line in section.split_inclusive('\n') {
            match line.trim_end() {
                text if text.starts_with("a=candidate:") => {}
                "a=recvonly" | "a=sendrecv" | "a=sendonly" if mid.is_some() => {
                    said = true;
                    seen.push_str(direction);
                }
                text => {
                    said |= text == "a=inactive" || text.starts_with("m=application");
                    seen.push_str(line);
                }
            }
        }
        if !said {
            seen.push_str(direction);
        }
    }
    seen
}

/// The mid of a section.
pub(super) fn mid_of(section: &str) -> Option<&str> {
    let mut lines = section.lines();
    lines.find_map(|line| line.strip_prefix("a=mid:"))
}

/// The part before the first m-line, then each m-line with what belongs to it.
pub(super) fn sections(sdp: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(sdp);
    std::iter::from_fn(move || {
        let text = rest?;
        let (section, after) = match text.get(1..).and_then(|text| text.find("\nm=")) {
            Some(at) => {
                let (section, after) = text.split_at(at + 2);
                (section, Some(after))
            }
            None => (text, None),
        };
        rest = after;
        Some(section)
    })
}

/// An m-line as the offer describes it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    mid: String,
    /// None for data channels.
    kind: Option<Kind>,
    sends: bool,
    receives: bool,
    payload_types: u128,
    rids: Vec<String>,
}

fn survey(sdp: &str) -> Result<(Vec<Line>, Extensions), OfferError> {
    let mut lines: Vec<Line> = Vec::new();
    let mut extensions = Extensions::default();
    for text in sdp.lines() {
        if let Some(media) = text.strip_prefix("m=") {
            if lines.len() == MAX_LINES {
                return Err(OfferError::TooLarge);
            }
            lines.push(Line {
                kind: kind_of(media),
                sends: true,
                receives: true,
                payload_types: payload_types_of(media),
                ..Line::default()
            });
        } else if let Some(value) = text.strip_prefix("a=extmap:") {
            extensions.read(value);
        } else if let Some(line) = lines.last_mut() {
            read_attribute(text, line)?;
        }
    }
    let mut seen = BTreeSet::new();
    let distinct = lines
        .iter()
        .all(|line| !line.mid.is_empty() && seen.insert(&line.mid));
    distinct.then_some(()).ok_or(OfferError::BadMid)?;
    Ok((lines, extensions))
}

fn kind_of(media: &str) -> Option<Kind> {
    match media.split(' ').next() {
        Some("audio") => Some(Kind::Audio),
        Some("video") => Some(Kind::Video),
        _ => None,
    }
}

/// The list at the end of `audio 9 UDP/TLS/RTP/SAVPF 63 111`.
fn payload_types_of(media: &str) -> u128 {
    let listed = media.split_ascii_whitespace().skip(3);
    let types = listed.filter_map(|word| word.parse::<u32>().ok());
    types
        .filter(|pt| *pt < 128)
        .fold(0, |all, pt| all | 1 << pt)
}

fn read_attribute(text: &str, line: &mut Line) -> Result<(), OfferError> {
    match text.trim_end() {
        "a=sendonly" => line.receives = false,
        "a=recvonly" => line.sends = false,
        "a=inactive" => (line.sends, line.receives) = (false, false),
        attribute => {
            if let Some(mid) = attribute.strip_prefix("a=mid:") {
                if mid.len() > MAX_MID_BYTES || !mid.is_ascii() {
                    return Err(OfferError::BadMid);
                }
                line.mid = mid.to_owned();
            } else if let Some(simulcast) = attribute.strip_prefix("a=simulcast:") {
                line.rids = read_simulcast(simulcast)?;
            }
        }
    }
    Ok(())
}

/// The send list of a simulcast attribute: `send q;h;f`, alternatives after a comma, `~` for a
/// layer that is paused at first.
fn read_simulcast(value: &str) -> Result<Vec<String>, OfferError> {
    let mut words = value.split(' ');
    let Some(list) = words
        .by_ref()
        .find(|word| *word == "send")
        .and_then(|_| words.next())
    else {
        return Ok(Vec::new());
    };
    let rids: Vec<String> = list
        .split(';')
        .filter_map(|alternatives| alternatives.split(',').next())
        .map(|rid| rid.trim_start_matches('~').to_owned())
        .collect();
    let usable = |rid: &String| {
        !rid.is_empty()
            && rid.len() <= MAX_RID_BYTES
            && rid.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if rids.len() > MAX_LAYERS || !rids.iter().all(usable) {
        return Err(OfferError::BadLayers);
    }
    Ok(rids)
}

/// Our own clients call their layers q, h and f and may list them in any order; of others the
/// order of the list counts (RFC 8853, section 5.2, leaves it to the application).
fn smallest_first(rids: &[String]) -> Vec<String> {
    const NAMES: [&str; 3] = ["q", "h", "f"];
    let rank = |rid: &String| NAMES.iter().position(|name| name == rid);
    let mut sorted = rids.to_vec();
    if rids.iter().all(|rid| rank(rid).is_some()) {
        sorted.sort_by_key(rank);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sfu_protocol::signal::TrackState;

    const OFFER: &str = "v=0\r\ns=-\r\na=group:BUNDLE 0 1 2 3\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rid:f send\r\na=rid:q send\r\na=rid:h send\r\na=simulcast:send f;~h;q\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:2\r\na=recvonly\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\na=recvonly\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:4\r\na=inactive\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:5\r\n";

    fn publish(mid: &str, source: Source) -> PublishLine {
        PublishLine {
            mid: mid.to_owned(),
            source,
            state: TrackState::Live,
        }
    }

    #[test]
    fn send_lines_are_named_and_receive_lines_are_slots() {
        let wanted = [
            publish("0", Source::Microphone),
            publish("1", Source::Camera),
        ];
        let plan = plan(OFFER, &wanted).expect("a good offer");
        assert_eq!(plan.lines[1].rids, ["q", "h", "f"]);
        assert_eq!(plan.lines[0].rids, Vec::<String>::new());
        let slots: Vec<_> = plan
            .slots
            .iter()
            .map(|s| (s.slot.0.as_str(), s.kind))
            .collect();
        assert_eq!(slots, [("2", Kind::Audio), ("3", Kind::Video)]);
    }

    #[test]
    fn a_line_that_does_not_send_the_source_is_refused() {
        for wanted in [
            vec![publish("9", Source::Camera)],
            vec![publish("3", Source::Camera)],
            vec![publish("0", Source::Camera)],
            vec![publish("1", Source::Camera), publish("1", Source::Screen)],
            vec![
                publish("0", Source::Microphone),
                publish("0", Source::Microphone),
            ],
        ] {
            assert_eq!(
                plan(OFFER, &wanted),
                Err(OfferError::BadPublish),
                "{wanted:?}"
            );
        }
    }

    #[test]
    fn offers_beyond_a_bound_are_refused() {
        let line = |mid: usize| format!("m=video 9 X 96\r\na=mid:{mid}\r\na=recvonly\r\n");
        let many = |count: usize| (0..count).map(line).collect::<String>();
        assert!(plan(&many(MAX_SLOTS), &[]).is_ok());
        assert_eq!(
            plan(&many(MAX_SLOTS + 1), &[]),
            Err(OfferError::TooManySlots)
        );
        assert_eq!(plan(&many(MAX_LINES + 1), &[]), Err(OfferError::TooLarge));
        assert_eq!(
            plan(&"x".repeat(MAX_OFFER_BYTES + 1), &[]),
            Err(OfferError::TooLarge)
        );
        let cases = [
            ("m=video 9 X 96\r\n", OfferError::BadMid),
            (
                "m=video 9 X 96\r\na=mid:12345678901234567\r\n",
                OfferError::BadMid,
            ),
            (
                "m=video 9 X 96\r\na=mid:0\r\nm=audio 9 X 1\r\na=mid:0\r\n",
                OfferError::BadMid,
            ),
            (
                "m=video 9 X 96\r\na=mid:0\r\na=simulcast:send 1;2;3;4;5\r\n",
                OfferError::BadLayers,
            ),
            (
                "m=video 9 X 96\r\na=mid:0\r\na=simulcast:send 123456789\r\n",
                OfferError::BadLayers,
            ),
        ];
        for (sdp, expected) in cases {
            assert_eq!(plan(sdp, &[]), Err(expected), "{sdp}");
        }
    }

    #[test]
    fn layers_of_strangers_keep_their_order() {
        let rids = |list: &[&str]| list.iter().map(|rid| (*rid).to_owned()).collect::<Vec<_>>();
        assert_eq!(smallest_first(&rids(&["2", "1"])), ["2", "1"]);
        assert_eq!(smallest_first(&rids(&["h", "q"])), ["q", "h"]);
    }

    #[test]
    fn candidates_and_slots_never_reach_the_transport() {
        let wanted = [publish("0", Source::Microphone)];
        let plan = plan(OFFER, &wanted).expect("a good offer");
        let seen = for_transport(OFFER, &plan);
        assert!(!seen.contains("candidate") && !seen.contains("recvonly"));
        assert_eq!(seen.lines().count(), OFFER.lines().count() - 1);
        assert_eq!(seen.matches("a=inactive").count(), 3);
        let published = OFFER.replace("a=sendonly", "a=sendrecv");
        let same = for_transport(&published, &plan);
        assert_eq!(same, seen, "what is published is not answered");
    }

    proptest! {
        #[test]
        fn any_text_is_planned_or_refused_without_a_panic(sdp in "(m=|a=mid:|a=simulcast:|send|[a-z;,~ 0-9]{0,6}|\r\n){0,40}") {
            let _ = plan(&sdp, &[publish("0", Source::Camera)]);
        }
    }
}
