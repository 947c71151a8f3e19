//! From the timeline to scenes: what changes the picture, and what it is between two changes.

use std::collections::{BTreeMap, BTreeSet};

use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::Source;
use sfu_protocol::signal::Role;

use super::{Canvas, MAX_TILES, Rect, Scene, Tile, grid, stage_and_strip};
use crate::stretch::{Stretch, contains, union, without};
use crate::timeline::{Presence, Timeline, TrackLine};

/// How long before it was sent the first picture of a camera may be shown. A recording, or a
/// participant, begins between two keyframes; the picture that comes is better than a name until then.
pub const EARLY_US: i64 = 1_500_000;

/// The scenes of a recording: from 0 to its end without a hole.
pub fn scenes(timeline: &Timeline, canvas: Canvas) -> Vec<Scene> {
    let looks = Looks::new(timeline);
    let mut scenes: Vec<Scene> = Vec::new();
    let cuts: Vec<i64> = looks.cuts(timeline.duration_us).into_iter().collect();
    for pair in cuts.windows(2) {
        let tiles = looks.tiles(canvas, pair[0]);
        match scenes.last_mut() {
            Some(last) if last.tiles == tiles => last.to_us = pair[1],
            _ => scenes.push(Scene {
                from_us: pair[0],
                to_us: pair[1],
                tiles,
            }),
        }
    }
    scenes
}

/// When each track is to be seen or heard.
struct Looks<'a> {
    people: Vec<&'a Presence>,
    shown: BTreeMap<TrackId, Vec<Stretch>>,
}

impl<'a> Looks<'a> {
    fn new(timeline: &'a Timeline) -> Self {
        Looks {
            people: timeline
                .participants
                .iter()
                .filter(|person| person.role != Some(Role::Observer))
                .collect(),
            shown: timeline
                .tracks
                .iter()
                .map(|line| (line.track, shown(line)))
                .collect(),
        }
    }

    fn cuts(&self, end_us: i64) -> BTreeSet<i64> {
        let stretches = self
            .people
            .iter()
            .flat_map(|person| &person.present)
            .chain(self.shown.values().flatten());
        let mut cuts: BTreeSet<i64> = stretches
            .flat_map(|stretch| [stretch.from_us, stretch.to_us])
            .filter(|at_us| (0..end_us).contains(at_us))
            .collect();
        cuts.extend([0, end_us.max(0)]);
        cuts
    }

    fn tiles(&self, canvas: Canvas, at_us: i64) -> Vec<Tile> {
        let present: Vec<&Presence> = self
            .people
            .iter()
            .copied()
            .filter(|person| contains(&person.present, at_us))
            .collect();
        let screens: Vec<&Presence> = present
            .iter()
            .copied()
            .filter(|person| self.is_shown(person.participant, Source::Screen, at_us))
            .collect();
        if screens.is_empty() {
            let rects = grid(canvas, present.len().min(MAX_TILES));
            return present
                .into_iter()
                .zip(rects)
                .map(|(person, rect)| self.camera_tile(person, rect, at_us))
                .collect();
        }
        let (stage, strip) = stage_and_strip(canvas, present.len() + screens.len() - 1);
        let further = screens[1..].iter().map(|person| (true, *person));
        let beside = further.chain(present.iter().map(|person| (false, *person)));
        let mut tiles = vec![screen_tile(screens[0], stage)];
        tiles.extend(beside.zip(strip).map(|((is_screen, person), rect)| {
            if is_screen {
                screen_tile(person, rect)
            } else {
                self.camera_tile(person, rect, at_us)
            }
        }));
        tiles
    }

    fn camera_tile(&self, person: &Presence, rect: Rect, at_us: i64) -> Tile {
        let participant = person.participant;
        let seen = self.is_shown(participant, Source::Camera, at_us);
        Tile {
            participant,
            name: person.name.clone(),
            track: seen.then_some(TrackId {
                participant,
                source: Source::Camera,
            }),
            rect,
            muted: !self.is_shown(participant, Source::Microphone, at_us),
        }
    }

