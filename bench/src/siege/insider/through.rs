//! How long packets were on their way through the server, from its own histogram: what the machine
//! does to the clients is not in it. Of a flood of media the flood's own packets are. Pure.

use serde::{Serialize, Serializer};

use crate::siege::vitals::Figures;

/// From when the kernel had a packet to when it had been sent on.
const FAMILY: &str = "colloquy_sfu_forward_seconds_bucket";

/// How many packets took how long: upper bounds in milliseconds, and those up to each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Through(Vec<(f64, f64)>);

impl Through {
    /// What went through between two looks.
    pub(super) fn between(before: &Figures, after: &Figures) -> Self {
        let was = before.by(FAMILY, "le");
        let is = after.by(FAMILY, "le");
        let grown = is.iter().map(|(bound, count)| {
            let bound_ms = bound.parse::<f64>().unwrap_or(f64::INFINITY) * 1_000.0;
            (bound_ms, count - was.get(bound).copied().unwrap_or(0.0))
        });
        let mut all: Vec<(f64, f64)> = grown.collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        Through(all)
    }

    /// Takes more in.
    pub(super) fn add(&mut self, more: Through) {
        if self.0.is_empty() {
            self.0 = more.0;
            return;
        }
        for (mine, theirs) in self.0.iter_mut().zip(more.0) {
            mine.1 += theirs.1;
        }
    }

    /// What a share of the packets did not exceed, as if they lay evenly within a bucket; 0 where
    /// there were none.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        let total = self.0.last().map_or(0.0, |(_, count)| *count);
        let wanted = total * share;
        let mut below = (0.0, 0.0);
        for &(bound_ms, count) in &self.0 {
            if count >= wanted && count > below.1 {
                if bound_ms.is_infinite() {
                    return below.0;
                }
                let part = (wanted - below.1) / (count - below.1);
                return below.0 + (bound_ms - below.0) * part;
            }
            below = (bound_ms, count);
        }
        0.0
    }
}

impl Serialize for Through {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        [self.quantile_ms(0.5), self.quantile_ms(0.99)].serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(counts: [u32; 3]) -> Figures {
        let bounds = ["0.0001", "0.001", "+Inf"];
        let lines = bounds
            .iter()
            .zip(counts)
            .map(|(bound, count)| format!("{FAMILY}{{shard=\"0\",le=\"{bound}\"}} {count}\n"));
        Figures::read(&lines.collect::<String>())
    }

    #[test]
    fn quantiles_are_of_what_came_between_two_looks() {
        let mut through = Through::between(&page([50, 60, 60]), &page([140, 160, 160]));
        assert!((through.quantile_ms(0.45) - 0.05).abs() < 1e-9);
        assert!((through.quantile_ms(0.95) - 0.55).abs() < 1e-9);
        through.add(Through::between(&page([0, 0, 0]), &page([0, 0, 100])));
        assert!(
            (through.quantile_ms(0.99) - 1.0).abs() < 1e-9,
            "beyond the last bound"
        );
        assert_eq!(Through::default().quantile_ms(0.99), 0.0);
    }
}
