//! `GET /rtc`: one WebSocket each participant, between a browser and its room's shard.
//!
//! The first message must come soon, be small, and carry a grant that the deployment's key
//! verifies; nothing else is read before. From then on messages go to the shard in order and its
//! answers come back. A client that is silent, does not read, or is wrong too often is closed;
//! its participant's place is kept by the shard for a while.
//!
//! Entering takes a grant and never a cookie, so a foreign page that opens this WebSocket gains
//! nothing; an allow-list of origins (RFC 6455, section 10.2) can be set on top.

mod admit;
mod patience;
mod strangers;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing::get};
use deploy_process::shutdown::Shutdown;
use deploy_process::source::{Place, Places, Source};
use sfu_core::comeback;
use sfu_core::io::SignalId;
use sfu_protocol::grant::GrantVerifier;
use sfu_protocol::signal::{ByeReason, Envelope, MAX_SIGNAL_BYTES, NodeMessage, RefusedCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::inbox::{Command, ShardDoor, ShardDoors};
use crate::metrics::{Metrics, SignalEnd};
use crate::outlet::{Outgoing, SignalOutlet, SignalQueue};
use admit::{Entry, Refusal, read_first, read_next};
use patience::{Patience, Verdict};
use strangers::Strangers;

/// How long after opening the first message may take.
const JOIN_DEADLINE: Duration = Duration::from_secs(10);

/// How often a WebSocket is pinged (RFC 6455, section 5.5.2). Below the minute after which common
/// proxies close a quiet connection.
const PING_EVERY: Duration = Duration::from_secs(15);

/// After how long without a word, not even a pong, a client counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// What a WebSocket holds for reading, whether anything comes or not. Most messages are shorter;
/// for a longer one it grows.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// How long a client may take to accept one message.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a client may take to answer a close frame, so that it reads the last words before
/// the TCP connection goes.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// What every WebSocket needs to know.
pub(crate) struct Gate {
    doors: ShardDoors,
    verifier: GrantVerifier,
    allowed_origins: Vec<String>,
    places: Arc<Semaphore>,
    max_sockets: u32,
    of_sources: Arc<Places>,
    trusted_proxies: Vec<IpAddr>,
    strangers: Arc<Strangers>,
    shutdown: Shutdown,
    metrics: Metrics,
    next_signal: AtomicU64,
    open: AtomicUsize,
}

impl Gate {
    pub(crate) fn new(
        doors: ShardDoors,
        verifier: GrantVerifier,
        config: &crate::Config,
        shutdown: Shutdown,
        metrics: Metrics,
    ) -> Self {
        Gate {
            doors,
            verifier,
            allowed_origins: config.allowed_origins.clone(),
            places: Arc::new(Semaphore::new(config.max_sockets as usize)),
            max_sockets: config.max_sockets,
            of_sources: Places::new(config.sockets_per_address as usize),
            trusted_proxies: config.trusted_proxies.clone(),
            strangers: Arc::default(),
            shutdown,
            metrics,
            next_signal: AtomicU64::new(1),
            open: AtomicUsize::new(0),
        }
    }

    /// Returns once every WebSocket is closed; none opens meanwhile.
    pub(crate) async fn emptied(&self) {
        // The semaphore is never closed.
        let _ = self.places.acquire_many(self.max_sockets).await;
    }
}

/// `GET /rtc`.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    Router::new().route("/rtc", get(open)).with_state(gate)
}

