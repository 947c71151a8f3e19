//! Whether a client's path is lost: media was flowing, and then nothing at all came for
//! [`SILENCE_LIMIT`]. Browsers ask about the path every few seconds only, so without media a
//! silence says nothing; while it flows, a second and a half without a datagram is a network that
//! is gone, long before ICE says so.
//!
//! Any datagram of the client's addresses counts as a sign of life, so that nobody is called lost
//! who is not; only an authentic one brings a lost path back, so that no stranger does.

use std::time::{Duration, Instant};

/// How long nothing may come while media flows.
pub(crate) const SILENCE_LIMIT: Duration = Duration::from_millis(1_500);

/// What is known of a client's path.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    heard_at: Option<Instant>,
    media_at: Option<Instant>,
    lost: bool,
}

impl Silence {
    /// A datagram came. True when an authentic one brings the path back.
    pub(crate) fn heard(&mut self, now: Instant, authentic: bool) -> bool {
        if self.lost && !authentic {
            return false;
        }
        self.heard_at = Some(now);
        std::mem::take(&mut self.lost)
    }

    /// A packet of a track that flows came.
    pub(crate) fn media(&mut self, now: Instant) {
        self.media_at = Some(now);
    }

    /// No track flows any more: from here on a silence says nothing.
    pub(crate) fn rests(&mut self) {
        self.media_at = None;
    }

    /// We stood still ourselves: what came meanwhile waits to be read, and the silence is ours.
    pub(crate) fn excuse(&mut self, now: Instant) {
        if self.ends_at().is_some() {
            (self.heard_at, self.media_at) = (Some(now), Some(now));
        }
    }

    /// Whether the path is lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// When to look again; none while a silence would say nothing.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        let (heard_at, media_at) = (self.heard_at?, self.media_at?);
        let flowed = heard_at < media_at + SILENCE_LIMIT;
        (flowed && !self.lost).then(|| heard_at + SILENCE_LIMIT)
    }

    /// Time has passed. True when the path is lost now and was not before.
    pub(crate) fn check(&mut self, now: Instant) -> bool {
        let over = self.ends_at().is_some_and(|at| at <= now);
        self.lost |= over;
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Media,
        Other,
        Forged,
        Rest,
        Excuse,
        Look,
    }

    /// Milliseconds, and what happens then.
    type Story = &'static [(u64, Event)];

    /// Milliseconds, and whether it is lost from then on.
    type Changes = &'static [(u64, bool)];

    fn changes(story: Story) -> Vec<(u64, bool)> {
        let t0 = crate::testing::start();
        let mut silence = Silence::default();
        let mut changes = Vec::new();
        for &(ms, event) in story {
            let now = t0 + Duration::from_millis(ms);
            let back = match event {
                Event::Media => {
                    silence.media(now);
                    silence.heard(now, true)
                }
                Event::Other => silence.heard(now, true),
                Event::Forged => silence.heard(now, false),
                Event::Rest => {
                    silence.rests();
                    false
                }
                Event::Excuse => {
                    silence.excuse(now);
                    false
                }
                Event::Look => false,
            };
            if back {
                changes.push((ms, false));
            }
            if silence.check(now) {
                changes.push((ms, true));
            }
        }
        changes
    }

    #[test]
    fn a_path_is_lost_by_silence_after_media_and_comes_back_by_an_authentic_datagram() {
        use Event::{Forged, Look, Media, Other, Rest};
        let cases: [(&str, Story, Changes); 9] = [
            ("nothing was sent yet", &[(0, Other), (9_000, Look)], &[]),
            ("just before", &[(0, Media), (1_499, Look)], &[]),
            ("lost", &[(0, Media), (1_500, Look)], &[(1_500, true)]),
            (
                "lost once, then back",
                &[(0, Media), (1_500, Look), (9_000, Look), (9_500, Other)],
                &[(1_500, true), (9_500, false)],
            ),
            (
                "other datagrams keep it, a forged one too",
                &[(0, Media), (1_000, Other), (2_000, Forged), (3_400, Look)],
                &[],
            ),
            (
                "a forged one does not bring it back",
                &[(0, Media), (1_500, Look), (1_600, Forged), (1_700, Look)],
                &[(1_500, true)],
            ),
            (
                "no media for long before the silence",
                &[(0, Media), (1_400, Other), (2_800, Other), (9_000, Look)],
                &[],
            ),
            (
                "the last track is stopped, not lost",
                &[(0, Media), (10, Rest), (600, Other), (2_200, Look)],
                &[],
            ),
            (
                "media again, lost again",
                &[(0, Media), (1_500, Look), (2_000, Media), (3_500, Look)],
                &[(1_500, true), (2_000, false), (3_500, true)],
            ),
        ];
        for (name, story, expected) in cases {
            assert_eq!(changes(story), expected, "{name}");
        }
    }

    #[test]
    fn while_we_stood_still_nobody_was_silent() {
        use Event::{Excuse, Look, Media, Other};
        let cases: [(&str, Story, Changes); 4] = [
            (
                "it speaks on",
                &[(0, Media), (5_000, Excuse), (5_001, Media), (6_500, Look)],
                &[],
            ),
            (
                "it is gone",
                &[(0, Media), (5_000, Excuse), (6_499, Look), (6_500, Look)],
                &[(6_500, true)],
            ),
            (
                "it rested before",
                &[(0, Media), (1_600, Other), (9_000, Excuse), (20_000, Look)],
                &[],
            ),
            (
                "it was lost before",
                &[(0, Media), (1_500, Look), (5_000, Excuse), (5_001, Other)],
                &[(1_500, true), (5_001, false)],
            ),
        ];
        for (name, story, expected) in cases {
            assert_eq!(changes(story), expected, "{name}");
        }
    }
}
