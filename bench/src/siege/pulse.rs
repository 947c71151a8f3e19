//! Whether what one participant saw and heard still comes. Pure.
//!
//! A stream that ends has no later packet that would show what is missing; its silence does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_protocol::media::Source;

/// Somebody's camera or microphone, in whichever slot it comes.
pub(super) type Stream = (u32, Source);

/// When each stream last came. One that came once is expected for ever: nobody honest stops.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    last: BTreeMap<Stream, Instant>,
    longest_gap: Duration,
}

impl Pulse {
    /// Something of this stream came that can be seen or heard.
    pub(super) fn beat(&mut self, stream: Stream, now: Instant) {
        if let Some(before) = self.last.insert(stream, now) {
            self.longest_gap = self.longest_gap.max(now.saturating_duration_since(before));
        }
    }

    /// From here on gaps count; one that is open counts from where it began.
    pub(super) fn begin(&mut self) {
        self.longest_gap = Duration::ZERO;
    }

    /// The longest time without a stream, up to now for each.
    pub(super) fn longest_gap(&self, now: Instant) -> Duration {
        let open = self.last.values();
        open.map(|last| now.saturating_duration_since(*last))
            .fold(self.longest_gap, Duration::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Stream = (0, Source::Camera);
    const BEN: Stream = (1, Source::Camera);

    /// The longest gap at `end`, of beats at milliseconds; what came before `begin` is old.
    fn longest(beats: &[(Stream, u64)], begin: u64, end: u64) -> u64 {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pulse = Pulse::default();
        let (old, new) = beats.split_at(beats.partition_point(|(_, ms)| *ms < begin));
        for (stream, ms) in old {
            pulse.beat(*stream, at(*ms));
        }
        pulse.begin();
        for (stream, ms) in new {
            pulse.beat(*stream, at(*ms));
        }
        pulse.longest_gap(at(end)).as_millis() as u64
    }

    #[test]
    fn a_gap_lasts_until_the_stream_comes_again_or_until_now() {
        type Case<'a> = (&'a str, &'a [(Stream, u64)], u64);
        let cases: [Case<'_>; 6] = [
            ("nothing was ever seen", &[], 0),
            (
                "between two",
                &[(ANN, 1_100), (ANN, 1_400), (ANN, 1_900)],
                500,
            ),
            ("up to the end", &[(ANN, 1_100), (ANN, 1_200)], 800),
            ("dead since before the beginning", &[(ANN, 200)], 1_800),
            (
                "the others do not cover it",
                &[(ANN, 900), (BEN, 950), (BEN, 1_500), (BEN, 1_990)],
                1_100,
            ),
            (
                "over before the beginning",
                &[(ANN, 100), (ANN, 990), (ANN, 1_400), (ANN, 1_900)],
                500,
            ),
        ];
        for (what, beats, wanted) in cases {
            assert_eq!(longest(beats, 1_000, 2_000), wanted, "{what}");
        }
    }
}
