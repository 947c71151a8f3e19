//! Lines that carry less than what is wanted.

use std::time::Duration;

use sfu_client::peer::Publication;
use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{CAMERA_BPS, Invite};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// Longest gap in what somebody says while a line becomes narrow: until it shows, its queue is full.
const GAP_MS: u64 = 1_200;

/// Full height is back within this.
const BACK_MS: u64 = 15_000;

/// What is lost in a full queue is lost; a paused picture stands still.
const NARROW: Bounds = Bounds {
    silence: Duration::from_millis(1_200),
    freeze: Duration::from_secs(4),
    settle: Duration::from_secs(4),
    timestamp_slack: Duration::from_millis(1_500),
    lossless: false,
    ..Bounds::STRICT
};

fn down(rate_bps: u64) -> Line {
    Line {
        up: Path::OFFICE,
        down: Path {
            rate_bps: Some(rate_bps),
            ..Path::OFFICE
        },
    }
}

/// Somebody with a camera as a browser's.
fn seen() -> Invite {
    Invite {
        camera_bps: CAMERA_BPS,
        ..Invite::over(Line::both(Path::OFFICE))
    }
}

/// Somebody who sends nothing.
fn viewer(line: Line) -> Invite {
    Invite {
        publish: Vec::new(),
        ..Invite::over(line)
    }
}

fn layer(world: &World, whom: &str) -> Option<u8> {
    let seen = world.sighting("ben", whom, Source::Camera);
    seen.filter(|_| world.perceives("ben", whom, Source::Camera, 1_000))
        .map(|seen| seen.layer)
}

/// Runs, and claims all the while that ada is heard. Answers the layers in which she was seen,
/// every tenth of a second.
fn listen(world: &mut World, ms: u64) -> Vec<Option<u8>> {
    let mut layers = Vec::new();
    for _ in 0..ms / 100 {
        world.run_ms(100);
        let heard = world.perceives("ben", "ada", Source::Microphone, GAP_MS);
        world.claim(heard, "ben hears ada");
        layers.push(layer(world, "ada"));
    }
    layers
}

/// Ben watches ada, who speaks, at full height.
fn watch_over_five_megabits(world: &mut World) {
    world.join_with("ada", seen());
    world.join_with("ben", viewer(down(5_000_000)));
    world.speak("ada", true);
    world.run_until_connected();
    world.run_ms(1_500);
    world.want("ben", "ada", Source::Camera, 720);
}

pub(crate) fn narrow_and_wide(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("narrow and wide", seed, NARROW);
    plan.step("ben watches ada speak over 5 Mbit/s", |world| {
        watch_over_five_megabits(world);
        let layers = listen(world, 4_000);
        world.claim(layers.last() == Some(&Some(2)), "at full height");
    })
    .step("it becomes 300 kbit/s", |world| {
        world.set_line("ben", down(300_000));
        let layers = listen(world, 10_000);
        let last = &layers[layers.len() - 40..];
        let small = last.iter().filter(|layer| **layer == Some(0)).count();
        let what = format!("the smallest layer is seen at last: {last:?}");
        world.claim(small >= 38, &what);
    })
    .step("and 5 Mbit/s again", |world| {
        world.set_line("ben", down(5_000_000));
        let layers = listen(world, BACK_MS);
        world.claim(
            layers.last() == Some(&Some(2)),
            &format!("full height is back: {layers:?}"),
        );
    })
    .end()
}

pub(crate) fn ten_percent_down(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("ten percent lost downwards", seed, Bounds::BAD);
    plan.step("ben watches ada, and every tenth packet is lost", |world| {
        let mut line = Line::both(Path::OFFICE);
        line.down.loss_ppm = 100_000;
        world.join_with("ada", seen());
        world.join_with("ben", viewer(line));
        world.speak("ada", true);
        world.run_until_connected();
        world.run_ms(1_500);
        world.want("ben", "ada", Source::Camera, 720);
        world.run_ms(3_000);
        let layers = listen(world, 12_000);
        let full = layers.iter().filter(|layer| **layer == Some(2)).count();
        let what = format!("{full} of {} at full height", layers.len());
        world.claim(full * 10 >= layers.len() * 8, &what);
    })
    .end()
}

pub(crate) fn many_on_a_thin_line(seed: u64) -> Chronicle {
    let others = ["ada", "cleo", "dan", "eve", "fay", "gus"];
    let mut plan = Plan::tell("many on a thin line", seed, NARROW);
    plan.step("ben watches six over 800 kbit/s", |world| {
        for name in others {
            world.join_with(name, seen());
        }
        let mut ben = viewer(down(800_000));
        (ben.audio_slots, ben.video_slots) = (1, 6);
        world.join_with("ben", ben);
        world.speak("ada", true);
        world.run_until_connected();
        world.run_ms(6_000);
    })
    .step(
        "all are seen or some are paused, nothing is lost",
        |world| {
            let lost = world.traffic().overflowed;
            listen(world, 8_000);
            let seen = others.iter().filter(|name| layer(world, name).is_some());
            let seen = seen.count();
            let paused = world.report().slots_paused;
            world.claim(
                seen == others.len() || seen >= 1 && paused >= 1,
                &format!("{seen} are seen, {paused} paused"),
            );
            world.claim(layer(world, "ada").is_some(), "the speaker is seen");
            let lost = world.traffic().overflowed - lost;
            world.claim(lost < 30, &format!("{lost} packets find the queue full"));
        },
    )
    .end()
}

pub(crate) fn screen_first(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("screen first", seed, NARROW);
    plan.step("ben watches a screen and faces over 800 kbit/s", |world| {
        for name in ["ada", "cleo", "dan", "fay", "gus"] {
            world.join_with(name, seen());
        }
        let mut shows = seen();
        shows.publish.push(Publication {
            source: Source::Screen,
            layers: 1,
            state: TrackState::Live,
        });
        shows.publish.swap_remove(2);
        world.join_with("eve", shows);
        let mut ben = viewer(down(800_000));
        (ben.audio_slots, ben.video_slots) = (1, 6);
        world.join_with("ben", ben);
        world.run_until_connected();
        world.run_ms(6_000);
    })
    .step("the screen goes on", |world| {
        let mut moves = 0;
        for _ in 0..20 {
            world.run_ms(300);
            moves += u32::from(world.perceives("ben", "eve", Source::Screen, 1_000));
        }
        world.claim(
            moves >= 17,
            &format!("the screen moves {moves} times of 20"),
        );
        let faces = ["ada", "cleo", "dan", "fay", "gus"];
        let seen = faces.iter().filter(|name| layer(world, name).is_some());
        let (seen, paused) = (seen.count(), world.report().slots_paused);
        world.claim(
            paused >= 1 || seen == faces.len(),
            &format!("{seen} faces are seen, {paused} paused"),
        );
    })
    .end()
}

pub(crate) fn a_flapping_line(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a flapping line", seed, NARROW);
    plan.step("ben watches ada", |world| {
        watch_over_five_megabits(world);
        world.run_ms(2_000);
    })
    .step("his line is narrow for two of four seconds", |world| {
        let mut layers = Vec::new();
        for _ in 0..8 {
            world.set_line("ben", down(300_000));
            layers.extend(listen(world, 2_000));
            world.set_line("ben", down(5_000_000));
            layers.extend(listen(world, 2_000));
        }
        layers.retain(Option::is_some);
        layers.dedup();
        let changes = layers.len() - 1;
        world.claim(changes <= 16, &format!("{changes} changes: {layers:?}"));
    })
    .end()
}
