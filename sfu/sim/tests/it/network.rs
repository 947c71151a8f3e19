//! Bad networks.

use std::time::Duration;

use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{FRAMES_PER_SECOND, Invite};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

pub(crate) fn a_lossy_network(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a lossy network", seed, Bounds::LOSSY);
    plan.step("three meet over lines that lose 5 % each way", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join_with(name, Invite::over(Line::both(Path::LOSSY)));
            world.speak(name, true);
        }
        world.run_until_connected();
        world.run_ms(4_000);
        world.claim_everyone_perceives_everyone();
    })
    .step("they go on for a while", |world| {
        world.run_ms(6_000);
        world.claim_everyone_perceives_everyone();
        let report = world.report();
        world.claim(
            report.retransmissions_out > 0,
            "lost packets are sent again",
        );
        let seen = world.sighting("ada", "ben", Source::Camera);
        let frames = seen.map_or(0, |seen| seen.frames);
        world.claim(
            frames >= 70,
            &format!("ada saw {frames} of ben's 110 frames"),
        );
    })
    .end()
}

pub(crate) fn a_line_that_becomes_narrow(seed: u64) -> Chronicle {
    let narrow = Path {
        rate_bps: Some(300_000),
        ..Path::OFFICE
    };
    // A full queue loses packets, so the line is not lossless while it is narrow.
    let mut plan = Plan::tell("a line that becomes narrow", seed, Bounds::LOSSY);
    plan.step("three meet", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(2_000);
    })
    .step("cleo's line takes a third of what comes", |world| {
        world.set_line(
            "cleo",
            Line {
                up: Path::OFFICE,
                down: narrow,
            },
        );
        world.run_ms(1_000);
        let dropped = world.traffic().overflowed;
        world.claim(dropped > 0, "the narrow line drops");
    })
    .step("the line is wide again", |world| {
        world.set_line("cleo", Line::both(Path::OFFICE));
        world.run_ms(4_000);
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

/// Most keyframes a second that the node may ask of one layer, on average, the beginning apart.
const KEYFRAMES_PER_SECOND: u64 = 1;

/// The requests of a beginning: each layer of camera and screen, twice.
const FIRST_KEYFRAMES: u64 = 12;

/// Least share of all pictures that are seen while a tenth of the packets is lost: one stall may
/// be long by chance, all together may not.
const LEAST_SEEN_PERCENT: u64 = 70;

pub(crate) fn ten_percent(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("ten percent lost", seed, Bounds::BAD);
    plan.step("three meet over bad lines and talk", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join_with(name, Invite::over(Line::both(Path::BAD)));
            world.speak(name, true);
        }
        world.run_until_connected();
        world.run_ms(6_000);
        world.claim_everyone_perceives_everyone();
    })
    .step("they go on", |world| {
        let before = pictures_seen(world);
        world.run_ms(6_000);
        let seen = pictures_seen(world) - before;
        world.claim_everyone_perceives_everyone();
        claim_few_keyframes(world, &["ada", "ben", "cleo"]);
        let sent = 6 * 6 * u64::from(FRAMES_PER_SECOND);
        let most_move = seen * 100 >= sent * LEAST_SEEN_PERCENT;
        world.claim(most_move, &format!("{seen} of {sent} pictures are seen"));
    })
    .end()
}

/// Pictures that anybody saw of anybody's camera.
fn pictures_seen(world: &World) -> u64 {
    let names = world.names();
    let pairs = names
        .iter()
        .flat_map(|name| names.iter().map(move |whom| (name, whom)));
    pairs
        .filter_map(|(name, whom)| world.sighting(name, whom, Source::Camera))
        .map(|sighting| sighting.frames)
        .sum()
}

fn claim_few_keyframes(world: &mut World, names: &[&str]) {
    let seconds = world.now_ms() / 1_000;
    let most = 3 * KEYFRAMES_PER_SECOND * seconds + FIRST_KEYFRAMES;
    for name in names {
        let asked = world.guest(name).participant().counters().keyframes_wanted;
        let what = format!("{name} is asked for {asked} keyframes in {seconds} s");
        world.claim(asked <= most, &what);
    }
}

