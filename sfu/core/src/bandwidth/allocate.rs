//! Which slot gets which layer of the budget: a pure function. Sound first, always: video never
//! eats it. Then everybody gets the smallest layer, in order; then they get larger ones, in the
//! same order. The order: what is shared, who speaks, what the client says matters, the place.

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

/// A layer that is offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    /// As the publisher counts it.
    pub(crate) index: u8,
    pub(crate) height: u16,
    /// As measured.
    pub(crate) bps: Option<u64>,
}

impl Layer {
    /// What it takes, as far as is known.
    pub(crate) fn bps(&self) -> u64 {
        let lines = u64::from(self.height);
        self.bps.unwrap_or(BPS_FOR_LINES * lines * lines)
    }
}

/// What a slot has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Allotted {
    /// Nobody is in it, or nothing is offered.
    #[default]
    Nothing,
    /// This layer, as the publisher counts it.
    Layer(u8),
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
    /// From small to large.
    pub(crate) layers: [Option<Layer>; MAX_LAYERS],
    /// What it has now.
    pub(crate) has: Allotted,
}

impl Asked {
    /// Those that make sense for the height asked for: the smallest that covers it, and those
    /// below.
    fn fitting(&self) -> &[Option<Layer>] {
        let offered = self.layers.iter().take_while(|layer| layer.is_some());
        let below = offered
            .clone()
            .take_while(|layer| layer.is_some_and(|layer| layer.height < self.max_height));
        let count = (below.count() + 1).min(offered.count());
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
            (Kind::Audio, Some(layer)) => Allotted::Layer(layer.index),
            (Kind::Video, Some(_)) => Allotted::Paused,
        }
    }

    /// The place of the layer that it has now.
    fn place(&self) -> Option<usize> {
        let has = |layer: &Option<Layer>| {
            layer.is_some_and(|layer| self.has == Allotted::Layer(layer.index))
        };
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
    let mut allotted: Vec<Allotted> = slots.iter().map(Asked::at_least).collect();
    for &at in &order {
        let Some(Some(smallest)) = slots[at].fitting().first() else {
            continue;
        };
        let needs = match slots[at].place() {
            Some(_) => smallest.bps(),
            None => with_some_to_spare(smallest.bps()),
        };
        if needs <= left {
            left -= smallest.bps();
            allotted[at] = Allotted::Layer(smallest.index);
        }
    }
    for &at in &order {
        if allotted[at] == Allotted::Paused {
            continue;
        }
        let (place, takes) = largest(&slots[at], left);
        if let Some(layer) = slots[at].layers[place] {
            allotted[at] = Allotted::Layer(layer.index);
        }
        left -= takes;
    }
    let best = order.iter().filter_map(|at| slots[*at].best());
    let wanted: u64 = best.map(|layer| layer.bps()).sum();
    Plan {
        slots: allotted,
        bps: budget_bps.max(sound) - left,
        wanted_bps: sound + wanted,
    }
}

/// The largest layer that fits in place of the smallest, and how much more it takes.
fn largest(asked: &Asked, left: u64) -> (usize, u64) {
    let fitting = asked.fitting();
    let bps = |place: usize| fitting[place].map_or(0, |layer| layer.bps());
    let more = |place: usize| bps(place).saturating_sub(bps(0));
    let has = asked.place();
    let fits = |place: &usize| match has {
        // What is there now may stay while it fits at all.
        Some(has) if *place <= has => more(*place) <= left,
        _ => with_some_to_spare(more(*place)) <= left,
    };
    let place = (1..fitting.len()).rev().find(fits).unwrap_or(0);
    (place, more(place))
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
