//! Every signalling message has one committed example, compared byte for byte: a changed byte is
//! a decision about the wire, not an accident. The browser's tests read the same files.
//!
//! Write: `COLLOQUY_WRITE_GENERATED=1 cargo test -p sfu-protocol --test golden`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sfu_protocol::ids::{ParticipantId, RecordingId, RoomId, TrackId};
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_protocol::recording::TroubleReason;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, Envelope, LeaveReason, NodeMessage, Participant, PauseReason,
    PublishLine, RecordingNotice, RecordingTrouble, RefusedCode, Resume, Role, SIGNAL_VERSION,
    Show, Slot, SlotContent, SlotId, SlotPause, Track, TrackState, Want,
};
use uuid::Uuid;

const ADA: ParticipantId =
    ParticipantId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_00aa));
const BEN: ParticipantId =
    ParticipantId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_00bb));
const ROOM: RoomId = RoomId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));
const RECORDING: RecordingId =
    RecordingId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0002));
const NOW_MS: u64 = 1_795_000_000_000;

fn track_id(participant: ParticipantId, source: Source) -> TrackId {
    TrackId {
        participant,
        source,
    }
}

fn slot(name: &str) -> SlotId {
    SlotId(name.to_owned())
}

fn ben() -> Participant {
    Participant {
        id: BEN,
        name: "Ben".to_owned(),
        role: Role::Guest,
        joined_at_ms: NOW_MS,
        lost: false,
        tracks: vec![
            Track {
                id: track_id(BEN, Source::Camera),
                state: TrackState::Live,
                csrc: 7,
                codec: Some(Codec::Vp8),
            },
            Track {
                id: track_id(BEN, Source::Microphone),
                state: TrackState::Muted,
                csrc: 8,
                codec: None,
            },
        ],
    }
}

fn notice() -> RecordingNotice {
    RecordingNotice {
        recording: RECORDING,
        started_by: "Ada".to_owned(),
        started_at_ms: NOW_MS,
        trouble: None,
    }
}

fn client_messages() -> Vec<ClientMessage> {
    vec![
        ClientMessage::Join {
            version: SIGNAL_VERSION,
            grant: "header.claims.signature".to_owned(),
            resume: Some(Resume {
                resume_key: "k".to_owned(),
                last_seq: 41,
            }),
        },
        ClientMessage::Offer {
            revision: 1,
            sdp: "v=0\r\n".to_owned(),
            publish: vec![PublishLine {
                mid: "0".to_owned(),
                source: Source::Camera,
                state: TrackState::Live,
            }],
        },
        ClientMessage::Want {
            wants: [
                Show::Auto,
                Show::Speaker,
                Show::Nothing,
                Show::Track(track_id(BEN, Source::Screen)),
            ]
            .into_iter()
            .zip(["4", "5", "6", "7"])
            .map(|(show, name)| Want {
                slot: slot(name),
                show,
                max_height: 360,
                priority: 128,
            })
            .collect(),
        },
        ClientMessage::SetTrack {
            source: Source::Microphone,
            state: TrackState::Muted,
        },
        ClientMessage::MuteOther {
            participant: BEN,
            source: Source::Microphone,
        },
        ClientMessage::Remove { participant: BEN },
        ClientMessage::Leave {},
        ClientMessage::Ping { sent_at_ms: NOW_MS },
    ]
}

fn node_messages() -> Vec<NodeMessage> {
    let mut messages = room_messages();
    messages.extend(session_messages());
    messages
}

fn session_messages() -> Vec<NodeMessage> {
    vec![
        NodeMessage::Joined {
            you: ADA,
            room: ROOM,
            participants: vec![ben()],
            recording: Some(notice()),
            resume_key: "k".to_owned(),
            resumed: false,
            server_time_ms: NOW_MS,
            reconnect_within_ms: 300,
        },
        NodeMessage::Answer {
            revision: 1,
            sdp: "v=0\r\n".to_owned(),
            slots: vec![
                Slot {
                    slot: slot("4"),
                    kind: Kind::Audio,
                },
                Slot {
                    slot: slot("5"),
                    kind: Kind::Video,
                },
            ],
        },
        NodeMessage::MutedByHost {
            source: Source::Microphone,
        },
        NodeMessage::Refused {
            about: "mute_other".to_owned(),
            code: RefusedCode::NotAllowed,
            message: "Only a host can mute others.".to_owned(),
        },
        NodeMessage::Pong {
            sent_at_ms: NOW_MS,
            server_time_ms: NOW_MS + 3,
        },
        NodeMessage::Bye {
            reason: ByeReason::Draining,
            retry_after_ms: Some(500),
        },
    ]
}

