//! The oracles see what is wrong: a story that must fail, fails, and says why.

use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;

/// Ada meets ben, whose line then carries nothing of what he sends.
fn ben_falls_silent(speaks: bool) {
    let mut plan = Plan::tell("ben falls silent", 1, Bounds::STRICT);
    plan.step("they meet", |world| {
        world.join("ada");
        world.join("ben");
        world.speak("ben", speaks);
        world.run_ms(2_500);
    })
    .step("ben's line dies", |world| {
        let dead = Path {
            loss_ppm: 1_000_000,
            ..Path::OFFICE
        };
        world.set_line(
            "ben",
            Line {
                up: dead,
                down: Path::OFFICE,
            },
        );
        world.run_ms(1_500);
    })
    .end();
}

#[test]
#[should_panic(expected = "ada: has not heard ben")]
fn the_silence_of_a_speaker_is_seen() {
    ben_falls_silent(true);
}

#[test]
#[should_panic(expected = "ada: ben's camera stands still")]
fn a_picture_that_stands_still_is_seen() {
    ben_falls_silent(false);
}

#[test]
#[should_panic(expected = "sequence numbers are missing")]
fn a_lost_packet_is_seen_where_none_may_be_lost() {
    let mut plan = Plan::tell("strict bounds on a bad line", 1, Bounds::STRICT);
    plan.step("two meet", |world| {
        world.join("ada");
        world.join_with("ben", Invite::over(Line::both(Path::LOSSY)));
        world.run_ms(3_000);
    })
    .end();
}

#[test]
#[should_panic(expected = "ben: has no path after more than 1.5s")]
fn somebody_who_never_gets_a_path_is_seen() {
    let nothing_arrives = Path {
        loss_ppm: 1_000_000,
        ..Path::OFFICE
    };
    let mut plan = Plan::tell("nothing arrives", 1, Bounds::STRICT);
    plan.step("ben tries to meet ada", |world| {
        world.join("ada");
        world.join_with("ben", Invite::over(Line::both(nothing_arrives)));
        world.run_ms(3_000);
    })
    .end();
}

#[test]
#[should_panic(expected = "ada: receives ben's camera, which is Muted")]
fn media_of_a_muted_track_is_seen() {
    let mut plan = Plan::tell("muted in word only", 1, Bounds::STRICT);
    plan.step("ben says that he is muted, and sends", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
        world.believe_track("ben", Source::Camera, TrackState::Muted);
        world.run_ms(2_000);
    })
    .end();
}

#[test]
#[should_panic(expected = "ben: has moved; media goes on to")]
fn media_for_an_address_that_nobody_has_any_more_is_seen() {
    let mut plan = Plan::tell("moved and not heard", 1, Bounds::BROKEN);
    plan.step(
        "ben has another port, and nothing of him arrives",
        |world| {
            world.join("ada");
            // Somebody who sends nothing: a silence of theirs does not end what they are sent.
            let watcher = Invite {
                publish: Vec::new(),
                ..Invite::over(Line::both(Path::OFFICE))
            };
            world.join_with("ben", watcher);
            world.run_ms(1_500);
            world.rebind("ben");
            let mute = Path {
                loss_ppm: 1_000_000,
                ..Path::OFFICE
            };
            let line = Line {
                up: mute,
                down: Path::OFFICE,
            };
            world.set_line("ben", line);
            world.run_ms(3_000);
        },
    )
    .end();
}
