//! How much arrives in a second, by the receiver's clock.

/// The window is cut into parts of so many µs.
const PART_US: i64 = 40_000;

/// So many parts: half a second, or the first part of it.
const PARTS: usize = 12;

/// The first rate is of at least so many parts.
const FEWEST: i64 = 4;

/// What was acknowledged in the last half second of the receiver's clock.
#[derive(Debug, Default)]
pub(super) struct Acked {
    bytes: [u32; PARTS],
    /// The newest part, counted from the clock's zero.
    newest: Option<i64>,
    /// The first part that was counted from its beginning.
    first: i64,
}

impl Acked {
    /// Bytes that came at this time of the receiver's clock, in µs.
    pub(super) fn add(&mut self, at: i64, bytes: usize) {
        let part = at.div_euclid(PART_US);
        let newest = *self.newest.get_or_insert_with(|| {
            self.first = part + 1;
            part
        });
        let ahead = part.saturating_sub(newest);
        let back = ahead.saturating_neg();
        if back >= PARTS as i64 || ahead >= 1_000 {
            // Another time: the clock was set, or nothing came for long.
            *self = Acked {
                newest: Some(part),
                first: part + 1,
                ..Acked::default()
            };
        } else if ahead > 0 {
            for skipped in 1..=ahead.min(PARTS as i64) {
                self.bytes[place(part + 1 - skipped)] = 0;
            }
            self.newest = Some(part);
        }
        let at = &mut self.bytes[place(part)];
        *at = at.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// The rate, without the part that is not over.
    pub(super) fn bps(&self) -> Option<f64> {
        let newest = self.newest?;
        let parts = (newest - self.first).min(PARTS as i64 - 1);
        if parts < FEWEST {
            return None;
        }
        let counted = (1..=parts).map(|back| f64::from(self.bytes[place(newest - back)]));
        let bits = 8.0 * counted.sum::<f64>();
        Some(bits * 1_000_000.0 / (parts * PART_US) as f64)
    }
}

fn place(part: i64) -> usize {
    part.rem_euclid(PARTS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_a_change_is_seen_within_half_a_second() {
        let mut acked = Acked::default();
        assert_eq!(acked.bps(), None);
        for packet in 0..300_i64 {
            let bytes = if packet < 200 { 1_250 } else { 125 };
            acked.add(packet * 10_000, bytes);
            let bps = acked.bps().unwrap_or(1_000_000.0);
            let expected = match packet {
                ..200 => 950_000.0..1_050_000.0,
                200..250 => 90_000.0..1_050_000.0,
                _ => 90_000.0..110_000.0,
            };
            assert!(expected.contains(&bps), "{packet} {bps}");
        }
    }

    #[test]
    fn a_clock_that_is_set_begins_anew_and_nothing_overflows() {
        let mut acked = Acked::default();
        for at in [0, 1 << 40, i64::MAX, i64::MIN, 0, -1, 5] {
            for packet in 0..30 {
                acked.add(i64::saturating_add(at, packet * 10_000), 1_250);
            }
        }
        for packet in 0..30 {
            acked.add((1 << 30) + packet * 10_000, 1_250);
        }
        let bps = acked.bps().expect("a rate");
        assert!((950_000.0..1_050_000.0).contains(&bps), "{bps}");
    }
}
