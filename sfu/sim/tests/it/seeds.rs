//! Which seeds a plan is told with: those that are committed, or those that were asked for. A seed
//! that finds a fault is added to its plan's and stays.

use std::collections::BTreeSet;
use std::ops::Range;

use sfu_sim::chronicle::Chronicle;

use crate::committed::COMMITTED;
use crate::plans::PLANS;

/// For claims about how a plan is told, which hold of every seed.
pub(crate) const SEEDS: [u64; 2] = [1, 2];

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
    let of_plan = COMMITTED.iter().find(|(name, _)| *name == plan);
    of_plan.map_or_else(Vec::new, |(_, seeds)| seeds.to_vec())
}

/// Reads `7` or `7..9`.
pub(crate) fn read_range(text: &str) -> Range<u64> {
    let number = |text: &str| -> u64 { text.parse().expect("a number, or a range like 7..9") };
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(text)..number(text) + 1,
    }
}

/// Fewest seeds that all plans have together, and each of them.
const FEWEST: usize = 200;
const FEWEST_OF_A_PLAN: usize = 3;

#[test]
fn every_plan_has_seeds_of_its_own() {
    let named: Vec<&str> = COMMITTED.iter().map(|(name, _)| *name).collect();
    let plans: Vec<&str> = PLANS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, plans, "in the order of the plans");
    let counts = COMMITTED.iter().map(|(_, seeds)| seeds.len());
    assert!(counts.clone().all(|count| count >= FEWEST_OF_A_PLAN));
    let all: BTreeSet<u64> = COMMITTED
        .iter()
        .flat_map(|(_, seeds)| *seeds)
        .copied()
        .collect();
    assert_eq!(all.len(), counts.sum::<usize>(), "no seed is told twice");
    assert!(all.len() >= FEWEST);
}
