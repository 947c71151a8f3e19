//! Trouble of every kind in an order that the seed decides; when it is over, all is well.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

const NAMES: [&str; 4] = ["ada", "ben", "cleo", "dan"];

/// Troubles of one day.
const TROUBLES: u64 = 5;

/// From the end of all trouble until everyone must perceive everyone.
const CALM_MS: u64 = 9_000;

/// Patient while trouble comes upon trouble; in the end it is claimed that all is well.
const PATIENT: Bounds = Bounds {
    settle: Duration::from_millis(8_000),
    freeze: Duration::from_millis(3_000),
    silence: Duration::from_millis(1_000),
    timestamp_slack: Duration::from_millis(1_500),
    ..Bounds::BROKEN
};

fn below(dice: &mut ChaCha8Rng, bound: u64) -> u64 {
    dice.next_u64() % bound
}

/// Something happens to somebody.
fn a_trouble(world: &mut World, dice: &mut ChaCha8Rng) {
    let name = NAMES[below(dice, 4) as usize];
    let dark_ms = 200 + below(dice, 4_000);
    match below(dice, 12) {
        0 => for_a_while(world, name, dark_ms, World::cut),
        1 => for_a_while(world, name, dark_ms, World::cut_up),
        2 => for_a_while(world, name, dark_ms, World::cut_down),
        3 => for_a_while(world, name, dark_ms * 3, World::cut),
        4 => world.rebind(name),
        5 => world.roam(name),
        6 => world.reload(name),
        7 => {
            world.crash();
            world.run_ms(dark_ms);
            world.restart();
        }
        8 => {
            world.leave(name);
            world.run_ms(dark_ms);
            world.join(name);
            world.speak(name, true);
        }
        9 => {
            let others = Line::both(Path::LOSSY);
            world.set_line(name, others);
            world.run_ms(dark_ms);
            world.set_line(name, Line::both(Path::OFFICE));
        }
        10 => {
            world.lose_signal(name);
            world.run_ms(dark_ms);
            world.signal_returns(name);
        }
        _ => {
            world.set_track(name, Source::Screen, TrackState::Live);
            world.run_ms(dark_ms);
            world.set_track(name, Source::Screen, TrackState::Off);
        }
    }
}

fn for_a_while(world: &mut World, name: &str, dark_ms: u64, cut: fn(&mut World, &str)) {
    cut(world, name);
    world.run_ms(dark_ms);
    world.mend(name);
}

fn a_day(world: &mut World, seed: u64) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed ^ 0x7_0b1e);
    for _ in 0..TROUBLES {
        a_trouble(world, &mut dice);
        world.run_ms(300 + below(&mut dice, 3_000));
    }
}

fn four_talk(world: &mut World) {
    for name in NAMES {
        world.join_with(name, Invite::over(Line::both(Path::OFFICE)));
        world.speak(name, true);
    }
    world.run_ms(2_500);
}

fn all_is_well(world: &mut World) {
    world.run_ms(CALM_MS);
    let here = world.report().participants;
    world.claim(here == 4, &format!("four are here, not {here}"));
    let reports = world.reports().into_iter();
    let open: u64 = reports.map(|report| report.connections).sum();
    world.claim(open == 4, &format!("four connections, not {open}"));
    world.claim_everyone_perceives_everyone();
}

pub(crate) fn a_bad_day(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a bad day", seed, PATIENT);
    plan.step("four talk", four_talk)
        .step("trouble comes upon trouble", |world| a_day(world, seed))
        .step("all is well", all_is_well)
        .end()
}

pub(crate) fn a_recorded_bad_day(seed: u64) -> Chronicle {
    let plan = Plan::tell("a recorded bad day", seed, PATIENT);
    a_day_on_tape(plan, seed)
}

pub(crate) fn a_bad_day_over_shards(seed: u64) -> Chronicle {
    let house = crate::spread::house(3, 1);
    let plan = Plan::tell_in("a bad day over shards", seed, PATIENT, house);
    a_day_on_tape(plan, seed)
}

fn a_day_on_tape(mut plan: Plan, seed: u64) -> Chronicle {
    plan.step("four talk and record", |world| {
        four_talk(world);
        world.start_recording("ada");
        world.run_ms(1_500);
    })
    .step("trouble comes upon trouble", |world| a_day(world, seed))
    .step("all is well", all_is_well)
    .step(
        "the recording stops, and what was received is on tape",
        |world| {
            world.stop_recording();
            world.run_ms(500);
            let report = world.report();
            let torn = world.keeper().tapes().values().any(|tape| !tape.is_whole());
            let ended = world.keeper().has_ended();
            world.claim(ended && !torn, "every tape is whole");
            world.claim(report.tape_entries_lost == 0, "the ring lost nothing");
        },
    )
    .end()
}
