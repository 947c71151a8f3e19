//! Bad networks.

use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

use crate::seeds::with_every_seed;

pub(crate) fn a_lossy_network(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a lossy network", seed, Bounds::LOSSY);
    plan.step("three meet over lines that lose 5 % each way", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join_with(name, Invite::over(Line::both(Path::LOSSY)));
            world.speak(name, true);
        }
        world.run_ms(6_000);
        world.claim_everyone_perceives_everyone();
    })
    .step("they go on for a while", |world| {
        world.run_ms(6_000);
        world.claim_everyone_perceives_everyone();
        let report = world.report();
        world.claim(
            report.retransmissions_out > 0,
            "lost packets are sent again",
        );
        let seen = world.sighting("ada", "ben", Source::Camera);
        let frames = seen.map_or(0, |seen| seen.frames);
        world.claim(
            frames >= 70,
            &format!("ada saw {frames} of ben's 110 frames"),
        );
    })
    .end()
}

fn a_line_that_becomes_narrow(seed: u64) -> Chronicle {
    let narrow = Path {
        rate_bps: Some(300_000),
        ..Path::OFFICE
    };
    // A full queue loses packets, so the line is not lossless while it is narrow.
    let mut plan = Plan::tell("a line that becomes narrow", seed, Bounds::LOSSY);
    plan.step("three meet", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(2_000);
    })
    .step("cleo's line takes a third of what comes", |world| {
        world.set_line(
            "cleo",
            Line {
                up: Path::OFFICE,
                down: narrow,
            },
        );
        world.run_ms(1_000);
        let dropped = world.traffic().overflowed;
        world.claim(dropped > 0, "the narrow line drops");
    })
    .step("the line is wide again", |world| {
        world.set_line("cleo", Line::both(Path::OFFICE));
        world.run_ms(4_000);
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

#[test]
fn a_meeting_survives_five_percent_loss_both_ways() {
    with_every_seed(|seed| {
        a_lossy_network(seed);
    });
}

#[test]
fn a_meeting_recovers_from_a_line_that_was_too_narrow() {
    with_every_seed(|seed| {
        a_line_that_becomes_narrow(seed);
    });
}
