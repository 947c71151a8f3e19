//! How whole a recording is, computed from its tapes and what is in the files.

use std::collections::BTreeMap;

use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::Source;
use sfu_protocol::recording::{MissingStretch, RecordingHealth};

use crate::clock::{Residual, TapeMapping};
use crate::stretch::{Stretch, meets, union, without};
use crate::survey::Survey;
use crate::timeline::{Timeline, TrackLine, patience_us};

/// Missing stretches told one by one. Beyond, the longest are told.
pub const MAX_GAPS: usize = 1_000;

/// Sums up the health of a recording.
pub fn health<'a>(
    timeline: &Timeline,
    surveys: impl Iterator<Item = &'a Survey>,
    mappings: &[(TrackId, &TapeMapping)],
) -> RecordingHealth {
    let mut health = RecordingHealth {
        duration_ms: as_ms(timeline.duration_us),
        gaps: gaps(&timeline.tracks),
        largest_av_skew_ms: largest_skew_ms(mappings),
        ..RecordingHealth::default()
    };
    for survey in surveys {
        health.packets_recorded += survey.counts.packets;
        health.packets_lost_on_network += survey.counts.lost;
        health.entries_missing = health
            .entries_missing
            .saturating_add(survey.entries_missing);
    }
    health
}

fn as_ms(us: i64) -> u64 {
    u64::try_from(us / 1_000).unwrap_or(0)
}

/// Where a live track has no frames for longer than its kind may be silent, or for want of a node.
fn gaps(tracks: &[TrackLine]) -> Vec<MissingStretch> {
    let mut gaps: Vec<MissingStretch> = tracks.iter().flat_map(track_gaps).collect();
    if gaps.len() > MAX_GAPS {
        gaps.sort_by_key(|gap| std::cmp::Reverse(gap.to_ms - gap.from_ms));
        gaps.truncate(MAX_GAPS);
        gaps.sort_by_key(|gap| (gap.from_ms, gap.track));
    }
    gaps
}

fn track_gaps(line: &TrackLine) -> Vec<MissingStretch> {
    let patience_us = patience_us(line.track.source);
    let wanted = union([&line.published[..], &line.cut_off].concat());
    let wanted = without(&wanted, &line.muted);
    // Frames on both sides of a short stretch without a node cover it in no way.
    let covered = without(&line.covered, &line.cut_off);
    without(&wanted, &covered)
        .into_iter()
        .filter(|stretch: &Stretch| {
            stretch.length_us() > patience_us || meets(&line.cut_off, *stretch)
        })
        .map(|stretch| MissingStretch {
            track: line.track,
            from_ms: as_ms(stretch.from_us),
            to_ms: as_ms(stretch.to_us),
        })
        .collect()
}

/// The largest distance between a sound and the picture that belongs to it.
fn largest_skew_ms(mappings: &[(TrackId, &TapeMapping)]) -> Option<u32> {
    let mut by_publisher: BTreeMap<(ParticipantId, bool), Pair<'_>> = BTreeMap::new();
    for (track, mapping) in mappings {
        let is_screen = matches!(track.source, Source::Screen | Source::ScreenAudio);
        let pair = by_publisher
            .entry((track.participant, is_screen))
            .or_default();
        match track.source {
            Source::Microphone | Source::ScreenAudio => pair.sound.push(mapping),
            Source::Camera | Source::Screen => pair.picture.push(mapping),
        }
    }
    let largest_us = by_publisher.values().filter_map(Pair::skew_us).max()?;
    Some(u32::try_from(largest_us / 1_000).unwrap_or(u32::MAX))
}

#[derive(Default)]
struct Pair<'a> {
    sound: Vec<&'a TapeMapping>,
    picture: Vec<&'a TapeMapping>,
}

impl Pair<'_> {
    fn skew_us(&self) -> Option<i64> {
        if self.sound.is_empty() || self.picture.is_empty() {
            return None;
        }
        let sound = residuals(&self.sound);
        let picture = residuals(&self.picture);
        if sound.is_empty() || picture.is_empty() {
            return Some(by_arrival_us(&self.sound, &self.picture));
        }
        picture
            .iter()
            .map(|seen| (seen.off_us - nearest(&sound, seen.at_us).off_us).abs())
            .max()
    }
}

