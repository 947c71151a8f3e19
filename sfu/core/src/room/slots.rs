//! Who is shown in which slot: a pure function of what a participant asks for, what is
//! published, who speaks, and what is in the slots now. Stable: whoever is shown and still
//! belongs among the shown keeps the slot.

use std::collections::BTreeMap;

use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_protocol::signal::Show;

/// A track that may be shown to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) track: TrackId,
    /// False while muted: it is shown only where nobody else wants the slot.
    pub(crate) live: bool,
    /// Joining order of its publisher.
    pub(crate) order: u64,
    /// When its publisher last spoke; higher is more recent, most whoever speaks now, 0 is never.
    pub(crate) heard_at: u64,
    /// What it is in, once that is known.
    pub(crate) codec: Option<Codec>,
}

/// The tracks of a room, those first that are shown first. Made once for everybody in it: what
/// differs from one participant to the next is only what they may not be shown.
#[derive(Debug)]
pub(crate) struct Ranking {
    audio: Vec<Candidate>,
    video: Vec<Candidate>,
    by_track: BTreeMap<TrackId, Candidate>,
}

impl Ranking {
    pub(crate) fn new(candidates: &[Candidate]) -> Self {
        let by_track = candidates
            .iter()
            .map(|candidate| (candidate.track, *candidate));
        Ranking {
            audio: ranked(Kind::Audio, candidates),
            video: ranked(Kind::Video, candidates),
            by_track: by_track.collect(),
        }
    }

    fn of(&self, kind: Kind) -> &[Candidate] {
        match kind {
            Kind::Audio => &self.audio,
            Kind::Video => &self.video,
        }
    }
}

/// What one participant may be shown, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) ranking: &'a Ranking,
    pub(crate) viewer: ParticipantId,
    /// What the viewer can decode.
    pub(crate) codecs: &'a [Codec],
    /// False: nothing is shown.
    pub(crate) subscribes: bool,
    /// Pictures that are shown at most where nobody is named.
    pub(crate) last_n: usize,
}

impl View<'_> {
    fn shows(&self, candidate: &Candidate) -> bool {
        let decodable = candidate
            .codec
            .is_none_or(|codec| self.codecs.contains(&codec));
        self.subscribes && decodable && candidate.track.participant != self.viewer
    }

    fn has(&self, track: &TrackId) -> bool {
        let candidate = self.ranking.by_track.get(track);
        candidate.is_some_and(|candidate| self.shows(candidate))
    }

    fn tracks(&self, kind: Kind) -> impl Iterator<Item = TrackId> {
        let candidates = self.ranking.of(kind).iter();
        candidates
            .filter(|candidate| self.shows(candidate))
            .map(|candidate| candidate.track)
    }
}

/// A slot as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) kind: Kind,
    pub(crate) show: Show,
    pub(crate) content: Option<TrackId>,
}

/// What belongs into each slot. A track is shown once: each slot may ask for keyframes on its own,
/// and whoever names one wants it there.
pub(crate) fn place(
    wishes: &[Wish],
    view: View<'_>,
    speaker: Option<ParticipantId>,
) -> Vec<Option<TrackId>> {
    let mut placed = vec![None; wishes.len()];
    for (at, wish) in wishes.iter().enumerate() {
        if let Show::Track(track) = wish.show
            && track.source.kind() == wish.kind
            && view.has(&track)
            && !placed.contains(&Some(track))
        {
            placed[at] = Some(track);
        }
    }
    for (at, wish) in wishes.iter().enumerate() {
        if wish.show == Show::Speaker {
            placed[at] = place_speaker(wish, view, speaker, &placed);
        }
    }
    for kind in [Kind::Audio, Kind::Video] {
        place_auto(kind, wishes, view, &mut placed);
    }
    placed
}