    fn is_shown(&self, participant: ParticipantId, source: Source, at_us: i64) -> bool {
        let track = TrackId {
            participant,
            source,
        };
        self.shown
            .get(&track)
            .is_some_and(|stretches| contains(stretches, at_us))
    }
}

fn screen_tile(person: &Presence, rect: Rect) -> Tile {
    Tile {
        participant: person.participant,
        name: format!("{}'s screen", person.name),
        track: Some(TrackId {
            participant: person.participant,
            source: Source::Screen,
        }),
        rect,
        muted: false,
    }
}

/// Video is shown while its frames come, a camera from when it is live if its first picture is not
/// far (the picture is then shown early). A microphone counts as open while it is not muted.
/// A screen that does not change keeps its last frame until it is no longer shared.
fn shown(line: &TrackLine) -> Vec<Stretch> {
    let shown = match line.track.source {
        Source::Camera => shown_early(line),
        Source::Microphone | Source::ScreenAudio => line.published.clone(),
        Source::Screen => {
            let first_us = line.covered.first().map_or(i64::MAX, |first| first.from_us);
            let since_first = |stretch: &Stretch| Stretch {
                from_us: stretch.from_us.max(first_us),
                ..*stretch
            };
            line.published
                .iter()
                .map(since_first)
                .filter(|stretch| stretch.length_us() > 0)
                .collect()
        }
    };
    without(&shown, &line.muted)
}

