//! How much there is in a second: bytes counted in a sliding window. A packet costs an addition.

use std::time::{Duration, Instant};

use super::allocate::THINNED;
use crate::media::packet::MAX_LAYERS;

/// The window is cut into so many parts; the oldest goes when a new one begins.
const PARTS: usize = 4;

/// A rate over the last one or two seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    parts: [u32; PARTS],
    /// When the newest part began.
    began_at: Option<Instant>,
    /// How many parts before the newest were counted since it began from nothing.
    full: u8,
}

impl Meter {
    /// How long a part is: a window of two seconds evens out what an encoder does from frame to
    /// frame, keyframes included.
    const PART: Duration = Duration::from_millis(500);

    /// Counts a packet.
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        self.pass(now);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.parts[0] = self.parts[0].saturating_add(bytes);
    }

    /// The rate. `None` before it was counted for half a second.
    pub(crate) fn bps(&self, now: Instant) -> Option<u64> {
        let mut passed = *self;
        passed.pass(now);
        let into = now.saturating_duration_since(passed.began_at?);
        if passed.full == 0 {
            return None;
        }
        let bytes: u64 = passed.parts.iter().map(|&bytes| u64::from(bytes)).sum();
        let over = Self::PART * u32::from(passed.full) + into;
        let bits = u128::from(bytes) * 8 * 1_000_000;
        u64::try_from(bits / over.as_micros().max(1)).ok()
    }

    /// Lets time pass: parts that are over move on.
    fn pass(&mut self, now: Instant) {
        let began_at = *self.began_at.get_or_insert(now);
        let since = now.saturating_duration_since(began_at);
        if since < Self::PART {
            return;
        }
        let parts = since.as_micros() / Self::PART.as_micros();
        if parts as usize >= PARTS {
            // Nothing of the window is left, and that nothing came in it is known.
            self.parts = [0; PARTS];
            self.full = (PARTS - 1) as u8;
        } else {
            self.parts.rotate_right(parts as usize);
            self.parts[..parts as usize].fill(0);
            self.full = (self.full + parts as u8).min((PARTS - 1) as u8);
        }
        let passed = Self::PART * u32::try_from(parts).unwrap_or(u32::MAX);
        self.began_at = began_at.checked_add(passed).or(Some(now));
    }
}

/// How long nothing came of a layer that does not flow.
const STOPPED: Duration = Duration::from_secs(1);

/// How long a layer flows until the keyframe that it began with has left the window.
const SETTLED: Duration = Duration::from_millis(2_500);

/// What is measured before, of a layer of which nothing is known, counts for this part.
const UNSETTLED: (u64, u64) = (2, 3);

#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    meter: Meter,
    began_at: Option<Instant>,
    last_at: Option<Instant>,
    noted_at: Option<Instant>,
    known: Option<u64>,
}

/// The rates of a line's layers. What is known of a layer that stops stays known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    layers: [Rate; MAX_LAYERS],
    /// What comes of a layer up to each temporal layer by which it may be thinned.
    thinned: [[Meter; THINNED]; MAX_LAYERS],
}

impl Rates {
    /// Counts a packet of a layer.
    pub(crate) fn add(&mut self, (layer, temporal_id): (u8, u8), now: Instant, bytes: usize) {
        let layer = usize::from(layer);
        let Some((rate, thinned)) = self.layers.get_mut(layer).zip(self.thinned.get_mut(layer))
        else {
            return;
        };
        if is_over(rate.last_at, now, STOPPED) {
            (rate.meter, rate.began_at) = (Meter::default(), Some(now));
            *thinned = Default::default();
        } else if rate.is_settled(now) && is_over(rate.noted_at, now, NOTED_EVERY) {
            rate.noted_at = Some(now);
            rate.known = rate.meter.bps(now).or(rate.known);
        }
        rate.last_at = Some(now);
        rate.meter.add(now, bytes);
        for meter in thinned.iter_mut().skip(temporal_id.into()) {
            meter.add(now, bytes);
        }
    }

    /// What another shard measured of a layer, which may not flow here.
    pub(crate) fn tell(&mut self, layer: usize, bps: Option<u64>) {
        if let Some(rate) = self.layers.get_mut(layer) {
            rate.known = bps.or(rate.known);
        }
    }

    /// What a layer brings up to a temporal layer, while it flows.
    pub(crate) fn thinned_bps(&self, layer: u8, temporal_id: u8, now: Instant) -> Option<u64> {
        let layer = usize::from(layer);
        let rate = self.layers.get(layer)?;
        let flows = rate.is_settled(now) && !is_over(rate.last_at, now, STOPPED);
        let meter = self.thinned.get(layer)?.get(usize::from(temporal_id))?;
        meter.bps(now).filter(|_| flows)
    }

