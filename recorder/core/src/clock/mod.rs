//! One clock for a whole recording.
//!
//! Each layer's RTP timestamps go first to their publisher's NTP clock, by the sender reports
//! (RFC 3550, section 6.4.1), then from there to the node's media clock by the arrivals that
//! were least late. The second step is shared by all tracks of a publisher, so sound and
//! picture stay together whatever their paths through the network. Without sender reports a
//! layer goes to the media clock by its own arrivals alone.
//!
//! Both steps are piecewise straight and follow a drift of up to 300 parts per million.
//! Timestamps that jump begin a new epoch, which is placed for itself.

mod fit;
mod observe;

use std::collections::BTreeMap;
use std::sync::Arc;

use sfu_protocol::ids::{ParticipantId, TapeId};

use fit::Fit;
use observe::{Epoch, LayerClock};
pub use observe::{MAX_EPOCHS, Place, TapeClock, Unwrap};

/// Arrivals of one publisher that differ by more than this from what its NTP clock makes
/// likely belong to another clock: the participant came back from another device.
const SAME_CLOCK_US: i64 = 1_000_000;

/// Arrivals this late are not the network's doing when a quarter of them are.
const UNLIKELY_LATE_US: i64 = 5_000_000;

/// Timestamps and arrivals of one continuous stretch of a layer.
#[derive(Debug, Clone)]
enum Placed {
    /// By sender reports and the publisher's clock.
    ByReports { reports: Fit, publisher: Arc<Fit> },
    /// By its own arrivals.
    ByArrival(Fit),
}

/// Where a layer's timestamps stand on the media clock.
#[derive(Debug, Clone, Default)]
struct LayerMapping {
    /// For each epoch the stretch it belongs to.
    stretch_of: Vec<usize>,
    stretches: Vec<Placed>,
}

/// How far a report stands from the fit, and when on the media clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual {
    /// The media clock, microseconds.
    pub at_us: i64,
    /// Report minus fit, microseconds.
    pub off_us: i64,
}

/// Where a tape's timestamps stand on the media clock.
#[derive(Debug, Clone, Default)]
pub struct TapeMapping {
    layers: BTreeMap<u8, LayerMapping>,
    residuals: Vec<Residual>,
    median_late_us: i64,
}

impl TapeMapping {
    /// The media clock in microseconds at this place. None for a layer or an epoch that was not
    /// seen when the mapping was made.
    pub fn media_us(&self, layer: u8, place: Place) -> Option<i64> {
        let layer = self.layers.get(&layer)?;
        let stretch = *layer.stretch_of.get(usize::from(place.epoch))?;
        Some(layer.stretches.get(stretch)?.at(place.us))
    }

    /// How well the sender reports fit. Empty when there were none.
    pub fn residuals(&self) -> &[Residual] {
        &self.residuals
    }

    /// How late packets arrived after the least late ones, in the middle. Without sender
    /// reports this bounds how far the track may be from its publisher's others.
    pub fn median_late_us(&self) -> i64 {
        self.median_late_us
    }
}

impl Placed {
    fn at(&self, us: i64) -> i64 {
        match self {
            Placed::ByReports { reports, publisher } => publisher.at(reports.at(us)),
            Placed::ByArrival(arrivals) => arrivals.at(us),
        }
    }
}

/// A stretch before it is placed.
struct Stretch {
    tape: TapeId,
    layer: u8,
    reports: Option<Fit>,
    epoch: Epoch,
    cluster: usize,
}

/// Places the tapes of one recording on its node's media clock.
pub fn place_tapes(
    tapes: &BTreeMap<TapeId, (ParticipantId, TapeClock)>,
) -> BTreeMap<TapeId, TapeMapping> {
    let mut mappings: BTreeMap<TapeId, TapeMapping> = tapes
        .keys()
        .map(|tape| (*tape, TapeMapping::default()))
        .collect();
    let mut publishers: BTreeMap<ParticipantId, Vec<Stretch>> = BTreeMap::new();
    for (tape, (participant, clock)) in tapes {
        for (&layer, clock) in &clock.layers {
            let (stretch_of, epochs) = join_epochs(clock);
            let mapping = mappings.entry(*tape).or_default();
            mapping.layers.entry(layer).or_default().stretch_of = stretch_of;
            let stretches = publishers.entry(*participant).or_default();
            stretches.extend(epochs.into_iter().map(|epoch| Stretch {
                tape: *tape,
                layer,
                reports: Fit::middle(epoch.reports.values().copied().collect()),
                epoch,
                cluster: 0,
            }));
        }
    }
    for stretches in publishers.into_values() {
        place_publisher(stretches, &mut mappings);
    }
    mappings
}

