//! One WebSocket as the node holds it: opened, read, written and closed, each within a bound.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use futures::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sfu_core::comeback;
use sfu_protocol::signal::{ByeReason, Envelope, MAX_SIGNAL_BYTES, NodeMessage, RefusedCode};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::admit::{MAX_JOIN_BYTES, Refusal};
use super::ration::Rationed;
use crate::gate::Gate;
use crate::metrics::SignalEnd;

/// What a WebSocket holds for reading, whether anything comes or not. Most messages are shorter;
/// for a longer one it grows.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// Longest part of a message that is written at once (RFC 6455, section 5.4): what was written is
/// held in a buffer that never shrinks, and the first message to somebody in a large room is long.
const FRAGMENT_BYTES: usize = 4 * 1024;

/// What may come before a grant is accepted, in bytes: the longest first message, its framing,
/// and a few pings. Whoever brings more is sent away, so that strangers hold little memory.
const STRANGERS_BYTES: usize = MAX_JOIN_BYTES + 1024;

/// How long a client may take to accept one message.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a client may take to answer a close frame, so that it reads the last words before
/// the TCP connection goes.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// The answer that makes a connection a WebSocket (RFC 6455, section 4.2.2). None without the
/// header that it answers.
pub(super) fn accept(headers: &HeaderMap) -> Option<Response> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let accepted = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
    Some(response)
}

/// What came from the client.
pub(super) enum Heard {
    /// A text message.
    Text(String),
    /// Ping or pong: a sign of life.
    Sign,
    /// Not a text message.
    Nonsense(Refusal),
    /// Broken framing, or a message above the limit: the reading half is of no more use.
    Broken(Refusal),
}

impl Heard {
    /// How long it was.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Heard::Text(text) => text.len(),
            Heard::Sign | Heard::Nonsense(_) | Heard::Broken(_) => 0,
        }
    }
}

/// The WebSocket with its deadlines.
pub(super) struct Wire {
    socket: WebSocketStream<Rationed<TokioIo<Upgraded>>>,
    /// The number of the last message, while they are our own. None once a participant is in:
    /// from then on the shard counts, and ours are outside the count.
    pub(super) last_seq: Option<u64>,
    /// Whether messages cannot be told apart any more.
    is_broken: bool,
    gate: Arc<Gate>,
}

impl Wire {
    /// Opens once [`accept`] was sent. None when the client has gone.
    pub(super) async fn open(upgrade: OnUpgrade, gate: Arc<Gate>) -> Option<Self> {
        let stream = Rationed::new(TokioIo::new(upgrade.await.ok()?), STRANGERS_BYTES);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_SIGNAL_BYTES))
            .max_frame_size(Some(MAX_SIGNAL_BYTES))
            .read_buffer_size(READ_BUFFER_BYTES);
        Some(Wire {
            socket: WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await,
            last_seq: Some(0),
            is_broken: false,
            gate,
        })
    }

    /// Its client has shown a grant: it may say as much as others.
    pub(super) fn let_in(&mut self) {
        self.socket.get_mut().release();
    }

    /// Waits for the next frame. Safe to drop while it waits: nothing is lost.
    pub(super) async fn hear(&mut self) -> Result<Heard, SignalEnd> {
        let nonsense = |message| Refusal::new("", RefusedCode::Malformed, message);
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Ok(Heard::Text(text.as_str().to_owned())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Heard::Sign),
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                Ok(Heard::Nonsense(nonsense("messages are text")))
            }
            // RFC 6455, section 7.4.1: a browser says so when the page goes, and nobody else does.
            Some(Ok(Message::Close(Some(frame)))) if frame.code == CloseCode::Away => {
                Err(SignalEnd::WentAway)
            }
            Some(Ok(Message::Close(_))) | None => Err(SignalEnd::Gone),
            Some(Err(_)) => {
                self.is_broken = true;
                Ok(Heard::Broken(nonsense(
                    "not a WebSocket message within the size limit",
                )))
            }
        }
    }

    pub(super) async fn send(&mut self, message: Message) -> Result<(), SignalEnd> {
        match timeout(WRITE_DEADLINE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SignalEnd::Gone),
            Err(_) => Err(SignalEnd::Silent),
        }
    }

    /// Says something of our own.
    pub(super) async fn say(&mut self, message: NodeMessage) -> Result<(), SignalEnd> {
        self.last_seq = self.last_seq.map(|seq| seq.saturating_add(1));
        let seq = self.last_seq.unwrap_or(0);
        self.pass(&Envelope { seq, message }).await
    }

    /// Passes on what the shard says.
    pub(super) async fn pass(&mut self, envelope: &Envelope) -> Result<(), SignalEnd> {
        let text = serde_json::to_string(envelope).expect("our own messages serialise");
        let text = Bytes::from(text);
        let mut fragments = text.chunks(FRAGMENT_BYTES).peekable();
        let mut kind = OpCode::Data(Data::Text);
        while let Some(fragment) = fragments.next() {
            let last = fragments.peek().is_none();
            let fragment = text.slice_ref(fragment);
            let frame = Frame::message(fragment, kind, last);
            self.send(Message::Frame(frame)).await?;
            kind = OpCode::Data(Data::Continue);
        }
        Ok(())
    }

    /// Says what was wrong, says goodbye, and closes.
    pub(super) async fn dismiss(&mut self, refusal: Refusal, end: SignalEnd) -> SignalEnd {
        let bye = refusal.bye;
        if self.say(refusal.into_message()).await.is_err() {
            return end;
        }
        self.part(bye, end).await
    }

    /// Says goodbye and closes.
    pub(super) async fn part(&mut self, reason: ByeReason, end: SignalEnd) -> SignalEnd {
        let spread = || {
            let open = self.gate.open.load(Ordering::Relaxed);
            comeback::retry_after_ms(open, rand::random())
        };
        let retry_after_ms = (reason == ByeReason::Draining).then(spread);
        let bye = NodeMessage::Bye {
            reason,
            retry_after_ms,
        };
        if self.say(bye).await.is_ok() {
            self.close(match reason {
                ByeReason::Draining => CloseCode::Away,
                _ => CloseCode::Policy,
            })
            .await;
        }
        end
    }

    /// Closes, and reads on until the client has closed too: unread bytes would make the kernel
    /// reset the connection, and the last words would be lost.
    pub(super) async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        if self.send(Message::Close(Some(frame))).await.is_ok() {
            let drained = async {
                while let Some(Ok(_)) = self.socket.next().await {}
                if self.is_broken {
                    // What cannot be read as messages is read as bytes.
                    let rest = self.socket.get_mut();
                    rest.release();
                    let _ = tokio::io::copy(rest, &mut tokio::io::sink()).await;
                }
            };
            let _ = timeout(CLOSE_DEADLINE, drained).await;
        }
    }
}
