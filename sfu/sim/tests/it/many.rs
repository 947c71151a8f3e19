//! Rooms with more people than anybody can hear or see at once.

use sfu_client::peer::Publication;
use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::{House, World};

use crate::crowd::people;

/// Who spoke so lately is heard.
const HEARD_MS: u64 = 100;

/// Until the loudest are heard: a voice is weighed for two windows of 200 ms.
const HEARD_AFTER_MS: u64 = 1_500;

/// How many are heard at once.
const HEARD_AT_ONCE: usize = 5;

/// Says something, and hears so many.
fn talks(audio_slots: u8) -> Invite {
    Invite {
        publish: vec![Publication::live(Source::Microphone, 1)],
        audio_slots,
        video_slots: 0,
        ..Invite::over(Line::both(Path::OFFICE))
    }
}

fn heard_by(world: &World, name: &str, others: &[String]) -> Vec<String> {
    let hears = |whom: &&String| world.perceives(name, whom, Source::Microphone, HEARD_MS);
    others.iter().filter(hears).cloned().collect()
}

/// Of ten who speak at once the loudest five are heard, and who becomes louder takes a place.
pub(crate) fn the_loudest_five(seed: u64) -> Chronicle {
    let names = people(10);
    let mut plan = Plan::tell("the loudest five", seed, Bounds::STRICT);
    plan.step(
        "ten speak at once, each louder than the one before",
        |world| {
            for name in &names {
                world.join_with(name, talks(0));
            }
            world.join_with("listener", talks(HEARD_AT_ONCE as u8));
            world.run_until_connected();
            for (name, number) in names.iter().zip(0i8..) {
                world.murmur(name, Some(-42 + 4 * number));
            }
            world.run_ms(2 * HEARD_AFTER_MS);
            let heard = heard_by(world, "listener", &names);
            world.claim(heard == names[5..], &format!("the loudest five: {heard:?}"));
        },
    )
    .step("the quietest shouts", |world| {
        world.murmur(&names[0], Some(0));
        world.run_ms(HEARD_AFTER_MS);
        let heard = heard_by(world, "listener", &names);
        let is_it = heard.len() == HEARD_AT_ONCE && heard.contains(&names[0]);
        world.claim(is_it, &format!("the quietest is heard now: {heard:?}"));
    })
    .step("all but three are silent", |world| {
        for name in &names[1..8] {
            world.murmur(name, None);
        }
        world.run_ms(2 * HEARD_AFTER_MS);
        let heard = heard_by(world, "listener", &names);
        let speak = [&names[0], &names[8], &names[9]];
        let all = speak.iter().all(|name| heard.contains(name));
        world.claim(all, &format!("who speaks is heard: {heard:?}"));
    })
    .end()
}

/// Of many cameras a client who names nobody is shown so many: what is shared, and who spoke last.
pub(crate) fn the_last_three(seed: u64) -> Chronicle {
    let names = people(8);
    let house = House {
        limits: Limits {
            last_n: 3,
            ..Limits::default()
        },
        ..House::default()
    };
    let mut plan = Plan::tell_in("the last three", seed, Bounds::STRICT, house);
    let seen_by = |world: &World, name: &str| -> Vec<String> {
        let sees = |whom: &&String| world.perceives(name, whom, Source::Camera, 500);
        people(8).iter().filter(sees).cloned().collect()
    };
    plan.step("eight show themselves, and one watches", |world| {
        for name in &names {
            let invite = Invite {
                audio_slots: 0,
                video_slots: 0,
                ..Invite::over(Line::both(Path::OFFICE))
            };
            world.join_with(name, invite);
        }
        let watcher = Invite {
            audio_slots: 3,
            video_slots: 8,
            ..Invite::viewer(Line::both(Path::OFFICE))
        };
        world.join_with("watcher", watcher);
        world.run_ms(2_500);
        let seen = seen_by(world, "watcher");
        world.claim(seen.len() == 3, &format!("three are seen: {seen:?}"));
    })
    .step("others speak, and are seen", |world| {
        for turn in 0..4 {
            let name = &names[(seed as usize + 3 * turn) % 8];
            world.murmur(name, Some(-25));
            world.run_ms(2_500);
            let seen = seen_by(world, "watcher");
            let is_it = seen.contains(name) && seen.len() == 3;
            world.claim(is_it, &format!("{name} speaks and is seen: {seen:?}"));
            world.murmur(name, None);
            world.run_ms(500);
        }
    })
    .step("somebody shares a screen", |world| {
        world.set_track(&names[7], Source::Screen, TrackState::Live);
        world.run_ms(2_000);
        let seen = world.perceives("watcher", &names[7], Source::Screen, 500);
        world.claim(seen, "what is shared is seen");
        let cameras = seen_by(world, "watcher");
        world.claim(cameras.len() == 2, &format!("and two cameras: {cameras:?}"));
    })
    .end()
}

