//! Who is shown in which slot: a pure function of what a participant asks for, what is
//! published, who speaks, and what is in the slots now. Stable: whoever is shown and still
//! belongs among the shown keeps the slot.

use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::Show;

/// A track that may be shown to this participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) track: TrackId,
    /// False while muted: it is shown only where nobody else wants the slot.
    pub(crate) live: bool,
    /// Joining order of its publisher.
    pub(crate) order: u64,
    /// When its publisher last spoke; higher is more recent, 0 is never.
    pub(crate) heard_at: u64,
}

/// A slot as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) kind: Kind,
    pub(crate) show: Show,
    pub(crate) content: Option<TrackId>,
}

/// What belongs into each slot.
pub(crate) fn place(
    wishes: &[Wish],
    candidates: &[Candidate],
    speaker: Option<ParticipantId>,
) -> Vec<Option<TrackId>> {
    let mut placed = vec![None; wishes.len()];
    place_named(wishes, candidates, speaker, &mut placed);
    for kind in [Kind::Audio, Kind::Video] {
        place_auto(kind, wishes, candidates, &mut placed);
    }
    placed
}

fn place_named(
    wishes: &[Wish],
    candidates: &[Candidate],
    speaker: Option<ParticipantId>,
    placed: &mut [Option<TrackId>],
) {
    let exists = |track: &TrackId| candidates.iter().any(|candidate| candidate.track == *track);
    for (wish, slot) in wishes.iter().zip(placed.iter_mut()) {
        *slot = match wish.show {
            Show::Auto | Show::Nothing => None,
            Show::Track(track) => Some(track).filter(|track| track.source.kind() == wish.kind),
            Show::Speaker => speaker
                .map(|participant| speaking_track(participant, wish.kind))
                .filter(exists)
                // Nobody else speaks: who spoke last stays.
                .or(wish.content.filter(exists))
                .or_else(|| first(wish.kind, candidates)),
        }
        .filter(exists);
    }
}

fn speaking_track(participant: ParticipantId, kind: Kind) -> TrackId {
    let source = match kind {
        Kind::Audio => Source::Microphone,
        Kind::Video => Source::Camera,
    };
    TrackId {
        participant,
        source,
    }
}

fn first(kind: Kind, candidates: &[Candidate]) -> Option<TrackId> {
    ranked(kind, candidates)
        .first()
        .map(|candidate| candidate.track)
}

fn place_auto(
    kind: Kind,
    wishes: &[Wish],
    candidates: &[Candidate],
    placed: &mut [Option<TrackId>],
) {
    let auto: Vec<usize> = (0..wishes.len())
        .filter(|slot| wishes[*slot].kind == kind && wishes[*slot].show == Show::Auto)
        .collect();
    let mut chosen: Vec<TrackId> = ranked(kind, candidates)
        .iter()
        .map(|candidate| candidate.track)
        .filter(|track| !placed.contains(&Some(*track)))
        .take(auto.len())
        .collect();
    for slot in &auto {
        if let Some(at) = chosen
            .iter()
            .position(|track| wishes[*slot].content == Some(*track))
        {
            placed[*slot] = Some(chosen.remove(at));
        }
    }
    let mut rest = chosen.into_iter();
    for slot in &auto {
        if placed[*slot].is_none() {
            placed[*slot] = rest.next();
        }
    }
}

