//! One link while it lives.

use std::time::Duration;

use sfu_protocol::link::{FromNode, LINK_VERSION, ToNode};
use tokio::sync::mpsc;

use crate::LinkEnd;

/// How long a node may take to say welcome, or to take a frame. Longer, and it is not there.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Link {
    to_node: mpsc::Sender<ToNode>,
    from_node: mpsc::Receiver<FromNode>,
}

impl Link {
    /// Says hello. None when the node does not welcome us in our version.
    pub(super) async fn open(end: LinkEnd) -> Option<Self> {
        let mut link = Link {
            to_node: end.to_node,
            from_node: end.from_node,
        };
        let hello = ToNode::Hello {
            version: LINK_VERSION,
            peer: "recorder".to_owned(),
        };
        link.say(hello).await?;
        match tokio::time::timeout(PATIENCE, link.hear()).await {
            Ok(Some(FromNode::Welcome { version, .. })) if version == LINK_VERSION => Some(link),
            Ok(Some(first)) => {
                tracing::error!(
                    ?first,
                    "the node's first frame is not a welcome in our version"
                );
                None
            }
            Ok(None) | Err(_) => None,
        }
    }

    pub(super) async fn say(&self, frame: ToNode) -> Option<()> {
        let sent = tokio::time::timeout(PATIENCE, self.to_node.send(frame)).await;
        matches!(sent, Ok(Ok(()))).then_some(())
    }

    pub(super) async fn hear(&mut self) -> Option<FromNode> {
        self.from_node.recv().await
    }
}
