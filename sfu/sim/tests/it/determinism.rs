//! One seed decides everything.

use sfu_sim::chronicle::Chronicle;

use crate::seeds::SEEDS;
use crate::{joining, network};

fn tell_twice(story: fn(u64) -> Chronicle) {
    for seed in [SEEDS[0], SEEDS[9]] {
        let (one, two) = (story(seed), story(seed));
        assert_eq!(one.parts_from(&two), None, "seed {seed} parts here");
        assert_eq!(one.hash(), two.hash());
        assert!(
            one.lines().len() > 500,
            "a story that tells nothing proves nothing"
        );
    }
}

#[test]
fn the_same_seed_tells_the_same_story_twice() {
    tell_twice(joining::three_meet);
}

#[test]
fn also_when_the_network_loses_and_reorders() {
    tell_twice(network::a_lossy_network);
}

#[test]
fn another_seed_tells_another_story() {
    assert_ne!(
        joining::three_meet(SEEDS[0]).hash(),
        joining::three_meet(SEEDS[1]).hash()
    );
}
