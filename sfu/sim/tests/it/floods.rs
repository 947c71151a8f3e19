//! Somebody who is in, and sends far too much of something. Two who talk meanwhile lose nothing.

use sfu_client::peer::Publication;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, TrackState};
use sfu_rtp::rtcp;
use sfu_sim::chronicle::Chronicle;
use sfu_sim::guest::Invite;
use sfu_sim::network::{Datagram, Line, Path};
use sfu_sim::oracle::Bounds;
use sfu_sim::plan::Plan;
use sfu_sim::world::{World, node_address};

/// How long a flood lasts, and how much of it comes in each millisecond.
const FLOOD_MS: u64 = 3_000;
const PER_MS: u64 = 4;

/// Longest from one sound to the next for those who talk, and from one picture to the next.
const NEXT_SOUND_MS: u64 = 60;
const NEXT_PICTURE_MS: u64 = 250;

/// Keyframes that may be asked of a layer in a second, however many want them.
const KEYFRAMES_PER_SECOND: u64 = 2;

/// Somebody's sender of RTCP.
const OWN: u32 = 0xbad;

/// Ada and ben talk; mallory watches ada, and can say anything of what she receives.
fn two_talk_and_one_watches(world: &mut World) {
    for name in ["ada", "ben"] {
        world.join(name);
        world.speak(name, true);
    }
    let mallory = Invite {
        light: true,
        ..Invite::viewer(Line::both(Path::OFFICE))
    };
    world.join_with("mallory", mallory);
    world.run_ms(2_500);
    world.turn_hostile("mallory");
}

/// The flood, and what it does to those who talk.
fn flood(world: &mut World, mut one: impl FnMut(&mut World, u64)) {
    for name in ["ada", "ben"] {
        world.measure_anew(name);
    }
    let asked = |world: &World| {
        let of = |name| world.guest(name).participant().counters().keyframes_wanted;
        of("ada").max(of("ben"))
    };
    let before = asked(world);
    for ms in 0..FLOOD_MS {
        for number in 0..PER_MS {
            one(world, ms * PER_MS + number);
        }
        world.run_ms(1);
    }
    world.run_ms(1_000);
    for (name, whom) in [("ada", "ben"), ("ben", "ada")] {
        for (source, most) in [
            (Source::Microphone, NEXT_SOUND_MS),
            (Source::Camera, NEXT_PICTURE_MS),
        ] {
            let gap = world.longest_gap_ms(name, whom, source);
            let what = format!("{name} has {whom}'s {source} without a gap, not {gap:?}");
            world.claim(gap.is_some_and(|gap| gap <= most), &what);
        }
    }
    let asked = asked(world) - before;
    let most = 3 * KEYFRAMES_PER_SECOND * (FLOOD_MS + 1_000) / 1_000;
    let what = format!("{asked} keyframes are asked for of one who talks");
    world.claim(asked <= most, &what);
}

/// A flood of RTCP, each packet made for one of the streams that come.
fn of_control(name: &'static str, seed: u64, make: fn(u32, u64) -> Vec<u8>) -> Chronicle {
    let mut plan = Plan::tell(name, seed, Bounds::STRICT);
    plan.step("two talk and one watches", two_talk_and_one_watches)
        .step("she floods the node", |world| {
            let ssrcs = world.guest("mallory").participant().received_ssrcs();
            world.claim(!ssrcs.is_empty(), "she receives something");
            let count = ssrcs.len().max(1) as u64;
            let mut said = true;
            flood(world, |world, number| {
                let ssrc = ssrcs.get(((seed + number) % count) as usize);
                let packet = make(ssrc.copied().unwrap_or(0), seed ^ number << 8);
                said &= world.say_control("mallory", packet);
            });
            world.claim(said, "all of it leaves");
        })
        .end()
}

pub(crate) fn of_picture_losses(seed: u64) -> Chronicle {
    of_control("a flood of PLI", seed, |ssrc, _| {
        rtcp::picture_loss(OWN, ssrc)
    })
}

pub(crate) fn of_missing_packets(seed: u64) -> Chronicle {
    of_control("a flood of NACK", seed, |ssrc, number| {
        let first = (number >> 8) as u16;
        let missing = (0..120u16).map(|after| first.wrapping_mul(97).wrapping_add(after));
        rtcp::nack(OWN, ssrc, missing)
    })
}

