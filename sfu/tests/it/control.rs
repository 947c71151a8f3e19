//! What `api` asks of a node.

use sfu_protocol::control::{ControlReply, ControlRequest};
use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::ByeReason;

use crate::house::{House, room};

async fn rooms(house: &House) -> Vec<RoomId> {
    let reply = house.node.control(ControlRequest::ListRooms {}).await;
    let Ok(ControlReply::Rooms { rooms }) = reply else {
        panic!("{reply:?}")
    };
    let mut rooms: Vec<RoomId> = rooms.iter().map(|report| report.room).collect();
    rooms.sort();
    rooms
}

#[tokio::test]
async fn rooms_of_all_shards_are_listed_and_a_closed_one_says_goodbye() {
    let house = House::open(|_| {}).await;
    let mut sockets = Vec::new();
    for number in 1..=6 {
        sockets.push(house.joined(room(number), number).await);
    }
    let all: Vec<RoomId> = (1..=6).map(room).collect();
    assert_eq!(rooms(&house).await, all);

    let close = ControlRequest::CloseRoom {
        room: room(3),
        reason: ByeReason::Ended,
    };
    let done = house.node.control(close.clone()).await;
    assert_eq!(done, Ok(ControlReply::Done {}));
    sockets[2].hears_bye(ByeReason::Ended).await;
    assert!(!rooms(&house).await.contains(&room(3)));
    // A room that is not here is closed already.
    let again = house.node.control(close).await;
    assert_eq!(again, Ok(ControlReply::Done {}));

    let remove = ControlRequest::RemoveParticipant {
        room: room(4),
        participant: house.grant(room(4), 4).participant,
    };
    let done = house.node.control(remove).await;
    assert_eq!(done, Ok(ControlReply::Done {}));
    sockets[3].hears_bye(ByeReason::Removed).await;
    house.node.stop().await;
}
