//! Who comes through another door: an offer over HTTP, or a network that lets TCP through only.

use sfu_client::peer::Publication;
use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{Door, Invite};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// A picture that was seen so lately moves: the cameras give ten a second.
const MOVES_MS: u64 = 300;

/// Publishes camera and microphone, as an encoder does.
fn encoder(path: Path) -> Invite {
    Invite {
        door: Door::Posted,
        publish: vec![
            Publication::live(Source::Camera, 3),
            Publication::live(Source::Microphone, 1),
        ],
        audio_slots: 0,
        video_slots: 0,
        ..Invite::over(Line::both(path))
    }
}

/// Watches, as a player does.
fn player(path: Path) -> Invite {
    Invite {
        door: Door::Posted,
        audio_slots: 1,
        video_slots: 1,
        ..Invite::viewer(Line::both(path))
    }
}

fn claim_perceives(world: &mut World, name: &str, whom: &str) {
    for source in [Source::Camera, Source::Microphone] {
        let perceives = world.perceives(name, whom, source, MOVES_MS);
        world.claim(perceives, &format!("{name} perceives {whom}'s {source}"));
    }
}

pub(crate) fn an_encoder_and_a_player(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("an encoder and a player", seed, Bounds::STRICT);
    plan.step("a player watches, ada too, and an encoder comes", |world| {
        world.join_with("player", player(Path::OFFICE));
        world.join_with("ada", Invite::viewer(Line::both(Path::OFFICE)));
        world.run_until_connected();
        world.run_ms(seed % 500);
        world.join_with("encoder", encoder(Path::OFFICE));
        world.speak("encoder", true);
        world.run_ms(2_500);
        for name in ["player", "ada"] {
            claim_perceives(world, name, "encoder");
        }
    })
    .step("the encoder leaves, and another comes", |world| {
        world.leave("encoder");
        world.run_ms(1_500);
        let report = world.report();
        world.claim(report.participants == 2, "it has left");
        world.join_with("another", encoder(Path::OFFICE));
        world.run_ms(2_500);
        for name in ["player", "ada"] {
            claim_perceives(world, name, "another");
        }
    })
    .end()
}

pub(crate) fn a_meeting_with_a_player(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a meeting with a player", seed, Bounds::STRICT);
    plan.step("ada and ben talk, and a player watches", |world| {
        world.join("ada");
        world.join("ben");
        world.join_with("player", player(Path::OFFICE));
        world.run_ms(2_000);
    })
    .step("its slots follow the talk", |world| {
        for name in ["ada", "ben", "ada"] {
            world.speak(name, true);
            world.run_ms(2_500);
            let heard = world.perceives("player", name, Source::Microphone, MOVES_MS);
            world.claim(heard, &format!("the player hears {name}"));
            world.speak(name, false);
            world.run_ms(300);
        }
    })
    .step("ben shares his screen", |world| {
        world.set_track("ben", Source::Screen, TrackState::Live);
        world.run_ms(1_500);
        let seen = world.perceives("player", "ben", Source::Screen, MOVES_MS);
        world.claim(seen, "what is shared is seen first");
    })
    .end()
}

pub(crate) fn an_encoder_that_vanishes(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("an encoder that vanishes", seed, Bounds::BROKEN);
    plan.step("ada watches an encoder, whose line goes dark", |world| {
        world.join_with("ada", Invite::viewer(Line::both(Path::OFFICE)));
        world.join_with("encoder", encoder(Path::OFFICE));
        world.run_ms(2_500);
        claim_perceives(world, "ada", "encoder");
        world.cut_media("encoder");
        world.run_ms(5_000);
    })
    .step("it is back", |world| {
        world.mend("encoder");
        world.run_ms(2_000);
        claim_perceives(world, "ada", "encoder");
    })
    .end()
}

/// Over a stream; what it loses comes later.
fn over_tcp(path: Path) -> Invite {
    Invite {
        over_tcp: true,
        ..Invite::over(Line::both(path.streaming()))
    }
}

pub(crate) fn tcp_only(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("TCP only", seed, Bounds::STRICT);
    plan.step("ada meets ben, who has TCP only", |world| {
        world.join("ada");
        world.join_with("ben", over_tcp(Path::OFFICE));
        for name in ["ada", "ben"] {
            world.speak(name, true);
        }
        world.run_ms(2_500);
        world.claim_everyone_perceives_everyone();
    })
    .step(
        "ben mutes himself, speaks, and shares his screen",
        |world| {
            world.set_track("ben", Source::Microphone, TrackState::Muted);
            world.run_ms(1_000);
            world.set_track("ben", Source::Microphone, TrackState::Live);
            world.set_track("ben", Source::Screen, TrackState::Live);
            world.run_ms(1_500);
            world.claim_everyone_perceives_everyone();
            let seen = world.perceives("ada", "ben", Source::Screen, MOVES_MS);
            world.claim(seen, "ada sees ben's screen");
        },
    )
    .end()
}

pub(crate) fn tcp_over_lossy_lines(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("TCP over lossy lines", seed, Bounds::LOSSY);
    plan.step("three meet, two of them over TCP", |world| {
        world.join("ada");
        world.join_with("ben", over_tcp(Path::LOSSY));
        world.join_with("cleo", over_tcp(Path::LOSSY));
        for name in ["ada", "ben", "cleo"] {
            world.speak(name, true);
        }
        world.run_until_connected();
        world.run_ms(4_000);
        world.claim_everyone_perceives_everyone();
        for name in ["ada", "ben", "cleo"] {
            let lost = world.guest(name).participant().counters().packets_lost;
            world.claim(lost == 0, &format!("{name} lost {lost} packets"));
        }
    })
    .end()
}
