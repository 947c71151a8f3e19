//! What is seen in which slot and how large.

use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{Invite, LAYER_HEIGHTS};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

/// Longest from a wish until it is seen.
const WISH_MS: u64 = 800;

pub(crate) fn layers_follow_the_height(seed: u64) -> Chronicle {
    let mut plan = Plan::tell(
        "layers follow the height that is wanted",
        seed,
        Bounds::STRICT,
    );
    plan.step("ada and ben meet", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
    })
    .step("ben wants ada larger and smaller", |world| {
        let [quarter, half, full] = LAYER_HEIGHTS;
        for (height, layer) in [
            (full, 2),
            (quarter, 0),
            (half, 1),
            (90, 0),
            (1_080, 2),
            (200, 1),
        ] {
            world.want("ben", "ada", Source::Camera, height);
            world.run_ms(WISH_MS);
            let seen = world
                .sighting("ben", "ada", Source::Camera)
                .map(|seen| seen.layer);
            world.claim(
                seen == Some(layer),
                &format!("{height} lines are layer {layer}, not {seen:?}"),
            );
            world.run_ms(400);
        }
    })
    .end()
}

pub(crate) fn a_slot_changes_hands(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a slot changes hands", seed, Bounds::STRICT);
    plan.step("three meet", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join(name);
        }
        world.run_ms(2_000);
    })
    .step("ada looks from one to the other", |world| {
        for whom in ["ben", "cleo", "ben", "cleo"] {
            world.want("ada", whom, Source::Camera, 360);
            world.run_ms(WISH_MS);
            let seen = world.perceives("ada", whom, Source::Camera, 250);
            world.claim(seen, &format!("ada sees {whom} where she wants to"));
        }
    })
    .end()
}

pub(crate) fn more_people_than_slots(seed: u64) -> Chronicle {
    let names = ["ada", "ben", "cleo", "dan", "eve", "fay"];
    let mut plan = Plan::tell("more people than slots", seed, Bounds::STRICT);
    plan.step("six meet with two slots of each kind", |world| {
        for name in names {
            let invite = Invite {
                audio_slots: 2,
                video_slots: 2,
                ..Invite::over(Line::both(Path::OFFICE))
            };
            world.join_with(name, invite);
            world.run_ms(100);
        }
        world.run_ms(1_000);
        world.want_speaker("ada", 360);
        world.run_ms(500);
    })
    .step("one after the other speaks", |world| {
        for name in ["fay", "cleo", "eve"] {
            world.speak(name, true);
            world.run_ms(2_000);
            for other in names.iter().filter(|other| **other != name) {
                let heard = world.perceives(other, name, Source::Microphone, 250);
                world.claim(heard, &format!("{other} hears {name}"));
            }
            let seen = world.perceives("ada", name, Source::Camera, 500);
            world.claim(seen, &format!("ada sees {name} speak"));
            world.speak(name, false);
            world.run_ms(300);
        }
    })
    .end()
}
