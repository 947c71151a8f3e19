//! WebSockets that are lost and come back, while media goes on.

use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, Role, TrackState};
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

pub(crate) fn muted_meanwhile(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("muted meanwhile", seed, Bounds::STRICT);
    plan.step("ada and ben meet", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
    })
    .step("ben's WebSocket is lost, and he mutes himself", |world| {
        world.lose_signal("ben");
        world.run_ms(500);
        world.set_track("ben", Source::Microphone, TrackState::Muted);
        world.run_ms(400);
    })
    .step("ben comes back, and all know that he is muted", |world| {
        world.signal_returns("ben");
        world.run_ms(1_500);
        let ben = world.guest("ben").track(Source::Microphone);
        let state = world
            .guest("ada")
            .participant()
            .roster()
            .track(ben)
            .map(|track| track.state);
        world.claim(
            state == Some(TrackState::Muted),
            "ada knows that ben is muted",
        );
    })
    .end()
}

pub(crate) fn muted_by_a_host_meanwhile(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("muted by a host meanwhile", seed, Bounds::STRICT);
    plan.step("ada hosts ben", |world| {
        let host = Invite {
            role: Role::Host,
            ..Invite::over(Line::both(Path::OFFICE))
        };
        world.join_with("ada", host);
        world.join("ben");
        world.speak("ben", true);
        world.run_ms(1_500);
    })
    .step("ben's WebSocket is lost, and ada mutes him", |world| {
        world.lose_signal("ben");
        world.run_ms(500);
        let participant = world.guest("ben").id;
        let source = Source::Microphone;
        world.believe_track("ben", source, TrackState::Muted);
        world.say(
            "ada",
            ClientMessage::MuteOther {
                participant,
                source,
            },
        );
        world.run_ms(1_500);
    })
    .step("ben comes back and is told", |world| {
        world.signal_returns("ben");
        world.run_ms(1_500);
        let state = world
            .guest("ben")
            .participant()
            .track_state(Source::Microphone);
        world.claim(
            state == Some(TrackState::Muted),
            "ben knows that he is muted",
        );
        let heard = world.perceives("ada", "ben", Source::Microphone, 1_000);
        world.claim(!heard, "ben is not heard");
    })
    .end()
}

pub(crate) fn all_at_once(seed: u64) -> Chronicle {
    let names = ["ada", "ben", "cleo", "dan"];
    let mut plan = Plan::tell("all WebSockets at once", seed, Bounds::STRICT);
    plan.step("four talk", |world| {
        for name in names {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(2_000);
    })
    .step("everyone's WebSocket is lost, and media goes on", |world| {
        for name in names {
            world.lose_signal(name);
        }
        world.run_ms(3_000);
        world.claim_everyone_perceives_everyone();
    })
    .step("everyone comes back at once", |world| {
        for name in names {
            world.signal_returns(name);
        }
        world.run_ms(2_000);
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

/// How many cannot keep still: one alone may say only so much.
const RESTLESS: [&str; 10] = [
    "ada", "dan", "eve", "fay", "gil", "hal", "ida", "jon", "kim", "leo",
];

/// How often each of them changes something: together more than a mailbox holds.
const CHANGES: u32 = 28;

pub(crate) fn much_was_missed(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("much was missed", seed, Bounds::STRICT);
    plan.step("ben meets ten who only speak", |world| {
        world.join("ben");
        for name in RESTLESS {
            let mut quiet = Invite::over(Line::both(Path::OFFICE));
            quiet.publish.retain(|p| p.source == Source::Microphone);
            quiet.video_slots = 1;
            world.join_with(name, quiet);
        }
        world.run_ms(1_500);
    })
    .step("ben's WebSocket is lost, and nobody keeps still", |world| {
        world.lose_signal("ben");
        world.run_ms(200);
        for round in 0..CHANGES {
            let state = match round % 2 {
                0 => TrackState::Muted,
                _ => TrackState::Live,
            };
            for name in RESTLESS {
                world.set_track(name, Source::Microphone, state);
            }
            // A burst of twenty, then one each half second.
            world.run_ms(250);
        }
        world.join("cleo");
        world.run_ms(1_500);
    })
    .step("ben comes back and knows the room as it is", |world| {
        world.signal_returns("ben");
        world.run_ms(2_000);
        let lines = world.chronicle().lines().iter();
        let told = lines.filter_map(|line| line.split_once(" ben: told "));
        let numbers = told.filter_map(|(_, what)| what.split(' ').next()?.parse::<u64>().ok());
        let numbers: Vec<u64> = numbers.collect();
        let anew = numbers.windows(2).any(|pair| pair[1] > pair[0] + 256);
        world.claim(anew, "ben missed more than is kept");
        for (name, whom) in [("ben", "cleo"), ("cleo", "ben")] {
            let seen = world.perceives(name, whom, Source::Camera, 500);
            world.claim(seen, &format!("{name} sees {whom}"));
        }
    })
    .end()
}
