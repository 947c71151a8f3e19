//! The committed seeds. A seed that finds a fault is added here and stays.

/// Every story is told with each of them.
pub(crate) const SEEDS: [u64; 10] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89];

/// Tells a story with every seed.
pub(crate) fn with_every_seed(story: impl Fn(u64)) {
    for seed in SEEDS {
        story(seed);
    }
}
