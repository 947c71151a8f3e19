//! Which slot gets which layer of the budget: a pure function. Sound first, always: video never
//! eats it. Then everybody gets the least there is, in order: the smallest layer, with fewer
//! pictures a second where the stream is built so. Then they get all of its pictures, then larger
//! layers, in the same order. The order: what is shared, who speaks, what the client says matters, the place.

use std::cmp::Reverse;

use sfu_protocol::media::Kind;

use crate::media::packet::MAX_LAYERS;

/// Least that is set aside for a voice, which may begin at any moment: Opus as browsers send it,
/// with headers, and twice where it is sent twice.
const VOICE_BPS: u64 = 64_000;

/// Least for each further one: not all of those who may speak do so at once.
const FURTHER_VOICE_BPS: u64 = 12_000;

/// Video that is not there now has to fit with so much to spare, in hundredths, so that it does not
/// come and go with every keyframe.
const TO_SPARE: u64 = 115;

/// Of a layer whose rate nobody has measured: bits a second for each line of its height, squared.
/// A camera's 180, 360 and 720 lines take 32, 130 and 520 kbit/s: too little rather than too much,
/// for what flows is measured soon, and what is paused never is.
const BPS_FOR_LINES: u64 = 1;

/// Temporal layers up to which a stream may be thinned: those that halve and quarter its pictures.
pub(crate) const THINNED: usize = 2;

/// A layer whole, and thinned.
const FORMS: usize = 1 + THINNED;

/// What a line may offer.
pub(crate) const MAX_OFFERS: usize = MAX_LAYERS * FORMS;

/// All temporal layers.
pub(crate) const WHOLE: u8 = u8::MAX;

/// A layer that is offered, whole or thinned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    /// As the publisher counts it.
    pub(crate) index: u8,
    pub(crate) height: u16,
    /// The highest of its temporal layers, or [`WHOLE`].
    pub(crate) max_temporal_id: u8,
    /// As measured.
    pub(crate) bps: Option<u64>,
}

impl Layer {
    /// What it takes, as far as is known.
    pub(crate) fn bps(&self) -> u64 {
        let lines = u64::from(self.height);
        self.bps.unwrap_or(BPS_FOR_LINES * lines * lines)
    }

    fn allotted(&self) -> Allotted {
        Allotted::Layer {
            index: self.index,
            max_temporal_id: self.max_temporal_id,
        }
    }
}

/// What a slot has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Allotted {
    /// Nobody is in it, or nothing is offered.
    #[default]
    Nothing,
    /// This layer, as the publisher counts it, up to this temporal layer.
    Layer { index: u8, max_temporal_id: u8 },
    /// Nothing, for want of bandwidth.
    Paused,
}

/// A slot and what could be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Where the slot is among its connection's.
    pub(crate) slot: usize,
    pub(crate) kind: Kind,
    /// How high the client shows it.
    pub(crate) max_height: u16,
    /// What the client says matters; higher is more.
    pub(crate) priority: u8,
    pub(crate) is_screen: bool,
    pub(crate) is_speaker: bool,
    /// From small to large, and of one layer from thin to whole.
    pub(crate) layers: [Option<Layer>; MAX_OFFERS],
    /// What it has now.
    pub(crate) has: Allotted,
}

impl Asked {
    /// Those that make sense for the height asked for: the smallest that covers it, and those
    /// below.
    fn fitting(&self) -> &[Option<Layer>] {
        let mut offered = self.layers.iter().flatten();
        let enough = offered.find(|layer| layer.height >= self.max_height);
        let largest = enough.map_or(u8::MAX, |layer| layer.index);
        self.up_to(largest)
    }

    /// Those of the smallest layer.
    fn smallest(&self) -> &[Option<Layer>] {
        self.layers[0].map_or(&[], |layer| self.up_to(layer.index))
    }

    fn up_to(&self, largest: u8) -> &[Option<Layer>] {
        let offered = self.layers.iter().map_while(|layer| *layer);
        let count = offered.take_while(|layer| layer.index <= largest).count();
        &self.layers[..count]
    }

    /// What it would get of an endless budget.
    fn best(&self) -> Option<Layer> {
        *self.fitting().last()?
    }

    /// What it has before anything is given.
    fn at_least(&self) -> Allotted {
        match (self.kind, self.layers[0]) {
            (_, None) => Allotted::Nothing,
            (Kind::Audio, Some(layer)) => layer.allotted(),
            (Kind::Video, Some(_)) => Allotted::Paused,
        }
    }

    /// The place of the layer that it has now.
    fn place(&self) -> Option<usize> {
        let has = |layer: &Option<Layer>| layer.is_some_and(|layer| self.has == layer.allotted());
        self.fitting().iter().position(has)
    }
}

