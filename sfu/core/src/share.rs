//! What of its path each slot of a receiver gets, and since when that is another thing: the side of
//! `bandwidth` that knows slots and lines.

use std::time::{Duration, Instant};

use sfu_protocol::ids::ParticipantId;
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{PauseReason, SlotPause};

use crate::bandwidth::allocate::{
    Allotted, Asked, Layer, MAX_OFFERS, THINNED, WHOLE, allocate, one_at_a_time,
};
use crate::connection::downlink::Slot;
use crate::connection::uplink::{Line, Subscriber};
use crate::deadlines::Wake;
use crate::io::{ConnectionId, Departures};
use crate::media::keyframe::Mover;
use crate::media::packet::MAX_LAYERS;
use crate::stage::Stage;
use crate::subscribe::aim_within;

/// How often what the layers bring is looked at while pictures are sent.
const AGAIN_EVERY: Duration = Duration::from_secs(1);

/// On less than this, a few keyframes at once fill the queue before the narrowest place.
const THIN_BPS: u64 = 2_000_000;

/// The same while another slot waits to get more than it has.
const NEXT_AFTER: Duration = Duration::from_millis(300);

/// The same while everybody gets what is wanted.
const AGAIN_AT_EASE: Duration = Duration::from_secs(2);

/// What is thinned brings at most so much of the whole, or it is not worth its place.
const LESS: (u64, u64) = (10, 9);

/// Something else is wanted by a receiver, or sent to it: it is planned with the next tick.
pub(crate) fn changed(stage: &mut Stage, now: Instant, receiver: ConnectionId) {
    stage.deadlines.set_sooner(Wake::Share(receiver), now);
}

/// Plans what each slot of a receiver gets, and carries it out; who speaks, as it sees that, is
/// `speaker`. Answers what the client is to be told.
pub(crate) fn plan(
    stage: &mut Stage,
    now: Instant,
    out: &mut Departures,
    receiver: ConnectionId,
    speaker: Option<ParticipantId>,
) -> Vec<SlotPause> {
    let Some(connection) = stage.get(receiver).filter(|c| c.is_reachable()) else {
        return Vec::new();
    };
    let slots = connection.slots();
    let asked = slots.map(|(place, slot)| asked_of(stage, now, (place, slot), speaker));
    let asked: Vec<Asked> = asked.collect();
    let budget_bps = connection.path().budget_bps();
    let mut plan = allocate(budget_bps, &asked);
    let watches = asked
        .iter()
        .any(|asked| asked.kind == Kind::Video && asked.layers[0].is_some());
    let Some(connection) = stage.get_mut(receiver) else {
        return Vec::new();
    };
    let much = connection.path_mut().plan(now, &plan);
    let (mut moved, mut told) = (Vec::new(), Vec::new());
    let after = match connection.path().is_tight() {
        true if budget_bps < THIN_BPS && one_at_a_time(&asked, &mut plan.slots) => NEXT_AFTER,
        true => AGAIN_EVERY,
        false => AGAIN_AT_EASE,
    };
    let mut next_at = watches.then_some(now + after);
    for (asked, allotted) in asked.iter().zip(&plan.slots) {
        let Some(slot) = connection.slot_mut(asked.slot) else {
            continue;
        };
        if asked.kind == Kind::Video && carry_out(slot, asked, *allotted, now, much) {
            moved.push(asked.slot);
        }
        if let Some(paused) = slot.share.tell(now) {
            told.push(SlotPause {
                slot: slot.id.clone(),
                reason: paused.then_some(PauseReason::Bandwidth),
            });
        }
        next_at = next_at.into_iter().chain(slot.share.tells_at()).min();
    }
    if let Some(at) = next_at {
        stage.deadlines.set_sooner(Wake::Share(receiver), at);
    }
    for slot in moved {
        let connection = receiver;
        let to = Subscriber { connection, slot };
        aim_within(stage, now, out, to, Mover::Node);
    }
    told
}

/// Gives a slot its share. True when it is to be aimed again.
fn carry_out(slot: &mut Slot, asked: &Asked, allotted: Allotted, now: Instant, much: bool) -> bool {
    let moved = match allotted {
        Allotted::Nothing => slot.share.give(None),
        Allotted::Paused => slot.share.pause(now),
        Allotted::Layer { index, .. } => slot.share.give(most_height(asked, index)),
    };
    let stops = match (allotted, slot.selector.current()) {
        (Allotted::Layer { index, .. }, Some(from)) => much && index < from,
        _ => false,
    };
    slot.selector.thin(match allotted {
        Allotted::Layer {
            max_temporal_id, ..
        } => max_temporal_id,
        Allotted::Nothing | Allotted::Paused => WHOLE,
    });
    if stops {
        slot.pause();
    }
    moved || stops
}

/// None when it is the best of what was asked for: what fits then is what is asked.
fn most_height(asked: &Asked, layer: u8) -> Option<u16> {
    let mut offered = asked.layers.iter().flatten();
    let given = offered.find(|offered| offered.index == layer)?;
    let larger = offered.any(|offered| offered.index != layer);
    (larger && given.height < asked.max_height).then_some(given.height)
}

