//! What is seen in which slot and how large.

use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::LAYER_HEIGHTS;
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

use crate::seeds::with_every_seed;

/// Longest from a wish until it is seen.
const WISH_MS: u64 = 800;

fn layers_follow_the_height(seed: u64) -> Chronicle {
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

fn a_slot_changes_hands(seed: u64) -> Chronicle {
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

#[test]
fn who_wants_a_height_gets_the_layer_that_covers_it() {
    with_every_seed(|seed| {
        layers_follow_the_height(seed);
    });
}

#[test]
fn a_slot_stays_one_continuous_line_when_it_shows_somebody_else() {
    with_every_seed(|seed| {
        a_slot_changes_hands(seed);
    });
}