/// What every slot gets, and what all of them would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In the order of the slots.
    pub(crate) slots: Vec<Allotted>,
    /// What it takes, sound as set aside.
    pub(crate) bps: u64,
    /// What it would take if the budget were endless.
    pub(crate) wanted_bps: u64,
}

/// Gives every slot what fits.
pub(crate) fn allocate(budget_bps: u64, slots: &[Asked]) -> Plan {
    let sound = sound_bps(slots);
    let order = order(slots);
    let mut left = budget_bps.saturating_sub(sound);
    let mut places: Vec<Option<usize>> = vec![None; slots.len()];
    for &at in &order {
        let Some(Some(least)) = slots[at].fitting().first() else {
            continue;
        };
        let needs = match slots[at].place() {
            Some(_) => least.bps(),
            None => with_some_to_spare(least.bps()),
        };
        if needs <= left {
            left -= least.bps();
            places[at] = Some(0);
        }
    }
    for among in [Asked::smallest, Asked::fitting] {
        for &at in &order {
            let Some(place) = &mut places[at] else {
                continue;
            };
            let offers = among(&slots[at]);
            let bps = |place: usize| offers[place].map_or(0, |layer| layer.bps());
            let larger = largest(&slots[at], offers, *place, left);
            left = left + bps(*place) - bps(larger);
            *place = larger;
        }
    }
    let allotted = slots.iter().zip(places).map(|(asked, place)| {
        let layer = place.and_then(|place| asked.layers[place]);
        layer.map_or(asked.at_least(), |layer| layer.allotted())
    });
    let best = order.iter().filter_map(|at| slots[*at].best());
    let wanted: u64 = best.map(|layer| layer.bps()).sum();
    Plan {
        slots: allotted.collect(),
        bps: budget_bps.max(sound) - left,
        wanted_bps: sound + wanted,
    }
}

/// The same with at most one slot that gets more than it has, the first in order: each begins with
/// a keyframe, and several at once would fill the queue before a narrow place. True when others wait.
pub(crate) fn one_at_a_time(slots: &[Asked], allotted: &mut [Allotted]) -> bool {
    let mut grows = order(slots);
    grows.retain(|at| is_more(allotted[*at], slots[*at].has));
    for &at in grows.iter().skip(1) {
        allotted[at] = slots[at].has;
    }
    grows.len() > 1
}

fn is_more(gets: Allotted, has: Allotted) -> bool {
    match (gets, has) {
        (Allotted::Layer { .. }, Allotted::Paused) => true,
        (Allotted::Layer { index: gets, .. }, Allotted::Layer { index: has, .. }) => gets > has,
        _ => false,
    }
}

/// The largest of `offers` that fits in place of the one that is given already.
fn largest(asked: &Asked, offers: &[Option<Layer>], given: usize, left: u64) -> usize {
    let bps = |place: usize| offers[place].map_or(0, |layer| layer.bps());
    let more = |place: usize| bps(place).saturating_sub(bps(given));
    let has = asked.place();
    let fits = |place: &usize| match has {
        // What is there now may stay while it fits at all.
        Some(has) if *place <= has => more(*place) <= left,
        _ => with_some_to_spare(more(*place)) <= left,
    };
    let mut larger = (given + 1..offers.len()).rev();
    larger.find(fits).unwrap_or(given)
}

fn with_some_to_spare(bps: u64) -> u64 {
    bps * TO_SPARE / 100
}

/// What is set aside for sound: for the loudest as for a voice, for each other at least a little.
fn sound_bps(slots: &[Asked]) -> u64 {
    let voices = slots.iter().filter(|asked| asked.kind == Kind::Audio);
    let takes = voices.filter_map(|asked| Some(asked.layers[0]?.bps.unwrap_or(0)));
    let (sum, most) = takes.fold((0, None), |(sum, most), bps| {
        (sum + FURTHER_VOICE_BPS.max(bps), most.max(Some(bps)))
    });
    most.map_or(0, |most: u64| {
        sum - FURTHER_VOICE_BPS.max(most) + VOICE_BPS.max(most)
    })
}

/// The video slots, those first that get something first.
fn order(slots: &[Asked]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..slots.len())
        .filter(|at| slots[*at].kind == Kind::Video && slots[*at].layers[0].is_some())
        .collect();
    order.sort_by_key(|at| {
        let asked = &slots[*at];
        (
            !asked.is_screen,
            !asked.is_speaker,
            Reverse(asked.priority),
            *at,
        )
    });
    order
}

#[cfg(test)]
mod tests;
