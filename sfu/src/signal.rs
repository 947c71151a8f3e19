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
mod pace;
mod patience;
mod ration;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing::get};
use hyper::upgrade::OnUpgrade;
use sfu_core::io::SignalId;
use sfu_protocol::signal::{ByeReason, RefusedCode};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::gate::{Full, Gate, unix_seconds};
use crate::inbox::{Command, ShardDoor};
use crate::metrics::SignalEnd;
use crate::outlet::{Outgoing, SignalOutlet, SignalQueue};
use admit::{Entry, Refusal, read_first, read_next};
use pace::Pace;
use patience::{Patience, Verdict};
use wire::{Heard, Wire};

/// How long after opening the first message may take.
const JOIN_DEADLINE: Duration = Duration::from_secs(10);

/// How often a WebSocket is pinged (RFC 6455, section 5.5.2). Below the minute after which common
/// proxies close a quiet connection.
const PING_EVERY: Duration = Duration::from_secs(15);

/// After how long without a word, not even a pong, a client counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// `GET /rtc`.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    Router::new().route("/rtc", get(open)).with_state(gate)
}

async fn open(
    State(gate): State<Arc<Gate>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    upgrade: Option<Extension<OnUpgrade>>,
    // Refuses what is no request for a WebSocket.
    _: WebSocketUpgrade,
) -> Response {
    if !gate.lets_in(&headers) {
        gate.metrics.signal_ended(SignalEnd::Origin);
        return (StatusCode::FORBIDDEN, "this origin may not open /rtc\n").into_response();
    }
    let place = match gate.take_place(peer.map(|Extension(ConnectInfo(peer))| peer), &headers) {
        Ok(place) => place,
        Err(Full::Node) => {
            gate.metrics.signal_ended(SignalEnd::TooMany);
            return (StatusCode::SERVICE_UNAVAILABLE, "too many WebSockets\n").into_response();
        }
        Err(Full::Address) => {
            gate.metrics.signal_ended(SignalEnd::AddressLimit);
            let text = "too many WebSockets from this address\n";
            return (StatusCode::TOO_MANY_REQUESTS, text).into_response();
        }
    };
    let (Some(Extension(upgrade)), Some(accepted)) = (upgrade, wire::accept(&headers)) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    tokio::spawn(async move {
        if let Some(wire) = Wire::open(upgrade, Arc::clone(&gate)).await {
            hold(gate, wire).await;
        }
        drop(place);
    });
    accepted
}

/// One WebSocket from opening to its end.
async fn hold(gate: Arc<Gate>, mut wire: Wire) {
    gate.metrics.signal_opened();
    gate.open.fetch_add(1, Ordering::Relaxed);
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
    let signal = gate.next_signal();
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
    wire.let_in();
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
        let mut pace = Pace::new(heard_at);
        loop {
            let waits_until = pace.waits_until(Instant::now());
            tokio::select! {
                out = outgoing.queue.recv() => {
                    if outgoing.overflowed() {
                        return Err(SignalEnd::Overflowed);
                    }
                    match out {
                        Some(Outgoing::Say(envelope)) => wire.pass(&envelope).await?,
                        Some(Outgoing::Close) => {
                            wire.close(CloseCode::Normal).await;
                            return Ok(SignalEnd::Closed);
                        }
                        None => {
                            return Ok(wire.part(ByeReason::Draining, SignalEnd::Draining).await);
                        }
                    }
                }
                heard = wire.hear(), if waits_until.is_none() => {
                    heard_at = Instant::now();
                    let heard = heard?;
                    pace.read(heard.bytes(), heard_at);
                    self.take(wire, heard).await?;
                }
                () = sleep_until(waits_until.unwrap_or(heard_at)), if waits_until.is_some() => {}
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
