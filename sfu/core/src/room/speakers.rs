//! Who speaks, from the audio levels that publishers stamp on their packets (RFC 6464), with
//! hysteresis: it takes [`WINDOWS_TO_START`] loud windows to become a speaker and
//! [`WINDOWS_TO_STOP`] quiet ones to cease, and the loudest changes only for somebody clearly
//! louder. The level is the publisher's word; a liar is shown as speaking, which costs nobody
//! their sound.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_protocol::ids::ParticipantId;

/// How often speakers are computed again, and how much sound one window holds.
pub(crate) const WINDOW: Duration = Duration::from_millis(200);

/// A window whose mean is at least this loud is speech. Speech close to a microphone lies at -20
/// to -40 dBov; a quiet room at -60 and below.
const LOUD_DBOV: f32 = -45.0;

/// A window below this is quiet. Between the two everything stays as it is.
const QUIET_DBOV: f32 = -55.0;

const SILENCE_DBOV: f32 = -127.0;

const WINDOWS_TO_START: u8 = 2;
const WINDOWS_TO_STOP: u8 = 5;

/// Somebody has to be this much louder to take the first place.
const LOUDER_DB: f32 = 6.0;

/// Speakers that are named. More at once is noise, and every name is a message to all.
const MAX_SPEAKERS: usize = 5;

/// Voices of which a shard tells the home of their room at once: more than are named, so that the
/// loudest of the room are among them.
const MAX_LEVELS: usize = 2 * MAX_SPEAKERS;

/// How loud voices are whose room is on another shard, until that is told.
#[derive(Debug, Default)]
pub(crate) struct Levels(BTreeMap<ParticipantId, (i64, i64)>);

impl Levels {
    /// Notes the level of one packet.
    pub(crate) fn note(&mut self, who: ParticipantId, level_dbov: i8) {
        let (sum, packets) = self.0.entry(who).or_default();
        *sum += i64::from(level_dbov.clamp(-127, 0));
        *packets += 1;
    }

    /// Somebody left.
    pub(crate) fn forget(&mut self, who: ParticipantId) {
        self.0.remove(&who);
    }

    /// The loudest since the last time, the loudest first. What is quiet counts as silence.
    pub(crate) fn take(&mut self) -> Vec<(ParticipantId, i8)> {
        let voices = std::mem::take(&mut self.0).into_iter();
        let means = voices.map(|(who, (sum, packets))| (who, (sum / packets) as i8));
        let mut loud: Vec<_> = means
            .filter(|(_, level)| f32::from(*level) >= QUIET_DBOV)
            .collect();
        loud.sort_by_key(|(_, level)| std::cmp::Reverse(*level));
        loud.truncate(MAX_LEVELS);
        loud
    }
}

#[derive(Debug, Clone, Copy)]
struct Voice {
    sum: f32,
    packets: u32,
    smoothed: f32,
    loud: u8,
    quiet: u8,
    speaks: bool,
    heard_at: u64,
}

impl Default for Voice {
    fn default() -> Self {
        Voice {
            sum: 0.0,
            packets: 0,
            smoothed: SILENCE_DBOV,
            loud: 0,
            quiet: 0,
            speaks: false,
            heard_at: 0,
        }
    }
}

/// The voices of a room.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    voices: BTreeMap<ParticipantId, Voice>,
    named: Vec<ParticipantId>,
    windows: u64,
    next_at: Option<Instant>,
}

impl Speakers {
    /// Notes the level of one packet.
    pub(crate) fn observe(&mut self, who: ParticipantId, level_dbov: i8, now: Instant) {
        let voice = self.voices.entry(who).or_default();
        voice.sum += f32::from(level_dbov.clamp(-127, 0));
        voice.packets += 1;
        self.next_at.get_or_insert(now + WINDOW);
    }

    /// Somebody left or was muted.
    pub(crate) fn forget(&mut self, who: ParticipantId, now: Instant) {
        if let Some(voice) = self.voices.remove(&who)
            && voice.speaks
        {
            self.next_at.get_or_insert(now + WINDOW);
        }
    }

