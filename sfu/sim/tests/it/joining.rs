//! People come and go.

use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, Role};
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{Invite, LOST_GRACE};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

/// Longest from joining until the first picture, with 10 ms of path and 20 ms of signalling.
const FIRST_PICTURE_MS: u64 = 800;

pub(crate) fn three_meet(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("three meet", seed, Bounds::STRICT);
    plan.step("ada and ben come", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
        world.claim_everyone_perceives_everyone();
    })
    .step("cleo comes", |world| {
        world.join("cleo");
        world.run_ms(1_500);
        world.claim_everyone_perceives_everyone();
    })
    .step("ada speaks, then ben", |world| {
        world.speak("ada", true);
        world.run_ms(2_000);
        let heard = world
            .guest("cleo")
            .participant()
            .roster()
            .speaking()
            .first()
            .copied();
        let ada = world.guest("ada").id;
        world.claim(heard == Some(ada), "cleo is told that ada speaks");
        world.speak("ada", false);
        world.speak("ben", true);
        world.run_ms(3_000);
        let heard = world
            .guest("cleo")
            .participant()
            .roster()
            .speaking()
            .first()
            .copied();
        let ben = world.guest("ben").id;
        world.claim(heard == Some(ben), "cleo is told that ben speaks");
    })
    .end()
}

pub(crate) fn a_late_joiner_sees_at_once(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a late joiner sees at once", seed, Bounds::STRICT);
    plan.step("ada and ben have met for a while", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(4_000);
    })
    .step("cleo comes late", |world| {
        world.join("cleo");
        world.run_ms(2_000);
        for whom in ["ada", "ben"] {
            let after = world.first_after_ms("cleo", whom, Source::Camera);
            let quick = after.is_some_and(|after| after <= FIRST_PICTURE_MS);
            world.claim(quick, &format!("cleo sees {whom} after {after:?} ms"));
        }
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

pub(crate) fn leaving_and_rejoining(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("leaving and rejoining", seed, Bounds::STRICT);
    plan.step("three meet", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join(name);
        }
        world.run_ms(2_000);
    })
    .step("ben leaves", |world| {
        world.leave("ben");
        world.run_ms(1_500);
        world.claim_everyone_perceives_everyone();
    })
    .step("ben comes again", |world| {
        world.join("ben");
        world.run_ms(2_000);
        world.claim_everyone_perceives_everyone();
    })
    .step("everyone leaves", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.leave(name);
        }
        world.run_ms(500);
        let report = world.report();
        world.claim(report.participants == 0, "nobody is counted");
        world.claim(report.connections == 0, "no connection is left");
    })
    .end()
}

pub(crate) fn another_device(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("another device", seed, Bounds::STRICT);
    plan.step("ada and ben meet", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(2_000);
    })
    .step("ben joins from his phone without leaving", |world| {
        world.join("ben");
        world.run_ms(2_000);
        let here = world.names().len();
        world.claim(here == 2, "ben's first device was sent away");
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

pub(crate) fn a_lost_websocket(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a lost WebSocket", seed, Bounds::STRICT);
    plan.step("ada and ben meet and speak", |world| {
        for name in ["ada", "ben"] {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(2_000);
    })
    .step(
        "ben's WebSocket is lost, and cleo comes meanwhile",
        |world| {
            world.lose_signal("ben");
            world.run_ms(1_500);
            world.join("cleo");
            world.run_ms(2_000);
            let flows = world.perceives("ada", "ben", Source::Camera, 300);
            world.claim(flows, "ben's media goes on");
        },
    )
    .step("ben comes back and knows of cleo", |world| {
        world.signal_returns("ben");
        world.run_ms(1_500);
        let cleo = world.guest("cleo").id;
        let knows = world
            .guest("ben")
            .participant()
            .roster()
            .person(cleo)
            .is_some();
        world.claim(knows, "ben is told what he missed");
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

pub(crate) fn somebody_vanishes(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("somebody vanishes", seed, Bounds::STRICT);
    plan.step("ada and ben meet", |world| {
        world.join_with("ada", listener());
        world.join_with("ben", listener());
        world.run_ms(1_500);
    })
    .step("ben vanishes and is waited for", |world| {
        world.vanish("ben");
        world.run_ms(5_000);
        let ben = world.guest("ben").id;
        let lost = world
            .guest("ada")
            .participant()
            .roster()
            .person(ben)
            .map(|p| p.lost);
        world.claim(lost == Some(true), "ada is told that ben is lost");
    })
    .step("ben is given up", |world| {
        world.run_ms(LOST_GRACE.as_millis() as u64);
        let report = world.report();
        world.claim(report.participants == 1, "only ada is counted");
        world.claim(report.connections == 1, "only ada's connection is left");
    })
    .end()
}

/// Somebody with a microphone alone: half a minute of pictures proves nothing more.
fn listener() -> Invite {
    let mut invite = Invite::over(Line::both(Path::OFFICE));
    invite.publish.retain(|p| p.source == Source::Microphone);
    invite
}

pub(crate) fn a_host_leads(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a host leads", seed, Bounds::STRICT);
    plan.step(
        "ada hosts ben and cleo, and a hidden observer listens",
        |world| {
            let host = Invite {
                role: Role::Host,
                ..Invite::over(Line::both(Path::OFFICE))
            };
            world.join_with("ada", host);
            world.join("ben");
            world.join("cleo");
            let observer = Invite {
                role: Role::Observer,
                publish: Vec::new(),
                ..Invite::over(Line::both(Path::OFFICE))
            };
            world.join_with("eve", observer);
            world.speak("ben", true);
            world.run_ms(2_500);
            let seen = world.perceives("eve", "ben", Source::Camera, 300);
            world.claim(seen, "the observer sees ben");
        },
    )
    .step("ada mutes ben", |world| {
        let participant = world.guest("ben").id;
        let source = Source::Microphone;
        world.say(
            "ada",
            ClientMessage::MuteOther {
                participant,
                source,
            },
        );
        world.run_ms(1_500);
        let heard = world.perceives("cleo", "ben", Source::Microphone, 1_000);
        world.claim(!heard, "ben is not heard");
    })
    .step("ada sends cleo out", |world| {
        let participant = world.guest("cleo").id;
        world.say("ada", ClientMessage::Remove { participant });
        world.run_ms(1_500);
        let out = !world.names().contains(&"cleo".to_owned());
        world.claim(out, "cleo is told to go");
    })
    .end()
}
