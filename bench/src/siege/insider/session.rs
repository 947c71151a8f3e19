//! A hostile participant's session: it joins like anybody, and gives away the keys to seal with.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{SinkExt, StreamExt};
use sfu_client::driver::JoinTarget;
use sfu_client::participant::{Event, Input, Output, Participant};
use sfu_client::peer::{PeerConfig, Publication};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, Envelope};
use sfu_rtp::srtp::Sealer;
use tokio::sync::oneshot;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::knows::Knows;
use super::{meek, runtime};

/// How long joining may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Slots for everybody who is honest and some more.
const SLOTS: u8 = 20;

const DATAGRAM_BYTES: usize = 2_048;

type WebSocket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// What it attacks with.
pub(super) struct Arms {
    /// The session's own: what it sends comes from where the session is.
    pub(super) socket: UdpSocket,
    pub(super) node: SocketAddr,
    pub(super) sealer: Sealer,
    /// Speaks for it in RTCP.
    pub(super) own_ssrc: u32,
    pub(super) knows: Arc<Mutex<Knows>>,
}

/// A session that stands. Dropped, it ends.
pub(super) struct Session {
    _stop: oneshot::Sender<()>,
}

/// Joins, on a thread of its own that takes a back seat.
///
/// # Errors
/// When the node does not let it in.
pub(super) async fn enter(way_in: JoinTarget) -> anyhow::Result<(Session, Arms)> {
    let (stop, stopped) = oneshot::channel();
    let (ready, armed) = oneshot::channel();
    thread::Builder::new()
        .name("hostile".to_owned())
        .spawn(move || {
            meek();
            let Ok(runtime) = runtime() else { return };
            // Who waits for the arms hears of a failure by their absence.
            let _ = runtime.block_on(Insider::take_part(way_in, ready, stopped));
        })?;
    let arms = timeout(PATIENCE, armed).await;
    let arms = arms.ok().and_then(Result::ok);
    let arms = arms.context("the hostile participant did not get in")?;
    Ok((Session { _stop: stop }, arms))
}

struct Insider {
    participant: Participant,
    socket: tokio::net::UdpSocket,
    knows: Arc<Mutex<Knows>>,
    node: Option<SocketAddr>,
    ready: Option<oneshot::Sender<Arms>>,
    spare: Option<UdpSocket>,
}

impl Insider {
    async fn take_part(
        way_in: JoinTarget,
        ready: oneshot::Sender<Arms>,
        mut stopped: oneshot::Receiver<()>,
    ) -> anyhow::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let (mut websocket, _) = tokio_tungstenite::connect_async(way_in.ws_url.as_str()).await?;
        let config = PeerConfig {
            publish: vec![
                Publication::live(Source::Camera, 1),
                Publication::live(Source::Microphone, 1),
            ],
            audio_slots: SLOTS,
            video_slots: SLOTS,
            sealed_outside: true,
            ..PeerConfig::new(socket.local_addr()?)
        };
        let mut participant = Participant::new(&config, Instant::now())?;
        participant.join(way_in.grant);
        let mut insider = Insider {
            participant,
            spare: Some(socket.try_clone()?),
            socket: tokio::net::UdpSocket::from_std(socket)?,
            knows: Arc::default(),
            node: None,
            ready: Some(ready),
        };
        let mut buffer = [0; DATAGRAM_BYTES];
        loop {
            insider.let_leave(&mut websocket).await?;
            let wake = insider.participant.deadline();
            tokio::select! {
                _ = &mut stopped => return Ok(()),
                heard = websocket.next() => {
                    let Some(Ok(heard)) = heard else { return Ok(()) };
                    if let Message::Text(text) = heard
                        && let Ok(envelope) = serde_json::from_str::<Envelope>(&text)
                    {
                        insider.participant.handle(Instant::now(), Input::Node(envelope));
                    }
                }
                came = insider.socket.recv_from(&mut buffer) => {
                    if let Ok((length, source)) = came {
                        insider.came(source, &buffer[..length]);
                    }
                }
                () = sleep_until(wake.into()) => {
                    insider.participant.handle(Instant::now(), Input::Tick);
                }
            }
        }
    }

    fn came(&mut self, source: SocketAddr, bytes: &[u8]) {
        if sfu_rtp::is_media(bytes) {
            // It only wants to know whom to complain about.
            let mut knows = self.knows.lock().expect("nobody panics while holding it");
            return knows.came(bytes);
        }
        let datagram = Input::Datagram { source, bytes };
        self.participant.handle(Instant::now(), datagram);
    }

    async fn let_leave(&mut self, websocket: &mut WebSocket) -> anyhow::Result<()> {
        while let Some(output) = self.participant.poll() {
            match output {
                Output::Datagram { destination, bytes } => {
                    self.node = Some(destination);
                    // A full buffer is loss on the path.
                    let _ = self.socket.try_send_to(&bytes, destination);
                }
                Output::Signal(message) => {
                    self.learn(&message);
                    let text = serde_json::to_string(&message)?;
                    websocket.send(Message::text(text)).await?;
                }
                Output::Event(Event::Connected) => self.arm()?,
                Output::Event(_) => {}
            }
        }
        Ok(())
    }

    fn learn(&mut self, message: &ClientMessage) {
        let mut knows = self.knows.lock().expect("nobody panics while holding it");
        knows.offered(message);
    }

    fn arm(&mut self) -> anyhow::Result<()> {
        let (keying, end) = self.participant.keys().context("no keys of ours")?;
        let (Some(ready), Some(socket)) = (self.ready.take(), self.spare.take()) else {
            return Ok(());
        };
        let arms = Arms {
            socket,
            node: self.node.context("it is connected with somebody")?,
            sealer: keying.sealer(*end)?,
            own_ssrc: fastrand::u32(1..),
            knows: Arc::clone(&self.knows),
        };
        // Who no longer waits has given up on it.
        let _ = ready.send(arms);
        Ok(())
    }
}
