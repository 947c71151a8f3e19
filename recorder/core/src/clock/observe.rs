//! What is noted about one tape's timestamps while it is read for the first time.

use std::collections::BTreeMap;

use sfu_protocol::media::{Codec, MediaTime};

use crate::reorder::Ordered;

/// Timestamps that run ahead of or behind the arrivals by more than this began anew.
const JUMP_US: i64 = 5_000_000;

/// A step back by more than this began anew. Frames in sequence order step back only by a fault.
const BACK_US: i64 = 200_000;

/// Epochs told apart in one layer. A publisher that jumps more often stays in the last one, and
/// is placed as well as that goes.
pub const MAX_EPOCHS: u16 = 256;

/// Sender reports that wait for the epoch they belong to; beyond, the oldest is forgotten.
const MAX_WAITING_REPORTS: usize = 16;

/// Seconds between the NTP epoch (1900) and the Unix epoch.
const NTP_UNIX_OFFSET_S: i64 = 2_208_988_800;

/// Where a timestamp stands: in which epoch, unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Counted from 0; a new one begins where the timestamps jump.
    pub epoch: u16,
    /// The unwrapped timestamp in microseconds.
    pub us: i64,
}

/// Unwraps one layer's 32-bit timestamps and notices when they jump.
#[derive(Debug, Clone)]
pub struct Unwrap {
    rate_hz: i64,
    last: Option<(i64, MediaTime)>,
    epoch: u16,
}

impl Unwrap {
    /// Begins with the first packet.
    pub fn new(codec: Codec) -> Self {
        Unwrap {
            rate_hz: i64::from(codec.clock_rate_hz()),
            last: None,
            epoch: 0,
        }
    }

    /// The place of the next packet in sequence order.
    pub fn place(&mut self, timestamp: u32, arrived: MediaTime) -> Place {
        let ticks = match self.last {
            None => i64::from(timestamp),
            Some((last, last_arrived)) => {
                let ticks = nearest(last, timestamp);
                let media_us = self.as_us(ticks - last);
                let arrival_us = arrived
                    .0
                    .cast_signed()
                    .wrapping_sub(last_arrived.0.cast_signed());
                let jumped = media_us < -BACK_US
                    || media_us.saturating_sub(arrival_us).saturating_abs() > JUMP_US;
                if jumped && self.epoch + 1 < MAX_EPOCHS {
                    self.epoch += 1;
                }
                ticks
            }
        };
        self.last = Some((ticks, arrived));
        Place {
            epoch: self.epoch,
            us: self.as_us(ticks),
        }
    }

    /// The place of a sender report near the last packet.
    fn near(&self, timestamp: u32) -> Option<i64> {
        self.last
            .map(|(last, _)| self.as_us(nearest(last, timestamp)))
    }

    fn as_us(&self, ticks: i64) -> i64 {
        let us = i128::from(ticks) * 1_000_000 / i128::from(self.rate_hz);
        i64::try_from(us).expect("32-bit steps cannot add up beyond 63 bits")
    }
}

/// The unwrapped timestamp that is nearest to the last (RFC 3550, appendix A.1, for 32 bits).
fn nearest(last: i64, timestamp: u32) -> i64 {
    let step = timestamp.wrapping_sub(last as u32).cast_signed();
    last + i64::from(step)
}

/// What one epoch of a layer has shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Epoch {
    /// For each second: the timestamp whose arrival was least late, and that arrival minus it.
    pub(crate) arrivals: BTreeMap<i64, (i64, i64)>,
    /// For each second: the timestamp and NTP time minus it, of the first sender report.
    pub(crate) reports: BTreeMap<i64, (i64, i64)>,
}

/// What a layer has shown.
#[derive(Debug, Clone)]
pub(crate) struct LayerClock {
    unwrap: Unwrap,
    pub(crate) epochs: Vec<Epoch>,
    waiting: Vec<(MediaTime, u64, u32)>,
}

