//! The committed seeds. A seed that finds a fault is added to its plan and stays.

use std::ops::Range;

use sfu_sim::chronicle::Chronicle;

/// Every plan is told with each of them.
pub(crate) const SEEDS: [u64; 4] = [1, 2, 3, 5];

/// Seeds that found a fault, with the plan that they found it in.
const FOUND: &[(&str, u64)] = &[
    ("any_trouble_in_any_order_heals", 1478),
    ("any_trouble_in_any_order_heals", 30658),
    (
        "ten_percent_loss_and_jitter_leave_speech_and_pictures",
        71519,
    ),
    (
        "a_slot_stays_one_continuous_line_when_it_shows_somebody_else",
        1911,
    ),
    (
        "a_slot_stays_one_continuous_line_when_it_shows_somebody_else",
        2031,
    ),
];

/// Set to a seed, or to `from..to`, to tell a plan with these instead: how a failure is replayed.
pub(crate) const SEED: &str = "SFU_SIM_SEED";

/// Tells a plan with every seed of its own.
pub(crate) fn tell(plan: &str, story: fn(u64) -> Chronicle) {
    for seed in seeds_of(plan, std::env::var(SEED).ok().as_deref()) {
        let told = story(seed);
        println!("{plan} with seed {seed} has the hash {:016x}", told.hash());
    }
}

/// The seeds of a plan: those that were asked for, else the committed ones.
pub(crate) fn seeds_of(plan: &str, asked: Option<&str>) -> Vec<u64> {
    if let Some(asked) = asked {
        return read_range(asked).collect();
    }
    let found = FOUND.iter().filter(|(name, _)| *name == plan);
    SEEDS
        .into_iter()
        .chain(found.map(|&(_, seed)| seed))
        .collect()
}

/// Reads `7` or `7..9`.
pub(crate) fn read_range(text: &str) -> Range<u64> {
    let number = |text: &str| -> u64 { text.parse().expect("a number, or a range like 7..9") };
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(text)..number(text) + 1,
    }
}
