//! What people want to see.

use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

/// Sees one at a time.
fn narrow_window() -> Invite {
    Invite {
        video_slots: 1,
        ..Invite::over(Line::both(Path::OFFICE))
    }
}

pub(crate) fn nobody_and_somebody(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("nobody and somebody", seed, Bounds::STRICT);
    plan.step("ada, who sees one at a time, meets ben and cleo", |world| {
        world.join_with("ada", narrow_window());
        world.join("ben");
        world.join("cleo");
        world.run_ms(2_000);
    })
    .step("ada wants to see nobody", |world| {
        world.want_nothing("ada");
        world.run_ms(1_500);
        for whom in ["ben", "cleo"] {
            let seen = world.perceives("ada", whom, Source::Camera, 1_000);
            world.claim(!seen, &format!("ada sees nothing of {whom}"));
        }
    })
    .step("ada wants cleo, then ben, then nobody again", |world| {
        for whom in ["cleo", "ben"] {
            world.want("ada", whom, Source::Camera, 180);
            world.run_ms(1_000);
            let seen = world.perceives("ada", whom, Source::Camera, 250);
            world.claim(seen, &format!("ada sees {whom}"));
        }
        world.want_nothing("ada");
        world.run_ms(2_000);
    })
    .end()
}

pub(crate) fn the_talk_goes_round(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("the talk goes round", seed, Bounds::STRICT);
    plan.step("ada, who sees one at a time, meets three", |world| {
        world.join_with("ada", narrow_window());
        for name in ["ben", "cleo", "dan"] {
            world.join(name);
        }
        world.run_ms(1_500);
        world.want_speaker("ada", 360);
        world.run_ms(500);
    })
    .step("one after the other speaks", |world| {
        for name in ["dan", "ben", "cleo"] {
            world.speak(name, true);
            world.run_ms(2_500);
            let seen = world.perceives("ada", name, Source::Camera, 500);
            world.claim(seen, &format!("ada sees {name} speak"));
            world.speak(name, false);
            world.run_ms(500);
        }
    })
    .end()
}

pub(crate) fn a_screen_comes_and_goes(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a screen comes and goes", seed, Bounds::STRICT);
    plan.step("ada wants to see ben's screen, which is off", |world| {
        world.join_with("ada", narrow_window());
        world.join("ben");
        world.run_ms(1_500);
        world.want("ada", "ben", Source::Screen, 1_080);
        world.run_ms(1_000);
    })
    .step("ben shares, stops, and shares again", |world| {
        for _ in 0..2 {
            world.set_track("ben", Source::Screen, TrackState::Live);
            world.run_ms(1_200);
            let seen = world.perceives("ada", "ben", Source::Screen, 300);
            world.claim(seen, "ada sees ben's screen");
            world.set_track("ben", Source::Screen, TrackState::Off);
            world.run_ms(1_200);
        }
    })
    .end()
}
