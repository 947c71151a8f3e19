//! The committed seeds. A seed that finds a fault is added here and stays.

use std::ops::Range;

/// Every story is told with each of them.
pub(crate) const SEEDS: [u64; 10] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89];

/// Set to `from..to` to look for new seeds instead: by night, never in a gate.
const SWEEP: &str = "SFU_SIM_SWEEP";

/// Tells a story with every seed.
pub(crate) fn with_every_seed(story: impl Fn(u64)) {
    match std::env::var(SWEEP) {
        Ok(range) => read_range(&range).for_each(story),
        Err(_) => SEEDS.into_iter().for_each(story),
    }
}

fn read_range(text: &str) -> Range<u64> {
    let (from, to) = text.split_once("..").expect("a range like 1000..1100");
    let number = |text: &str| text.parse().expect("a range of numbers");
    number(from)..number(to)
}
