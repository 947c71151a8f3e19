//! Datagrams from people without a session, and in others' names. The operation says from where,
//! and whether a STUN header and a user name are put before the content: one that exists, so that
//! the datagram reaches a transport.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_core::io::Input;
use sfu_protocol::signal::{ClientMessage, NodeMessage, Role};

use super::stage::{Stage, on_stage};
use crate::corpus::Steps;
use crate::world::{NODE, Publish};

/// Most datagrams of one input.
const MAX_STEPS: usize = 64;

const AS_STUN: u8 = 0x08;
const BINDING: u8 = 0x10;
const TIME: u8 = 0x20;
const WITH_NAME: u8 = 0x40;

pub(crate) fn run(input: &[u8]) {
    on_stage(false, |stage| {
        // A connection that still waits for its first check, beside two that are established.
        let waiting = stage.world.open(stage.stranger(), Role::Guest, None);
        stage.world.clients[waiting].unreachable = true;
        stage.world.offer(waiting, &[Publish::Microphone], (1, 0));
        let name = user_name(stage, waiting);
        for (operation, content) in Steps(input).take(MAX_STEPS) {
            let source = source(stage, operation);
            let bytes = shaped(operation, &name, content);
            stage.world.input(Input::Datagram {
                source,
                destination: NODE,
                bytes: &bytes,
            });
            if operation & TIME != 0 {
                stage
                    .world
                    .run(Duration::from_millis(u64::from(operation >> 5)));
            }
        }
        let stranger = |to: &SocketAddr| *to == v4_stranger() || *to == v6_stranger();
        let answered = stage.world.astray.iter().any(stranger);
        assert!(!answered, "who knows no password gets no answer");
        stage.world.say(waiting, ClientMessage::Leave {});
        stage.world.clients.truncate(waiting);
    });
}

fn v4_stranger() -> SocketAddr {
    ([192, 0, 2, 9], 4000).into()
}

fn v6_stranger() -> SocketAddr {
    (
        "2001:db8::9"
            .parse::<std::net::Ipv6Addr>()
            .expect("an address"),
        4000,
    )
        .into()
}

fn source(stage: &Stage, operation: u8) -> SocketAddr {
    match operation & 7 {
        0..=2 => v4_stranger(),
        3 => v6_stranger(),
        4 | 5 => stage.world.clients[stage.ann].address,
        6 => stage.world.clients[stage.ben].address,
        _ => NODE,
    }
}

/// The name by which a client's STUN reaches its connection.
fn user_name(stage: &Stage, at: usize) -> String {
    let messages = stage.world.clients[at].messages.iter();
    let answer = messages.rev().find_map(|envelope| match &envelope.message {
        NodeMessage::Answer { sdp, .. } => Some(sdp),
        _ => None,
    });
    let sdp = answer.expect("the offer was answered");
    let line = sdp
        .lines()
        .find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    format!("{}:them", line.expect("an answer has a ufrag"))
}

fn shaped(operation: u8, name: &str, content: &[u8]) -> Vec<u8> {
    if operation & AS_STUN == 0 {
        return content.to_vec();
    }
    let mut body = Vec::new();
    if operation & WITH_NAME != 0 {
        body.extend_from_slice(&[0, 6, 0, name.len() as u8]);
        body.extend_from_slice(name.as_bytes());
        body.resize(body.len().next_multiple_of(4), 0);
    }
    body.extend_from_slice(content.get(2..).unwrap_or_default());
    body.resize(body.len().next_multiple_of(4), 0);
    let kind = match operation & BINDING {
        0 => content
            .first_chunk::<2>()
            .map_or([0, 1], |kind| [kind[0] & 3, kind[1]]),
        _ => [0, 1],
    };
    let length = u16::try_from(body.len())
        .expect("a step is short")
        .to_be_bytes();
    [
        &kind[..],
        &length,
        &[0x21, 0x12, 0xa4, 0x42],
        &[7; 12],
        &body,
    ]
    .concat()
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    const NAMED: u8 = AS_STUN | BINDING | WITH_NAME;
    let integrity = [&[0, 0, 0, 8, 0, 20][..], &[9; 20]].concat();
    let controlling = [&[0, 0, 0x80, 0x2a, 0, 8][..], &[1; 8], &integrity[2..]].concat();
    let hello = [22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0];
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let rtp = [0x80, 96, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9, 9];
    let rtcp = [0x80, 200, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
    let spoofed = |bytes: &'static [u8]| (4u8, bytes);
    vec![
        (
            "named",
            steps([(NAMED, &integrity[..]), (NAMED | 3, &controlling)]),
        ),
        ("named-bare", steps([(NAMED, &[][..]), (NAMED | 4, &[])])),
        (
            "success",
            steps([(
                AS_STUN | 4,
                &[1, 1, 0, 0x20, 0, 8, 0, 1, 1, 1, 1, 1, 1, 1][..],
            )]),
        ),
        ("hello", steps([(0, &hello[..]), (4, &hello), (6, &hello)])),
        ("alert", steps([(4, &alert[..]), (6, &alert)])),
        (
            "media",
            steps([(0, &rtp[..]), (4, &rtp), (6, &rtcp), (7, &rtcp)]),
        ),
        (
            "channel",
            steps([spoofed(&[0x40, 0, 0, 0]), (TIME | 0xe0, &[])]),
        ),
    ]
}
