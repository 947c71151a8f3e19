//! The node dies with everything it has in memory, or stops; everyone comes back as they were.

use sfu_protocol::media::Source;
use sfu_protocol::signal::{Role, TrackState};
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

use crate::crowd::people;

/// From the node's return until everyone must be back: the longest wait between two tries, and a
/// join.
const BACK_MS: u64 = 5_000;

fn three_talk(world: &mut World) {
    let host = Invite {
        role: Role::Host,
        ..Invite::over(Line::both(Path::OFFICE))
    };
    world.join_with("ada", host);
    world.join("ben");
    world.join("cleo");
    for name in ["ada", "ben", "cleo"] {
        world.speak(name, true);
    }
    world.run_ms(2_500);
}

fn down_for(world: &mut World, down_ms: u64) {
    world.crash();
    world.run_ms(down_ms);
    world.restart();
}

fn everyone_is_back(world: &mut World) {
    world.run_ms(BACK_MS);
    let (here, names) = (world.report().participants, world.names());
    let all = here == names.len() as u64;
    world.claim(all, &format!("{here} of {names:?} are back"));
    world.claim_everyone_perceives_everyone();
    world.run_ms(1_500);
}

pub(crate) fn a_crash(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a crash", seed, Bounds::BROKEN);
    plan.step("three talk, and ben has turned his camera off", |world| {
        three_talk(world);
        world.set_track("ben", Source::Camera, TrackState::Muted);
        world.set_track("cleo", Source::Screen, TrackState::Live);
        world.run_ms(1_500);
    })
    .step("the node dies and is back after a second", |world| {
        down_for(world, 1_000);
        world.run_ms(BACK_MS);
        let ben = world.guest("ben").id;
        let roster = world.guest("ada").participant().roster();
        let person = roster.person(ben).cloned();
        let muted = person.as_ref().is_some_and(|person| {
            let camera = person.tracks.iter().find(|t| t.id.source == Source::Camera);
            person.name == "ben" && camera.is_some_and(|t| t.state == TrackState::Muted)
        });
        world.claim(muted, &format!("ben is who he was, not {person:?}"));
        let host = world
            .guest("cleo")
            .participant()
            .roster()
            .people()
            .any(|person| person.name == "ada" && person.role == Role::Host);
        world.claim(host, "ada is the host as before");
        for name in ["ada", "ben"] {
            let seen = world.perceives(name, "cleo", Source::Screen, 500);
            world.claim(seen, &format!("{name} sees cleo's screen"));
        }
        let heard = world.perceives("ada", "ben", Source::Microphone, 250);
        world.claim(heard, "ada hears ben");
        world.run_ms(1_500);
    })
    .end()
}

pub(crate) fn wishes(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("wishes outlive a crash", seed, Bounds::BROKEN);
    plan.step("three talk, and ada sees cleo large", |world| {
        three_talk(world);
        world.want("ada", "cleo", Source::Camera, 720);
        world.run_ms(1_500);
    })
    .step("the node dies and is back", |world| {
        down_for(world, 300);
        everyone_is_back(world);
        let layer = world
            .sighting("ada", "cleo", Source::Camera)
            .map(|seen| seen.layer);
        world.claim(
            layer == Some(2),
            &format!("ada sees cleo in layer 2, not {layer:?}"),
        );
    })
    .end()
}

pub(crate) fn twice(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("two crashes", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("the node dies, and again while they come back", |world| {
            down_for(world, 500);
            world.run_ms(150 + seed % 400);
            down_for(world, 2_000);
            everyone_is_back(world);
        })
        .step("and once more after a while", |world| {
            down_for(world, 4_000);
            everyone_is_back(world);
        })
        .end()
}

pub(crate) fn while_somebody_is_dark(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a crash in the dark", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("ben is dark, and the node dies and is back", |world| {
            world.cut("ben");
            world.run_ms(2_000);
            down_for(world, 1_000);
            world.run_ms(3_000);
        })
        .step("ben's line is whole", |world| {
            world.mend("ben");
            everyone_is_back(world);
        })
        .end()
}

pub(crate) fn while_people_join(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a crash among joins", seed, Bounds::BROKEN);
    plan.step("four join while the node dies", |world| {
        for name in ["ada", "ben", "cleo", "dan"] {
            world.join(name);
            world.run_ms(5 + seed % 40);
        }
        down_for(world, 700);
        everyone_is_back(world);
    })
    .end()
}

pub(crate) fn a_spread_return(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a spread return", seed, Bounds::BROKEN);
    plan.step("twenty listen to one", |world| {
        for name in people(20) {
            let mut listener = Invite::over(Line::both(Path::OFFICE));
            let speaks = name == "guest-0";
            listener
                .publish
                .retain(|p| speaks && p.source == Source::Microphone);
            (listener.audio_slots, listener.video_slots) = (1, 0);
            world.join_with(&name, listener);
        }
        world.speak("guest-0", true);
        world.run_ms(2_000);
    })
    .step("the node dies and is back", |world| {
        down_for(world, 1_000);
        world.run_ms(BACK_MS);
        let mut returns: Vec<u64> = people(20)
            .iter()
            .map(|name| world.ms_of(world.guest(name).joined_at))
            .collect();
        returns.sort_unstable();
        let at_once = returns.windows(10).any(|ten| ten[9] - ten[0] < 50);
        world.claim(
            !at_once,
            &format!("they come back spread, not at {returns:?}"),
        );
        for name in people(20).iter().skip(1) {
            let heard = world.perceives(name, "guest-0", Source::Microphone, 250);
            world.claim(heard, &format!("{name} hears the speaker"));
        }
        world.run_ms(1_000);
    })
    .end()
}

pub(crate) fn a_graceful_stop(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a graceful stop", seed, Bounds::BROKEN);
    plan.step("three talk", three_talk)
        .step("the node is asked to stop", |world| {
            world.drain();
            world.run_ms(300);
            let report = world.report();
            world.claim(report.connections == 0, "no connection is left");
            world.crash();
        })
        .step("another takes its place", |world| {
            world.run_ms(500);
            world.restart();
            everyone_is_back(world);
        })
        .end()
}