pub(crate) fn twenty_percent(seed: u64) -> Chronicle {
    // A third of what is sent is lost on its way through both lines, and so is every third request
    // for what is missing: pictures come when they can. A receiver asks for a keyframe every two
    // seconds, so three in a row that come to nothing are six.
    // Each flight of a handshake is lost in one of three tries or more: seven timers may come to
    // nothing in a row once in thousands of handshakes.
    let bounds = Bounds {
        freeze: Duration::from_secs(10),
        connect: Duration::from_secs(30),
        ..Bounds::BAD
    };
    let names = ["ada", "ben", "cleo"];
    let mut plan = Plan::tell("twenty percent lost", seed, bounds);
    plan.step("three meet over dire lines", |world| {
        for name in names {
            world.join_with(name, Invite::over(Line::both(Path::DIRE)));
            world.speak(name, true);
        }
        world.run_until_connected();
    })
    .step("they talk", |world| {
        world.run_ms(12_000);
        for name in names {
            for whom in names.iter().filter(|whom| **whom != name) {
                let heard = world.perceives(name, whom, Source::Microphone, 1_000);
                world.claim(heard, &format!("{name} hears {whom}"));
            }
        }
        claim_few_keyframes(world, &names);
    })
    .step("the lines are good again", |world| {
        for name in names {
            world.set_line(name, Line::both(Path::OFFICE));
        }
        world.run_ms(6_000);
        for name in names {
            for whom in names.iter().filter(|whom| **whom != name) {
                let seen = world.perceives(name, whom, Source::Camera, 300);
                world.claim(seen, &format!("{name} sees {whom}"));
            }
        }
    })
    .end()
}

pub(crate) fn far_away(seed: u64) -> Chronicle {
    let bounds = Bounds {
        settle: Duration::from_secs(4),
        freeze: Duration::from_secs(2),
        ..Bounds::STRICT
    };
    let mut plan = Plan::tell("far away", seed, bounds);
    plan.step("ada and ben meet cleo from another continent", |world| {
        world.join("ada");
        world.join("ben");
        world.join_with("cleo", Invite::over(Line::both(Path::FAR)));
        world.speak("cleo", true);
        world.run_ms(5_000);
        world.claim_everyone_perceives_everyone();
    })
    .step("cleo looks closer", |world| {
        world.want("cleo", "ben", Source::Camera, 720);
        world.run_ms(2_500);
        let layer = world
            .sighting("cleo", "ben", Source::Camera)
            .map(|seen| seen.layer);
        world.claim(
            layer == Some(2),
            &format!("cleo sees layer 2, not {layer:?}"),
        );
    })
    .end()
}

pub(crate) fn a_stuttering_line(seed: u64) -> Chronicle {
    // A sound that comes later than the one after it misses the beginning of its slot. So does a
    // keyframe whose first packet comes late, and the next may be asked for half a second later.
    let bounds = Bounds {
        lossless: false,
        freeze: Duration::from_millis(1_200),
        ..Bounds::STRICT
    };
    let mut plan = Plan::tell("a stuttering line", seed, bounds);
    plan.step("three meet over lines that repeat themselves", |world| {
        for name in ["ada", "ben", "cleo"] {
            world.join_with(name, Invite::over(Line::both(Path::STUTTERING)));
            world.speak(name, true);
        }
        world.run_ms(4_000);
        world.claim_everyone_perceives_everyone();
        let doubled = world.traffic().doubled;
        world.claim(doubled > 500, &format!("{doubled} datagrams came twice"));
        for name in ["ada", "ben", "cleo"] {
            let lost = world.guest(name).participant().counters().packets_lost;
            world.claim(
                lost == 0,
                &format!("{name} lost {lost} packets of pictures"),
            );
        }
    })
    .end()
}

pub(crate) fn one_bad_line(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("one bad line", seed, Bounds::BAD);
    plan.step("ada and ben talk", |world| {
        for name in ["ada", "ben"] {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(1_500);
    })
    .step("cleo listens over a dire line", |world| {
        let mut listener = Invite::over(Line::both(Path::DIRE));
        listener.publish.clear();
        world.join_with("cleo", listener);
        world.run_until_connected();
        for _ in 0..20 {
            world.run_ms(300);
            for (name, whom) in [("ada", "ben"), ("ben", "ada")] {
                let seen = world.perceives(name, whom, Source::Camera, 300);
                let heard = world.perceives(name, whom, Source::Microphone, 100);
                world.claim(seen && heard, &format!("{name} perceives {whom}"));
            }
        }
        for name in ["ada", "ben"] {
            let lost = world.guest(name).participant().counters().packets_lost;
            world.claim(lost == 0, &format!("{name} lost {lost} packets"));
        }
    })
    .end()
}
