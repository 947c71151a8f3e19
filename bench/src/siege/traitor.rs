//! A hostile participant: it has a grant of its own and is in the room.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use sfu_client::driver::JoinTarget;
use sfu_client::participant::{Input, Output, Participant};
use sfu_client::peer::{PeerConfig, Publication};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{Envelope, NodeMessage};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::letters::{self, Knowledge};
use super::pace::Pace;

/// Messages of one WebSocket before it begins again: more than a node takes at once.
const MESSAGES_OF_A_SOCKET: u32 = 260;

/// How long a WebSocket may take to open or to take a message.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of so many WebSockets one reads nothing that the node says.
const DEAF_OF: u8 = 8;

/// Betrays until the messages are used up, or the time for them.
pub(super) async fn betray(way_in: JoinTarget, pace: Arc<Pace>, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    while pace.has_more() {
        let deaf = chance.u8(..DEAF_OF) == 0;
        // One that the node has closed begins again.
        let socket = one_socket(&way_in, &pace, &mut chance, deaf);
        let _ = timeout(PATIENCE * 12, socket).await;
    }
}

/// None when the WebSocket ended, which is what the node should do with it.
async fn one_socket(
    way_in: &JoinTarget,
    pace: &Pace,
    chance: &mut fastrand::Rng,
    deaf: bool,
) -> Option<()> {
    let opening = tokio_tungstenite::connect_async(way_in.ws_url.as_str());
    let (mut socket, _) = match timeout(PATIENCE, opening).await {
        Ok(Ok(open)) => open,
        _ => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            return None;
        }
    };
    let careful = chance.bool();
    let mut mind = mind()?;
    mind.join(way_in.grant.clone());
    let mut knows = Knowledge {
        slots: mind
            .offered_slots()
            .into_iter()
            .map(|slot| slot.0)
            .collect(),
        ..Knowledge::default()
    };
    for _ in 0..MESSAGES_OF_A_SOCKET {
        while let Some(output) = mind.poll() {
            if let Output::Signal(message) = output {
                let text = serde_json::to_string(&message).ok()?;
                let is_offer = text.contains("\"type\":\"offer\"");
                pace.one().await?;
                timeout(PATIENCE, socket.send(Message::text(text.clone())))
                    .await
                    .ok()?
                    .ok()?;
                if is_offer {
                    knows.offer = Some(text);
                }
            }
        }
        if !deaf || knows.people.is_empty() {
            hear(&mut socket, &mut mind, &mut knows).await?;
        }
        if knows.people.is_empty() {
            continue;
        }
        pace.one().await?;
        let said = Message::text(match careful {
            true => letters::next_readable(&knows, chance),
            false => letters::next(&knows, chance),
        });
        timeout(PATIENCE, socket.send(said)).await.ok()?.ok()?;
    }
    Some(())
}

/// A mind that makes an offer; its media never comes.
fn mind() -> Option<Participant> {
    let config = PeerConfig {
        publish: vec![
            Publication::live(Source::Camera, 3),
            Publication::live(Source::Microphone, 1),
        ],
        ..PeerConfig::new(SocketAddr::from(([127, 0, 0, 1], 9)))
    };
    Participant::new(&config, Instant::now()).ok()
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Takes what waits: all of it, once in the room; before, until it is.
async fn hear(socket: &mut Socket, mind: &mut Participant, knows: &mut Knowledge) -> Option<()> {
    loop {
        let patience = match knows.people.is_empty() {
            true => PATIENCE,
            false => Duration::ZERO,
        };
        let Ok(heard) = timeout(patience, socket.next()).await else {
            return (!knows.people.is_empty()).then_some(());
        };
        let Message::Text(text) = heard?.ok()? else {
            continue;
        };
        let envelope: Envelope = serde_json::from_str(&text).ok()?;
        if let NodeMessage::Joined { .. } = envelope.message {
            learn(&text, knows);
            mind.handle(Instant::now(), Input::Node(envelope));
            return Some(());
        }
        if let NodeMessage::Answer { .. } = envelope.message {
            mind.handle(Instant::now(), Input::Node(envelope));
        }
    }
}

/// Who is here, the traitor among them.
fn learn(joined: &str, knows: &mut Knowledge) {
    let Ok(joined) = serde_json::from_str::<Value>(joined) else {
        return;
    };
    let others = joined["participants"].as_array().into_iter().flatten();
    let ids = others
        .map(|other| &other["id"])
        .chain([&joined["you"]])
        .filter_map(|id| Some(id.as_str()?.to_owned()));
    knows.people = ids.collect();
}