/// RTCP of any type and count with this behind it.
fn control(count: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let words = (body.len() / 4) as u16;
    let [high, low] = words.to_be_bytes();
    let mut packet = vec![0x80 | count, kind, high, low];
    packet.extend_from_slice(body);
    packet
}

pub(crate) fn of_arrivals(seed: u64) -> Chronicle {
    of_control("a flood of TWCC", seed, |ssrc, number| {
        let mut body = [OWN.to_be_bytes(), ssrc.to_be_bytes()].concat();
        // From any number on 65,535 packets, in runs of 8,191 that came or did not.
        body.extend_from_slice(&((number >> 8) as u16).wrapping_mul(31).to_be_bytes());
        body.extend_from_slice(&[0xff, 0xff, 0, 0, 1, number as u8]);
        for run in 0..8u8 {
            let came = u16::from((number >> run) & 1 == 1) << 13;
            body.extend_from_slice(&(came | 0x1fff).to_be_bytes());
        }
        body.extend_from_slice(&[0x10; 400]);
        control(15, 205, &body)
    })
}

pub(crate) fn of_estimates(seed: u64) -> Chronicle {
    of_control("a flood of REMB", seed, |ssrc, number| {
        let mut body = [OWN.to_be_bytes(), [0; 4], *b"REMB"].concat();
        // Nothing, or more than there is.
        let [exponent, mantissa] = match (number >> 8) % 3 {
            0 => [0, 0],
            1 => [0xff, 0xff],
            _ => [number as u8, (number >> 3) as u8],
        };
        body.extend_from_slice(&[1, exponent, mantissa, mantissa]);
        body.extend_from_slice(&ssrc.to_be_bytes());
        control(15, 206, &body)
    })
}

pub(crate) fn of_reports(seed: u64) -> Chronicle {
    of_control("a flood of other RTCP", seed, |ssrc, number| {
        let own = (OWN ^ (number >> 8) as u32).to_be_bytes();
        let filling = [number as u8; 24];
        match (number >> 8) % 5 {
            // A report of everything lost.
            0 => control(
                1,
                201,
                &[&own, &ssrc.to_be_bytes()[..], &[0xff; 20]].concat(),
            ),
            // A sender that sends nothing, and the node's own stream that is said to end.
            1 => control(0, 200, &[&own[..], &filling[..20]].concat()),
            2 => control(1, 203, &ssrc.to_be_bytes()),
            // Something of an application, and something that is said to be longer than it is.
            3 => control(7, 204, &[&own[..], &filling].concat()),
            _ => {
                let mut packet = control(31, 205 + (number % 3) as u8, &own);
                packet[3] = 0xff;
                packet
            }
        }
    })
}

pub(crate) fn of_messages(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a flood of messages", seed, Bounds::STRICT);
    plan.step("two talk and one watches", two_talk_and_one_watches)
        .step("she says everything at once", |world| {
            let signal = world.guest("mallory").signal;
            flood(world, |world, number| {
                let message = match (seed + number) % 4 {
                    0 => ClientMessage::Ping { sent_at_ms: number },
                    1 => ClientMessage::Want { wants: Vec::new() },
                    2 => ClientMessage::SetTrack {
                        source: Source::Camera,
                        state: TrackState::Live,
                    },
                    _ => ClientMessage::Remove {
                        participant: world.guest("ada").id,
                    },
                };
                world.send_over(signal, message);
            });
            let here = world.report().participants;
            world.claim(here == 2, &format!("she is sent out: {here} are here"));
        })
        .end()
}

