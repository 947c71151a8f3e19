//! Clients whose network lets no UDP through come over TCP (RFC 6544): a listener beside each
//! shard's UDP socket, and a task for each stream, which cuts it into frames (RFC 4571). A frame
//! goes to the shard as a datagram would; see [`sfu_core::stream`].
//!
//! # Threat model
//! Anybody can connect. A stream is a stranger's until the shard answers on it, which it does only
//! once ICE has verified a check that knew our password. Until then it may bring little and not for
//! long, and strangers crowd out one another. What it brings reaches the shard through a queue that
//! holds it back, never the shard; what leaves for it is dropped when it does not read.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deploy_process::shutdown::Shutdown;
use deploy_process::source::{Places, Source};
use sfu_core::stream::StreamId;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::udp::MAX_DATAGRAM_BYTES;
use super::wake::Bell;
use crate::metrics::{StreamEnd, StreamFigures};
use crate::strangers::Strangers;

/// Frames that wait for one shard, of all its streams. Whoever brings one more waits.
pub(crate) const CAME_FRAMES: usize = 1_024;

/// Frames that wait for one stream: a quarter of a second of a good picture. Beyond it they are
/// dropped: late media is of no use, and whoever is told of the loss sends less.
pub(crate) const QUEUE_FRAMES: usize = 64;

/// Frames that are written at once.
const BATCH_FRAMES: usize = 32;

/// What the kernel may hold that was not sent: beyond it frames wait here, where they can be
/// dropped.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// How long a stranger has to prove itself, and how much it may bring meanwhile: some checks.
const STRANGER_DEADLINE: Duration = Duration::from_secs(10);
const STRANGER_BYTES: usize = 4 * 1024;

/// After how long without a frame a client counts as gone: ICE asks every few seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// How long a client may take to accept what is written.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait after an accept that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const READ_BUFFER_BYTES: usize = 4 * 1024;

/// What a shard's thread is told of its streams, in order.
#[derive(Debug)]
pub(crate) enum Came {
    /// One is here; this is how frames leave for it.
    Opened {
        stream: StreamId,
        frames: mpsc::Sender<Vec<u8>>,
    },
    /// Something came.
    Frame { source: SocketAddr, bytes: Vec<u8> },
    /// One is gone.
    Closed { stream: StreamId },
}

/// How streams reach their shard.
#[derive(Clone)]
pub(crate) struct StreamDoor {
    came: mpsc::Sender<Came>,
    bell: Bell,
}

impl StreamDoor {
    pub(crate) fn new(bell: Bell) -> (StreamDoor, mpsc::Receiver<Came>) {
        let (came, taken) = mpsc::channel(CAME_FRAMES);
        (StreamDoor { came, bell }, taken)
    }

    async fn bring(&self, came: Came) -> Result<(), StreamEnd> {
        let brought = self.came.send(came).await;
        brought.map_err(|_| StreamEnd::Stopped)?;
        self.bell.ring();
        Ok(())
    }
}

/// How many streams a node takes on, and from whom.
pub(crate) struct StreamTerms {
    places: Arc<Semaphore>,
    of_sources: Arc<Places>,
    strangers: Arc<Strangers>,
    shutdown: Shutdown,
    figures: StreamFigures,
    next: AtomicU32,
}

impl StreamTerms {
    pub(crate) fn new(
        config: &crate::Config,
        shutdown: Shutdown,
        figures: StreamFigures,
    ) -> Arc<Self> {
        Arc::new(StreamTerms {
            places: Arc::new(Semaphore::new(config.max_sockets as usize)),
            of_sources: Places::new(config.sockets_per_address as usize),
            strangers: Arc::default(),
            shutdown,
            figures,
            next: AtomicU32::new(0),
        })
    }
}

