//! Lines that carry nothing for a while.

use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// From a line's return until its media must flow both ways again.
const BACK_MS: u64 = 2_000;

/// Long enough for an oracle to complain of what has not healed.
const AFTER_MS: u64 = 1_500;

fn three_talk(world: &mut World) {
    for name in ["ada", "ben", "cleo"] {
        world.join(name);
        world.speak(name, true);
    }
    world.run_ms(2_500);
    world.claim_everyone_perceives_everyone();
}

/// Ben is dark for a while; the others see each other all the time and him soon after.
fn ben_is_dark(
    name: &'static str,
    seed: u64,
    dark_ms: u64,
    cut: fn(&mut World, &str),
) -> Chronicle {
    let slots = |world: &World| world.guest("ben").participant().roster().slots().len();
    let mut before = 0;
    let mut plan = Plan::tell(name, seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("ben is dark", |world| {
            before = slots(world);
            cut(world, "ben");
            world.run_ms(dark_ms);
            let seen = world.perceives("ada", "cleo", Source::Camera, 300);
            world.claim(seen, "ada sees cleo as if nothing were");
        })
        .step("ben's line is whole", |world| {
            world.mend("ben");
            world.run_ms(BACK_MS);
            world.claim_everyone_perceives_everyone();
            let now = slots(world);
            world.claim(before == now, &format!("ben has {now} of {before} slots"));
            world.run_ms(AFTER_MS);
        })
        .end()
}

pub(crate) fn two_seconds(seed: u64) -> Chronicle {
    ben_is_dark("two dark seconds", seed, 2_000, World::cut)
}

pub(crate) fn ten_seconds(seed: u64) -> Chronicle {
    ben_is_dark("ten dark seconds", seed, 10_000, World::cut)
}

pub(crate) fn thirty_seconds(seed: u64) -> Chronicle {
    ben_is_dark("thirty dark seconds", seed, 30_000, World::cut)
}

pub(crate) fn upwards(seed: u64) -> Chronicle {
    ben_is_dark("dark upwards", seed, 4_000, World::cut_up)
}

pub(crate) fn downwards(seed: u64) -> Chronicle {
    ben_is_dark("dark downwards", seed, 4_000, World::cut_down)
}

pub(crate) fn media_alone(seed: u64) -> Chronicle {
    ben_is_dark("dark media", seed, 6_000, World::cut_media)
}

pub(crate) fn everyone(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a dark node", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("nobody reaches the node", |world| {
            for name in world.names() {
                world.cut(&name);
            }
            world.run_ms(12_000);
        })
        .step("the node is reached again", |world| {
            for name in world.names() {
                world.mend(&name);
            }
            world.run_ms(BACK_MS);
            world.claim_everyone_perceives_everyone();
            world.run_ms(AFTER_MS);
        })
        .end()
}

pub(crate) fn a_newcomer(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a newcomer in the dark", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("ben is dark, cleo leaves and dan comes", |world| {
            world.cut("ben");
            world.run_ms(1_000);
            world.leave("cleo");
            world.join("dan");
            world.speak("dan", true);
            world.run_ms(4_000);
        })
        .step("ben is back and knows", |world| {
            world.mend("ben");
            world.run_ms(BACK_MS);
            world.claim_everyone_perceives_everyone();
            world.run_ms(AFTER_MS);
        })
        .end()
}