    /// When to come back; none while nobody makes a sound.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// How much somebody comes first: whoever is named, the loudest most; then by when they last
    /// spoke, counted in windows; 0 is never.
    pub(crate) fn heard_at(&self, who: ParticipantId) -> u64 {
        let named = self.named.iter().position(|named| *named == who);
        let before = self.voices.get(&who).map_or(0, |voice| voice.heard_at);
        named.map_or(before, |place| u64::MAX - place as u64)
    }

    /// Ends a window. Answers who speaks now, loudest first, when that changed.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<&[ParticipantId]> {
        if self.next_at.is_none_or(|at| now < at) {
            return None;
        }
        self.windows += 1;
        let mut sound = false;
        for voice in self.voices.values_mut() {
            sound |= voice.packets > 0 || voice.speaks;
            voice.end_window(self.windows);
        }
        self.next_at = sound.then_some(now + WINDOW);
        let named = self.rank();
        if named == self.named {
            return None;
        }
        self.named = named;
        Some(&self.named)
    }

    fn rank(&self) -> Vec<ParticipantId> {
        let smoothed = |who: &ParticipantId| {
            self.voices
                .get(who)
                .map_or(SILENCE_DBOV, |voice| voice.smoothed)
        };
        // Whoever is named keeps the place; newcomers follow by loudness.
        let speaks = |who: &ParticipantId| self.voices.get(who).is_some_and(|voice| voice.speaks);
        let mut named: Vec<ParticipantId> = self
            .named
            .iter()
            .copied()
            .filter(|who| speaks(who))
            .collect();
        let mut newcomers: Vec<ParticipantId> = self
            .voices
            .keys()
            .copied()
            .filter(|who| speaks(who) && !named.contains(who))
            .collect();
        newcomers.sort_by(|a, b| smoothed(b).total_cmp(&smoothed(a)));
        named.extend(newcomers);
        for at in (1..named.len()).rev() {
            if smoothed(&named[at]) > smoothed(&named[at - 1]) + LOUDER_DB {
                named.swap(at, at - 1);
            }
        }
        named.truncate(MAX_SPEAKERS);
        named
    }
}

