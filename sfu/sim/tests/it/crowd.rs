//! Many people.

use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// Everyone hears and sees two at once.
fn modest() -> Invite {
    Invite {
        audio_slots: 2,
        video_slots: 2,
        ..Invite::over(Line::both(Path::OFFICE))
    }
}

/// Names of as many people.
pub(crate) fn people(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("guest-{number}")).collect()
}

fn claim_roster_sizes(world: &mut World, count: usize) {
    for name in world.names() {
        let others = world.guest(&name).participant().roster().people().count();
        let holds = others + 1 == count;
        world.claim(holds, &format!("{name} knows {others} of {count} others"));
    }
}

pub(crate) fn ten_at_once(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("ten at once", seed, Bounds::STRICT);
    plan.step("ten join in the same millisecond", |world| {
        for name in people(10) {
            world.join_with(&name, modest());
        }
        world.run_ms(2_000);
        claim_roster_sizes(world, 10);
    })
    .step("the last of them speaks", |world| {
        world.speak("guest-9", true);
        world.run_ms(2_000);
        for name in people(9) {
            let heard = world.perceives(&name, "guest-9", Source::Microphone, 250);
            world.claim(heard, &format!("{name} hears the last"));
        }
    })
    .end()
}

pub(crate) fn comings_and_goings(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("comings and goings", seed, Bounds::STRICT);
    plan.step("ada and ben talk", |world| {
        for name in ["ada", "ben"] {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(1_500);
    })
    .step("others look in and leave, one after the other", |world| {
        for round in 0..6 {
            let name = format!("passer-by {}", round % 3);
            world.join(&name);
            world.run_ms(150 + 170 * round);
            world.leave(&name);
        }
        world.run_ms(1_500);
        world.claim_everyone_perceives_everyone();
        claim_roster_sizes(world, 2);
    })
    .end()
}

pub(crate) fn everyone_leaves(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("everyone leaves", seed, Bounds::STRICT);
    plan.step("six meet", |world| {
        for name in people(6) {
            world.join_with(&name, modest());
        }
        world.run_ms(2_000);
    })
    .step("all leave in the same millisecond", |world| {
        for name in people(6) {
            world.leave(&name);
        }
        world.run_ms(1_500);
        let report = world.report();
        world.claim(report.participants == 0, "nobody is counted");
        world.claim(report.connections == 0, "no connection is left");
    })
    .step("ada comes into the room that was left", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
        world.claim_everyone_perceives_everyone();
    })
    .end()
}
