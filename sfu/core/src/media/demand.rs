//! Which layers of a track its publisher is to send: what nobody receives is switched off after a
//! while, what somebody wants is switched on at once. So an idle tile costs nothing anywhere, and
//! whoever looks around quickly switches nothing.

use std::time::{Duration, Instant};

use super::layer::Layers;
use super::packet::MAX_LAYERS;
use super::policer::Bucket;
use super::select::{choose, fitting};

/// How long a layer is unwanted before it is switched off: turning a page and back takes less.
const IDLE_LIMIT: Duration = Duration::from_millis(1_500);

/// How often a layer may be switched off in a burst: somebody who looks through the tiles.
const SWITCH_BURST: u32 = 4;

/// How often it may for longer. Each time it begins again costs a keyframe, and whoever wants it
/// waits for that.
const A_SWITCH_EVERY: Duration = Duration::from_secs(15);

/// How long nothing comes of what is wanted until everything is: the publisher may have no such
/// layer, or cannot send it now.
const DARK_LIMIT: Duration = Duration::from_millis(1_000);

/// Some layers of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LayerSet(u8);

impl LayerSet {
    pub(crate) const NONE: LayerSet = LayerSet(0);

    /// The smallest layers, so many of them.
    pub(crate) fn first(count: usize) -> Self {
        LayerSet(!(u8::MAX << count.min(MAX_LAYERS)))
    }

    pub(crate) fn with(self, layer: u8) -> Self {
        LayerSet(self.0 | 1 << layer)
    }

    fn without(self, layer: u8) -> Self {
        LayerSet(self.0 & !(1 << layer))
    }

    pub(crate) fn and(self, other: LayerSet) -> Self {
        LayerSet(self.0 | other.0)
    }

    /// As one bit each, the lowest the smallest.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// Of bits that another shard sent.
    pub(crate) fn of_bits(bits: u8) -> Self {
        LayerSet(bits & LayerSet::first(MAX_LAYERS).0)
    }

    pub(crate) fn has(self, layer: u8) -> bool {
        self.0 & 1 << layer != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self == LayerSet::NONE
    }
}

/// What a receiver needs who shows a track in `max_height` pixels: the layer that fits, and, until
/// that one comes, the one that it has to make do with. While nothing comes at all, the smaller
/// ones too: a publisher who cannot send the large one begins with a small one.
pub(crate) fn needed(layers: &Layers, max_height: u16) -> LayerSet {
    let best = fitting(layers, max_height);
    layers.streams_of(match choose(layers, max_height) {
        Some(available) => LayerSet::NONE.with(best).with(available),
        None => LayerSet::first(usize::from(best) + 1),
    })
}

#[derive(Debug, Clone, Copy)]
struct Idleness {
    /// When it is switched off; none while somebody wants it, or it is off.
    ends_at: Option<Instant>,
    switches: Bucket,
}

/// What the publisher of a track is to send, as it was told.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    all: LayerSet,
    on: LayerSet,
    idle: [Idleness; MAX_LAYERS],
    /// Since when something is wanted and nothing comes.
    dark_since: Option<Instant>,
    told: bool,
}

impl Demand {
    /// A track with so many layers. A publisher begins with all of them.
    pub(crate) fn new(count: usize) -> Self {
        let all = LayerSet::first(count.max(1));
        let idle = Idleness {
            ends_at: None,
            switches: Bucket::slow(SWITCH_BURST, A_SWITCH_EVERY),
        };
        Demand {
            all,
            on: all,
            idle: [idle; MAX_LAYERS],
            dark_since: None,
            told: false,
        }
    }

    /// What the publisher is to send.
    pub(crate) fn on(&self) -> LayerSet {
        self.on
    }

    /// Whether it was ever told anything else than to send all.
    pub(crate) fn was_told(&self) -> bool {
        self.told
    }

    /// Takes what is wanted now, and whether any layer comes. True when the publisher has to be
    /// told.
    pub(crate) fn want(&mut self, wanted: LayerSet, comes: bool, now: Instant) -> bool {
        let wanted = if self.is_dark(wanted, comes, now) {
            self.all
        } else {
            wanted
        };
        let before = self.on;
        for layer in 0..MAX_LAYERS as u8 {
            if self.all.has(layer) {
                self.want_layer(layer, wanted.has(layer), now);
            }
        }
        self.told |= self.on != before;
        self.on != before
    }

    /// What is wanted stays as it is while nothing flows.
    pub(crate) fn rest(&mut self) {
        self.dark_since = None;
        for idle in &mut self.idle {
            idle.ends_at = None;
        }
    }

