//! Layers that nobody receives are not sent; who looks sees them at once.

use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, TrackState};
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// Longest from when nobody receives a layer until it is sent no more.
const OFF_MS: u64 = 2_000;

/// Longest from a look until the first picture.
const ON_MS: u64 = 1_000;

/// A picture that was seen so lately moves: the cameras give ten a second.
const MOVES_MS: u64 = 250;

/// Sees one at a time, and whom is said by wishes.
fn narrow_window() -> Invite {
    Invite {
        video_slots: 1,
        ..Invite::over(Line::both(Path::OFFICE))
    }
}

/// Shows its camera to whoever looks, and sees nobody.
fn no_window() -> Invite {
    Invite {
        video_slots: 0,
        ..Invite::over(Line::both(Path::OFFICE))
    }
}

fn claim_sent(world: &mut World, name: &str, layers: &[u8]) {
    let sent = world.layers_sent(name, Source::Camera);
    let claim = format!("{name}'s layers {layers:?} are sent, not {sent:?}");
    world.claim(sent == layers, &claim);
}

fn claim_seen(world: &mut World, name: &str, whom: &str, layer: u8) {
    let moves = world.perceives(name, whom, Source::Camera, MOVES_MS);
    let seen = world.sighting(name, whom, Source::Camera);
    let seen = seen.map(|seen| seen.layer);
    world.claim(
        moves && seen == Some(layer),
        &format!("{name} sees layer {layer} of {whom}, not {seen:?}, or it stands: {moves}"),
    );
}

/// How often somebody was told what of their tracks is wanted.
fn told_layers(world: &World, name: &str) -> usize {
    let told = format!(" {name}: told ");
    let lines = world.chronicle().lines().iter();
    let told = lines.filter_map(|line| line.split_once(&told));
    told.filter(|(_, what)| what.contains("Layers {")).count()
}

pub(crate) fn a_camera_for_nobody(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a camera for nobody", seed, Bounds::STRICT);
    plan.step("ada is alone", |world| {
        world.join_with("ada", no_window());
        world.run_until_connected();
        world.run_ms(OFF_MS);
        claim_sent(world, "ada", &[]);
        let sound = world.layers_sent("ada", Source::Microphone);
        world.claim(sound == [0], "her microphone is on all the time");
    })
    .step("ben comes and sees her", |world| {
        world.join_with("ben", narrow_window());
        world.run_ms(1_500);
        let first = world.first_after_ms("ben", "ada", Source::Camera);
        world.claim(
            first.is_some_and(|ms| ms <= ON_MS),
            &format!("ben sees ada within a second of coming, not {first:?}"),
        );
    })
    .step("ben looks away, back, and leaves", |world| {
        world.want_nothing("ben");
        world.run_ms(OFF_MS);
        claim_sent(world, "ada", &[]);
        world.want("ben", "ada", Source::Camera, 360);
        world.run_ms(ON_MS);
        claim_seen(world, "ben", "ada", 1);
        world.leave("ben");
        // It was wanted again soon after it was off: it stays on for twice as long.
        world.run_ms(2 * OFF_MS);
        claim_sent(world, "ada", &[]);
    })
    .end()
}

pub(crate) fn layers_for_nobody(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("layers for nobody", seed, Bounds::STRICT);
    plan.step("ben sees ada small", |world| {
        world.join_with("ada", no_window());
        world.join_with("ben", narrow_window());
        world.run_ms(1_500);
        world.want("ben", "ada", Source::Camera, 180);
        world.run_ms(OFF_MS);
        claim_sent(world, "ada", &[0]);
        claim_seen(world, "ben", "ada", 0);
    })
    .step("ben sees her large", |world| {
        world.want("ben", "ada", Source::Camera, 720);
        world.run_ms(ON_MS);
        claim_seen(world, "ben", "ada", 2);
        world.run_ms(OFF_MS - ON_MS);
        claim_sent(world, "ada", &[2]);
    })
    .step("cleo comes and sees her small", |world| {
        world.join_with("cleo", narrow_window());
        world.run_ms(1_500);
        world.want("cleo", "ada", Source::Camera, 90);
        world.run_ms(ON_MS);
        claim_seen(world, "cleo", "ada", 0);
        claim_seen(world, "ben", "ada", 2);
        world.run_ms(2 * OFF_MS);
        claim_sent(world, "ada", &[0, 2]);
    })
    .end()
}