fn room_messages() -> Vec<NodeMessage> {
    vec![
        NodeMessage::ParticipantJoined { participant: ben() },
        NodeMessage::ParticipantLost {
            participant: BEN,
            lost: true,
        },
        NodeMessage::ParticipantLeft {
            participant: BEN,
            reason: LeaveReason::Left,
        },
        NodeMessage::TrackChanged {
            track: Track {
                id: track_id(BEN, Source::ScreenAudio),
                state: TrackState::Live,
                csrc: 9,
                codec: Some(Codec::Opus),
            },
        },
        NodeMessage::TrackEnded {
            track: track_id(BEN, Source::Screen),
        },
        NodeMessage::Slots {
            slots: vec![
                SlotContent {
                    slot: slot("5"),
                    track: Some(track_id(BEN, Source::Camera)),
                },
                SlotContent {
                    slot: slot("6"),
                    track: None,
                },
            ],
        },
        NodeMessage::Paused {
            slots: vec![
                SlotPause {
                    slot: slot("5"),
                    reason: Some(PauseReason::Bandwidth),
                },
                SlotPause {
                    slot: slot("6"),
                    reason: None,
                },
            ],
        },
        NodeMessage::Layers {
            source: Source::Camera,
            wanted: vec!["q".to_owned(), "h".to_owned()],
        },
        NodeMessage::Speaking {
            participants: vec![BEN],
        },
        NodeMessage::Recording {
            recording: Some(RecordingNotice {
                trouble: Some(RecordingTrouble {
                    reason: TroubleReason::DiskFull,
                    since_ms: NOW_MS + 60_000,
                }),
                ..notice()
            }),
        },
    ]
}

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The file name is the message's own `type`, so a renamed message is a missing file.
fn check<T>(direction: &str, message: &T, seen: &mut BTreeSet<String>)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let value = serde_json::to_value(message).expect("a message serialises");
    let kind = value["type"].as_str().expect("a message has a type");
    let name = format!("{direction}.{kind}.json");
    let path = golden_folder().join(&name);
    let mut wanted = serde_json::to_string(message).expect("a message serialises");
    wanted.push('\n');
    if std::env::var_os("COLLOQUY_WRITE_GENERATED").is_some() {
        std::fs::write(&path, &wanted).expect("the golden folder is writable");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, wanted, "{name} differs from what is sent now");
    let read: T = serde_json::from_str(&committed).expect("a golden example reads back");
    assert_eq!(&read, message, "{name} reads back as another message");
    assert!(seen.insert(name), "two examples of {kind}");
}

#[test]
fn every_message_is_sent_and_read_byte_for_byte_as_its_golden_example() {
    let mut seen = BTreeSet::new();
    for message in client_messages() {
        check("client", &message, &mut seen);
    }
    for (message, seq) in node_messages().into_iter().zip(1..) {
        check("node", &Envelope { seq, message }, &mut seen);
    }
    let committed: BTreeSet<String> = std::fs::read_dir(golden_folder())
        .expect("the golden folder exists")
        .map(|entry| entry.expect("an entry reads").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("client.") || name.starts_with("node."))
        .collect();
    assert_eq!(committed, seen, "left: files, right: messages");
}

/// A new message must get an example: this match does not compile until somebody has been here.
#[test]
fn no_message_is_without_an_example() {
    fn client_number(message: &ClientMessage) -> u8 {
        match message {
            ClientMessage::Join { .. } => 0,
            ClientMessage::Offer { .. } => 1,
            ClientMessage::Want { .. } => 2,
            ClientMessage::SetTrack { .. } => 3,
            ClientMessage::MuteOther { .. } => 4,
            ClientMessage::Remove { .. } => 5,
            ClientMessage::Leave { .. } => 6,
            ClientMessage::Ping { .. } => 7,
        }
    }
    fn node_number(message: &NodeMessage) -> u8 {
        match message {
            NodeMessage::Joined { .. } => 0,
            NodeMessage::Answer { .. } => 1,
            NodeMessage::ParticipantJoined { .. } => 2,
            NodeMessage::ParticipantLost { .. } => 3,
            NodeMessage::ParticipantLeft { .. } => 4,
            NodeMessage::TrackChanged { .. } => 5,
            NodeMessage::TrackEnded { .. } => 6,
            NodeMessage::Slots { .. } => 7,
            NodeMessage::Speaking { .. } => 8,
            NodeMessage::MutedByHost { .. } => 9,
            NodeMessage::Recording { .. } => 10,
            NodeMessage::Refused { .. } => 11,
            NodeMessage::Pong { .. } => 12,
            NodeMessage::Bye { .. } => 13,
            NodeMessage::Paused { .. } => 14,
            NodeMessage::Layers { .. } => 15,
        }
    }
    let client: BTreeSet<u8> = client_messages().iter().map(client_number).collect();
    let node: BTreeSet<u8> = node_messages().iter().map(node_number).collect();
    assert_eq!(client, (0..8).collect());
    assert_eq!(node, (0..16).collect());
}
