//! The loop.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use sfu_protocol::media::Kind;
use sfu_protocol::signal::{ClientMessage, Envelope, MAX_SIGNAL_BYTES, Show, Want};
use socket2::SockRef;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{
    CONNECT_PATIENCE, DriverError, DriverReport, JOIN_PATIENCE, JoinTarget, LEAVE_PATIENCE,
    Observer, Options, PING_EVERY,
};
use crate::media::{MediaSource, NEVER_US, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ, captured};
use crate::participant::{Event, Input, Output, Participant};
use crate::peer::{PeerConfig, Publication};

/// Largest datagram that is read: more than any path carries.
const DATAGRAM_BYTES: usize = 2_048;

/// The kernel's receive buffer: what comes while this task waits for a core is not lost.
const RECEIVE_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// Most datagrams taken before the participant's other business goes on.
const DATAGRAMS_AT_ONCE: usize = 64;

/// A source that is always due must not keep a core busy.
const MEDIA_TURN: Duration = Duration::from_millis(2);

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) async fn run<S: MediaSource>(
    target: JoinTarget,
    options: Options,
    source: S,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<DriverReport, DriverError> {
    let socket = open_udp(&target.ws_url, options.bind).await?;
    let mut websocket = open_websocket(&target.ws_url).await?;
    let opened = Instant::now();
    let local = socket.local_addr()?;
    let config = PeerConfig {
        publish: options.publish.clone(),
        audio_slots: options.audio_slots,
        video_slots: options.video_slots,
        report_packets: options.report_packets,
        ..PeerConfig::new(local)
    };
    let mut participant = Participant::new(&config, opened)?;
    participant.join(target.grant);
    let mut driver = Driver {
        participant,
        source,
        publish: options.publish,
        max_height: options.max_height,
        observer: options.observer,
        local,
        socket,
        opened,
        media_began: None,
        media_asked: opened,
        first_picture: None,
        leave_by: None,
        next_ping: opened + PING_EVERY,
        bye: None,
        failure: None,
    };
    let ended = driver
        .follow(&mut websocket, options.commands, shutdown)
        .await;
    // The node may have closed already; its goodbye is what counts.
    let _ = websocket.close(None).await;
    ended.map(|()| driver.report())
}

/// Everything that one participation holds.
struct Driver<S> {
    participant: Participant,
    source: S,
    publish: Vec<Publication>,
    max_height: Option<u16>,
    observer: Option<Box<dyn Observer>>,
    local: SocketAddr,
    socket: UdpSocket,
    opened: Instant,
    media_began: Option<Instant>,
    media_asked: Instant,
    first_picture: Option<Instant>,
    leave_by: Option<Instant>,
    next_ping: Instant,
    bye: Option<sfu_protocol::signal::ByeReason>,
    failure: Option<String>,
}

impl<S: MediaSource> Driver<S> {
    async fn follow(
        &mut self,
        websocket: &mut WebSocket,
        commands: Option<mpsc::Receiver<ClientMessage>>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), DriverError> {
        let mut shutdown = pin!(shutdown);
        let (_open, never) = mpsc::channel(1);
        let mut commands = commands.unwrap_or(never);
        let mut commanded = true;
        let mut buffer = [0; DATAGRAM_BYTES];
        loop {
            self.let_leave(websocket).await?;
            if self.is_done()? {
                return Ok(());
            }
            let wake = tokio::time::Instant::from_std(self.wake());
            tokio::select! {
                () = &mut shutdown, if self.leave_by.is_none() => self.leave(),
                message = websocket.next() => self.hear(message)?,
                command = commands.recv(), if commanded => match command {
                    Some(message) => self.participant.say(message),
                    None => commanded = false,
                },
                received = self.socket.recv_from(&mut buffer) => self.receive(received, &mut buffer),
                () = tokio::time::sleep_until(wake) => self.tick(),
            }
        }
    }

    fn leave(&mut self) {
        self.participant.leave();
        self.leave_by = Some(Instant::now() + LEAVE_PATIENCE);
    }

    /// Whether the participation is over, well or not.
    fn is_done(&self) -> Result<bool, DriverError> {
        let now = Instant::now();
        if let Some(reason) = &self.failure {
            return Err(DriverError::Transport(reason.clone()));
        }
        if self.bye.is_some() || self.leave_by.is_some_and(|by| now >= by) {
            return self.admitted().map(|()| true);
        }
        match self.media_began.is_none() && now >= self.opened + JOIN_PATIENCE {
            true => Err(DriverError::JoinTimedOut(JOIN_PATIENCE)),
            false => Ok(false),
        }
    }

    /// A goodbye before the node let it in is a refusal.
    fn admitted(&self) -> Result<(), DriverError> {
        let roster = self.participant.roster();
        match roster.you() {
            Some(_) => Ok(()),
            None if self.bye.is_none() => Ok(()),
            None => {
                let said = roster.refusals().last().map(|r| r.message.clone());
                Err(DriverError::Refused(
                    said.unwrap_or_else(|| format!("{:?}", self.bye)),
                ))
            }
        }
    }

    fn wake(&self) -> Instant {
        [
            Some(self.participant.deadline()),
            Some(self.next_ping),
            self.media_wake(),
            self.leave_by,
        ]
        .into_iter()
        .flatten()
        .chain((self.media_began.is_none()).then_some(self.opened + JOIN_PATIENCE))
        .min()
        .expect("the first two are always there")
    }

    /// When the source has something, at most once in [`MEDIA_TURN`].
    fn media_wake(&self) -> Option<Instant> {
        let began = self.media_began?;
        let next_us = self.source.next_at_us();
        let due = (next_us != NEVER_US).then(|| began + Duration::from_micros(next_us))?;
        Some(due.max(self.media_asked + MEDIA_TURN))
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.participant.handle(now, Input::Tick);
        if now >= self.next_ping {
            let sent_at_ms = (now - self.opened).as_millis() as u64;
            self.participant.say(ClientMessage::Ping { sent_at_ms });
            self.next_ping = now + PING_EVERY;
        }
        if let Some(began) = self.media_began {
            self.send_media(began, now);
        }
    }

    fn send_media(&mut self, began: Instant, now: Instant) {
        self.media_asked = now;
        let at_us = (now - began).as_micros() as u64;
        for publication in &self.publish {
            let source = publication.source;
            match source.kind() {
                Kind::Video => {
                    for frame in self.source.video(source, at_us) {
                        let captured = captured(began, now, frame.timestamp, VIDEO_CLOCK_HZ);
                        self.participant.send_video(now, captured, source, &frame);
                    }
                }
                Kind::Audio => {
                    for frame in self.source.audio(source, at_us) {
                        let captured = captured(began, now, frame.timestamp, OPUS_CLOCK_HZ);
                        self.participant.send_audio(now, captured, source, &frame);
                    }
                }
            }
        }
    }

    fn receive(&mut self, received: std::io::Result<(usize, SocketAddr)>, buffer: &mut [u8]) {
        let now = Instant::now();
        let mut received = received;
        for _ in 0..DATAGRAMS_AT_ONCE {
            // An ICMP error of an earlier datagram: ICE finds out by itself.
            let Ok((length, source)) = received else {
                return;
            };
            let bytes = &buffer[..length];
            self.participant
                .handle(now, Input::Datagram { source, bytes });
            received = self.socket.try_recv_from(buffer);
        }
    }

    fn hear(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), DriverError> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => return self.lost("closed by the node".into()),
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return self.lost(error.to_string()),
        };
        match serde_json::from_str::<Envelope>(&text) {
            Ok(envelope) => self
                .participant
                .handle(Instant::now(), Input::Node(envelope)),
            Err(error) => tracing::warn!(%error, "a message of the node is not understood"),
        }
        Ok(())
    }

    /// The WebSocket is gone: an error unless we were leaving.
    fn lost(&mut self, why: String) -> Result<(), DriverError> {
        match self.leave_by {
            Some(_) => {
                self.leave_by = Some(Instant::now());
                Ok(())
            }
            None => Err(DriverError::SignalLost(why)),
        }
    }

    /// Everything that waits in the participant leaves.
    async fn let_leave(&mut self, websocket: &mut WebSocket) -> Result<(), DriverError> {
        while let Some(output) = self.participant.poll() {
            match output {
                Output::Datagram { destination, bytes } => {
                    if let Some(observer) = &mut self.observer {
                        observer.sends(self.local, destination, &bytes);
                    }
                    // A full socket buffer is loss on the path; a dead path is found by ICE.
                    let _ = self.socket.send_to(&bytes, destination).await;
                }
                Output::Signal(message) => {
                    let text = serde_json::to_string(&message)
                        .expect("signalling messages have string keys only");
                    if let Err(error) = websocket.send(Message::text(text)).await {
                        self.lost(error.to_string())?;
                    }
                }
                Output::Event(event) => self.happened(event),
            }
        }
        Ok(())
    }

    fn happened(&mut self, event: Event) {
        let now = Instant::now();
        match &event {
            Event::Connected => {
                self.media_began = Some(now);
                self.send_media(now, now);
            }
            Event::KeyframeWanted { source, layer } => {
                self.source.request_keyframe(*source, *layer)
            }
            Event::Frame(frame) if frame.codec.kind() == Kind::Video => {
                self.first_picture.get_or_insert(now);
            }
            Event::RosterChanged => self.say_heights(),
            Event::Ended(reason) => self.bye = Some(*reason),
            Event::Failed(reason) => self.failure = Some(reason.clone()),
            _ => {}
        }
        if let Some(observer) = &mut self.observer {
            observer.happened(now, &event, self.participant.roster());
        }
    }

    /// Once the slots are known, says in which height they are shown.
    fn say_heights(&mut self) {
        let slots = self.participant.roster().slots();
        if slots.is_empty() {
            return;
        }
        let Some(max_height) = self.max_height.take() else {
            return;
        };
        let wants = slots
            .iter()
            .filter(|(_, view)| view.kind == Kind::Video)
            .map(|(slot, _)| Want {
                slot: slot.clone(),
                show: Show::Auto,
                max_height,
                priority: 0,
            })
            .collect();
        self.participant.want(wants);
    }

    fn report(&self) -> DriverReport {
        let after = |at: Option<Instant>| at.map(|at| at - self.opened);
        DriverReport {
            bye: self.bye,
            connected_after: after(self.media_began),
            first_picture_after: after(self.first_picture),
            counters: self.participant.counters(),
        }
    }
}

