//! A room over several shards: what crosses between them, and that nobody notices.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu_core::shard::Limits;
use sfu_protocol::link::TapeBody;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, NodeMessage, Role, TrackState};
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::{Crossed, House, World};

use crate::recording::{claim_sounds_are_without_hole, claim_tapes_are_complete, play};

/// A picture that was seen so lately moves: the cameras give ten a second.
const MOVES_MS: u64 = 250;

/// Longest from when nobody receives a layer until it is sent no more.
const OFF_MS: u64 = 2_000;

/// Longest from a look until the first picture.
const ON_MS: u64 = 1_000;

/// Shards that take on so few each.
pub(crate) fn house(shards: u16, participants_per_shard: usize) -> House {
    House {
        shards,
        limits: Limits {
            participants_per_shard,
            ..Limits::default()
        },
        ..House::default()
    }
}

fn invite(audio_slots: u8, video_slots: u8) -> Invite {
    Invite {
        audio_slots,
        video_slots,
        ..Invite::over(Line::both(Path::OFFICE))
    }
}

/// As many people join, one after the other, so that it is known who is where.
fn join_all(world: &mut World, names: &[&str], invite: &Invite) {
    for name in names {
        world.join_with(name, invite.clone());
        world.run_ms(50);
    }
    world.run_ms(2_000);
}

fn claim_connections(world: &mut World, expected: &[u64]) {
    let reports = world.reports().into_iter();
    let counted: Vec<u64> = reports.map(|report| report.connections).collect();
    let what = format!("the shards have {expected:?} connections, not {counted:?}");
    world.claim(counted == expected, &what);
}

/// Each packet went to each shard at most once, and some did.
fn claim_one_copy(world: &mut World) {
    let known = |crossed: &Crossed| {
        let Crossed {
            to,
            publisher,
            line,
            layer,
            seq,
            ..
        } = *crossed;
        (to, publisher, line, layer, seq)
    };
    let crossed = world.crossed().len();
    let distinct: BTreeSet<_> = world.crossed().iter().map(known).collect();
    let what = format!(
        "{crossed} packets crossed, of which {} differ",
        distinct.len()
    );
    world.claim(crossed > 0 && distinct.len() == crossed, &what);
    let own = |crossed: &Crossed| crossed.to == crossed.publisher.shard;
    let returned = world.crossed().iter().any(own);
    world.claim(!returned, "nothing comes back to where it came from");
}

/// Which layers of a shard's pictures went to another within the last `within_ms`.
fn layers_crossed(world: &World, (from, to): (u16, u16), within_ms: u64) -> Vec<u8> {
    let since = Duration::from_millis(within_ms);
    let crossed = world.crossed().iter().filter(|crossed| {
        let is_picture = crossed.line == 0;
        let way = (crossed.publisher.shard, crossed.to) == (from, to);
        is_picture && way && world.elapsed_since(crossed.at) < since
    });
    let layers: BTreeSet<u8> = crossed.map(|crossed| crossed.layer).collect();
    layers.into_iter().collect()
}

pub(crate) fn two_shards(seed: u64) -> Chronicle {
    let house = house(2, 2);
    let mut plan = Plan::tell_in("a room over two shards", seed, Bounds::STRICT, house);
    plan.step("four meet, two on each", |world| {
        let names = ["ada", "ben", "cleo", "dan"];
        join_all(world, &names, &invite(4, 4));
        for name in names {
            world.speak(name, true);
        }
        world.run_ms(2_000);
        claim_connections(world, &[2, 2]);
        world.claim_everyone_perceives_everyone();
        claim_one_copy(world);
    })
    .step("dan shares his screen, and stops", |world| {
        world.set_track("dan", Source::Screen, TrackState::Live);
        world.run_ms(1_500);
        for name in ["ada", "ben", "cleo"] {
            let seen = world.perceives(name, "dan", Source::Screen, 500);
            world.claim(seen, &format!("{name} sees dan's screen"));
        }
        world.set_track("dan", Source::Screen, TrackState::Off);
        world.run_ms(1_500);
    })
    .step("ben and cleo leave", |world| {
        world.leave("ben");
        world.leave("cleo");
        world.run_ms(1_500);
        claim_connections(world, &[1, 1]);
        world.claim_everyone_perceives_everyone();
        claim_one_copy(world);
    })
    .step("all leave", |world| {
        world.leave("ada");
        world.leave("dan");
        world.run_ms(6_000);
        claim_connections(world, &[0, 0]);
        let rooms: u64 = world.reports().iter().map(|report| report.rooms).sum();
        world.claim(rooms == 0, "no room is left");
    })
    .end()
}

