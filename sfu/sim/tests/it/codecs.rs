//! Cameras of every coding: streams for each layer, and streams that are built of layers. The
//! oracles see to it that every frame that comes out whole has all that it needs, and that all
//! numbers go on.

use sfu_client::coding::Coding;
use sfu_client::peer::{Dialect, Publication};
use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{Invite, LAYER_HEIGHTS};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

const VP9: Coding = Coding::Vp9 { key_only: false };
const VP9_KEY: Coding = Coding::Vp9 { key_only: true };
const AV1: Coding = Coding::Av1 { key_only: false };
const AV1_KEY: Coding = Coding::Av1 { key_only: true };

/// Longest from a wish until it is seen.
const WISH_MS: u64 = 1_000;

/// A picture that was seen so lately moves: the cameras give ten a second.
const MOVES_MS: u64 = 250;

/// Shows a camera and says something, and sees nobody.
fn shows(coding: Coding, path: Path) -> Invite {
    let layers = if coding.is_scalable() { 1 } else { 3 };
    Invite {
        publish: vec![
            Publication::live(Source::Camera, layers),
            Publication::live(Source::Microphone, 1),
        ],
        dialect: Dialect {
            coding,
            ..Dialect::default()
        },
        audio_slots: 0,
        video_slots: 0,
        ..Invite::over(Line::both(path))
    }
}

/// Sees one at a time, in every coding.
fn watches(path: Path) -> Invite {
    Invite {
        video_slots: 1,
        dialect: Dialect {
            every_codec: true,
            ..Dialect::default()
        },
        ..Invite::viewer(Line::both(path))
    }
}

fn claim_layer(world: &mut World, name: &str, whom: &str, height: u16) {
    let layer = LAYER_HEIGHTS.iter().position(|covers| *covers >= height);
    let moves = world.perceives(name, whom, Source::Camera, MOVES_MS);
    let seen = world.sighting(name, whom, Source::Camera);
    let seen = seen.map(|seen| usize::from(seen.layer));
    world.claim(
        moves && seen == layer,
        &format!("{name} sees {whom} at {height}: layer {layer:?}, not {seen:?}, moves: {moves}"),
    );
}

/// Two watch a camera, and want it larger and smaller, never both the same.
fn heights(name: &'static str, seed: u64, coding: Coding) -> Chronicle {
    let mut plan = Plan::tell(name, seed, Bounds::STRICT);
    plan.step("ben and cleo watch ada", |world| {
        world.join_with("ada", shows(coding, Path::OFFICE));
        world.join_with("ben", watches(Path::OFFICE));
        world.join_with("cleo", watches(Path::OFFICE));
        world.run_ms(1_500);
    })
    .step("they want her larger and smaller", |world| {
        let [quarter, half, full] = LAYER_HEIGHTS;
        for (of_ben, of_cleo) in [
            (quarter, full),
            (full, quarter),
            (half, full),
            (half, quarter),
            (full, half),
        ] {
            world.want("ben", "ada", Source::Camera, of_ben);
            world.run_ms(seed % 90);
            world.want("cleo", "ada", Source::Camera, of_cleo);
            world.run_ms(WISH_MS);
            claim_layer(world, "ben", "ada", of_ben);
            claim_layer(world, "cleo", "ada", of_cleo);
            world.run_ms(400);
        }
    })
    .end()
}

/// Two watch a camera over lines that lose a twentieth, and want it larger and smaller.
fn losses(name: &'static str, seed: u64, coding: Coding) -> Chronicle {
    let mut plan = Plan::tell(name, seed, Bounds::LOSSY);
    plan.step("ben and cleo watch ada, and all lines lose", |world| {
        world.join_with("ada", shows(coding, Path::LOSSY));
        world.join_with("ben", watches(Path::LOSSY));
        world.join_with("cleo", watches(Path::LOSSY));
        world.run_until_connected();
        world.run_ms(3_000);
    })
    .step("they want her larger and smaller", |world| {
        let [quarter, half, full] = LAYER_HEIGHTS;
        for (of_ben, of_cleo) in [(quarter, full), (full, half), (half, quarter)] {
            world.want("ben", "ada", Source::Camera, of_ben);
            world.want("cleo", "ada", Source::Camera, of_cleo);
            world.run_ms(2_500);
            for name in ["ben", "cleo"] {
                let moves = world.perceives(name, "ada", Source::Camera, 2_000);
                world.claim(moves, &format!("{name} sees ada"));
            }
        }
        let report = world.report();
        let again = report.retransmissions_out;
        world.claim(again > 0, "what is lost is sent again");
    })
    .end()
}

