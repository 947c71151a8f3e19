//! The floods, each on a thread that takes a back seat: sealed packets of a session, and messages
//! as fast as a WebSocket takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde_json::json;
use sfu_client::driver::JoinTarget;
use sfu_protocol::signal::{ClientMessage, MAX_SLOTS, SIGNAL_VERSION};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::attack::{self, Attack, Streams};
use super::session::Arms;

/// How often the rates are kept: what is due is sent at once.
const TURN: Duration = Duration::from_millis(1);

/// A turn that comes late sends no more than this at once: the kernel's buffer is not a target.
const MOST_IN_A_TURN: u64 = 400;

/// How long a WebSocket may take to open, or to take a message.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest session description that a node reads.
const OFFER_BYTES: usize = 200 * 1024;

/// What was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fired {
    pub(super) rtcp: u64,
    pub(super) media: u64,
    /// What this machine's kernel did not take.
    pub(super) refused: u64,
}

/// Sends sealed packets for so long.
pub(super) fn fire(arms: &mut Arms, attack: Attack, length: Duration, seed: u64) -> Fired {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut streams = Streams::default();
    let mut fired = Fired::default();
    let began = Instant::now();
    let mut turns = 0;
    while began.elapsed() < length {
        let knows = arms
            .knows
            .lock()
            .expect("nobody panics while holding it")
            .clone();
        let due = |per_second: u64, sent: u64| {
            let due = (began.elapsed().as_secs_f64() * per_second as f64) as u64;
            due.saturating_sub(sent).min(MOST_IN_A_TURN)
        };
        for _ in 0..due(attack.rtcp_per_second(), fired.rtcp) {
            let mut packet = attack::rtcp(attack, &knows, arms.own_ssrc, &mut chance);
            if arms.sealer.seal_rtcp(&mut packet).is_ok() {
                fired.refused += u64::from(arms.socket.send_to(&packet, arms.node).is_err());
            }
            fired.rtcp += 1;
        }
        for _ in 0..due(attack.media_per_second(), fired.media) {
            let (index, mut packet) = attack::media(attack, &knows, &mut streams, &mut chance);
            if arms.sealer.seal(index, &mut packet).is_ok() {
                fired.refused += u64::from(arms.socket.send_to(&packet, arms.node).is_err());
            }
            fired.media += 1;
        }
        turns += 1;
        thread::sleep((began + TURN * turns).saturating_duration_since(Instant::now()));
    }
    fired
}

/// Says offers or messages until it is told to stop; comes back when it is sent away. Answers how
/// many were said.
pub(super) async fn babble(way_in: JoinTarget, offers: bool, stop: Arc<AtomicBool>) -> u64 {
    let said = AtomicU64::new(0);
    while !stop.load(Ordering::Relaxed) {
        if one_socket(&way_in, offers, &stop, &said).await.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    said.into_inner()
}

/// None when the WebSocket ended, which is what the node should do with it.
async fn one_socket(
    way_in: &JoinTarget,
    offers: bool,
    stop: &AtomicBool,
    said: &AtomicU64,
) -> Option<()> {
    let opening = tokio_tungstenite::connect_async(way_in.ws_url.as_str());
    let (socket, _) = timeout(PATIENCE, opening).await.ok()?.ok()?;
    let (mut says, mut hears) = socket.split();
    let join = ClientMessage::Join {
        version: SIGNAL_VERSION,
        grant: way_in.grant.clone(),
        resume: None,
    };
    let join = serde_json::to_string(&join).ok()?;
    says.send(Message::text(join)).await.ok()?;
    let listening = async move { while let Some(Ok(_)) = hears.next().await {} };
    let message = match offers {
        true => largest_offer(),
        false => json!({ "type": "ping", "sent_at_ms": 1 }).to_string(),
    };
    let saying = async move {
        while !stop.load(Ordering::Relaxed) {
            let sending = says.send(Message::text(message.clone()));
            timeout(PATIENCE, sending).await.ok()?.ok()?;
            said.fetch_add(1, Ordering::Relaxed);
        }
        Some(())
    };
    tokio::select! {
        () = listening => None,
        done = saying => done,
    }
}

/// An offer as long as a node reads, of as many slots as there may be, each full of codecs: nothing
/// of it can be refused before all of it was read.
fn largest_offer() -> String {
    let mut sdp = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    let lines = MAX_SLOTS;
    for line in 0..lines {
        let types: Vec<String> = (96..128).map(|kind| kind.to_string()).collect();
        sdp.push_str("m=video 9 UDP/TLS/RTP/SAVPF ");
        sdp.push_str(&types.join(" "));
        sdp.push_str(&format!(
            "\r\nc=IN IP4 0.0.0.0\r\na=mid:{line}\r\na=recvonly\r\na=rtcp-mux\r\n"
        ));
        sdp.push_str(
            "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=setup:actpass\r\n",
        );
        let until = OFFER_BYTES / lines * (line + 1);
        for kind in types.iter().cycle() {
            if sdp.len() + 60 > until {
                break;
            }
            sdp.push_str(&format!(
                "a=rtpmap:{kind} VP8/90000\r\na=rtcp-fb:{kind} nack pli\r\n"
            ));
        }
    }
    let offer = json!({ "type": "offer", "revision": 1, "sdp": sdp, "publish": [] });
    offer.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::signal::MAX_SIGNAL_BYTES;

    #[test]
    fn the_largest_offer_is_one_that_a_node_reads() {
        let offer = largest_offer();
        let bytes = offer.len();
        assert!(
            (MAX_SIGNAL_BYTES * 8 / 10..MAX_SIGNAL_BYTES).contains(&bytes),
            "{bytes}"
        );
        let read: ClientMessage = serde_json::from_str(&offer).expect("it is read");
        assert_eq!(read.name(), "offer");
    }
}