pub(crate) fn looking_to_and_fro(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("looking to and fro", seed, Bounds::STRICT);
    plan.step("ben sees ada", |world| {
        world.join_with("ada", no_window());
        world.join_with("ben", narrow_window());
        world.run_ms(1_500);
        world.want("ben", "ada", Source::Camera, 180);
        world.run_ms(2 * OFF_MS);
    })
    .step("ben looks away for a moment again and again", |world| {
        let before = told_layers(world, "ada");
        for _ in 0..10 {
            world.want_nothing("ben");
            world.run_ms(1_000);
            world.want("ben", "ada", Source::Camera, 180);
            world.run_ms(ON_MS);
            claim_seen(world, "ben", "ada", 0);
        }
        let told = told_layers(world, "ada") - before;
        world.claim(told == 0, &format!("ada is not told {told} times"));
    })
    .step("ben looks away for longer again and again", |world| {
        let before = told_layers(world, "ada");
        for _ in 0..10 {
            world.want_nothing("ben");
            world.run_ms(2_300);
            world.want("ben", "ada", Source::Camera, 180);
            world.run_ms(2_200);
            claim_seen(world, "ben", "ada", 0);
        }
        let told = told_layers(world, "ada") - before;
        // Off and on: the burst, and once in 15 seconds.
        world.claim(
            (1..=2 * (4 + 3)).contains(&told),
            &format!("ada is told seldom, not {told} times"),
        );
    })
    .end()
}

pub(crate) fn a_recording_of_the_unseen(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a recording of the unseen", seed, Bounds::STRICT);
    plan.step("nobody sees ada", |world| {
        world.join_with("ada", no_window());
        world.run_until_connected();
        world.run_ms(OFF_MS);
        claim_sent(world, "ada", &[]);
    })
    .step("she is recorded, in the best layer and no other", |world| {
        world.start_recording("ada");
        world.run_ms(ON_MS + OFF_MS);
        claim_sent(world, "ada", &[2]);
        world.run_ms(2 * OFF_MS);
        claim_sent(world, "ada", &[2]);
    })
    .step("she is recorded no more", |world| {
        let packets = world.keeper().packets();
        world.claim(packets > 0, "something was recorded");
        world.stop_recording();
        world.run_ms(2 * OFF_MS);
        claim_sent(world, "ada", &[]);
    })
    .end()
}

pub(crate) fn a_look_that_is_not_heard(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a look that is not heard", seed, Bounds::STRICT);
    plan.step("ada is seen by nobody and her WebSocket is lost", |world| {
        world.join_with("ada", no_window());
        world.join_with("ben", narrow_window());
        world.run_ms(1_500);
        world.want_nothing("ben");
        world.run_ms(OFF_MS);
        claim_sent(world, "ada", &[]);
        world.lose_signal("ada");
        world.run_ms(200);
    })
    .step("ben looks at her, and sees her once she is back", |world| {
        world.say(
            "ben",
            ClientMessage::SetTrack {
                source: Source::Microphone,
                state: TrackState::Muted,
            },
        );
        world.want("ben", "ada", Source::Camera, 180);
        world.run_ms(300);
        world.signal_returns("ada");
        world.run_ms(ON_MS);
        claim_seen(world, "ben", "ada", 0);
    })
    .end()
}

pub(crate) fn who_is_dark_wants_nothing(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("who is dark wants nothing", seed, Bounds::BROKEN);
    plan.step("ben sees ada, and his network is gone", |world| {
        world.join_with("ada", no_window());
        world.join_with("ben", narrow_window());
        world.run_ms(2_000);
        world.cut("ben");
        // It takes a second and a half to notice.
        world.run_ms(1_500 + OFF_MS);
        claim_sent(world, "ada", &[]);
    })
    .step("he is back and sees her", |world| {
        world.mend("ben");
        world.run_ms(2_500);
        let moves = world.perceives("ben", "ada", Source::Camera, MOVES_MS);
        world.claim(moves, "ben sees ada");
    })
    .end()
}
