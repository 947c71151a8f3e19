//! What one part wants of another, given by the part that has it. Translation only: nothing is
//! decided here.

use std::sync::Arc;

use api::ports::{Nodes, Recorders, Unavailable};
use async_trait::async_trait;
use sfu_protocol::control::{ControlReply, ControlRequest, NodeEvent};
use sfu_protocol::link::{FromNode, LINK_VERSION, ToNode};
use sfu_protocol::recording::RecorderCommand;
use tokio::sync::mpsc;

/// Events that wait for `api`. Filling it makes the follower wait, and the node cut its link;
/// it dials again and asks for what it missed.
const WAITING_EVENTS: usize = 1_024;

/// The node of this process, as `api` sees the nodes.
pub(crate) struct OneNode(pub(crate) Arc<sfu::Node>);

#[async_trait]
impl Nodes for OneNode {
    async fn control(&self, request: ControlRequest) -> Result<ControlReply, Unavailable> {
        let asked = self.0.control(request).await;
        asked.map_err(|fault| Unavailable(fault.to_string()))
    }
}

/// The recorder of this process, as `api` sees the recorders.
pub(crate) struct OneRecorder(pub(crate) mpsc::Sender<RecorderCommand>);

#[async_trait]
impl Recorders for OneRecorder {
    async fn send(&self, command: RecorderCommand) -> Result<(), Unavailable> {
        let handed = self.0.send(command).await;
        handed.map_err(|_| Unavailable("the recorder has stopped".to_owned()))
    }
}

/// The node's link as the recorder dials it.
pub(crate) fn recorder_link(end: sfu::LinkEnd) -> recorder::LinkEnd {
    recorder::LinkEnd {
        to_node: end.to_node,
        from_node: end.from_node,
    }
}

/// Follows the node's events over links that are dialled again whenever one is lost. Ends with
/// the reader.
pub(crate) fn follow_events(
    dial: impl Fn() -> sfu::LinkEnd + Send + 'static,
) -> mpsc::Receiver<NodeEvent> {
    let (events, reader) = mpsc::channel(WAITING_EVENTS);
    tokio::spawn(async move {
        let mut last = 0;
        while !events.is_closed() {
            follow_one_link(dial(), &mut last, &events).await;
            tokio::time::sleep(REDIAL_PAUSE).await;
        }
    });
    reader
}

/// Between two links: a node that is stopping answers none, and asking is cheap.
const REDIAL_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

async fn follow_one_link(mut link: sfu::LinkEnd, last: &mut u64, events: &mpsc::Sender<NodeEvent>) {
    let hello = ToNode::Hello {
        version: LINK_VERSION,
        peer: "api".to_owned(),
    };
    for frame in [hello, ToNode::Follow { after: *last }] {
        if link.to_node.send(frame).await.is_err() {
            return;
        }
    }
    loop {
        let frame = tokio::select! {
            frame = link.from_node.recv() => frame,
            () = events.closed() => None,
        };
        match frame {
            Some(FromNode::Event(event)) => {
                *last = event.number;
                if events.send(event).await.is_err() {
                    return;
                }
            }
            Some(_) => {}
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_protocol::control::RoomEvent;
    use sfu_protocol::ids::RoomId;
    use sfu_protocol::media::MediaTime;

    use super::*;

    fn event(number: u64) -> FromNode {
        FromNode::Event(NodeEvent {
            number,
            room: RoomId(uuid::Uuid::from_u128(1)),
            at: MediaTime(number),
            event: RoomEvent::RoomOpened {},
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_link_is_dialled_again_from_the_last_event() {
        let (dialled, mut nodes) = mpsc::channel(2);
        let mut events = follow_events(move || {
            let (to_node, heard) = mpsc::channel(8);
            let (say, from_node) = mpsc::channel(8);
            dialled.try_send((heard, say)).expect("two links at most");
            sfu::LinkEnd { to_node, from_node }
        });
        let mut expected_after = 0;
        for numbers in [[1, 2], [3, 4]] {
            let (mut heard, say) = nodes.recv().await.expect("dialled");
            assert!(matches!(heard.recv().await, Some(ToNode::Hello { .. })));
            let asked = heard.recv().await;
            assert_eq!(
                asked,
                Some(ToNode::Follow {
                    after: expected_after
                })
            );
            for number in numbers {
                say.send(event(number)).await.expect("the follower reads");
                assert_eq!(events.recv().await.map(|e| e.number), Some(number));
            }
            expected_after = numbers[1];
        }
    }
}