    /// When to weigh again though nobody's wishes change.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let off = self.idle.iter().filter_map(|idle| idle.ends_at);
        let all = self.dark_since.filter(|_| self.on != self.all);
        off.chain(all.map(|since| since + DARK_LIMIT)).min()
    }

    fn is_dark(&mut self, wanted: LayerSet, comes: bool, now: Instant) -> bool {
        if comes || wanted.is_empty() {
            self.dark_since = None;
            return false;
        }
        let since = *self.dark_since.get_or_insert(now);
        now >= since + DARK_LIMIT
    }

    fn want_layer(&mut self, layer: u8, wanted: bool, now: Instant) {
        let idle = &mut self.idle[usize::from(layer)];
        if wanted {
            idle.ends_at = None;
            self.on = self.on.with(layer);
        } else if self.on.has(layer) {
            let first = now + IDLE_LIMIT;
            let ends_at = idle
                .ends_at
                .unwrap_or(first.max(idle.switches.ready_at(now)));
            idle.ends_at = Some(ends_at).filter(|at| now < *at);
            if idle.ends_at.is_none() {
                idle.switches.take(1, now);
                self.on = self.on.without(layer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(layers: &[u8]) -> LayerSet {
        layers
            .iter()
            .fold(LayerSet::NONE, |set, layer| set.with(*layer))
    }

    #[test]
    fn a_receiver_needs_what_fits_and_what_it_makes_do_with_until_that_comes() {
        // Heights are 180, 360 and 720.
        let cases: [(&[u8], u16, &[u8]); 8] = [
            (&[0, 1, 2], 180, &[0]),
            (&[0, 1, 2], 720, &[2]),
            (&[0, 1, 2], 2_160, &[2]),
            (&[2], 180, &[0, 2]),
            (&[0], 720, &[0, 2]),
            (&[0, 1], 1_080, &[1, 2]),
            (&[], 180, &[0]),
            (&[], 720, &[0, 1, 2]),
        ];
        for (live, height, expected) in cases {
            let mut layers = Layers::new(3);
            for layer in live {
                layers.observe(&crate::testing::of_layer(*layer), crate::testing::start());
            }
            let needs = needed(&layers, height);
            assert_eq!(needs, set(expected), "{live:?} {height}");
        }
    }

    /// Wishes at milliseconds, weighed whenever it asks for it too; answers each change.
    fn told(count: usize, wishes: &[(u64, &[u8])], until_ms: u64) -> Vec<(u64, LayerSet)> {
        let t0 = crate::testing::start();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut demand = Demand::new(count);
        let (mut changes, mut wanted) = (Vec::new(), LayerSet::NONE);
        for ms in 0..=until_ms {
            let wish = wishes.iter().find(|(when, _)| *when == ms);
            let due = demand.next_at().is_some_and(|due| due <= at(ms));
            if let Some((_, layers)) = wish {
                wanted = set(layers);
            }
            if (wish.is_some() || due) && demand.want(wanted, true, at(ms)) {
                changes.push((ms, demand.on()));
            }
        }
        changes
    }

    #[test]
    fn what_nobody_wants_is_switched_off_after_the_limit_and_on_at_once() {
        type Case<'a> = (&'a str, &'a [(u64, &'a [u8])], &'a [(u64, &'a [u8])]);
        let cases: [Case<'_>; 6] = [
            ("nobody ever", &[(0, &[])], &[(1_500, &[])]),
            ("everything", &[(0, &[0, 1, 2])], &[]),
            ("one", &[(0, &[1])], &[(1_500, &[1])]),
            (
                "away and back before the limit",
                &[(0, &[0, 1, 2]), (100, &[]), (1_599, &[0, 1, 2])],
                &[],
            ),
            (
                "away, and back later",
                &[(0, &[2]), (3_000, &[]), (6_000, &[0])],
                &[(1_500, &[2]), (4_500, &[]), (6_000, &[0])],
            ),
            (
                "another size",
                &[(0, &[2]), (3_000, &[0])],
                &[(1_500, &[2]), (3_000, &[0, 2]), (4_500, &[0])],
            ),
        ];
        for (name, wishes, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(ms, on)| (*ms, set(on))).collect();
            assert_eq!(told(3, wishes, 8_000), expected, "{name}");
        }
    }

    #[test]
    fn whoever_comes_and_goes_without_end_switches_at_the_named_rate() {
        // Two seconds there, two seconds away, for five minutes.
        let flapping: Vec<(u64, &[u8])> = (0..75)
            .flat_map(|n| [(n * 4_000, &[0u8][..]), (n * 4_000 + 2_000, &[][..])])
            .collect();
        let changes = told(1, &flapping, 300_000);
        let off = changes.iter().filter(|(_, on)| on.is_empty()).count();
        let most = SWITCH_BURST as usize + 300 / A_SWITCH_EVERY.as_secs() as usize;
        assert!(
            off <= most && off > SWITCH_BURST as usize,
            "{off} of {most}"
        );
    }

    #[test]
    fn when_nothing_comes_of_what_is_wanted_everything_is_wanted() {
        let t0 = crate::testing::start();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut demand = Demand::new(3);
        demand.want(LayerSet::NONE, true, at(0));
        assert!(demand.want(LayerSet::NONE, true, at(1_500)));
        assert!(demand.want(set(&[0]), false, at(5_000)));
        assert_eq!(demand.on(), set(&[0]));
        assert_eq!(demand.next_at(), Some(at(6_000)));
        assert!(demand.want(set(&[0]), false, at(6_000)));
        assert_eq!(demand.on(), set(&[0, 1, 2]));
        assert!(!demand.want(set(&[0, 1]), true, at(6_500)));
        assert!(demand.want(set(&[0, 1]), true, at(8_000)));
        assert_eq!(demand.on(), set(&[0, 1]));
    }

    proptest! {
        #[test]
        fn what_is_wanted_is_on_and_what_is_on_was_wanted_lately(
            wishes in proptest::collection::vec((0u8..8, 1u64..4_000), 1..40),
        ) {
            let t0 = crate::testing::start();
            let mut demand = Demand::new(3);
            let mut now = t0;
            let mut wanted_at = [t0; 3];
            for (bits, wait_ms) in wishes {
                let wanted = LayerSet(bits);
                demand.want(wanted, true, now);
                for layer in 0..3u8 {
                    prop_assert!(!wanted.has(layer) || demand.on().has(layer));
                }
                let end = now + Duration::from_millis(wait_ms);
                while let Some(due) = demand.next_at().filter(|due| *due <= end) {
                    demand.want(wanted, true, due);
                }
                now = end;
                for layer in 0..3u8 {
                    if wanted.has(layer) {
                        wanted_at[usize::from(layer)] = now;
                    }
                    let since = now - wanted_at[usize::from(layer)];
                    prop_assert!(!demand.on().has(layer) || since < IDLE_LIMIT.max(A_SWITCH_EVERY));
                }
            }
        }
    }
}