/// Opens a listener.
pub(crate) fn open(address: SocketAddr) -> io::Result<StdListener> {
    let listener = StdListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Takes streams until the node stops. Needs a tokio runtime.
pub(crate) fn serve(
    listener: StdListener,
    door: StreamDoor,
    terms: Arc<StreamTerms>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = door.came.closed() => return,
                () = terms.shutdown.requested() => return,
            };
            match accepted {
                Ok((stream, peer)) => begin(stream, peer, &door, &terms),
                Err(fault) => {
                    tracing::warn!(%fault, "a media stream could not be accepted; is the limit of open files too low?");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    Ok(())
}

/// Takes a stream on, if there is room. One that is not is closed at once.
fn begin(mut stream: TcpStream, peer: SocketAddr, door: &StreamDoor, terms: &Arc<StreamTerms>) {
    let Ok(place) = Arc::clone(&terms.places).try_acquire_owned() else {
        return terms.figures.ended(StreamEnd::TooMany);
    };
    let Some(of_source) = terms.of_sources.take(Source::of(peer.ip())) else {
        return terms.figures.ended(StreamEnd::AddressLimit);
    };
    let (door, terms) = (door.clone(), Arc::clone(terms));
    tokio::spawn(async move {
        terms.figures.opened();
        let end = hold(&mut stream, peer, &door, &terms).await;
        terms.figures.closed(end);
        tracing::debug!(%peer, ?end, "media stream closed");
        drop((place, of_source));
        // Only now is it closed: who sees that finds its place free.
        drop(stream);
    });
}

/// One stream from its beginning to its end.
async fn hold(
    stream: &mut TcpStream,
    peer: SocketAddr,
    door: &StreamDoor,
    terms: &StreamTerms,
) -> StreamEnd {
    // Frames are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&*stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    let id = StreamId::new(terms.next.fetch_add(1, Ordering::Relaxed));
    let (outlet, frames) = mpsc::channel(QUEUE_FRAMES);
    let opened = Came::Opened {
        stream: id,
        frames: outlet,
    };
    if let Err(end) = door.bring(opened).await {
        return end;
    }
    let (known, is_known) = watch::channel(false);
    let (from_client, to_client) = stream.split();
    let source = id.address(peer);
    let end = tokio::select! {
        end = read(from_client, source, door, is_known.clone()) => end,
        end = write(to_client, frames, known) => end,
        end = expel(&terms.strangers, is_known) => end,
    };
    // A shard that has ended knows no stream.
    let _ = door.bring(Came::Closed { stream: id }).await;
    end
}

/// Returns when a stranger has to go; never once it is none.
async fn expel(strangers: &Arc<Strangers>, mut known: watch::Receiver<bool>) -> StreamEnd {
    let stranger = strangers.enter();
    tokio::select! {
        // Its sender ends with the stream.
        _ = known.wait_for(|known| *known) => {}
        () = stranger.crowded_out() => return StreamEnd::CrowdedOut,
        () = tokio::time::sleep(STRANGER_DEADLINE) => return StreamEnd::Unproven,
    }
    drop(stranger);
    std::future::pending().await
}

async fn read(
    stream: impl AsyncRead + Unpin,
    source: SocketAddr,
    door: &StreamDoor,
    known: watch::Receiver<bool>,
) -> StreamEnd {
    let mut stream = BufReader::with_capacity(READ_BUFFER_BYTES, stream);
    let mut strangers_bytes = 0;
    loop {
        let bytes = match timeout(SILENCE_LIMIT, next_frame(&mut stream)).await {
            Ok(Ok(Some(bytes))) => bytes,
            Ok(Ok(None)) => return StreamEnd::Malformed,
            Ok(Err(_)) => return StreamEnd::Gone,
            Err(_) => return StreamEnd::Silent,
        };
        if !*known.borrow() {
            strangers_bytes += 2 + bytes.len();
            if strangers_bytes > STRANGER_BYTES {
                return StreamEnd::Unproven;
            }
        }
        if let Err(end) = door.bring(Came::Frame { source, bytes }).await {
            return end;
        }
    }
}

/// RFC 4571, section 2. None when a frame is longer than a datagram may be.
async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_DATAGRAM_BYTES {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}

async fn write(
    mut stream: impl AsyncWrite + Unpin,
    mut frames: mpsc::Receiver<Vec<u8>>,
    known: watch::Sender<bool>,
) -> StreamEnd {
    let mut batch = Vec::with_capacity(BATCH_FRAMES);
    let mut bytes = Vec::new();
    loop {
        if frames.recv_many(&mut batch, BATCH_FRAMES).await == 0 {
            return StreamEnd::Stopped;
        }
        // Whom the shard answers has proved itself.
        known.send_if_modified(|known| !std::mem::replace(known, true));
        bytes.clear();
        for frame in batch.drain(..) {
            // What a shard sends is no longer than a datagram.
            let length = u16::try_from(frame.len()).unwrap_or_default();
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&frame[..usize::from(length)]);
        }
        match timeout(WRITE_DEADLINE, stream.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return StreamEnd::Gone,
            Err(_) => return StreamEnd::Silent,
        }
    }
}
