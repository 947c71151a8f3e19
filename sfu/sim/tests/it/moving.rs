//! Another address in mid-call, with and without knowing it; another page.

use sfu_protocol::media::Source;
use sfu_protocol::signal::{Role, TrackState};
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// From a move until media must flow both ways again.
const BACK_MS: u64 = 2_000;

/// Long enough for an oracle to complain of what has not healed.
const AFTER_MS: u64 = 1_500;

fn three_talk(world: &mut World) {
    for name in ["ada", "ben", "cleo"] {
        world.join(name);
        world.speak(name, true);
    }
    world.run_ms(2_500);
}

fn everyone_is_back(world: &mut World) {
    world.run_ms(BACK_MS);
    world.claim_everyone_perceives_everyone();
    world.run_ms(AFTER_MS);
}

pub(crate) fn a_nat_forgets(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a NAT forgets", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("ben's NAT gives him another port", |world| {
            world.rebind("ben");
            everyone_is_back(world);
        })
        .step("and another", |world| {
            world.rebind("ben");
            everyone_is_back(world);
        })
        .end()
}

pub(crate) fn an_observer_is_moved(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("an observer is moved", seed, Bounds::BROKEN);
    plan.step("eve watches ada and ben", |world| {
        world.join("ada");
        world.join("ben");
        let observer = Invite {
            role: Role::Observer,
            publish: Vec::new(),
            ..Invite::over(Line::both(Path::OFFICE))
        };
        world.join_with("eve", observer);
        world.run_ms(2_000);
    })
    .step("eve's NAT gives her another port", |world| {
        world.rebind("eve");
        world.run_ms(BACK_MS);
        for whom in ["ada", "ben"] {
            let seen = world.perceives("eve", whom, Source::Camera, 500);
            world.claim(seen, &format!("eve sees {whom}"));
        }
        world.run_ms(AFTER_MS);
    })
    .end()
}

pub(crate) fn another_network(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("another network", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("ben goes from wireless to mobile", |world| {
            let id = world.guest("ben").id;
            world.roam("ben");
            everyone_is_back(world);
            let same = world.guest("ben").participant().roster().you() == Some(id);
            world.claim(same, "ben is who he was");
        })
        .end()
}

/// Longest time without sound or pictures of somebody who goes to another network, and for them.
const LONGEST_GAP_MS: u64 = 1_000;

pub(crate) fn without_a_gap(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("another network without a gap", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk);
    for round in 0..3 {
        plan.step("ben goes to another network", |world| {
            world.run_ms(100 + 37 * (seed % 20) * round);
            for name in ["ada", "ben", "cleo"] {
                world.measure_anew(name);
            }
            world.roam("ben");
            world.run_ms(4_000);
            for (name, whom) in [("ada", "ben"), ("cleo", "ben"), ("ben", "ada")] {
                for source in [Source::Microphone, Source::Camera] {
                    let gap = world.longest_gap_ms(name, whom, source);
                    let what = format!("{name} misses {whom}'s {source} for {gap:?} ms");
                    world.claim(gap.is_some_and(|gap| gap <= LONGEST_GAP_MS), &what);
                }
            }
        });
    }
    plan.end()
}

pub(crate) fn with_a_screen(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("another network with a screen", seed, Bounds::BROKEN);
    plan.step("three talk, and ben shares his screen", |world| {
        three_talk(world);
        world.set_track("ben", Source::Screen, TrackState::Live);
        world.run_ms(1_500);
    })
    .step("ben goes to another network", |world| {
        world.roam("ben");
        everyone_is_back(world);
        for name in ["ada", "cleo"] {
            let seen = world.perceives(name, "ben", Source::Screen, 500);
            world.claim(seen, &format!("{name} sees ben's screen"));
        }
    })
    .end()
}

pub(crate) fn to_and_fro(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("to and fro", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("cleo walks along the edge of two networks", |world| {
            for _ in 0..3 {
                world.roam("cleo");
                world.run_ms(700);
                world.rebind("cleo");
                world.run_ms(900);
            }
        })
        .step("cleo sits down", everyone_is_back)
        .end()
}

pub(crate) fn reloading(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a page is loaded again", seed, Bounds::BROKEN);
    plan.step("three talk, and ben has muted himself", |world| {
        three_talk(world);
        world.set_track("ben", Source::Microphone, TrackState::Muted);
        world.run_ms(1_500);
    })
    .step("ben loads the page again", |world| {
        let id = world.guest("ben").id;
        world.reload("ben");
        world.run_ms(BACK_MS);
        world.claim(world.guest("ben").id == id, "ben is the same participant");
        let state = world.guest("ben").tracks[&Source::Microphone].0;
        world.claim(state == TrackState::Muted, "ben is muted as before");
        for whom in ["ada", "cleo"] {
            let seen = world.perceives("ben", whom, Source::Camera, 500)
                && world.perceives(whom, "ben", Source::Camera, 500);
            world.claim(seen, &format!("ben and {whom} see each other"));
        }
        world.run_ms(AFTER_MS);
    })
    .end()
}
