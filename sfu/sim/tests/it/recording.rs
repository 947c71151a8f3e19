//! Tapes.

use std::collections::BTreeSet;

use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::{FRAMES_PER_SECOND, Invite};
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::World;

/// Everything that a recorder was given is on its tapes, and the node counts the same.
pub(crate) fn claim_tapes_are_complete(world: &mut World) {
    let report = world.report();
    let keeper = world.keeper();
    let (packets, entries) = (keeper.packets(), keeper.entries());
    let ended = keeper.has_ended();
    let torn: Vec<_> = keeper
        .tapes()
        .iter()
        .filter(|(_, tape)| !tape.is_whole())
        .map(|(id, _)| *id)
        .collect();
    world.claim(ended, "the recording has ended");
    world.claim(
        torn.is_empty(),
        &format!("every tape is whole, but not {torn:?}"),
    );
    world.claim(
        packets == report.packets_recorded,
        &format!(
            "{packets} packets are kept, {} were recorded",
            report.packets_recorded
        ),
    );
    world.claim(
        entries == report.tape_entries,
        &format!(
            "{entries} entries are kept, {} were recorded",
            report.tape_entries
        ),
    );
    world.claim(report.tape_entries_lost == 0, "the ring lost nothing");
}

/// How many pictures and sounds of somebody are on tape; broken chains are violations.
pub(crate) fn play(world: &mut World, name: &str, source: Source) -> u64 {
    let track = world.guest(name).track(source);
    let played: Vec<_> = world
        .keeper()
        .tapes_of(track)
        .map(|tape| tape.play())
        .collect();
    let mut good = 0;
    for (frames, fault) in played {
        good += frames;
        world.claim(
            fault.is_none(),
            &format!("{name}'s {source} plays, but {fault:?}"),
        );
    }
    good
}

