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

use crate::seeds::with_every_seed;

/// Everything that a recorder was given is on its tapes, and the node counts the same.
fn claim_tapes_are_complete(world: &mut World) {
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
fn play(world: &mut World, name: &str, source: Source) -> u64 {
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

fn a_recording(seed: u64) -> Chronicle {
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

fn claim_sounds_are_without_hole(world: &mut World, name: &str) {
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

fn a_recorder_that_dies_and_returns(seed: u64) -> Chronicle {
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

fn a_recording_of_a_lossy_line(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a recording of a lossy line", seed, Bounds::LOSSY);
    plan.step("ada meets ben over a lossy line and records", |world| {
        world.join("ada");
        world.join_with("ben", Invite::over(Line::both(Path::LOSSY)));
        world.run_ms(4_000);
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

#[test]
fn tapes_hold_every_packet_that_the_node_recorded() {
    with_every_seed(|seed| {
        a_recording(seed);
    });
}

#[test]
fn a_recorder_that_dies_gets_the_rest_when_it_returns() {
    with_every_seed(|seed| {
        a_recorder_that_dies_and_returns(seed);
    });
}

#[test]
fn a_lossy_line_leaves_the_tapes_of_others_whole() {
    with_every_seed(|seed| {
        a_recording_of_a_lossy_line(seed);
    });
}
