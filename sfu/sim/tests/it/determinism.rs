//! One seed decides everything: in one process, and from one process to another.

use std::process::Command;

use sfu_sim::chronicle::Chronicle;

use crate::plans::PLANS;
use crate::seeds::{SEED, SEEDS};
use crate::{crash, darkness, joining, moving, network, recording, trouble};

/// What precedes a hash in the output of another process.
const HASH: &str = "the hash is ";

fn tell_twice(story: fn(u64) -> Chronicle) {
    let seed = SEEDS[0];
    let (one, two) = (story(seed), story(seed));
    assert_eq!(one.parts_from(&two), None, "seed {seed} parts here");
    assert_eq!(one.hash(), two.hash());
    assert!(
        one.lines().len() > 500,
        "a story that tells nothing proves nothing"
    );
}

#[test]
fn the_same_seed_tells_the_same_story_twice() {
    tell_twice(joining::three_meet);
}

#[test]
fn also_when_the_network_loses_doubles_and_reorders() {
    tell_twice(network::ten_percent);
    tell_twice(network::a_stuttering_line);
}

#[test]
fn also_when_lines_go_dark_and_addresses_change() {
    tell_twice(darkness::ten_seconds);
    tell_twice(moving::a_nat_forgets);
    tell_twice(moving::another_network);
}

#[test]
fn also_when_the_node_dies_or_stops_and_links_part() {
    tell_twice(crash::a_crash);
    tell_twice(crash::a_graceful_stop);
    tell_twice(recording::a_link_that_parts);
    tell_twice(recording::a_crash);
}

#[test]
fn another_seed_tells_another_story() {
    for story in [joining::three_meet, crash::a_crash, trouble::a_bad_day] {
        assert_ne!(story(SEEDS[0]).hash(), story(SEEDS[1]).hash());
    }
}

/// Told here and in other processes: one with everything in it, and one whose budgets and waits for
/// what was lost are at their edges all the time.
const TOLD_ELSEWHERE: [fn(u64) -> Chronicle; 2] =
    [trouble::a_recorded_bad_day, network::twenty_percent];

#[test]
fn other_processes_tell_the_same_stories() {
    let here = TOLD_ELSEWHERE.map(|story| format!("{HASH}{:016x}", story(SEEDS[0]).hash()));
    let myself = std::env::current_exe().expect("a test is a program");
    for _ in 0..2 {
        let other = Command::new(&myself)
            .args(["--exact", "determinism::stories_have_hashes", "--nocapture"])
            .env(SEED, SEEDS[0].to_string())
            .output()
            .expect("a program can be run again");
        let said = String::from_utf8_lossy(&other.stdout);
        for hash in &here {
            assert!(said.contains(hash), "not {hash}: {said}");
        }
    }
}

/// Told by [`other_processes_tell_the_same_stories`] as well, in other processes.
#[test]
fn stories_have_hashes() {
    for story in TOLD_ELSEWHERE {
        let told = story(SEEDS[0]);
        println!("{HASH}{:016x}", told.hash());
        assert_ne!(told.hash(), Chronicle::default().hash());
    }
}

#[test]
fn there_are_thirty_plans_with_a_hundred_seeds_and_each_has_its_name() {
    let mut names: Vec<&str> = PLANS.iter().map(|&(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PLANS.len());
    assert!(PLANS.len() >= 30);
    let seeds = names
        .iter()
        .map(|name| crate::seeds::seeds_of(name, None).len());
    assert!(seeds.sum::<usize>() >= 100);
}