async fn open_websocket(url: &str) -> Result<WebSocket, DriverError> {
    let limits = WebSocketConfig::default().max_message_size(Some(MAX_SIGNAL_BYTES));
    let connecting = tokio_tungstenite::connect_async_with_config(url, Some(limits), true);
    match tokio::time::timeout(CONNECT_PATIENCE, connecting).await {
        Ok(Ok((websocket, _))) => Ok(websocket),
        Ok(Err(error)) => Err(DriverError::Connect(error.to_string())),
        Err(_) => Err(DriverError::Connect(format!(
            "no answer within {CONNECT_PATIENCE:?}"
        ))),
    }
}

/// A UDP socket on the address from which the host of a URL is reached, for ICE needs a real one;
/// or on `bind`.
///
/// # Errors
/// [`DriverError::Target`] and [`DriverError::Socket`].
pub async fn open_udp(url: &str, bind: Option<IpAddr>) -> Result<UdpSocket, DriverError> {
    let address = match bind {
        Some(address) => address,
        None => own_address_towards(resolve(url).await?).await?,
    };
    let socket = UdpSocket::bind((address, 0)).await?;
    // The kernel may grant less; a burst that does not fit is loss on the path.
    let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    Ok(socket)
}

/// The address from which this machine reaches another. Nothing is sent.
///
/// # Errors
/// When there is no way to it.
pub async fn own_address_towards(there: SocketAddr) -> std::io::Result<IpAddr> {
    let any = match there.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    // Connecting a UDP socket makes the kernel choose the route.
    let probe = UdpSocket::bind((any, 0)).await?;
    probe.connect(there).await?;
    Ok(probe.local_addr()?.ip())
}

async fn resolve(url: &str) -> Result<SocketAddr, DriverError> {
    let nowhere = || DriverError::Target(url.to_owned());
    let uri: tokio_tungstenite::tungstenite::http::Uri = url.parse().map_err(|_| nowhere())?;
    let host = uri.host().ok_or_else(nowhere)?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(80);
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| nowhere())?;
    found.next().ok_or_else(nowhere)
}