pub(crate) fn three_shards(seed: u64) -> Chronicle {
    let house = house(3, 2);
    let mut plan = Plan::tell_in("a room over three shards", seed, Bounds::STRICT, house);
    plan.step("six meet, two on each", |world| {
        let names = ["ada", "ben", "cleo", "dan", "eve", "fay"];
        join_all(world, &names, &invite(5, 5));
        for name in names {
            world.speak(name, true);
        }
        world.run_ms(2_000);
        claim_connections(world, &[2, 2, 2]);
        world.claim_everyone_perceives_everyone();
        claim_one_copy(world);
    })
    .step(
        "one of the second leaves, and another comes there",
        |world| {
            world.leave("cleo");
            world.run_ms(1_500);
            world.join_with("gus", invite(5, 5));
            world.run_ms(2_000);
            claim_connections(world, &[2, 2, 2]);
            world.claim_everyone_perceives_everyone();
            claim_one_copy(world);
        },
    )
    .end()
}

pub(crate) fn layers_across(seed: u64) -> Chronicle {
    let house = house(2, 1);
    let mut plan = Plan::tell_in("layers over two shards", seed, Bounds::STRICT, house);
    plan.step("ben, on the other shard, sees ada small", |world| {
        world.join_with("ada", invite(4, 0));
        world.run_ms(50);
        world.join_with("ben", invite(4, 1));
        world.run_ms(1_500);
        world.want("ben", "ada", Source::Camera, 180);
        world.run_ms(OFF_MS);
        claim_connections(world, &[1, 1]);
        claim_layers(world, &[0]);
    })
    .step("he sees her large, within a second", |world| {
        world.want("ben", "ada", Source::Camera, 720);
        world.run_ms(ON_MS);
        let seen = world.sighting("ben", "ada", Source::Camera);
        world.claim(
            seen.is_some_and(|seen| seen.layer == 2),
            "ben sees her large",
        );
        world.run_ms(OFF_MS - ON_MS);
        claim_layers(world, &[2]);
    })
    .step("cleo, there too, sees her small", |world| {
        world.join_with("cleo", invite(4, 1));
        world.run_ms(1_500);
        world.want("cleo", "ada", Source::Camera, 90);
        world.run_ms(OFF_MS);
        claim_connections(world, &[2, 1]);
        // Cleo is with ada: what she sees does not cross.
        let crossing = layers_crossed(world, (0, 1), 500);
        world.claim(
            crossing == [2],
            &format!("ben's layer crosses: {crossing:?}"),
        );
        let sent = world.layers_sent("ada", Source::Camera);
        world.claim(sent == [0, 2], &format!("ada sends both: {sent:?}"));
    })
    .step("nobody looks, and nothing is sent", |world| {
        world.want_nothing("ben");
        world.want_nothing("cleo");
        world.run_ms(2 * OFF_MS);
        claim_layers(world, &[]);
        world.want("ben", "ada", Source::Camera, 360);
        world.run_ms(ON_MS);
        let moves = world.perceives("ben", "ada", Source::Camera, MOVES_MS);
        world.claim(moves, "ben sees her again within a second");
    })
    .end()
}

/// Only these layers of ada's camera are sent, and cross.
fn claim_layers(world: &mut World, layers: &[u8]) {
    let sent = world.layers_sent("ada", Source::Camera);
    world.claim(
        sent == layers,
        &format!("ada sends {layers:?}, not {sent:?}"),
    );
    let crossing = layers_crossed(world, (0, 1), 900);
    let what = format!("{layers:?} cross, not {crossing:?}");
    world.claim(crossing == layers, &what);
    let wanted = layers.first().copied();
    let moves = world.perceives("ben", "ada", Source::Camera, MOVES_MS);
    world.claim(moves == wanted.is_some(), "ben sees what crosses");
}