/// Epochs that only looked like a jump, because the network stood still and then delivered, are
/// one stretch.
fn join_epochs(clock: &LayerClock) -> (Vec<usize>, Vec<Epoch>) {
    let mut stretch_of = Vec::new();
    let mut stretches: Vec<Epoch> = Vec::new();
    for epoch in &clock.epochs {
        let least = |epoch: &Epoch| epoch.arrivals.values().map(|(_, late)| *late).min();
        let goes_on = stretches
            .last()
            .is_some_and(|last| match (least(last), least(epoch)) {
                (Some(a), Some(b)) => a.saturating_sub(b).saturating_abs() <= SAME_CLOCK_US,
                _ => false,
            });
        match stretches.last_mut() {
            Some(last) if goes_on => {
                last.arrivals.extend(epoch.arrivals.clone());
                last.reports.extend(epoch.reports.clone());
            }
            _ => stretches.push(epoch.clone()),
        }
        stretch_of.push(stretches.len() - 1);
    }
    (stretch_of, stretches)
}

fn place_publisher(mut stretches: Vec<Stretch>, mappings: &mut BTreeMap<TapeId, TapeMapping>) {
    let clocks = publisher_clocks(&mut stretches);
    for stretch in stretches {
        let publisher = clocks.get(stretch.cluster).and_then(Option::as_ref);
        let placed = match (stretch.reports, publisher) {
            (Some(reports), Some(publisher)) => Some(Placed::ByReports {
                reports,
                publisher: publisher.clone(),
            }),
            _ => Fit::lower(stretch.epoch.arrivals.values().copied().collect())
                .map(Placed::ByArrival),
        };
        let Some(placed) = placed else { continue };
        let mapping = mappings.entry(stretch.tape).or_default();
        note_quality(&placed, &stretch.epoch, mapping);
        let layer = mapping.layers.entry(stretch.layer).or_default();
        layer.stretches.push(placed);
    }
}

/// The publisher's NTP clock against the media clock, once for each device it came from.
fn publisher_clocks(stretches: &mut [Stretch]) -> Vec<Option<Arc<Fit>>> {
    let mut clusters: Vec<BTreeMap<i64, i64>> = Vec::new();
    for stretch in stretches {
        let Some(reports) = &stretch.reports else {
            continue;
        };
        let samples: BTreeMap<i64, i64> = stretch
            .epoch
            .arrivals
            .values()
            .map(|(us, late)| {
                let ntp = reports.at(*us);
                (ntp, us.saturating_add(*late).saturating_sub(ntp))
            })
            .collect();
        let found = clusters
            .iter()
            .position(|known| same_clock(known, &samples));
        stretch.cluster = found.unwrap_or(clusters.len());
        if found.is_none() {
            clusters.push(BTreeMap::new());
        }
        for (ntp, late) in samples {
            let known = clusters[stretch.cluster].entry(ntp).or_insert(late);
            *known = late.min(*known);
        }
    }
    clusters.into_iter().map(steady_clock).collect()
}

/// None for a clock that was set while it ran: its reports are worth nothing.
fn steady_clock(samples: BTreeMap<i64, i64>) -> Option<Arc<Fit>> {
    let samples: Vec<(i64, i64)> = samples.into_iter().collect();
    let fit = Fit::lower(samples.clone())?;
    let beyond = samples
        .iter()
        .filter(|(ntp, late)| {
            ntp.saturating_add(*late).saturating_sub(fit.at(*ntp)) > UNLIKELY_LATE_US
        })
        .count();
    (beyond * 4 <= samples.len()).then(|| Arc::new(fit))
}

fn same_clock(known: &BTreeMap<i64, i64>, samples: &BTreeMap<i64, i64>) -> bool {
    let Some((&from, _)) = samples.first_key_value() else {
        return false;
    };
    let near = known
        .range(..=from)
        .next_back()
        .or(known.range(from..).next());
    let least = samples.values().take(5).min();
    match (near, least) {
        (Some((_, known)), Some(least)) => {
            known.saturating_sub(*least).saturating_abs() <= SAME_CLOCK_US
        }
        _ => false,
    }
}

fn note_quality(placed: &Placed, epoch: &Epoch, mapping: &mut TapeMapping) {
    if let Placed::ByReports { reports, .. } = placed {
        for (us, offset) in epoch.reports.values() {
            mapping.residuals.push(Residual {
                at_us: placed.at(*us),
                off_us: us.saturating_add(*offset).saturating_sub(reports.at(*us)),
            });
        }
    }
    let mut late: Vec<i64> = epoch
        .arrivals
        .values()
        .map(|(us, late)| us.saturating_add(*late).saturating_sub(placed.at(*us)))
        .collect();
    late.sort_unstable();
    let median = late.get(late.len() / 2).copied().unwrap_or(0);
    mapping.median_late_us = mapping.median_late_us.max(median);
}

#[cfg(test)]
mod tests;