/// A camera that nobody looks at rests, and is there when somebody does.
fn at_rest(name: &'static str, seed: u64, coding: Coding) -> Chronicle {
    let mut plan = Plan::tell(name, seed, Bounds::STRICT);
    plan.step("ben watches ada and looks away", |world| {
        world.join_with("ada", shows(coding, Path::OFFICE));
        world.join_with("ben", watches(Path::OFFICE));
        world.run_ms(2_000);
        claim_layer(world, "ben", "ada", 720);
        world.want_nothing("ben");
        world.run_ms(2_000);
        let sent = world.layers_sent("ada", Source::Camera);
        world.claim(sent.is_empty(), &format!("nothing is sent, not {sent:?}"));
    })
    .step("he looks again", |world| {
        world.want("ben", "ada", Source::Camera, 360);
        world.run_ms(1_000);
        claim_layer(world, "ben", "ada", 360);
    })
    .end()
}

pub(crate) fn vp9_heights(seed: u64) -> Chronicle {
    heights("VP9 at every height", seed, VP9)
}

pub(crate) fn vp9_key_heights(seed: u64) -> Chronicle {
    heights("VP9 with own layers at every height", seed, VP9_KEY)
}

pub(crate) fn av1_heights(seed: u64) -> Chronicle {
    heights("AV1 at every height", seed, AV1)
}

pub(crate) fn av1_key_heights(seed: u64) -> Chronicle {
    heights("AV1 with own layers at every height", seed, AV1_KEY)
}

pub(crate) fn h264_heights(seed: u64) -> Chronicle {
    heights("H.264 at every height", seed, Coding::H264)
}

pub(crate) fn vp9_losses(seed: u64) -> Chronicle {
    losses("VP9 over lossy lines", seed, VP9)
}

pub(crate) fn vp9_key_losses(seed: u64) -> Chronicle {
    losses("VP9 with own layers over lossy lines", seed, VP9_KEY)
}

pub(crate) fn av1_losses(seed: u64) -> Chronicle {
    losses("AV1 over lossy lines", seed, AV1)
}

pub(crate) fn av1_key_losses(seed: u64) -> Chronicle {
    losses("AV1 with own layers over lossy lines", seed, AV1_KEY)
}

pub(crate) fn h264_losses(seed: u64) -> Chronicle {
    losses("H.264 over lossy lines", seed, Coding::H264)
}

pub(crate) fn vp9_at_rest(seed: u64) -> Chronicle {
    at_rest("a VP9 camera at rest", seed, VP9_KEY)
}

pub(crate) fn av1_at_rest(seed: u64) -> Chronicle {
    at_rest("an AV1 camera at rest", seed, AV1)
}

/// One slot shows cameras of every coding in turn.
pub(crate) fn one_slot_for_all(seed: u64) -> Chronicle {
    let cameras = [
        ("ada", Coding::Vp8),
        ("ben", Coding::H264),
        ("cleo", VP9),
        ("dan", AV1),
        ("eve", AV1_KEY),
        ("fay", VP9_KEY),
    ];
    let mut plan = Plan::tell("one slot for every coding", seed, Bounds::STRICT);
    plan.step("gus watches six", |world| {
        for (name, coding) in cameras {
            world.join_with(name, shows(coding, Path::OFFICE));
        }
        world.join_with("gus", watches(Path::OFFICE));
        world.run_ms(1_500);
    })
    .step("one after the other", |world| {
        for round in 0..12u64 {
            let (name, _) = cameras[((seed + 5 * round) % 6) as usize];
            let height = LAYER_HEIGHTS[((seed / 6 + round) % 3) as usize];
            world.want("gus", name, Source::Camera, height);
            world.run_ms(WISH_MS);
            claim_layer(world, "gus", name, height);
        }
    })
    .end()
}

/// Who takes VP8 only is shown nobody else, and nobody is shown something that it cannot read.
pub(crate) fn who_takes_one_coding(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("who takes one coding", seed, Bounds::STRICT);
    plan.step("ben takes VP8 only and sees ada and cleo", |world| {
        world.join_with("ada", shows(Coding::Vp8, Path::OFFICE));
        world.join_with("cleo", shows(AV1, Path::OFFICE));
        let plain = Invite::viewer(Line::both(Path::OFFICE));
        world.join_with("ben", plain);
        world.run_ms(2_500);
        claim_layer(world, "ben", "ada", 720);
        let seen = world.sighting("ben", "cleo", Source::Camera);
        world.claim(seen.is_none(), "cleo's pictures do not come to ben");
        let heard = world.perceives("ben", "cleo", Source::Microphone, MOVES_MS);
        world.claim(heard, "her sound does");
    })
    .end()
}
