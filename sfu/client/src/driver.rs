//! A tokio WebSocket and UDP socket around a
//! [`Participant`](crate::participant::Participant): the guests of a demo meeting and
//! the load of a bench.
//!
//! One task, one socket, one loop: whatever happens first is given to the participant, then
//! everything that waits in it leaves.

mod run;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use sfu_protocol::signal::{ByeReason, ClientMessage};
use tokio::sync::mpsc;

use crate::media::MediaSource;
use crate::participant::{Event, Roster};
use crate::peer::{Counters, PeerConfig, PeerError, Publication};

pub use run::{open_udp, own_address_towards};

/// How long connecting the WebSocket may take.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take from the open WebSocket until media can flow.
pub const JOIN_PATIENCE: Duration = Duration::from_secs(15);

/// How long a goodbye is waited for after leaving.
pub const LEAVE_PATIENCE: Duration = Duration::from_secs(1);

/// How often the node is asked whether it is there, so that no proxy closes a quiet WebSocket.
pub const PING_EVERY: Duration = Duration::from_secs(10);

/// Where to join.
#[derive(Debug, Clone)]
pub struct JoinTarget {
    /// `ws://host:port/rtc`.
    pub ws_url: String,
    /// From `POST /api/rooms/{id}/join`.
    pub grant: String,
}

/// Told of everything that happens, in order. It must not block.
pub trait Observer: Send {
    /// Something happened.
    fn happened(&mut self, now: Instant, event: &Event, roster: &Roster);

    /// A datagram leaves from `local`.
    fn sends(&mut self, _local: SocketAddr, _destination: SocketAddr, _datagram: &[u8]) {}
}

/// How to take part.
pub struct Options {
    /// What is sent. Each source at most once.
    pub publish: Vec<Publication>,
    /// How many tracks are heard at once.
    pub audio_slots: u8,
    /// How many tracks are seen at once.
    pub video_slots: u8,
    /// In which height every picture is wanted; none leaves it to the node.
    pub max_height: Option<u16>,
    /// The address of the UDP socket; none takes the one that reaches the node.
    pub bind: Option<IpAddr>,
    /// Whether [`Event::Packet`] is told for each packet.
    pub report_packets: bool,
    /// Who is told.
    pub observer: Option<Box<dyn Observer>>,
    /// What to say while the meeting runs: mute, wants, leave. When the sender is dropped the
    /// meeting goes on.
    pub commands: Option<mpsc::Receiver<ClientMessage>>,
}

impl Default for Options {
    fn default() -> Self {
        let face = PeerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        Options {
            publish: face.publish,
            audio_slots: face.audio_slots,
            video_slots: face.video_slots,
            max_height: None,
            bind: None,
            report_packets: false,
            observer: None,
            commands: None,
        }
    }
}

/// How a participation went.
#[derive(Debug, Clone)]
pub struct DriverReport {
    /// The node's goodbye; none when it did not answer the leave in time.
    pub bye: Option<ByeReason>,
    /// From the open WebSocket until media could flow.
    pub connected_after: Option<Duration>,
    /// From the open WebSocket until the first whole picture of somebody else.
    pub first_picture_after: Option<Duration>,
    /// What was counted.
    pub counters: Counters,
}

/// Why a participation failed.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The URL names no host, or the host no address.
    #[error("{0:?} leads nowhere")]
    Target(String),
    /// The WebSocket could not be opened.
    #[error("the WebSocket could not be opened: {0}")]
    Connect(String),
    /// The UDP socket could not be opened.
    #[error("no UDP socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The options make no participant.
    #[error(transparent)]
    Participant(#[from] PeerError),
    /// The node did not let it in, or no path was found.
    #[error("not connected within {0:?}")]
    JoinTimedOut(Duration),
    /// The WebSocket broke without a goodbye.
    #[error("the WebSocket was lost: {0}")]
    SignalLost(String),
    /// The node refused to let it in.
    #[error("the node refused: {0}")]
    Refused(String),
    /// The transport failed.
    #[error("the transport failed: {0}")]
    Transport(String),
}

/// Takes part until `shutdown` resolves or the node says goodbye.
///
/// Media begins when the path stands: `source` time zero is that moment. The future can be moved
/// between threads when the source can; an encoder that cannot stays on one thread by `block_on`.
///
/// # Errors
/// See [`DriverError`].
pub async fn run<S: MediaSource>(
    target: JoinTarget,
    options: Options,
    source: S,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<DriverReport, DriverError> {
    run::run(target, options, source, shutdown).await
}