pub(crate) fn a_storm_of_joins(seed: u64) -> Chronicle {
    /// What the gate lets through in three seconds, of each of three layers.
    const MOST_REQUESTS: u64 = 3 * 4;
    let house = house(2, 1);
    let mut plan = Plan::tell_in("a storm of joins elsewhere", seed, Bounds::STRICT, house);
    let mut before = 0;
    plan.step("ada is seen by ben on the other shard", |world| {
        world.join_with("ada", invite(4, 0));
        world.run_ms(50);
        world.join_with("ben", viewer());
        world.run_ms(2_000);
        before = world.report().keyframe_requests_sent;
    })
    .step("ten more come there in the same millisecond", |world| {
        for number in 0..10 {
            world.join_with(&format!("viewer-{number}"), viewer());
        }
        world.run_ms(1_500);
        for number in 0..10 {
            let name = format!("viewer-{number}");
            let first = world.first_after_ms(&name, "ada", Source::Camera);
            let soon = first.is_some_and(|ms| ms <= 1_500);
            world.claim(soon, &format!("{name} sees ada soon: {first:?}"));
        }
        let asked = world.report().keyframe_requests_sent - before;
        let what = format!("ada was asked for {asked} keyframes");
        world.claim(asked <= MOST_REQUESTS, &what);
        claim_one_copy(world);
    })
    .end()
}

/// Somebody who shows nothing and sees one.
fn viewer() -> Invite {
    Invite {
        publish: Vec::new(),
        ..invite(1, 1)
    }
}

pub(crate) fn the_talk_goes_round(seed: u64) -> Chronicle {
    let house = house(3, 1);
    let mut plan = Plan::tell_in("the talk goes over shards", seed, Bounds::STRICT, house);
    plan.step(
        "three meet, each on a shard, and watch who speaks",
        |world| {
            let names = ["ada", "ben", "cleo"];
            join_all(world, &names, &invite(1, 1));
            claim_connections(world, &[1, 1, 1]);
            for name in names {
                world.want_speaker(name, 360);
            }
            world.run_ms(500);
        },
    )
    .step("each speaks, one after the other", |world| {
        for speaker in ["cleo", "ben", "ada", "cleo"] {
            world.speak(speaker, true);
            world.run_ms(2_000);
            let id = world.guest(speaker).id;
            for name in ["ada", "ben", "cleo"] {
                let roster = world.guest(name).participant().roster();
                let told = roster.speaking().first() == Some(&id);
                world.claim(told, &format!("{name} is told that {speaker} speaks"));
                if name == speaker {
                    continue;
                }
                for source in [Source::Camera, Source::Microphone] {
                    let perceived = world.perceives(name, speaker, source, MOVES_MS);
                    let what = format!("{name} perceives {speaker}'s {source}");
                    world.claim(perceived, &what);
                }
            }
            world.speak(speaker, false);
            world.run_ms(2_000);
        }
    })
    .end()
}

pub(crate) fn a_recording(seed: u64) -> Chronicle {
    let house = house(3, 1);
    let mut plan = Plan::tell_in("a recording over shards", seed, Bounds::STRICT, house);
    let names = ["ada", "ben", "cleo"];
    plan.step("three meet, each on a shard, and nobody looks", |world| {
        join_all(world, &names, &invite(2, 0));
        claim_connections(world, &[1, 1, 1]);
        world.start_recording("ada");
        world.run_ms(3_000);
    })
    .step(
        "dan comes, and cleo mutes her camera for a while",
        |world| {
            world.join_with("dan", invite(2, 0));
            world.set_track("cleo", Source::Camera, TrackState::Muted);
            world.run_ms(2_000);
            world.set_track("cleo", Source::Camera, TrackState::Live);
            world.run_ms(2_000);
        },
    )
    .step("the recording stops", |world| {
        world.stop_recording();
        world.run_ms(500);
        claim_tapes_are_complete(world);
        for name in ["ada", "ben", "cleo", "dan"] {
            let sounds = play(world, name, Source::Microphone);
            world.claim(
                sounds > 150,
                &format!("{sounds} of {name}'s sounds are on tape"),
            );
            claim_pictures_are_without_hole(world, name);
            claim_sounds_are_without_hole(world, name);
        }
        // Recorded is the best layer, and no other crosses for it.
        for from in [1, 2] {
            let crossing = layers_crossed(world, (from, 0), 1_500);
            let what = format!("the best layer crosses from {from}: {crossing:?}");
            world.claim(crossing == [2], &what);
        }
        claim_one_copy(world);
    })
    .end()
}