/// A hundred who come within a second are all in soon, and who talks is heard meanwhile.
pub(crate) fn a_storm_of_joins(seed: u64) -> Chronicle {
    let names = people(60);
    let mut plan = Plan::tell("a storm of joins", seed, Bounds::STRICT);
    plan.step("ada and ben talk", |world| {
        for name in ["ada", "ben"] {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(2_000);
        for name in ["ada", "ben"] {
            world.measure_anew(name);
        }
    })
    .step("sixty come within a second", |world| {
        for name in &names {
            let invite = Invite {
                audio_slots: 2,
                video_slots: 1,
                ..Invite::viewer(Line::both(Path::OFFICE))
            };
            world.join_with(name, invite);
            world.run_ms(10 + seed % 7);
        }
        world.run_ms(2_500);
        let took = |name: &String| {
            let guest = world.guest(name);
            let connected = guest.connected_at.map(|at| at - guest.joined_at);
            connected.map_or(u128::MAX, |took| took.as_millis())
        };
        let mut took: Vec<u128> = names.iter().map(took).collect();
        took.sort_unstable();
        let late = took[took.len() * 95 / 100];
        world.claim(late <= 2_000, &format!("95 of 100 are in after {late} ms"));
        for name in &names {
            let seen = ["ada", "ben"]
                .iter()
                .any(|whom| world.perceives(name, whom, Source::Camera, 300));
            world.claim(seen, &format!("{name} sees somebody"));
        }
    })
    .step(
        "those who talked were heard and seen all the while",
        |world| {
            for (name, whom) in [("ada", "ben"), ("ben", "ada")] {
                for (source, most) in [(Source::Microphone, 60), (Source::Camera, 250)] {
                    let gap = world.longest_gap_ms(name, whom, source);
                    let what = format!("{name} has {whom}'s {source}, not with a gap of {gap:?}");
                    world.claim(gap.is_some_and(|gap| gap <= most), &what);
                }
            }
            let asked = world.guest("ada").participant().counters().keyframes_wanted;
            world.claim(asked <= 24, &format!("ada is asked for {asked} keyframes"));
        },
    )
    .end()
}

/// How often a minute the shard is woken for each of those who do nothing.
const MOST_WAKES: u64 = 60;

/// Who is muted and shows nothing costs timers and nothing else.
pub(crate) fn a_muted_room(seed: u64) -> Chronicle {
    let names = people(20);
    let mut plan = Plan::tell("a muted room", seed, Bounds::STRICT);
    plan.step("twenty are muted and show nothing", |world| {
        for name in &names {
            let mut invite = Invite::over(Line::both(Path::OFFICE));
            for publication in &mut invite.publish {
                publication.state = match publication.source {
                    Source::Microphone => TrackState::Muted,
                    _ => TrackState::Off,
                };
            }
            world.join_with(name, invite);
            world.run_ms(50 + seed % 50);
        }
        world.run_ms(10_000);
    })
    .step("a minute passes", |world| {
        let before: u64 = world.wakes().values().sum();
        let media = world.report().packets_forwarded;
        world.run_ms(60_000);
        let wakes = world.wakes().values().sum::<u64>() - before;
        let each = wakes / 20;
        let reasons = format!("{:?}", world.wakes());
        let what = format!("the shard is woken {each} times for each: {reasons}");
        world.claim(each <= MOST_WAKES, &what);
        let media = world.report().packets_forwarded - media;
        world.claim(media == 0, &format!("{media} packets are forwarded"));
    })
    .end()
}