async fn open(
    State(gate): State<Arc<Gate>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !may_open(&gate.allowed_origins, &headers) {
        gate.metrics.signal_ended(SignalEnd::Origin);
        return (StatusCode::FORBIDDEN, "this origin may not open /rtc\n").into_response();
    }
    let Ok(place) = Arc::clone(&gate.places).try_acquire_owned() else {
        gate.metrics.signal_ended(SignalEnd::TooMany);
        return (StatusCode::SERVICE_UNAVAILABLE, "too many WebSockets\n").into_response();
    };
    // Who serves HTTP without saying who its peers are is on its own machine: a test.
    let of_source = match peer.map(|Extension(ConnectInfo(peer))| peer.ip()) {
        None => None,
        Some(peer) => {
            let source = Source::of_request(peer, &headers, &gate.trusted_proxies);
            let Some(held) = gate.of_sources.take(source) else {
                gate.metrics.signal_ended(SignalEnd::AddressLimit);
                let text = "too many WebSockets from this address\n";
                return (StatusCode::TOO_MANY_REQUESTS, text).into_response();
            };
            Some(held)
        }
    };
    let place = (place, of_source);
    upgrade
        .max_message_size(MAX_SIGNAL_BYTES)
        .max_frame_size(MAX_SIGNAL_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(move |socket| hold(gate, socket, place))
}

/// A request without `Origin` is not from a browser.
fn may_open(allowed: &[String], headers: &HeaderMap) -> bool {
    allowed.is_empty()
        || headers.get(header::ORIGIN).is_none_or(|origin| {
            allowed
                .iter()
                .any(|one| one.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
        })
}

/// One WebSocket from opening to its end. Its place is free again when this returns.
async fn hold(gate: Arc<Gate>, socket: WebSocket, _place: (OwnedSemaphorePermit, Option<Place>)) {
    gate.metrics.signal_opened();
    gate.open.fetch_add(1, Ordering::Relaxed);
    let mut wire = Wire {
        socket,
        last_seq: Some(0),
        gate: Arc::clone(&gate),
    };
    let end = match converse(&gate, &mut wire).await {
        Ok(end) | Err(end) => end,
    };
    gate.open.fetch_sub(1, Ordering::Relaxed);
    gate.metrics.signal_closed();
    gate.metrics.signal_ended(end);
}

/// Either way the conversation is over; an error is an end from inside a step.
async fn converse(gate: &Gate, wire: &mut Wire) -> Result<SignalEnd, SignalEnd> {
    let stranger = gate.strangers.enter();
    let first = timeout(JOIN_DEADLINE, first_message(gate, wire));
    let entry = tokio::select! {
        entry = first => entry,
        // Said to nobody: whoever crowds others out reads nothing.
        () = stranger.crowded_out() => return Err(SignalEnd::CrowdedOut),
    };
    drop(stranger);
    let entry = match entry {
        Ok(entry) => entry?,
        Err(_) => {
            let late = Refusal::new("", RefusedCode::Malformed, "no join message in time");
            return Err(wire.dismiss(late, SignalEnd::JoinDeadline).await);
        }
    };
    let signal = SignalId(gate.next_signal.fetch_add(1, Ordering::Relaxed));
    let (outlet, queue) = SignalOutlet::new();
    tracing::info!(
        signal = signal.0,
        room = %entry.grant.room,
        participant = %entry.grant.participant,
        resuming = entry.resume.is_some(),
        "participant at the door"
    );
    let door = gate.doors.of(entry.grant.room).clone();
    let opened = Command::OpenSignal {
        signal,
        grant: entry.grant,
        resume: entry.resume,
        outlet,
    };
    if door.bring(opened).await.is_err() {
        return Err(wire.part(ByeReason::Draining, SignalEnd::Draining).await);
    }
    wire.last_seq = None;
    let end = Session {
        signal,
        door: &door,
        patience: Patience::default(),
    }
    .run(wire, queue)
    .await;
    let (Ok(reason) | Err(reason)) = end;
    tracing::info!(signal = signal.0, ?reason, "participant's WebSocket closed");
    // A shard that has ended knows no WebSocket.
    let went_away = reason == SignalEnd::WentAway;
    let _ = door.bring(Command::CloseSignal { signal, went_away }).await;
    end
}

async fn first_message(gate: &Gate, wire: &mut Wire) -> Result<Entry, SignalEnd> {
    let text = loop {
        match wire.hear().await? {
            Heard::Text(text) => break text,
            Heard::Sign => {}
            Heard::Nonsense(refusal) | Heard::Broken(refusal) => {
                return Err(wire.dismiss(refusal, SignalEnd::JoinRefused).await);
            }
        }
    };
    let entry = match read_first(&text, &gate.verifier, unix_seconds()) {
        Ok(entry) => entry,
        Err(refusal) => {
            wire.last_seq = Some(refusal.last_seq);
            return Err(wire.dismiss(refusal, SignalEnd::JoinRefused).await);
        }
    };
    wire.last_seq = Some(entry.resume.as_ref().map_or(0, |(_, last_seq)| *last_seq));
    if gate.shutdown.is_requested() {
        let refusal = Refusal {
            bye: ByeReason::Draining,
            ..Refusal::new("join", RefusedCode::Draining, "this node is stopping")
        };
        return Err(wire.dismiss(refusal, SignalEnd::Draining).await);
    }
    Ok(entry)
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// A participant's WebSocket after its grant was good.
struct Session<'a> {
    signal: SignalId,
    door: &'a ShardDoor,
    patience: Patience,
}

impl Session<'_> {
    async fn run(
        mut self,
        wire: &mut Wire,
        mut outgoing: SignalQueue,
    ) -> Result<SignalEnd, SignalEnd> {
        let mut ping = tokio::time::interval(PING_EVERY);
        let mut heard_at = Instant::now();
        loop {
            tokio::select! {
                out = outgoing.queue.recv() => {
                    if outgoing.overflowed() {
                        return Err(SignalEnd::Overflowed);
                    }
                    match out {
                        Some(Outgoing::Say(envelope)) => wire.pass(&envelope).await?,
                        Some(Outgoing::Close) => {
                            wire.close(close_code::NORMAL).await;
                            return Ok(SignalEnd::Closed);
                        }
                        None => {
                            return Ok(wire.part(ByeReason::Draining, SignalEnd::Draining).await);
                        }
                    }
                }
                heard = wire.hear() => {
                    heard_at = Instant::now();
                    self.take(wire, heard?).await?;
                }
                _ = ping.tick() => {
                    if heard_at.elapsed() > SILENCE_LIMIT {
                        return Err(SignalEnd::Silent);
                    }
                    wire.send(Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    async fn take(&mut self, wire: &mut Wire, heard: Heard) -> Result<(), SignalEnd> {
        let read = match heard {
            Heard::Sign => return Ok(()),
            Heard::Broken(refusal) => {
                return Err(wire.dismiss(refusal, SignalEnd::Misbehaved).await);
            }
            Heard::Nonsense(refusal) => Err(refusal),
            Heard::Text(text) => read_next(&text),
        };
        let refusal = match read {
            Ok(message) => {
                let signal = self.signal;
                let said = Command::Signal { signal, message };
                // When the shard has ended, the queue's end says goodbye.
                let _ = self.door.bring(said).await;
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        match self.patience.mistake() {
            Verdict::Tell => wire.say(refusal.into_message()).await,
            Verdict::End => Err(wire.dismiss(refusal, SignalEnd::Misbehaved).await),
        }
    }
}

/// What came from the client.
enum Heard {
    /// A text message.
    Text(String),
    /// Ping or pong: a sign of life.
    Sign,
    /// Not a text message.
    Nonsense(Refusal),
    /// Broken framing, or a message above the limit: the reading half is of no more use.
    Broken(Refusal),
}

/// The WebSocket with its deadlines.
struct Wire {
    socket: WebSocket,
    /// The number of the last message, while they are our own. None once a participant is in:
    /// from then on the shard counts, and ours are outside the count.
    last_seq: Option<u64>,
    gate: Arc<Gate>,
}

impl Wire {
    /// Waits for the next frame. Safe to drop while it waits: nothing is lost.
    async fn hear(&mut self) -> Result<Heard, SignalEnd> {
        let nonsense = |message| Refusal::new("", RefusedCode::Malformed, message);
        match self.socket.recv().await {
            Some(Ok(Message::Text(text))) => Ok(Heard::Text(text.as_str().to_owned())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Heard::Sign),
            Some(Ok(Message::Binary(_))) => Ok(Heard::Nonsense(nonsense("messages are text"))),
            // RFC 6455, section 7.4.1: a browser says so when the page goes, and nobody else does.
            Some(Ok(Message::Close(Some(frame)))) if frame.code == close_code::AWAY => {
                Err(SignalEnd::WentAway)
            }
            Some(Ok(Message::Close(_))) | None => Err(SignalEnd::Gone),
            Some(Err(_)) => Ok(Heard::Broken(nonsense(
                "not a WebSocket message within the size limit",
            ))),
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), SignalEnd> {
        match timeout(WRITE_DEADLINE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SignalEnd::Gone),
            Err(_) => Err(SignalEnd::Silent),
        }
    }

    /// Says something of our own.
    async fn say(&mut self, message: NodeMessage) -> Result<(), SignalEnd> {
        self.last_seq = self.last_seq.map(|seq| seq.saturating_add(1));
        let seq = self.last_seq.unwrap_or(0);
        self.pass(&Envelope { seq, message }).await
    }

    /// Passes on what the shard says.
    async fn pass(&mut self, envelope: &Envelope) -> Result<(), SignalEnd> {
        let text = serde_json::to_string(envelope).expect("our own messages serialise");
        self.send(Message::text(text)).await
    }

    /// Says what was wrong, says goodbye, and closes.
    async fn dismiss(&mut self, refusal: Refusal, end: SignalEnd) -> SignalEnd {
        let bye = refusal.bye;
        if self.say(refusal.into_message()).await.is_err() {
            return end;
        }
        self.part(bye, end).await
    }

    /// Says goodbye and closes.
    async fn part(&mut self, reason: ByeReason, end: SignalEnd) -> SignalEnd {
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
                ByeReason::Draining => close_code::AWAY,
                _ => close_code::POLICY,
            })
            .await;
        }
        end
    }

    /// Closes, and reads on until the client has closed too: unread bytes would make the kernel
    /// reset the connection, and the last words would be lost.
    async fn close(&mut self, code: u16) {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        if self.send(Message::Close(Some(frame))).await.is_ok() {
            let drained = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            let _ = timeout(CLOSE_DEADLINE, drained).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_let_through_when_listed_when_none_is_listed_or_when_there_is_none() {
        let listed = vec!["https://meet.example.org".to_owned()];
        let cases: [(&[String], Option<&str>, bool); 6] = [
            (&[], None, true),
            (&[], Some("https://evil.example"), true),
            (&listed, None, true),
            (&listed, Some("https://meet.example.org"), true),
            (
                &listed,
                Some("https://meet.example.org.evil.example"),
                false,
            ),
            (&listed, Some("null"), false),
        ];
        for (allowed, origin, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a header value"));
            }
            assert_eq!(may_open(allowed, &headers), expected, "{origin:?}");
        }
    }
}