fn asked_of(
    stage: &Stage,
    now: Instant,
    (place, slot): (usize, &Slot),
    speaker: Option<ParticipantId>,
) -> Asked {
    let line = slot.feed.and_then(|feed| stage.line(feed.from()));
    let line = line.filter(|line| line.flowing);
    let shown = slot.feed.and_then(|feed| stage.owner(feed.publisher));
    let shown = shown.map(|(_, participant)| participant);
    let has = match (slot.share.is_paused(), slot.selector.current()) {
        (true, _) => Allotted::Paused,
        (false, Some(index)) => Allotted::Layer {
            index,
            max_temporal_id: slot.selector.max_temporal_id(),
        },
        (false, None) => Allotted::Nothing,
    };
    Asked {
        slot: place,
        kind: slot.kind,
        max_height: slot.max_height,
        priority: slot.priority,
        is_screen: line.is_some_and(|line| line.source == Source::Screen),
        is_speaker: shown.is_some() && shown == speaker,
        layers: line.map_or([None; MAX_OFFERS], |line| offers(line, slot, now)),
        has,
    }
}

/// A layer that nobody has measured takes, next to one that was, as its pixels are to that one's.
fn guess_from_neighbours(layers: &mut [Option<Layer>; MAX_LAYERS]) {
    let known = *layers;
    let known = known.iter().flatten().filter(|layer| layer.bps.is_some());
    for layer in layers
        .iter_mut()
        .flatten()
        .filter(|layer| layer.bps.is_none())
    {
        let distance = |other: &&Layer| other.index.abs_diff(layer.index);
        let squared = |height: u16| u64::from(height.max(1)).pow(2);
        let nearest = known.clone().min_by_key(distance);
        layer.bps = nearest.and_then(|nearest| {
            let bps = nearest.bps?;
            Some(bps.saturating_mul(squared(layer.height)) / squared(nearest.height))
        });
    }
}

/// What a layer takes, as `bps` has it of one: with those below it, where they are of one stream.
fn takes(line: &Line, layer: u8, bps: impl Fn(u8) -> Option<u64>) -> Option<u64> {
    let first = match line.layers.is_simulcast() {
        true => layer,
        false => 0,
    };
    (first..=layer).map(bps).sum()
}

/// What a line offers, from small to large.
fn offered(line: &Line, slot: &Slot, now: Instant) -> [Option<Layer>; MAX_LAYERS] {
    // With redundancy every sound goes twice.
    let times = if slot.redundant.is_some() { 2 } else { 1 };
    let mut offered = [None; MAX_LAYERS];
    for (place, index) in offered.iter_mut().zip(line.layers.available()) {
        let bps = takes(line, index, |layer| line.rates.bps(layer, now));
        *place = Some(Layer {
            index,
            height: line.layers.height(index),
            max_temporal_id: WHOLE,
            bps: bps.map(|bps| bps * times),
        });
    }
    guess_from_neighbours(&mut offered);
    offered
}

/// The same with what can be thinned: of a camera the smallest layer, for pictures that are smaller
/// are missed less than those that come less often; of a screen every layer, to read what is on it.
fn offers(line: &Line, slot: &Slot, now: Instant) -> [Option<Layer>; MAX_OFFERS] {
    let whole = offered(line, slot, now);
    let smallest = whole[0].map(|layer| layer.index);
    let mut offers = [None; MAX_OFFERS];
    let mut free = offers.iter_mut();
    for layer in whole.iter().flatten() {
        let thins = line.source == Source::Screen || smallest == Some(layer.index);
        let thinner = (0..THINNED as u8).filter_map(|temporal_id| {
            let bps = |layer| line.rates.thinned_bps(layer, temporal_id, now);
            let bps = takes(line, layer.index, bps).filter(|_| thins)?;
            (bps * LESS.0 < layer.bps() * LESS.1).then_some(Layer {
                max_temporal_id: temporal_id,
                bps: Some(bps),
                ..*layer
            })
        });
        // In this order, so that no place is taken for nothing.
        for (layer, place) in thinner.chain([*layer]).zip(free.by_ref()) {
            *place = Some(layer);
        }
    }
    offers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_measured_is_guessed_from_its_neighbours() {
        let layer = |index: u8, bps| {
            let height = 180 << index;
            Some(Layer {
                index,
                height,
                max_temporal_id: WHOLE,
                bps,
            })
        };
        let mut layers = [
            layer(0, None),
            layer(1, None),
            layer(2, Some(1_600_000)),
            None,
        ];
        guess_from_neighbours(&mut layers);
        let bps = layers.map(|layer| layer.and_then(|layer| layer.bps));
        assert_eq!(bps, [Some(100_000), Some(400_000), Some(1_600_000), None]);
        let mut unknown = [layer(0, None), None, None, None];
        guess_from_neighbours(&mut unknown);
        assert_eq!(unknown, [layer(0, None), None, None, None]);
    }
}