/// Without sender reports, sound and picture are as far apart as their delays vary.
fn by_arrival_us(sound: &[&TapeMapping], picture: &[&TapeMapping]) -> i64 {
    let late = |mappings: &[&TapeMapping]| {
        mappings
            .iter()
            .map(|mapping| mapping.median_late_us())
            .max()
            .unwrap_or(0)
    };
    (late(sound) - late(picture)).abs()
}

fn residuals(mappings: &[&TapeMapping]) -> Vec<Residual> {
    let mut all: Vec<Residual> = mappings
        .iter()
        .flat_map(|mapping| mapping.residuals())
        .copied()
        .collect();
    all.sort_by_key(|residual| residual.at_us);
    all
}

fn nearest(sorted: &[Residual], at_us: i64) -> Residual {
    let after = sorted.partition_point(|residual| residual.at_us < at_us);
    let candidates = [after.checked_sub(1), Some(after)];
    candidates
        .into_iter()
        .flatten()
        .filter_map(|at| sorted.get(at))
        .min_by_key(|residual| (residual.at_us - at_us).abs())
        .copied()
        .expect("there is at least one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn line(source: Source, covered: &[(i64, i64)]) -> TrackLine {
        let second = 1_000_000;
        TrackLine {
            track: TrackId {
                participant: ParticipantId(Uuid::nil()),
                source,
            },
            published: vec![Stretch::new(0, 60 * second)],
            muted: vec![Stretch::new(10 * second, 20 * second)],
            covered: covered
                .iter()
                .map(|(from, to)| Stretch::new(from * second, to * second))
                .collect(),
            cut_off: vec![],
        }
    }

    #[test]
    fn a_stretch_without_a_node_is_a_gap_however_short_unless_the_track_was_muted() {
        let second = 1_000_000;
        let cut = |source, from: i64, to: i64| {
            let mut line = line(source, &[(0, 60)]);
            line.cut_off = vec![Stretch::new(from * second, to * second)];
            line
        };
        let tracks = [
            cut(Source::Camera, 30, 31),
            cut(Source::Microphone, 12, 13),
            cut(Source::Screen, 40, 41),
        ];
        let found: Vec<(Source, u64, u64)> = gaps(&tracks)
            .into_iter()
            .map(|gap| (gap.track.source, gap.from_ms, gap.to_ms))
            .collect();
        assert_eq!(
            found,
            [
                (Source::Camera, 30_000, 31_000),
                (Source::Screen, 40_000, 41_000)
            ]
        );
    }

    #[test]
    fn gaps_are_where_a_live_track_is_silent_too_long() {
        let tracks = [
            line(Source::Microphone, &[(0, 10), (22, 60)]),
            line(Source::Camera, &[(0, 10), (22, 40), (45, 60)]),
            line(Source::Screen, &[(0, 1)]),
        ];
        let found: Vec<(Source, u64, u64)> = gaps(&tracks)
            .into_iter()
            .map(|gap| (gap.track.source, gap.from_ms, gap.to_ms))
            .collect();
        assert_eq!(
            found,
            [
                (Source::Microphone, 20_000, 22_000),
                (Source::Camera, 40_000, 45_000),
            ]
        );
    }

    #[test]
    fn gaps_are_bounded_and_the_longest_are_told() {
        let mut broken = line(Source::Microphone, &[]);
        broken.published = (0..2_000)
            .map(|at| Stretch::new(at * 10_000_000, at * 10_000_000 + 2_000_000 + at * 1_000))
            .collect();
        broken.muted.clear();
        let found = gaps(&[broken]);
        assert_eq!(found.len(), MAX_GAPS);
        assert_eq!(found[0].from_ms, 10_000_000);
    }

    #[test]
    fn nobody_with_both_sound_and_picture_has_no_skew() {
        let mapping = TapeMapping::default();
        let track = |source| TrackId {
            participant: ParticipantId(Uuid::nil()),
            source,
        };
        assert_eq!(largest_skew_ms(&[(track(Source::Camera), &mapping)]), None);
        let both = [
            (track(Source::Camera), &mapping),
            (track(Source::Microphone), &mapping),
        ];
        assert_eq!(largest_skew_ms(&both), Some(0));
    }
}
