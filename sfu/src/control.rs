//! What `api` may ask of a node: which shards are asked, and how their answers become one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sfu_core::io::RequestId;
use sfu_protocol::control::{ControlReply, ControlRequest};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::inbox::{Command, ShardDoor, ShardDoors};

/// How long a shard may take to answer. It answers within one turn of its thread, so only a
/// shard that hangs reaches this.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// A control request could not be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The shard's thread has ended.
    #[error("the shard is not running")]
    ShardGone,
    /// The shard did not answer in time.
    #[error("the shard did not answer")]
    NoAnswer,
}

/// Asks the shards that a request concerns.
pub(crate) struct ControlDesk {
    doors: ShardDoors,
    next_request: AtomicU64,
}

impl ControlDesk {
    pub(crate) fn new(doors: ShardDoors) -> Self {
        ControlDesk {
            doors,
            next_request: AtomicU64::new(1),
        }
    }

    /// Asks one shard or all of them, and answers as one.
    pub(crate) async fn ask(&self, request: ControlRequest) -> Result<ControlReply, ControlError> {
        match request {
            ControlRequest::CloseRoom { room, .. }
            | ControlRequest::RemoveParticipant { room, .. } => {
                self.ask_one(self.doors.of(room), request).await
            }
            ControlRequest::ListRooms {} | ControlRequest::Drain {} => {
                let asked = self
                    .doors
                    .all()
                    .map(|door| self.ask_one(door, request.clone()));
                let replies = futures::future::join_all(asked).await;
                replies
                    .into_iter()
                    .collect::<Result<Vec<_>, _>>()
                    .map(merge)
            }
        }
    }

    async fn ask_one(
        &self,
        door: &ShardDoor,
        body: ControlRequest,
    ) -> Result<ControlReply, ControlError> {
        let request = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let (reply, answer) = oneshot::channel();
        let command = Command::Control {
            request,
            body,
            reply,
        };
        let asked = async {
            door.bring(command)
                .await
                .map_err(|_| ControlError::ShardGone)?;
            answer.await.map_err(|_| ControlError::ShardGone)
        };
        timeout(ANSWER_DEADLINE, asked)
            .await
            .unwrap_or(Err(ControlError::NoAnswer))
    }
}

/// The answers of several shards as one: all their rooms, or done.
fn merge(replies: Vec<ControlReply>) -> ControlReply {
    let mut all = None;
    for reply in replies {
        if let ControlReply::Rooms { rooms } = reply {
            all.get_or_insert_with(Vec::new).extend(rooms);
        }
    }
    match all {
        Some(rooms) => ControlReply::Rooms { rooms },
        None => ControlReply::Done {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::control::RoomReport;
    use sfu_protocol::ids::RoomId;
    use uuid::Uuid;

    #[test]
    fn the_rooms_of_all_shards_are_one_answer() {
        let rooms = |ids: &[u128]| ControlReply::Rooms {
            rooms: ids
                .iter()
                .map(|&id| RoomReport {
                    room: RoomId(Uuid::from_u128(id)),
                    participants: Vec::new(),
                    recording: None,
                })
                .collect(),
        };
        let cases = [
            (
                vec![rooms(&[1]), rooms(&[]), rooms(&[2, 3])],
                rooms(&[1, 2, 3]),
            ),
            (vec![rooms(&[])], rooms(&[])),
            (
                vec![ControlReply::Done {}, ControlReply::Done {}],
                ControlReply::Done {},
            ),
        ];
        for (replies, expected) in cases {
            assert_eq!(merge(replies), expected);
        }
    }
}