/// What is covered, each stretch from the moment at which the camera went live for it.
fn shown_early(line: &TrackLine) -> Vec<Stretch> {
    let live = line.live();
    let early = |covered: &Stretch| {
        let since = live
            .iter()
            .find(|live| (live.from_us..live.to_us).contains(&covered.from_us));
        let from_us = since
            .map(|live| live.from_us)
            .filter(|from_us| covered.from_us - from_us <= EARLY_US);
        Stretch {
            from_us: from_us.unwrap_or(covered.from_us),
            ..*covered
        }
    };
    union(line.covered.iter().map(early).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn who(number: u128) -> ParticipantId {
        ParticipantId(Uuid::from_u128(number))
    }

    fn person(number: u128, role: Role, from_us: i64, to_us: i64) -> Presence {
        Presence {
            participant: who(number),
            name: format!("P{number}"),
            role: Some(role),
            present: vec![Stretch::new(from_us, to_us)],
        }
    }

    fn line(number: u128, source: Source, from_us: i64, to_us: i64) -> TrackLine {
        TrackLine {
            track: TrackId {
                participant: who(number),
                source,
            },
            published: vec![Stretch::new(from_us, to_us)],
            muted: vec![],
            covered: vec![Stretch::new(from_us + 1, to_us)],
            cut_off: vec![],
        }
    }

    fn timeline(participants: Vec<Presence>, tracks: Vec<TrackLine>) -> Timeline {
        Timeline {
            duration_us: 100,
            participants,
            tracks,
            events: vec![],
        }
    }

    /// A tile's name, and whether it has a picture.
    type Told = (String, bool);

    /// From, to, and the tiles of each scene.
    fn told(timeline: &Timeline) -> Vec<(i64, i64, Vec<Told>)> {
        scenes(timeline, Canvas::HD)
            .into_iter()
            .map(|scene| {
                let tiles = scene
                    .tiles
                    .into_iter()
                    .map(|tile| (tile.name, tile.track.is_some()))
                    .collect();
                (scene.from_us, scene.to_us, tiles)
            })
            .collect()
    }

    fn tile(name: &str, picture: bool) -> Told {
        (name.to_owned(), picture)
    }

    #[test]
    fn the_grid_follows_who_is_there_and_never_shows_an_observer() {
        let built = timeline(
            vec![
                person(1, Role::Host, 0, 100),
                person(2, Role::Guest, 40, 80),
                person(3, Role::Observer, 0, 100),
            ],
            vec![],
        );
        assert_eq!(
            told(&built),
            [
                (0, 40, vec![tile("P1", false)]),
                (40, 80, vec![tile("P1", false), tile("P2", false)]),
                (80, 100, vec![tile("P1", false)]),
            ]
        );
    }

    #[test]
    fn a_camera_that_is_muted_leaves_the_name() {
        let mut camera = line(1, Source::Camera, -1, 100);
        camera.muted = vec![Stretch::new(50, 60)];
        let built = timeline(vec![person(1, Role::Host, 0, 100)], vec![camera]);
        let pictures: Vec<bool> = told(&built)
            .iter()
            .map(|(_, _, tiles)| tiles[0].1)
            .collect();
        assert_eq!(pictures, [true, false, true]);
    }

    #[test]
    fn a_camera_is_shown_from_when_it_is_live_if_its_first_picture_is_near() {
        type Pairs = &'static [(i64, i64)];
        const S: i64 = 1_000_000;
        // Covered, muted, shown.
        let cases: [(Pairs, Pairs, Pairs); 5] = [
            (&[(500_000, 20 * S)], &[], &[(0, 20 * S)]),
            (&[(EARLY_US, 20 * S)], &[], &[(0, 20 * S)]),
            (&[(EARLY_US + 1, 20 * S)], &[], &[(EARLY_US + 1, 20 * S)]),
            // Again after a mute, and not into it.
            (
                &[(0, 5 * S), (10_400_000, 20 * S)],
                &[(5 * S, 10 * S)],
                &[(0, 5 * S), (10 * S, 20 * S)],
            ),
            // A hole that is no mute stays one.
            (
                &[(0, 5 * S), (6 * S, 20 * S)],
                &[],
                &[(0, 5 * S), (6 * S, 20 * S)],
            ),
        ];
        let list = |pairs: Pairs| -> Vec<Stretch> {
            let stretch = |(from, to): &(i64, i64)| Stretch::new(*from, *to);
            pairs.iter().map(stretch).collect()
        };
        for (covered, muted, expected) in cases {
            let camera = TrackLine {
                covered: list(covered),
                muted: list(muted),
                ..line(1, Source::Camera, 0, 20 * S)
            };
            assert_eq!(shown(&camera), list(expected), "{covered:?} {muted:?}");
        }
    }

    #[test]
    fn a_shared_screen_is_large_until_it_ends_with_the_others_beside_it() {
        let built = timeline(
            vec![
                person(1, Role::Host, 0, 100),
                person(2, Role::Guest, 0, 100),
            ],
            vec![line(2, Source::Screen, 30, 70)],
        );
        let scenes = scenes(&built, Canvas::HD);
        assert_eq!(scenes.len(), 3);
        let shared = &scenes[1];
        assert_eq!((shared.from_us, shared.to_us), (31, 70));
        let names: Vec<&str> = shared.tiles.iter().map(|tile| tile.name.as_str()).collect();
        assert_eq!(names, ["P2's screen", "P1", "P2"]);
        assert!(shared.tiles[0].rect.width > 3 * shared.tiles[1].rect.width);
    }

    #[test]
    fn an_empty_room_is_one_scene_without_tiles_and_no_time_is_no_scene() {
        let mut built = timeline(vec![], vec![]);
        assert_eq!(told(&built), [(0, 100, vec![])]);
        built.duration_us = 0;
        assert_eq!(told(&built), []);
    }

    #[test]
    fn a_microphone_that_is_not_there_or_muted_is_marked() {
        let mut microphone = line(1, Source::Microphone, 0, 100);
        microphone.muted = vec![Stretch::new(0, 10)];
        let built = timeline(
            vec![
                person(1, Role::Host, 0, 100),
                person(2, Role::Guest, 0, 100),
            ],
            vec![microphone],
        );
        let muted: Vec<Vec<bool>> = scenes(&built, Canvas::HD)
            .iter()
            .map(|scene| scene.tiles.iter().map(|tile| tile.muted).collect())
            .collect();
        assert_eq!(muted, [[true, true], [false, true]]);
    }
}