fn place_speaker(
    wish: &Wish,
    view: View<'_>,
    speaker: Option<ParticipantId>,
    placed: &[Option<TrackId>],
) -> Option<TrackId> {
    let free = |track: &TrackId| view.has(track) && !placed.contains(&Some(*track));
    speaker
        .map(|participant| speaking_track(participant, wish.kind))
        .filter(free)
        // Nobody else speaks: who spoke last stays.
        .or(wish.content.filter(free))
        .or_else(|| view.tracks(wish.kind).find(free))
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

fn place_auto(kind: Kind, wishes: &[Wish], view: View<'_>, placed: &mut [Option<TrackId>]) {
    let auto: Vec<usize> = (0..wishes.len())
        .filter(|slot| wishes[*slot].kind == kind && wishes[*slot].show == Show::Auto)
        .collect();
    let most = match kind {
        Kind::Audio => auto.len(),
        Kind::Video => auto.len().min(view.last_n),
    };
    let mut chosen: Vec<TrackId> = view
        .tracks(kind)
        .filter(|track| !placed.contains(&Some(*track)))
        .take(most)
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

/// Those who are shown first come first: live ones, what is shared, whoever speaks, whoever spoke
/// most recently, then in joining order.
fn ranked(kind: Kind, candidates: &[Candidate]) -> Vec<Candidate> {
    let mut ranked: Vec<Candidate> = candidates
        .iter()
        .copied()
        .filter(|candidate| candidate.track.source.kind() == kind)
        .collect();
    ranked.sort_by_key(|candidate| {
        let shared = matches!(candidate.track.source, Source::Screen | Source::ScreenAudio);
        let quiet = u64::MAX - candidate.heard_at;
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
            codec: None,
        }
    }

    /// For somebody who publishes nothing and can decode everything.
    fn place(
        wishes: &[Wish],
        candidates: &[Candidate],
        speaker: Option<ParticipantId>,
    ) -> Vec<Option<TrackId>> {
        let view = View {
            ranking: &Ranking::new(candidates),
            viewer: ParticipantId(uuid::Uuid::from_u128(99)),
            codecs: &[],
            subscribes: true,
            last_n: 3,
        };
        super::place(wishes, view, speaker)
    }

    #[test]
    fn a_view_leaves_out_the_viewer_what_it_cannot_decode_and_all_without_the_right() {
        let mut av1 = candidate(camera(3), 3);
        av1.codec = Some(Codec::Av1);
        let candidates = [candidate(camera(1), 1), candidate(camera(2), 2), av1];
        let ranking = Ranking::new(&candidates);
        let seen = |viewer: u128, codecs: &[Codec], subscribes| {
            let view = View {
                ranking: &ranking,
                viewer: camera(viewer).participant,
                codecs,
                subscribes,
                last_n: 3,
            };
            let mut wishes = auto(Kind::Video, &[None, None, None]);
            wishes[2].show = Show::Track(camera(3));
            super::place(&wishes, view, None)
        };
        let (one, two, three) = (Some(camera(1)), Some(camera(2)), Some(camera(3)));
        assert_eq!(seen(1, &[Codec::Vp8], true), [two, None, None]);
        assert_eq!(seen(2, &[Codec::Av1], true), [one, None, three]);
        assert_eq!(seen(9, &[Codec::Av1], false), [None, None, None]);
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
    fn of_more_cameras_than_are_shown_those_are_who_spoke_last_and_the_others_keep_their_slots() {
        let spoke = |n: u128, heard_at: u64| Candidate {
            heard_at,
            ..candidate(camera(n), n as u64)
        };
        let candidates = [spoke(1, 0), spoke(2, 7), spoke(3, 9), spoke(4, 8)];
        let contents = [Some(camera(1)), Some(camera(2)), Some(camera(3))];
        let placed = place(&auto(Kind::Video, &contents), &candidates, None);
        assert_eq!(placed, [Some(camera(4)), contents[1], contents[2]]);
        // The room shows three, however many slots there are; whoever is named is shown besides.
        let mut wishes = auto(Kind::Video, &[None; 5]);
        wishes[4].show = Show::Track(camera(1));
        let placed = place(&wishes, &candidates, None);
        let expected = [3, 4, 2].map(|n| Some(camera(n)));
        assert_eq!(placed[..3], expected);
        assert_eq!(placed[3..], [None, Some(camera(1))]);
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
        wishes[1].show = Show::Track(camera(1));
        wishes[2].show = Show::Track(camera(1));
        let placed = place(&wishes, &candidates, None);
        assert_eq!(placed, [Some(camera(2)), Some(camera(1)), None, None]);
        wishes[0].show = Show::Speaker;
        let placed = place(&wishes, &candidates, Some(camera(1).participant));
        assert_eq!(placed, [Some(camera(2)), Some(camera(1)), None, None]);
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