    /// What a layer brings, or brought when it flowed.
    pub(crate) fn bps(&self, layer: u8, now: Instant) -> Option<u64> {
        let rate = self.layers.get(usize::from(layer))?;
        let flows = !is_over(rate.last_at, now, STOPPED);
        let measured = rate.meter.bps(now).filter(|_| flows);
        match rate.is_settled(now) {
            true => measured.or(rate.known),
            false => rate
                .known
                .or(measured.map(|bps| bps * UNSETTLED.0 / UNSETTLED.1)),
        }
    }
}

impl Rate {
    fn is_settled(&self, now: Instant) -> bool {
        is_over(self.began_at, now, SETTLED)
    }
}

/// Whether something is so long ago, or never was.
fn is_over(at: Option<Instant>, now: Instant, long: Duration) -> bool {
    at.is_none_or(|at| now.saturating_duration_since(at) >= long)
}

/// How often what is known of a layer is noted, for when it stops.
const NOTED_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_steady_stream_has_its_rate_from_the_first_half_second_on() {
        let t0 = crate::testing::start();
        let mut meter = Meter::default();
        for packet in 0..500_u64 {
            meter.add(t0 + ms(packet * 10), 1_250);
            let bps = meter.bps(t0 + ms(packet * 10));
            match packet < 50 {
                true => assert_eq!(bps, None, "{packet}"),
                false => assert!(bps.is_some_and(|bps| (950_000..1_050_000).contains(&bps))),
            }
        }
    }

    #[test]
    fn what_stopped_is_nothing_after_two_seconds() {
        let t0 = crate::testing::start();
        let mut meter = Meter::default();
        for packet in 0..200_u64 {
            meter.add(t0 + ms(packet * 10), 1_250);
        }
        assert!(meter.bps(t0 + ms(3_000)).is_some_and(|bps| bps < 600_000));
        assert_eq!(meter.bps(t0 + ms(4_100)), Some(0));
        assert_eq!(meter.bps(t0 + Duration::from_secs(1 << 20)), Some(0));
    }

    #[test]
    fn a_change_is_seen_within_two_seconds() {
        let t0 = crate::testing::start();
        let mut meter = Meter::default();
        for packet in 0..400_u64 {
            let bytes = if packet < 200 { 250 } else { 2_500 };
            meter.add(t0 + ms(packet * 10), bytes);
        }
        let bps = meter.bps(t0 + ms(4_000));
        assert!(bps.is_some_and(|bps| bps > 1_900_000), "{bps:?}");
    }

    #[test]
    fn what_is_known_of_a_layer_that_stops_stays_known() {
        let t0 = crate::testing::start();
        let mut rates = Rates::default();
        let mut flow = |from_ms: u64, to_ms: u64, bytes: usize| {
            for at in (from_ms..to_ms).step_by(10) {
                rates.add((1, 0), t0 + ms(at), bytes);
            }
            rates
        };
        assert_eq!(flow(0, 10, 1_250).bps(1, t0), None);
        let near = |bps: Option<u64>, expected: u64| {
            let range = expected * 9 / 10..expected * 11 / 10;
            assert!(bps.is_some_and(|bps| range.contains(&bps)), "{bps:?}");
        };
        near(flow(10, 1_000, 1_250).bps(1, t0 + ms(1_000)), 666_666);
        let rates = flow(1_000, 3_000, 1_250);
        near(rates.bps(1, t0 + ms(3_000)), 1_000_000);
        near(rates.bps(1, t0 + ms(60_000)), 1_000_000);
        near(flow(60_000, 60_400, 625).bps(1, t0 + ms(60_400)), 1_000_000);
        near(flow(60_400, 63_000, 625).bps(1, t0 + ms(63_000)), 500_000);
        assert_eq!(rates.bps(0, t0 + ms(3_000)), None);
        assert_eq!(rates.bps(9, t0 + ms(3_000)), None);
    }

    #[test]
    fn what_a_stream_brings_up_to_each_temporal_layer_is_known_while_it_flows() {
        let t0 = crate::testing::start();
        let mut rates = Rates::default();
        for packet in 0..400_u64 {
            let temporal_id = [0, 2, 1, 2][packet as usize % 4];
            rates.add((0, temporal_id), t0 + ms(packet * 10), 1_250);
        }
        let at = t0 + ms(4_000);
        let near = |bps: Option<u64>, expected: u64| {
            let range = expected * 9 / 10..expected * 11 / 10;
            assert!(bps.is_some_and(|bps| range.contains(&bps)), "{bps:?}");
        };
        near(rates.bps(0, at), 1_000_000);
        near(rates.thinned_bps(0, 1, at), 500_000);
        near(rates.thinned_bps(0, 0, at), 250_000);
        assert_eq!(rates.thinned_bps(0, 2, at), None);
        assert_eq!(rates.thinned_bps(1, 0, at), None);
        assert_eq!(rates.thinned_bps(0, 0, at + ms(1_500)), None);
    }
}
