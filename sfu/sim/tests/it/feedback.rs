//! Receivers that do not say when each packet came: some estimate by themselves, some only report.

use std::time::Duration;

use sfu_client::peer::{Dialect, Feedback};
use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{CAMERA_BPS, Invite};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// What is lost in a full queue is lost; a paused picture stands still.
const NARROW: Bounds = Bounds {
    silence: Duration::from_millis(2_000),
    freeze: Duration::from_secs(10),
    settle: Duration::from_secs(4),
    timestamp_slack: Duration::from_millis(1_500),
    lossless: false,
    ..Bounds::STRICT
};

/// How often an estimate is said.
const SAY_EVERY_MS: u64 = 500;

fn down(rate_bps: u64) -> Line {
    Line {
        up: Path::OFFICE,
        down: Path {
            rate_bps: Some(rate_bps),
            ..Path::OFFICE
        },
    }
}

fn viewer(feedback: Feedback) -> Invite {
    Invite {
        dialect: Dialect {
            feedback,
            ..Dialect::default()
        },
        video_slots: 1,
        audio_slots: 1,
        ..Invite::viewer(down(5_000_000))
    }
}

fn ben_watches_ada(world: &mut World, feedback: Feedback) {
    let ada = Invite {
        camera_bps: CAMERA_BPS,
        ..Invite::over(Line::both(Path::OFFICE))
    };
    world.join_with("ada", ada);
    world.join_with("ben", viewer(feedback));
    world.speak("ada", true);
    world.run_until_connected();
    world.run_ms(1_500);
    world.want("ben", "ada", Source::Camera, 720);
}

/// Runs, and says an estimate where there is one.
fn run(world: &mut World, ms: u64, estimate_bps: Option<u64>) {
    for _ in 0..ms / SAY_EVERY_MS {
        if let Some(bps) = estimate_bps {
            world.say_estimate("ben", bps);
        }
        world.run_ms(SAY_EVERY_MS);
    }
}

fn claim_layer(world: &mut World, layer: u8, when: &str) {
    let moves = world.perceives("ben", "ada", Source::Camera, 1_500);
    let seen = world.sighting("ben", "ada", Source::Camera);
    let seen = seen.map(|seen| seen.layer);
    let what = format!("{when} ben sees layer {layer}, not {seen:?}, moves: {moves}");
    world.claim(moves && seen == Some(layer), &what);
}

/// What a receiver estimates is kept to.
pub(crate) fn an_estimate_is_kept_to(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("an estimate is kept to", seed, NARROW);
    plan.step("ben estimates 5 Mbit/s", |world| {
        ben_watches_ada(world, Feedback::Remb);
        run(world, 12_000, Some(5_000_000));
        claim_layer(world, 2, "with room");
    })
    .step("300 kbit/s", |world| {
        world.set_line("ben", down(400_000));
        run(world, 8_000, Some(300_000));
        let lost = world.traffic().overflowed;
        run(world, 4_000, Some(300_000));
        claim_layer(world, 0, "in the narrow");
        let lost = world.traffic().overflowed - lost;
        world.claim(lost == 0, &format!("{lost} packets find the queue full"));
    })
    .step("and 5 Mbit/s again", |world| {
        world.set_line("ben", down(5_000_000));
        run(world, 15_000, Some(5_000_000));
        claim_layer(world, 2, "with room again");
    })
    .end()
}

/// Reports of losses are enough to be heard on a narrow line, and seen.
pub(crate) fn reports_are_enough(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("reports are enough", seed, NARROW);
    plan.step("ben reports and nothing else", |world| {
        ben_watches_ada(world, Feedback::Reports);
        run(world, 15_000, None);
        let seen = world.perceives("ben", "ada", Source::Camera, 1_000);
        world.claim(seen, "ben sees ada");
    })
    .step("his line becomes narrow", |world| {
        world.set_line("ben", down(400_000));
        run(world, 12_000, None);
        world.measure_anew("ben");
        run(world, 8_000, None);
        let gap = world.longest_gap_ms("ben", "ada", Source::Microphone);
        let heard = gap.is_some_and(|gap| gap <= 1_500);
        world.claim(heard, &format!("ben hears ada, with a gap of {gap:?}"));
        let seen = world.perceives("ben", "ada", Source::Camera, 5_000);
        world.claim(seen, "ben sees ada");
    })
    .end()
}
