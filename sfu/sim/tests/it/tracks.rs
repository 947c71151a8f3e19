//! Tracks start, are muted and stop.

use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

pub(crate) fn mute_camera_and_screen(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("mute, camera and screen", seed, Bounds::STRICT);
    plan.step("three meet and ada speaks", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join(name);
        }
        world.speak("ada", true);
        world.run_ms(2_000);
    })
    .step("ada mutes herself", |world| {
        world.set_track("ada", Source::Microphone, TrackState::Muted);
        world.run_ms(1_200);
        let heard = world.perceives("ben", "ada", Source::Microphone, 1_000);
        world.claim(!heard, "ben hears nothing of ada");
    })
    .step("ada speaks again", |world| {
        world.set_track("ada", Source::Microphone, TrackState::Live);
        world.run_ms(1_200);
        let heard = world.perceives("ben", "ada", Source::Microphone, 100);
        world.claim(heard, "ben hears ada");
    })
    .step("ben shares his screen", |world| {
        world.set_track("ben", Source::Screen, TrackState::Live);
        world.run_ms(1_200);
        for name in ["ada", "cleo"] {
            let seen = world.perceives(name, "ben", Source::Screen, 300);
            world.claim(seen, &format!("{name} sees ben's screen"));
        }
    })
    .step("ben stops sharing", |world| {
        world.set_track("ben", Source::Screen, TrackState::Off);
        world.run_ms(1_200);
        let seen = world.perceives("ada", "ben", Source::Screen, 800);
        world.claim(!seen, "ada sees nothing of ben's screen");
        world.claim_everyone_perceives_everyone();
    })
    .step("cleo turns her camera off and on", |world| {
        world.set_track("cleo", Source::Camera, TrackState::Muted);
        world.run_ms(1_500);
        let seen = world.perceives("ada", "cleo", Source::Camera, 1_000);
        world.claim(!seen, "ada sees nothing of cleo");
        world.set_track("cleo", Source::Camera, TrackState::Live);
        world.run_ms(1_000);
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

pub(crate) fn two_screens(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("two screens", seed, Bounds::STRICT);
    plan.step("three meet, and two share their screens", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join(name);
        }
        world.run_ms(1_500);
        world.set_track("ada", Source::Screen, TrackState::Live);
        world.set_track("ben", Source::Screen, TrackState::Live);
        world.run_ms(1_500);
        for (name, whom) in [
            ("cleo", "ada"),
            ("cleo", "ben"),
            ("ada", "ben"),
            ("ben", "ada"),
        ] {
            let seen = world.perceives(name, whom, Source::Screen, 300);
            world.claim(seen, &format!("{name} sees {whom}'s screen"));
        }
    })
    .step("dan comes late and sees both", |world| {
        world.join("dan");
        world.run_ms(1_500);
        for whom in ["ada", "ben"] {
            let seen = world.perceives("dan", whom, Source::Screen, 300);
            world.claim(seen, &format!("dan sees {whom}'s screen"));
        }
    })
    .end()
}