/// Of somebody's largest layer every packet is on tape from the first on. The smaller ones are there
/// until it begins, perhaps within a picture.
fn claim_pictures_are_without_hole(world: &mut World, name: &str) {
    let track = world.guest(name).track(Source::Camera);
    let (mut frames, mut holes) = (0, 0);
    for tape in world.keeper().tapes_of(track) {
        frames += tape.play().0;
        let large = tape.entries.iter().filter(|entry| entry.layer == 2);
        let numbers: Vec<u64> = large
            .filter_map(|entry| match entry.body {
                TapeBody::Rtp { seq, .. } => Some(seq),
                _ => None,
            })
            .collect();
        holes += numbers
            .windows(2)
            .filter(|two| two[1] != two[0] + 1)
            .count();
    }
    let what = format!("{frames} of {name}'s frames are on tape, with {holes} holes");
    // Cleo was muted for a while, and begins again with a keyframe.
    let most = usize::from(name == "cleo");
    world.claim(frames > 15 && holes <= most, &what);
}

pub(crate) fn a_host_leads(seed: u64) -> Chronicle {
    let house = house(2, 1);
    let mut plan = Plan::tell_in("a host leads over shards", seed, Bounds::STRICT, house);
    plan.step("ada hosts ben on the other shard, and cleo", |world| {
        let host = Invite {
            role: Role::Host,
            ..invite(4, 4)
        };
        world.join_with("ada", host);
        world.run_ms(50);
        join_all(world, &["ben", "cleo"], &invite(4, 4));
        world.speak("ben", true);
        world.run_ms(1_500);
        claim_connections(world, &[2, 1]);
        world.claim_everyone_perceives_everyone();
    })
    .step("ada mutes ben", |world| {
        let participant = world.guest("ben").id;
        let source = Source::Microphone;
        let mute = ClientMessage::MuteOther {
            participant,
            source,
        };
        world.say("ada", mute);
        world.run_ms(1_500);
        let heard = world.perceives("cleo", "ben", Source::Microphone, 1_000);
        world.claim(!heard, "ben is not heard");
    })
    .step("ada sends ben out, and his grant is dead", |world| {
        let grant = world.grant("ben");
        let participant = world.guest("ben").id;
        world.say("ada", ClientMessage::Remove { participant });
        world.run_ms(1_500);
        let out = !world.names().contains(&"ben".to_owned());
        world.claim(out, "ben is told to go");
        claim_connections(world, &[2, 0]);
        let again = world.open_signal("ben again", grant, None);
        world.run_ms(100);
        world.claim(world.is_closed(again), "ben is not let in again");
    })
    .end()
}

pub(crate) fn a_full_room(seed: u64) -> Chronicle {
    let mut house = house(2, 1);
    house.limits.participants_per_room = 3;
    let mut plan = Plan::tell_in("a full room over shards", seed, Bounds::STRICT, house);
    plan.step(
        "three meet over two shards, and a fourth is refused",
        |world| {
            join_all(world, &["ada", "ben", "cleo"], &invite(2, 2));
            claim_connections(world, &[2, 1]);
            let mut grant = world.grant("ada");
            grant.participant = sfu_protocol::ids::ParticipantId(uuid::Uuid::from_u128(0xd00d));
            let fourth = world.open_signal("dan", grant, None);
            world.run_ms(100);
            let refused = world.told(fourth).iter().any(|envelope| {
                matches!(&envelope.message, NodeMessage::Refused { message, .. }
                if message == "the room is full")
            });
            world.claim(refused, "the room is full for dan");
            world.claim_everyone_perceives_everyone();
        },
    )
    .end()
}