impl Voice {
    fn end_window(&mut self, window: u64) {
        let mean = if self.packets == 0 {
            SILENCE_DBOV
        } else {
            self.sum / self.packets as f32
        };
        (self.sum, self.packets) = (0.0, 0);
        self.smoothed = if mean > self.smoothed {
            mean
        } else {
            0.7 * self.smoothed + 0.3 * mean
        };
        self.loud = if mean >= LOUD_DBOV {
            self.loud.saturating_add(1)
        } else {
            0
        };
        self.quiet = if mean < QUIET_DBOV {
            self.quiet.saturating_add(1)
        } else {
            0
        };
        if self.loud >= WINDOWS_TO_START {
            self.speaks = true;
        } else if self.quiet >= WINDOWS_TO_STOP {
            self.speaks = false;
        }
        if self.speaks && mean >= LOUD_DBOV {
            self.heard_at = window;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(n: u128) -> ParticipantId {
        ParticipantId(uuid::Uuid::from_u128(n))
    }

    /// Runs windows with these levels, one column each; answers who was named after each change.
    fn run(voices: &[(u128, &[i8])]) -> Vec<(usize, Vec<ParticipantId>)> {
        let t0 = crate::testing::start();
        let mut speakers = Speakers::default();
        let mut changes = Vec::new();
        for window in 0..voices[0].1.len() {
            let now = t0 + WINDOW * window as u32;
            for (n, levels) in voices {
                speakers.observe(who(*n), levels[window], now);
            }
            if let Some(named) = speakers.tick(now + WINDOW) {
                changes.push((window, named.to_vec()));
            }
        }
        changes
    }

    #[test]
    fn one_cough_is_not_speech_and_one_pause_is_not_silence() {
        assert_eq!(run(&[(1, &[-90, -20, -90, -20, -90])]), []);
        let speech = [-20, -20, -90, -90, -90, -90, -20, -90, -90, -90, -90, -90];
        assert_eq!(run(&[(1, &speech)]), [(1, vec![who(1)]), (11, vec![])]);
    }

    #[test]
    fn between_loud_and_quiet_everything_stays() {
        assert_eq!(run(&[(1, &[-50; 20])]), []);
        let fading = [-20, -20, -50, -50, -50, -50, -50, -50, -50];
        assert_eq!(run(&[(1, &fading)]), [(1, vec![who(1)])]);
    }

    #[test]
    fn the_first_place_goes_to_somebody_clearly_louder_only() {
        let a = [-30, -30, -30, -30, -30, -30];
        let close = [-90, -90, -26, -26, -26, -26];
        let loud = [-90, -90, -10, -10, -10, -10];
        let order = |other: &[i8]| {
            let changes = run(&[(1, &a), (2, other)]);
            changes.last().map(|(_, named)| named.clone())
        };
        assert_eq!(order(&close), Some(vec![who(1), who(2)]));
        assert_eq!(order(&loud), Some(vec![who(2), who(1)]));
    }

    #[test]
    fn no_more_than_the_bound_are_named() {
        let loud = [-20i8; 4];
        let voices: Vec<(u128, &[i8])> = (0..8).map(|n| (n, &loud[..])).collect();
        let changes = run(&voices);
        assert_eq!(
            changes.last().map(|(_, named)| named.len()),
            Some(MAX_SPEAKERS)
        );
    }

    #[test]
    fn of_more_than_are_named_the_loudest_come_first_then_who_spoke_last() {
        let t0 = crate::testing::start();
        let mut speakers = Speakers::default();
        // Seven at once, the later the louder; an eighth spoke before them.
        for window in 0..6u32 {
            let now = t0 + WINDOW * window;
            if window < 2 {
                speakers.observe(who(0), -20, now);
            } else {
                for n in 1..=7u8 {
                    speakers.observe(who(n.into()), -40 + 4 * n as i8, now);
                }
            }
            speakers.tick(now + WINDOW);
        }
        let mut order: Vec<u128> = (0..=8).collect();
        order.sort_by_key(|n| std::cmp::Reverse(speakers.heard_at(who(*n))));
        assert_eq!(speakers.heard_at(who(8)), 0, "never");
        assert_eq!(order.len(), 9);
        let named: Vec<u128> = speakers.named.iter().map(|who| who.0.as_u128()).collect();
        assert_eq!(order[..MAX_SPEAKERS], named);
        assert!(!named.contains(&1) && !named.contains(&2), "{named:?}");
    }

    #[test]
    fn of_the_voices_elsewhere_the_loudest_are_told_and_the_quiet_are_silence() {
        let mut levels = Levels::default();
        for n in 0..20u8 {
            levels.note(who(n.into()), -20 - n as i8);
            levels.note(who(n.into()), -22 - n as i8);
        }
        levels.note(who(99), -90);
        let told = levels.take();
        assert_eq!(told.len(), MAX_LEVELS);
        assert_eq!(told[0], (who(0), -21));
        assert!(told.is_sorted_by_key(|(_, level)| std::cmp::Reverse(*level)));
        assert_eq!(levels.take(), []);
        levels.note(who(1), -90);
        assert_eq!(levels.take(), []);
    }

    #[test]
    fn a_silent_room_does_not_wake() {
        let t0 = crate::testing::start();
        let mut speakers = Speakers::default();
        assert_eq!(speakers.next_at(), None);
        speakers.observe(who(1), -90, t0);
        assert_eq!(speakers.next_at(), Some(t0 + WINDOW));
        speakers.tick(t0 + WINDOW);
        speakers.tick(t0 + WINDOW * 2);
        assert_eq!(speakers.next_at(), None);
    }
}
