//! Messages as JSON, one a line, from somebody who may not moderate here. The first byte of the
//! input says who: a guest, a member, an observer, or the host of another room.

use std::time::Duration;

use sfu_core::io::Input;
use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::{ClientMessage, Role};
use uuid::Uuid;

use super::stage::{Stage, on_stage};
use crate::world::grant;

/// Most messages of one input.
const MAX_LINES: usize = 64;

/// Messages that Ann and Ben get for one message of somebody else, at most.
const MAX_ECHOES: usize = 8;

/// From here on the WebSocket is lost and taken up again halfway.
const RESUMES: u8 = 0x10;

pub(crate) fn run(input: &[u8]) {
    let Some((&who, lines)) = input.split_first() else {
        return;
    };
    on_stage(false, |stage| {
        let mal = enter(stage, who);
        let mut heard = 0;
        for line in lines.split(|byte| *byte == b'\n').take(MAX_LINES) {
            let Ok(message) = serde_json::from_slice::<ClientMessage>(line) else {
                continue;
            };
            // The shell reads the grant and keeps it.
            if matches!(message, ClientMessage::Join { .. }) {
                continue;
            }
            heard += 1;
            stage.world.say(mal, message);
            if who & RESUMES != 0 {
                stage.world.run(Duration::from_millis(50));
            }
        }
        for at in [stage.ann, stage.ben] {
            let told = stage.world.clients[at].messages.len();
            assert!(told <= MAX_ECHOES * (heard + 2), "{told} for {heard}");
        }
        leave(stage, mal, who);
    });
}

fn enter(stage: &mut Stage, who: u8) -> usize {
    let roles = [Role::Guest, Role::Member, Role::Observer, Role::Host];
    let role = roles[usize::from(who & 3)];
    let mut grant = grant(stage.stranger(), role);
    if role == Role::Host {
        grant.room = RoomId(Uuid::from_u128(43));
    }
    stage.world.open_with(grant, None)
}

fn leave(stage: &mut Stage, mal: usize, who: u8) {
    let world = &mut stage.world;
    let mut signal = world.clients[mal].signal;
    if who & RESUMES != 0 {
        world.input(Input::SignalClosed { signal });
        let again = enter(stage, who);
        signal = stage.world.clients[again].signal;
        stage.world.say(again, ClientMessage::Leave {});
    } else {
        world.say(mal, ClientMessage::Leave {});
    }
    stage.world.input(Input::SignalClosed { signal });
    stage.world.clients.truncate(mal);
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use sfu_protocol::media::Source;
    use sfu_protocol::signal::{PublishLine, Show, SlotId, TrackState, Want};

    use super::offer::browser_offer;
    use crate::world::{camera, participant};

    let offer = ClientMessage::Offer {
        revision: 1,
        sdp: browser_offer(),
        publish: vec![PublishLine {
            mid: "0".to_owned(),
            source: Source::Screen,
            state: TrackState::Live,
        }],
    };
    let want = |show| ClientMessage::Want {
        wants: vec![Want {
            slot: SlotId("2".to_owned()),
            show,
            max_height: 360,
            priority: 1,
        }],
    };
    let set = |state| ClientMessage::SetTrack {
        source: Source::Screen,
        state,
    };
    let remove = |n| ClientMessage::Remove {
        participant: participant(n),
    };
    let mute = |n| ClientMessage::MuteOther {
        participant: participant(n),
        source: Source::Camera,
    };
    let of = |who: u8, messages: &[ClientMessage]| {
        let lines: Vec<String> = messages
            .iter()
            .map(|message| serde_json::to_string(message).expect("a message can be written"))
            .collect();
        [&[who][..], lines.join("\n").as_bytes()].concat()
    };
    let moderate = [remove(1), remove(2), mute(1), mute(2), mute(3), remove(3)];
    let ping = ClientMessage::Ping { sent_at_ms: 7 };
    vec![
        ("guest-moderates", of(0, &moderate)),
        ("member-moderates", of(1, &moderate)),
        ("observer-moderates", of(2, &moderate)),
        ("foreign-host-moderates", of(3, &moderate)),
        (
            "guest-takes-part",
            of(
                0,
                &[
                    offer.clone(),
                    want(Show::Track(camera(1))),
                    want(Show::Speaker),
                    want(Show::Nothing),
                    set(TrackState::Muted),
                    set(TrackState::Off),
                    set(TrackState::Live),
                    ping.clone(),
                    ClientMessage::Leave {},
                    ping.clone(),
                ],
            ),
        ),
        ("observer-publishes", of(2, std::slice::from_ref(&offer))),
        (
            "guest-comes-back",
            of(RESUMES, &[offer.clone(), offer, ping]),
        ),
    ]
}