pub(crate) fn a_recording(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a recording", seed, Bounds::STRICT);
    plan.step("ada and ben meet and record", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
        world.start_recording("ada");
        world.run_ms(2_000);
    })
    .step("cleo comes, ben mutes himself and leaves", |world| {
        world.join("cleo");
        world.run_ms(1_500);
        world.set_track("ben", Source::Microphone, TrackState::Muted);
        world.run_ms(500);
        world.leave("ben");
        world.run_ms(1_000);
    })
    .step("the recording stops", |world| {
        world.stop_recording();
        world.run_ms(500);
        claim_tapes_are_complete(world);
        // Ada is recorded for 5 s; a keyframe request takes a moment at the beginning.
        let frames = play(world, "ada", Source::Camera);
        let expected = 5 * u64::from(FRAMES_PER_SECOND) - 5;
        world.claim(
            frames >= expected,
            &format!("{frames} of ada's frames are on tape"),
        );
        let sounds = play(world, "ada", Source::Microphone);
        world.claim(
            (245..=255).contains(&sounds),
            &format!("{sounds} of ada's sounds are on tape"),
        );
        for name in ["ben", "cleo"] {
            for source in [Source::Camera, Source::Microphone] {
                let played = play(world, name, source);
                world.claim(played > 0, &format!("{name}'s {source} is on tape"));
            }
        }
        claim_sounds_are_without_hole(world, "ada");
    })
    .step("the meeting goes on unrecorded", |world| {
        world.run_ms(1_500);
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

pub(crate) fn claim_sounds_are_without_hole(world: &mut World, name: &str) {
    let track = world.guest(name).track(Source::Microphone);
    let numbers: Vec<u32> = world
        .keeper()
        .tapes_of(track)
        .flat_map(|tape| tape.audio_numbers())
        .collect();
    let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
    let span = distinct
        .first()
        .zip(distinct.last())
        .map_or(0, |(first, last)| last - first + 1);
    let whole = numbers.len() == distinct.len() && distinct.len() as u32 == span;
    world.claim(
        whole,
        &format!("{} sounds of {name} cover {span}", numbers.len()),
    );
}

pub(crate) fn a_recorder_that_dies_and_returns(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a recorder that dies and returns", seed, Bounds::STRICT);
    plan.step("ada and ben meet and record", |world| {
        world.join("ada");
        world.join("ben");
        world.run_ms(1_500);
        world.start_recording("ada");
        world.run_ms(1_730);
    })
    .step("the recorder dies, and cleo comes meanwhile", |world| {
        world.recorder_dies();
        world.run_ms(1_000);
        world.join("cleo");
        world.run_ms(1_500);
        let told = world
            .guest("cleo")
            .participant()
            .roster()
            .recording()
            .is_some();
        world.claim(
            told,
            "cleo is told of the recording though its recorder is away",
        );
    })
    .step("the recorder returns", |world| {
        world.recorder_returns();
        world.run_ms(1_500);
    })
    .step("the recording stops", |world| {
        world.stop_recording();
        world.run_ms(500);
        claim_tapes_are_complete(world);
        for name in ["ada", "ben", "cleo"] {
            play(world, name, Source::Camera);
            claim_sounds_are_without_hole(world, name);
        }
    })
    .end()
}

pub(crate) fn a_recording_of_a_lossy_line(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a recording of a lossy line", seed, Bounds::LOSSY);
    plan.step("ada meets ben over a lossy line and records", |world| {
        world.join("ada");
        world.join_with("ben", Invite::over(Line::both(Path::LOSSY)));
        world.run_until_connected();
        world.run_ms(2_000);
        world.start_recording("ada");
        world.run_ms(5_000);
    })
    .step("the recording stops", |world| {
        world.stop_recording();
        world.run_ms(500);
        claim_tapes_are_complete(world);
        play(world, "ada", Source::Camera);
        claim_sounds_are_without_hole(world, "ada");
    })
    .end()
}

/// Most entries that may be missing of what the node had recorded when it died: what was on the
/// link in that moment.
const MAX_ENTRIES_ON_THE_WAY: u64 = 60;

/// Ada and ben meet and record for a while.
fn two_record(world: &mut World) {
    for name in ["ada", "ben"] {
        world.join(name);
        world.speak(name, true);
    }
    world.run_ms(1_500);
    world.start_recording("ada");
    world.run_ms(2_000);
}

/// The recording stops, and both are on tape without a hole.
fn stop_and_claim_all(world: &mut World) {
    world.stop_recording();
    world.run_ms(500);
    claim_tapes_are_complete(world);
    for name in ["ada", "ben"] {
        play(world, name, Source::Camera);
        claim_sounds_are_without_hole(world, name);
    }
}

pub(crate) fn a_link_that_is_cut(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a link that is cut", seed, Bounds::STRICT);
    plan.step("ada and ben record", two_record)
        .step(
            "the link carries nothing, and ben shares his screen",
            |world| {
                world.cut_link();
                world.run_ms(1_500);
                world.set_track("ben", Source::Screen, TrackState::Live);
                world.run_ms(1_500);
                world.mend_link();
                world.run_ms(500);
            },
        )
        .step("the recording stops", |world| {
            stop_and_claim_all(world);
            let frames = play(world, "ben", Source::Screen);
            world.claim(frames > 0, "ben's screen is on tape");
        })
        .end()
}

pub(crate) fn a_link_that_parts(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a link that parts", seed, Bounds::STRICT);
    plan.step("ada and ben record", two_record)
        .step("the link is silent and then given up, twice", |world| {
            for _ in 0..2 {
                world.cut_link();
                world.run_ms(1_200);
                world.link_parts();
                world.run_ms(1_500);
            }
        })
        .step("the recording stops", stop_and_claim_all)
        .end()
}

pub(crate) fn a_crash(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a crash while recording", seed, Bounds::BROKEN);
    plan.step("ada and ben record", two_record)
        .step("the node dies and is back", |world| {
            world.crash();
            let kept = world.keeper().entries();
            world.run_ms(1_000);
            let recorded = world.report().tape_entries;
            let most = kept + MAX_ENTRIES_ON_THE_WAY;
            let what = format!("{kept} of {recorded} entries had come over the link");
            world.claim(recorded <= most && kept <= recorded, &what);
            world.restart();
            world.run_ms(6_000);
            let told = world
                .guest("ben")
                .participant()
                .roster()
                .recording()
                .is_some();
            world.claim(told, "ben is told that the recording goes on");
        })
        .step("the recording stops", |world| {
            world.stop_recording();
            world.run_ms(500);
            let ended = world.keeper().has_ended();
            world.claim(ended, "the recording has ended");
            for name in ["ada", "ben"] {
                let tapes = world
                    .keeper()
                    .tapes_of(world.guest(name).track(Source::Microphone));
                let (before, after): (Vec<_>, Vec<_>) = tapes.partition(|tape| tape.cut_off);
                let (before, after) = (before.len(), after.len());
                let what = format!("{name} has {before} tapes before the crash, {after} after");
                world.claim(before == 1 && after == 1, &what);
                play(world, name, Source::Microphone);
                play(world, name, Source::Camera);
            }
        })
        .end()
}

pub(crate) fn a_graceful_stop(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a stop while recording", seed, Bounds::BROKEN);
    plan.step("ada and ben record", two_record)
        .step("the node is asked to stop", |world| {
            world.drain();
            world.run_ms(500);
            claim_tapes_are_complete(world);
            for name in ["ada", "ben"] {
                claim_sounds_are_without_hole(world, name);
            }
        })
        .end()
}

pub(crate) fn a_dark_guest(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a dark guest on tape", seed, Bounds::BROKEN);
    plan.step("ada and ben record", two_record)
        .step("ben is dark for a while", |world| {
            world.cut("ben");
            world.run_ms(3_000);
            world.mend("ben");
            world.run_ms(3_000);
        })
        .step("the recording stops", |world| {
            world.stop_recording();
            world.run_ms(500);
            claim_tapes_are_complete(world);
            play(world, "ada", Source::Camera);
            claim_sounds_are_without_hole(world, "ada");
            let heard = play(world, "ben", Source::Microphone);
            world.claim(heard > 200, &format!("{heard} of ben's sounds are on tape"));
        })
        .end()
}