impl LayerClock {
    fn new(codec: Codec) -> Self {
        LayerClock {
            unwrap: Unwrap::new(codec),
            epochs: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn packet(&mut self, timestamp: u32, arrived: MediaTime) {
        let place = self.unwrap.place(timestamp, arrived);
        let new_epoch = self.epochs.len() <= usize::from(place.epoch);
        if new_epoch {
            self.epochs.push(Epoch::default());
        }
        let epoch = self.epochs.last_mut().expect("pushed when empty");
        let late = arrived.0.cast_signed().saturating_sub(place.us);
        let best = epoch
            .arrivals
            .entry(place.us.div_euclid(1_000_000))
            .or_insert((place.us, late));
        if late < best.1 {
            *best = (place.us, late);
        }
        if new_epoch {
            for (arrived, ntp, timestamp) in std::mem::take(&mut self.waiting) {
                self.report(arrived, ntp, timestamp);
            }
        }
    }

    fn report(&mut self, arrived: MediaTime, ntp: u64, timestamp: u32) {
        let at = self.unwrap.near(timestamp);
        let fits = at.filter(|at| self.fits_epoch(*at, arrived));
        let (Some(at), Some(epoch)) = (fits, self.epochs.last_mut()) else {
            if self.waiting.len() == MAX_WAITING_REPORTS {
                self.waiting.remove(0);
            }
            self.waiting.push((arrived, ntp, timestamp));
            return;
        };
        epoch
            .reports
            .entry(at.div_euclid(1_000_000))
            .or_insert((at, ntp_as_unix_us(ntp).saturating_sub(at)));
    }

    /// Whether the report speaks of the present epoch: it came about when it should.
    fn fits_epoch(&self, at: i64, arrived: MediaTime) -> bool {
        let Some(epoch) = self.epochs.last() else {
            return false;
        };
        let Some((_, (_, late))) = epoch.arrivals.last_key_value() else {
            return false;
        };
        let report_late = arrived.0.cast_signed().saturating_sub(at);
        report_late.saturating_sub(*late).saturating_abs() <= JUMP_US
    }
}

/// What the layers of one tape have shown about their clocks.
#[derive(Debug, Clone)]
pub struct TapeClock {
    codec: Codec,
    pub(crate) layers: BTreeMap<u8, LayerClock>,
}

impl TapeClock {
    /// Nothing yet.
    pub fn new(codec: Codec) -> Self {
        TapeClock {
            codec,
            layers: BTreeMap::new(),
        }
    }

    /// Notes the next of the tape, in sequence order.
    pub fn observe(&mut self, next: &Ordered) {
        match next {
            Ordered::Packet(packet) => self
                .layer(packet.layer)
                .packet(packet.timestamp, packet.arrived),
            Ordered::SenderReport {
                layer,
                arrived,
                ntp,
                timestamp,
            } => self.layer(*layer).report(*arrived, *ntp, *timestamp),
            Ordered::Muted { .. } => {}
        }
    }

    fn layer(&mut self, layer: u8) -> &mut LayerClock {
        let codec = self.codec;
        self.layers
            .entry(layer)
            .or_insert_with(|| LayerClock::new(codec))
    }
}

/// 32.32 fixed point since 1900 to microseconds since 1970.
pub(crate) fn ntp_as_unix_us(ntp: u64) -> i64 {
    let seconds = i64::from((ntp >> 32) as u32) - NTP_UNIX_OFFSET_S;
    let fraction_us = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    seconds * 1_000_000 + fraction_us.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_unwrap_over_the_end_of_32_bits_in_one_epoch() {
        let mut unwrap = Unwrap::new(Codec::Opus);
        let first = unwrap.place(u32::MAX - 479, MediaTime(1_000_000));
        let second = unwrap.place(480, MediaTime(1_020_000));
        assert_eq!(second.epoch, 0);
        assert_eq!(second.us - first.us, 20_000);
    }

    #[test]
    fn a_jump_begins_an_epoch_and_a_pause_does_not() {
        let cases = [
            // (timestamp step in ms, arrival step in ms, new epoch)
            (20, 20, false),
            (60_000, 60_000, false),
            (20, 3_000, false),
            (20, 9_000, true),
            (9_000, 20, true),
            (-1_000, 20, true),
            (-40, 20, false),
        ];
        for (media_ms, arrival_ms, new) in cases {
            let mut unwrap = Unwrap::new(Codec::Opus);
            unwrap.place(1_000_000_000, MediaTime(1_000_000_000));
            let timestamp = 1_000_000_000i64 + media_ms * 48;
            let place = unwrap.place(
                timestamp as u32,
                MediaTime(1_000_000_000 + arrival_ms as u64 * 1_000),
            );
            assert_eq!(place.epoch == 1, new, "{media_ms} ms in {arrival_ms} ms");
        }
    }

    #[test]
    fn epochs_are_bounded() {
        let mut unwrap = Unwrap::new(Codec::Opus);
        let mut last = 0;
        for step in 0..1_000u32 {
            last = unwrap
                .place(step.wrapping_mul(0x7000_0000), MediaTime(u64::from(step)))
                .epoch;
        }
        assert_eq!(last, MAX_EPOCHS - 1);
    }

    #[test]
    fn reports_before_the_first_packet_wait_for_it_and_are_bounded() {
        let mut clock = LayerClock::new(Codec::Opus);
        for count in 0..100 {
            clock.report(MediaTime(1_000_000), 5 << 32, 48_000 * count);
        }
        assert_eq!(clock.waiting.len(), MAX_WAITING_REPORTS);
        clock.packet(48_000 * 99, MediaTime(1_000_000));
        assert!(clock.epochs[0].reports.len() >= 4);
        assert!(clock.waiting.len() < MAX_WAITING_REPORTS);
    }

    #[test]
    fn ntp_time_becomes_unix_time() {
        assert_eq!(ntp_as_unix_us((2_208_988_800 << 32) | 0x8000_0000), 500_000);
        ntp_as_unix_us(u64::MAX);
        ntp_as_unix_us(0);
    }
}
