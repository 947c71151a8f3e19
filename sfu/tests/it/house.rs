//! A node behind an HTTP listener, and WebSockets to it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deploy_process::shutdown::Shutdown;
use futures::{SinkExt, StreamExt};
use sfu::{Config, Node};
use sfu_protocol::grant::Grant;
use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, Envelope, NodeMessage, RefusedCode, SIGNAL_VERSION,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

use crate::testing::Office;

/// How long anything may take here before a test says that it did not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct House {
    pub(crate) node: Node,
    pub(crate) office: Office,
    pub(crate) registry: prometheus::Registry,
    pub(crate) address: SocketAddr,
}

impl House {
    pub(crate) async fn open(change: impl FnOnce(&mut Config)) -> House {
        let mut config = Config {
            udp_port: 0,
            shards: 2,
            ..Config::default()
        };
        change(&mut config);
        let office = Office::new();
        let registry = prometheus::Registry::new();
        let node = Node::start(config, office.verifier(), &registry, Shutdown::new())
            .expect("a node on free loopback ports");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = node.router();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        House {
            node,
            office,
            registry,
            address,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/rtc", self.address)
    }

    /// A grant that is good now.
    pub(crate) fn grant(&self, room: RoomId, participant: u128) -> Grant {
        Grant {
            room,
            ..self.office.grant(now_s(), participant)
        }
    }

    pub(crate) async fn socket(&self) -> Socket {
        let (socket, _) = tokio_tungstenite::connect_async(self.url())
            .await
            .expect("the node answers");
        Socket(socket)
    }

    /// A WebSocket that has said its join.
    pub(crate) async fn joining(&self, grant: &Grant) -> Socket {
        let mut socket = self.socket().await;
        socket.join(&self.office.sign(grant)).await;
        socket
    }

    /// A WebSocket whose participant is in.
    pub(crate) async fn joined(&self, room: RoomId, participant: u128) -> Socket {
        let mut socket = self.joining(&self.grant(room, participant)).await;
        let envelope = socket.next().await;
        assert!(
            matches!(envelope.message, NodeMessage::Joined { .. }),
            "{envelope:?}"
        );
        socket
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        self.metric_with(name, "")
    }

    /// The sum of a metric over those of its series that have this value of a label.
    pub(crate) fn metric_with(&self, name: &str, value: &str) -> f64 {
        let has = |metric: &prometheus::proto::Metric| {
            value.is_empty()
                || metric
                    .get_label()
                    .iter()
                    .any(|label| label.value() == value)
        };
        self.registry
            .gather()
            .iter()
            .filter(|family| family.name() == name)
            .flat_map(|family| family.get_metric())
            .filter(|metric| has(metric))
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

/// A room. Over some numbers, rooms lie on both shards of a node with two.
pub(crate) fn room(number: u128) -> RoomId {
    RoomId(Uuid::from_u128(number))
}

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn join(&mut self, grant: &str) {
        let join = ClientMessage::Join {
            version: SIGNAL_VERSION,
            grant: grant.to_owned(),
            resume: None,
        };
        self.say(&join).await;
    }

    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        let text = serde_json::to_string(message).expect("serialises");
        self.text(&text).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.0
            .send(Message::text(text))
            .await
            .expect("the node reads");
    }

    pub(crate) async fn frame(&mut self, message: Message) {
        self.0.send(message).await.expect("the node reads");
    }

    /// Sends what the node may refuse to read to its end.
    pub(crate) async fn frame_if_read(&mut self, message: Message) {
        let _ = self.0.send(message).await;
    }

    /// Sends the beginning of a text message: a frame's head that announces `announced` bytes
    /// (RFC 6455, section 5.2), and `sent` of them.
    pub(crate) async fn begin_text(&mut self, announced: usize, sent: usize) {
        let mut bytes = vec![0x81, 0xff];
        bytes.extend((announced as u64).to_be_bytes());
        // Masked with zeros.
        bytes.extend([0; 4]);
        bytes.resize(bytes.len() + sent, b' ');
        let stream = self.0.get_mut();
        stream.write_all(&bytes).await.expect("the node reads");
    }

    /// The next message, or None once the node has closed.
    pub(crate) async fn hear(&mut self) -> Option<Envelope> {
        loop {
            let next = timeout(PATIENCE, self.0.next())
                .await
                .expect("the node says something in time");
            match next {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("a known message"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("a node says text only: {other:?}"),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Envelope {
        self.hear().await.expect("the node has not closed")
    }

    /// The next message of which `wanted` makes something; others are passed over.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(NodeMessage) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await.message) {
                return found;
            }
        }
    }

    /// Reads `refused` with this code as the first message, `bye` with this reason, then the end.
    pub(crate) async fn is_dismissed(&mut self, code: RefusedCode, reason: ByeReason) {
        let refused = self.next().await;
        assert_eq!(refused.seq, 1);
        assert!(
            matches!(&refused.message, NodeMessage::Refused { code: c, .. } if *c == code),
            "{refused:?}"
        );
        self.hears_bye(reason).await;
    }

    /// Reads `bye` with this reason, then the end. Other messages are passed over.
    pub(crate) async fn hears_bye(&mut self, reason: ByeReason) {
        let said = self
            .until(|message| match message {
                NodeMessage::Bye { reason, .. } => Some(reason),
                _ => None,
            })
            .await;
        assert_eq!(said, reason);
        assert_eq!(self.hear().await, None);
    }
}