/// Those who are shown first come first. Video: live ones, shared screens, then in joining
/// order. Audio: live ones, the sound of what is shared, then whoever spoke most recently.
fn ranked(kind: Kind, candidates: &[Candidate]) -> Vec<Candidate> {
    let mut ranked: Vec<Candidate> = candidates
        .iter()
        .copied()
        .filter(|candidate| candidate.track.source.kind() == kind)
        .collect();
    ranked.sort_by_key(|candidate| {
        let shared = matches!(candidate.track.source, Source::Screen | Source::ScreenAudio);
        let quiet = match kind {
            Kind::Audio => u64::MAX - candidate.heard_at,
            Kind::Video => 0,
        };
        (
            !candidate.live,
            !shared,
            quiet,
            candidate.order,
            candidate.track,
        )
    });
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(n: u128, source: Source) -> TrackId {
        let participant = ParticipantId(uuid::Uuid::from_u128(n));
        TrackId {
            participant,
            source,
        }
    }

    fn camera(n: u128) -> TrackId {
        track(n, Source::Camera)
    }

    fn candidate(track: TrackId, order: u64) -> Candidate {
        Candidate {
            track,
            live: true,
            order,
            heard_at: 0,
        }
    }

    fn auto(kind: Kind, contents: &[Option<TrackId>]) -> Vec<Wish> {
        let wish = |content: &Option<TrackId>| Wish {
            kind,
            show: Show::Auto,
            content: *content,
        };
        contents.iter().map(wish).collect()
    }

    #[test]
    fn screens_come_first_then_joining_order() {
        let candidates = [
            candidate(camera(2), 2),
            candidate(camera(1), 1),
            candidate(track(2, Source::Screen), 2),
            candidate(track(1, Source::Microphone), 1),
        ];
        let placed = place(
            &auto(Kind::Video, &[None, None, None, None]),
            &candidates,
            None,
        );
        let expected = [
            Some(track(2, Source::Screen)),
            Some(camera(1)),
            Some(camera(2)),
            None,
        ];
        assert_eq!(placed, expected);
    }

    #[test]
    fn whoever_is_shown_keeps_the_slot() {
        let candidates = [
            candidate(camera(1), 1),
            candidate(camera(2), 2),
            candidate(camera(3), 3),
        ];
        let wishes = auto(Kind::Video, &[None, Some(camera(2)), Some(camera(1))]);
        let placed = place(&wishes, &candidates, None);
        assert_eq!(placed, [Some(camera(3)), Some(camera(2)), Some(camera(1))]);
    }

    #[test]
    fn a_muted_camera_yields_to_a_live_one_and_stays_where_there_is_room() {
        let mut muted = candidate(camera(1), 1);
        muted.live = false;
        let candidates = [muted, candidate(camera(2), 2)];
        assert_eq!(
            place(&auto(Kind::Video, &[Some(camera(1))]), &candidates, None),
            [Some(camera(2))]
        );
        assert_eq!(
            place(
                &auto(Kind::Video, &[Some(camera(1)), None]),
                &candidates,
                None
            ),
            [Some(camera(1)), Some(camera(2))]
        );
    }

    #[test]
    fn with_more_voices_than_slots_the_most_recent_are_heard() {
        let voice = |n: u128, heard_at: u64| Candidate {
            heard_at,
            ..candidate(track(n, Source::Microphone), n as u64)
        };
        let candidates = [voice(1, 3), voice(2, 0), voice(3, 9)];
        let microphone = |n| Some(track(n, Source::Microphone));
        let wishes = auto(Kind::Audio, &[microphone(2), microphone(1)]);
        assert_eq!(
            place(&wishes, &candidates, None),
            [microphone(3), microphone(1)]
        );
    }

    #[test]
    fn a_named_track_is_shown_once_and_a_missing_one_not_at_all() {
        let candidates = [candidate(camera(1), 1), candidate(camera(2), 2)];
        let mut wishes = auto(Kind::Video, &[None, None, None, None]);
        wishes[1].show = Show::Track(camera(1));
        wishes[2].show = Show::Track(camera(7));
        wishes[3].show = Show::Nothing;
        let placed = place(&wishes, &candidates, None);
        assert_eq!(placed, [Some(camera(2)), Some(camera(1)), None, None]);
        wishes[1].show = Show::Track(track(1, Source::Microphone));
        assert_eq!(
            place(&wishes, &candidates, None)[1],
            None,
            "a voice is not seen"
        );
    }

    #[test]
    fn the_speaker_slot_follows_the_speaker_and_stays_on_the_last() {
        let candidates = [candidate(camera(1), 1), candidate(camera(2), 2)];
        let mut wishes = auto(Kind::Video, &[None]);
        wishes[0].show = Show::Speaker;
        let at = |wishes: &[Wish], n: Option<u128>| {
            place(wishes, &candidates, n.map(|n| camera(n).participant))[0]
        };
        assert_eq!(at(&wishes, None), Some(camera(1)));
        assert_eq!(at(&wishes, Some(2)), Some(camera(2)));
        wishes[0].content = Some(camera(2));
        assert_eq!(at(&wishes, None), Some(camera(2)));
        assert_eq!(at(&wishes, Some(9)), Some(camera(2)));
        wishes[0].content = Some(camera(9));
        assert_eq!(
            at(&wishes, None),
            Some(camera(1)),
            "the last speaker is gone: somebody else is shown"
        );
    }
}
