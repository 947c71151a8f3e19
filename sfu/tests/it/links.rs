//! Link peers: followers of events, and recorders.

use sfu::LinkEnd;
use sfu_protocol::control::{NodeEvent, RoomEvent};
use sfu_protocol::ids::RecordingId;
use sfu_protocol::link::{EndReason, FromNode, LINK_VERSION, ToNode};
use sfu_protocol::signal::ClientMessage;
use tokio::time::timeout;
use uuid::Uuid;

use crate::house::{House, PATIENCE, room};

async fn hear(link: &mut LinkEnd) -> Option<FromNode> {
    timeout(PATIENCE, link.from_node.recv())
        .await
        .expect("the node says something in time")
}

async fn dial(house: &House) -> LinkEnd {
    let mut link = house.node.link();
    say(&link, hello(LINK_VERSION)).await;
    let welcome = hear(&mut link).await;
    assert!(
        matches!(
            welcome,
            Some(FromNode::Welcome {
                version: LINK_VERSION,
                ..
            })
        ),
        "{welcome:?}"
    );
    link
}

fn hello(version: u16) -> ToNode {
    ToNode::Hello {
        version,
        peer: "test".to_owned(),
    }
}

async fn say(link: &LinkEnd, frame: ToNode) {
    link.to_node.send(frame).await.expect("the node listens");
}

async fn event(link: &mut LinkEnd) -> NodeEvent {
    match hear(link).await {
        Some(FromNode::Event(event)) => event,
        other => panic!("an event, not {other:?}"),
    }
}

#[tokio::test]
async fn a_follower_gets_the_events_of_all_shards_numbered_without_a_hole() {
    let house = House::open(|_| {}).await;
    let mut link = dial(&house).await;
    say(&link, ToNode::Follow { after: 0 }).await;
    let rooms = 6;
    let mut sockets = Vec::new();
    for number in 1..=rooms {
        sockets.push(house.joined(room(number), number).await);
    }
    let mut told = Vec::new();
    for number in 1..=rooms {
        let opened = event(&mut link).await;
        assert_eq!(opened.event, RoomEvent::RoomOpened {});
        assert_eq!(opened.room, room(number));
        let joined = event(&mut link).await;
        assert!(matches!(joined.event, RoomEvent::ParticipantJoined { .. }));
        told.extend([opened.number, joined.number]);
    }
    let expected: Vec<u64> = (1..=2 * rooms as u64).collect();
    assert_eq!(told, expected);

    // One that comes later with the last number it has gets the rest, then what happens.
    let mut later = dial(&house).await;
    say(&later, ToNode::Follow { after: 10 }).await;
    assert_eq!(event(&mut later).await.number, 11);
    assert_eq!(event(&mut later).await.number, 12);
    sockets[0].say(&ClientMessage::Leave {}).await;
    for link in [&mut link, &mut later] {
        let left = event(link).await;
        assert_eq!(left.number, 13);
        assert!(
            matches!(left.event, RoomEvent::ParticipantLeft { .. }),
            "{left:?}"
        );
    }
    house.node.stop().await;
    // The node's end of every link closes after what was said.
    while hear(&mut link).await.is_some() {}
}

#[tokio::test]
async fn a_peer_that_does_not_greet_in_a_known_version_is_closed() {
    let house = House::open(|_| {}).await;
    for first in [hello(LINK_VERSION + 1), ToNode::Follow { after: 0 }] {
        let mut link = house.node.link();
        say(&link, first).await;
        assert_eq!(hear(&mut link).await, None);
    }
    house.node.stop().await;
}

#[tokio::test]
async fn a_recording_starts_and_ends_on_the_shard_of_its_room_and_an_unknown_one_is_said_so() {
    let house = House::open(|_| {}).await;
    let mut link = dial(&house).await;
    for number in 1..=4u128 {
        let recording = RecordingId(Uuid::from_u128(100 + number));
        let _inside = house.joined(room(number), number).await;
        let record = ToNode::Record {
            recording,
            room: room(number),
            started_by: "Ada".to_owned(),
            have: Vec::new(),
        };
        say(&link, record).await;
        let started = hear(&mut link).await;
        assert!(
            matches!(started, Some(FromNode::RecordStarted { recording: r, .. }) if r == recording),
            "{started:?}"
        );
        say(&link, ToNode::StopRecord { recording }).await;
        let ended = hear(&mut link).await;
        assert!(
            matches!(
                ended,
                Some(FromNode::RecordEnded { recording: r, reason: EndReason::Asked, .. })
                    if r == recording
            ),
            "{ended:?}"
        );
    }
    let unknown = RecordingId(Uuid::from_u128(999));
    say(&link, ToNode::StopRecord { recording: unknown }).await;
    let ended = hear(&mut link).await;
    assert!(
        matches!(
            ended,
            Some(FromNode::RecordEnded {
                reason: EndReason::Unknown,
                ..
            })
        ),
        "{ended:?}"
    );
    house.node.stop().await;
}