pub(crate) fn of_offers(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a flood of offers", seed, Bounds::STRICT);
    plan.step("two talk and one watches", two_talk_and_one_watches)
        .step("she offers what nobody can use", |world| {
            world.expect_nothing("mallory");
            let signal = world.guest("mallory").signal;
            let line = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\n";
            let long = "a=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\n";
            let mut revision = 1;
            flood(world, |world, number| {
                // One in fifty of what a flood is: each is as long as an offer may be, or longer.
                if number % 50 != 0 {
                    return;
                }
                let sdp = match (seed + number / 50) % 4 {
                    0 => line.repeat(2_000),
                    1 => format!("v=0\r\n{line}{}", long.repeat(6_000)),
                    2 => "\r\n".repeat(90_000),
                    _ => format!("v=0\r\n{line}a=simulcast:send {}", "a;".repeat(60_000)),
                };
                revision += 1;
                let publish = Vec::new();
                world.send_over(
                    signal,
                    ClientMessage::Offer {
                        revision,
                        sdp,
                        publish,
                    },
                );
            });
        })
        .end()
}

/// Everything that goes over the wire comes again from elsewhere, and as much again that is made up.
pub(crate) fn of_forgeries(seed: u64) -> Chronicle {
    let mut plan = Plan::tell("a flood of forgeries", seed, Bounds::STRICT);
    plan.step("two talk, and somebody listens", |world| {
        for name in ["ada", "ben"] {
            world.join(name);
            world.speak(name, true);
        }
        world.run_ms(1_500);
        world.eavesdrop(true);
        world.run_ms(1_000);
        world.eavesdrop(false);
    })
    .step("it comes again, and what is like it", |world| {
        let heard: Vec<Datagram> = world
            .overheard()
            .iter()
            .filter(|datagram| datagram.destination == node_address())
            .cloned()
            .collect();
        let count = heard.len().max(1) as u64;
        flood(world, |world, number| {
            let Some(known) = heard.get((number % count) as usize) else {
                return;
            };
            let mut forged = known.clone();
            let byte = (seed ^ number.wrapping_mul(0x9e37)) as usize;
            match number % 3 {
                // As it was, from somebody else, or from whom it came.
                0 => forged.source = std::net::SocketAddr::from(([192, 0, 2, 1], 666)),
                1 => {}
                _ => {
                    let at = byte % forged.bytes.len();
                    forged.bytes[at] ^= 1 << (byte % 8);
                }
            }
            world.throw(forged, Path::OFFICE);
        });
    })
    .end()
}

/// More pictures than anybody may send cost the track that they are of.
pub(crate) fn of_media(seed: u64) -> Chronicle {
    let mut plan = Plan::tell(
        "a flood of media",
        seed,
        Bounds {
            lossless: false,
            freeze: std::time::Duration::from_secs(30),
            ..Bounds::STRICT
        },
    );
    plan.step("two talk, and mallory shows 60 Mbit/s", |world| {
        for name in ["ada", "ben"] {
            let invite = Invite {
                audio_slots: 2,
                video_slots: 1,
                ..Invite::over(Line::both(Path::OFFICE))
            };
            world.join_with(name, invite);
            world.speak(name, true);
        }
        let mallory = Invite {
            publish: vec![Publication::live(Source::Camera, 3)],
            camera_bps: [20_000_000, 20_000_000, 20_000_000],
            audio_slots: 0,
            video_slots: 0,
            ..Invite::over(Line::both(Path::OFFICE))
        };
        world.join_with("mallory", mallory);
        let watcher = Invite {
            video_slots: 2,
            ..Invite::viewer(Line::both(Path::OFFICE))
        };
        world.join_with("cleo", watcher);
        world.run_ms(2_000);
        world.want("ada", "ben", Source::Camera, 720);
        world.want("ben", "ada", Source::Camera, 720);
        world.want("cleo", "mallory", Source::Camera, 720);
        world.run_ms(1_500);
    })
    .step("they lose nothing", |world| {
        for name in ["ada", "ben"] {
            world.measure_anew(name);
        }
        world.run_ms(3_000);
        for (name, whom) in [("ada", "ben"), ("ben", "ada")] {
            for (source, most) in [
                (Source::Microphone, NEXT_SOUND_MS),
                (Source::Camera, NEXT_PICTURE_MS),
            ] {
                let gap = world.longest_gap_ms(name, whom, source);
                let what = format!("{name} has {whom}'s {source}, not with a gap of {gap:?}");
                world.claim(gap.is_some_and(|gap| gap <= most), &what);
            }
        }
        let dropped = world.report().packets_dropped();
        world.claim(dropped > 0, "what is over is dropped");
    })
    .end()
}