pub(crate) fn a_lost_websocket(seed: u64) -> Chronicle {
    let house = house(2, 1);
    let mut plan = Plan::tell_in("a lost websocket elsewhere", seed, Bounds::STRICT, house);
    plan.step("ada and ben meet, each on a shard", |world| {
        join_all(world, &["ada", "ben"], &invite(2, 2));
        for name in ["ada", "ben"] {
            world.speak(name, true);
        }
        world.run_ms(1_500);
    })
    .step("ben's WebSocket is lost; media goes on", |world| {
        world.lose_signal("ben");
        world.run_ms(3_000);
        let heard = world.perceives("ada", "ben", Source::Microphone, 100);
        world.claim(heard, "ada hears ben meanwhile");
        world.signal_returns("ben");
        world.run_ms(1_500);
        claim_connections(world, &[1, 1]);
        world.claim_everyone_perceives_everyone();
    })
    .step("ben loads his page again", |world| {
        world.reload("ben");
        world.run_ms(3_000);
        claim_connections(world, &[1, 1]);
        world.claim_everyone_perceives_everyone();
    })
    .end()
}

pub(crate) fn a_shard_that_stood_still(seed: u64) -> Chronicle {
    let mut house = house(2, 1);
    house.waiting.0 = 20;
    let mut plan = Plan::tell_in("a shard that stood still", seed, Bounds::BROKEN, house);
    plan.step("ada and ben meet, each on a shard", |world| {
        join_all(world, &["ada", "ben"], &invite(2, 2));
    })
    .step("nothing reaches ben's shard, and much is lost", |world| {
        world.hold_crossings(1, true);
        world.run_ms(900);
        world.hold_crossings(1, false);
        let lost = world.crossings_lost();
        world.claim(
            lost > 20,
            &format!("{lost} packets were lost between the shards"),
        );
        world.run_ms(2_500);
        world.claim_everyone_perceives_everyone();
        claim_connections(world, &[1, 1]);
    })
    .end()
}

pub(crate) fn a_shard_that_was_given_up(seed: u64) -> Chronicle {
    let mut house = house(2, 1);
    house.waiting.1 = 12;
    let mut plan = Plan::tell_in("a shard that was given up", seed, Bounds::BROKEN, house);
    plan.step("ada and ben meet, each on a shard", |world| {
        join_all(world, &["ada", "ben"], &invite(2, 2));
        claim_connections(world, &[1, 1]);
    })
    .step(
        "nothing reaches ben's shard, and more is said than waits",
        |world| {
            world.hold_crossings(1, true);
            for turn in 0..30 {
                if !world.has_parted() {
                    let height = [180, 360, 720][turn % 3];
                    world.want("ben", "ada", Source::Camera, height);
                }
                world.run_ms(60);
            }
            world.hold_crossings(1, false);
            world.run_ms(6_000);
            let parted = world.has_parted();
            world.claim(parted, "the shards have lost each other");
            // Wherever there was room when they were asked to come again.
            let reports = world.reports().into_iter();
            let open: u64 = reports.map(|report| report.connections).sum();
            world.claim(open == 2, &format!("{open} connections are left"));
            world.claim_everyone_perceives_everyone();
        },
    )
    .end()
}

pub(crate) fn a_crash(seed: u64) -> Chronicle {
    let house = house(2, 1);
    let mut plan = Plan::tell_in("a crash of two shards", seed, Bounds::BROKEN, house);
    plan.step("ada, ben and cleo meet over two shards", |world| {
        join_all(world, &["ada", "ben", "cleo"], &invite(2, 2));
    })
    .step("the node dies and is back", |world| {
        world.crash();
        world.run_ms(1_000);
        world.restart();
        world.run_ms(8_000);
        world.claim_everyone_perceives_everyone();
        claim_connections(world, &[2, 1]);
    })
    .end()
}
