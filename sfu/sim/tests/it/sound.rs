//! Sound over lines that lose much of it, sound that is silence, and who takes what.

use std::time::Duration;

use sfu_client::peer::{Dialect, Publication};
use sfu_protocol::media::Source;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// Every fifth datagram lost, and up to 200 ms of jitter.
const A_FIFTH: Path = Path {
    latency_ms: 30,
    jitter_ms: 200,
    loss_ppm: 200_000,
    ..Path::OFFICE
};

/// How long is listened. Of 4,500 packets of which a fifth is lost twice in a row, a hair more or
/// less than 4 % is.
const TALK_MS: u64 = 90_000;

/// Most of a thousand that may be made up.
const MOST_MADE_UP_PERMILLE: u64 = 50;

/// Longest from one sound to the next where nothing is lost.
const NEXT_SOUND_MS: u64 = 60;

/// Of a line that loses a fifth a handshake may need eight of DTLS's timers.
const LOSING: Bounds = Bounds {
    connect: Duration::from_secs(30),
    silence: Duration::from_millis(1_500),
    ..Bounds::BAD
};

/// Hears one and says something, with the packet before in each packet or without.
fn talks(path: Path, redundant: bool) -> Invite {
    Invite {
        publish: vec![Publication::live(Source::Microphone, 1)],
        audio_slots: 2,
        video_slots: 0,
        dialect: Dialect {
            redundant,
            ..Dialect::default()
        },
        ..Invite::over(Line::both(path))
    }
}

fn claim_intelligible(world: &mut World, name: &str, whom: &str) {
    let played = world.played(name, whom);
    let made_up = played.map_or(1_000, |played| played.made_up_permille());
    world.claim(
        made_up <= MOST_MADE_UP_PERMILLE,
        &format!("{name} hears {whom} with {made_up} of a thousand made up: {played:?}"),
    );
}

/// Ada talks to ben over these lines.
fn a_talk(name: &'static str, seed: u64, of_ada: Path, of_ben: Path) -> Chronicle {
    let mut plan = Plan::tell(name, seed, LOSING);
    plan.step("ada and ben talk", |world| {
        world.join_with("ada", talks(of_ada, true));
        world.join_with("ben", talks(of_ben, true));
        world.speak("ada", true);
        world.run_until_connected();
        world.run_ms(1_000);
        world.measure_anew("ben");
        world.run_ms(TALK_MS);
        claim_intelligible(world, "ben", "ada");
    })
    .end()
}

pub(crate) fn a_talker_loses_a_fifth(seed: u64) -> Chronicle {
    a_talk("a talker loses a fifth", seed, A_FIFTH, Path::OFFICE)
}

pub(crate) fn a_listener_loses_a_fifth(seed: u64) -> Chronicle {
    a_talk("a listener loses a fifth", seed, Path::OFFICE, A_FIFTH)
}

/// What a talker's line lost comes with the packet after it, also for who knows nothing of that.
pub(crate) fn plain_listeners(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("plain listeners", seed, LOSING);
    let lossy = Path {
        loss_ppm: 100_000,
        ..Path::OFFICE
    };
    plan.step("ada talks redundantly, cleo takes plain sound", |world| {
        world.join_with("ada", talks(lossy, true));
        world.join_with("ben", talks(Path::OFFICE, true));
        world.join_with("cleo", talks(Path::OFFICE, false));
        for name in ["ada", "ben", "cleo"] {
            world.speak(name, true);
        }
        world.run_until_connected();
        world.run_ms(1_000);
        for name in ["ada", "ben", "cleo"] {
            world.measure_anew(name);
        }
        world.run_ms(30_000);
    })
    .step("each hears the others", |world| {
        for (name, whom, most) in [
            ("ben", "ada", 25),
            ("cleo", "ada", 25),
            ("ada", "ben", 25),
            ("ada", "cleo", 25),
            ("ben", "cleo", 0),
            ("cleo", "ben", 0),
        ] {
            let played = world.played(name, whom);
            let made_up = played.map_or(1_000, |played| played.made_up_permille());
            let what = format!("{name} hears {whom} with {made_up} of a thousand made up");
            world.claim(made_up <= most, &what);
        }
        let recovered = world.report().packets_recovered;
        world.claim(recovered > 100, &format!("{recovered} were recovered"));
    })
    .end()
}

/// Silence is not sent, and nothing of it is taken for a loss.
pub(crate) fn silence_is_not_sent(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("silence is not sent", seed, Bounds::STRICT);
    plan.step("ada and ben are silent", |world| {
        for (name, redundant) in [("ada", true), ("ben", false), ("cleo", true)] {
            let invite = Invite {
                leaves_out_silence: true,
                ..talks(Path::OFFICE, redundant)
            };
            world.join_with(name, invite);
        }
        world.run_until_connected();
        world.run_ms(1_000);
        let before = world.report().packets_in;
        world.run_ms(10_000);
        let came = world.report().packets_in - before;
        world.claim(came <= 90, &format!("{came} packets came of silence"));
    })
    .step("they speak in turn", |world| {
        for round in 0..4 {
            let (speaker, others) = match round % 2 {
                0 => ("ada", ["ben", "cleo"]),
                _ => ("ben", ["ada", "cleo"]),
            };
            world.speak(speaker, true);
            world.run_ms(500);
            for name in others {
                world.measure_anew(name);
            }
            world.run_ms(2_000);
            for name in others {
                let gap = world.longest_gap_ms(name, speaker, Source::Microphone);
                let what = format!("{name} hears {speaker} without a gap, not {gap:?}");
                world.claim(gap.is_some_and(|gap| gap <= NEXT_SOUND_MS), &what);
            }
            world.speak(speaker, false);
            world.run_ms(1_300 + seed % 700);
        }
        let lost = world.report().packets_recovered;
        world.claim(lost == 0, &format!("{lost} packets were taken for lost"));
    })
    .end()
}
