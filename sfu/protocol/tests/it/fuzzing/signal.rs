//! Any text as a message of either side, as a control request and as an identity.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sfu_protocol::control::{ControlReply, ControlRequest, NodeEvent};
use sfu_protocol::ids::{RoomId, TrackId};
use sfu_protocol::signal::{ClientMessage, Envelope};

/// What is written again is at most so many times what was read: escapes become longer.
const MAX_GROWTH: usize = 8;

pub(crate) fn run(input: &[u8]) {
    survives::<ClientMessage>(input);
    survives::<Envelope>(input);
    survives::<ControlRequest>(input);
    survives::<ControlReply>(input);
    survives::<NodeEvent>(input);
    if let Ok(text) = std::str::from_utf8(input) {
        is_named_again::<TrackId>(text);
        is_named_again::<RoomId>(text);
    }
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(input: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(input) else {
        return;
    };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let most = MAX_GROWTH * input.len() + 256;
    assert!(written.len() <= most, "{} bytes", written.len());
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, read);
}

fn is_named_again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string().parse::<T>().ok(), Some(id));
    }
}

/// The golden examples: one of each message.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    macro_rules! golden {
        ($($name:literal),*) => {
            vec![$(($name, include_bytes!(concat!("../../golden/", $name, ".json")).to_vec())),*]
        };
    }
    let mut seeds: Vec<crate::corpus::Seed> = golden![
        "client.join",
        "client.leave",
        "client.mute_other",
        "client.offer",
        "client.ping",
        "client.remove",
        "client.set_track",
        "client.want",
        "node.answer",
        "node.bye",
        "node.joined",
        "node.muted_by_host",
        "node.participant_joined",
        "node.participant_left",
        "node.pong",
        "node.recording",
        "node.refused",
        "node.slots",
        "node.speaking",
        "node.track_changed",
        "node.track_ended"
    ];
    let room = "00000000-0000-0000-0000-000000000007";
    let close = format!(r#"{{"type":"close_room","room":"{room}","reason":"ended"}}"#);
    let joined = format!(
        r#"{{"number":3,"room":"{room}","at":5,"type":"participant_joined","participant":"{room}","name":"Ben","role":"guest"}}"#
    );
    seeds.push(("control.close_room", close.into_bytes()));
    seeds.push(("event.participant_joined", joined.into_bytes()));
    seeds.push(("track", format!("{room}:camera").into_bytes()));
    seeds
}
