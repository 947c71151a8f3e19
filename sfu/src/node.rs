//! Assembles a node: sockets, shard threads, signalling, links, control. The only file that sees
//! all of them.

use std::any::Any;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use deploy_process::shutdown::Shutdown;
use sfu_core::shard::{ShardConfig, make_certificate};
use sfu_core::stream::Advertise;
use sfu_protocol::control::{ControlReply, ControlRequest};
use sfu_protocol::grant::GrantVerifier;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::MediaClock;
use crate::config::Config;
use crate::control::{ControlDesk, ControlError};
use crate::events::EventLog;
use crate::gate::Gate;
use crate::inbox::{Command, ShardDoor, ShardDoors};
use crate::link::{LinkEnd, LinkHub};
use crate::metrics::Metrics;
use crate::neighbours::Neighbours;
use crate::net::tcp::{self, StreamDoor, StreamTerms};
use crate::net::udp;
use crate::net::wake::Bell;
use crate::signal;
use crate::whip;
use crate::worker::{self, Plan};

/// How long [`Node::stop`] waits for clients to take their goodbye.
const GOODBYE_DEADLINE: Duration = Duration::from_secs(2);

/// How long it then waits for the shard threads. Each ends within one turn.
const THREADS_DEADLINE: Duration = Duration::from_secs(2);

/// Longest that [`Node::stop`] takes, even when a client or a shard hangs.
pub const STOP_DEADLINE: Duration = GOODBYE_DEADLINE.saturating_add(THREADS_DEADLINE);

/// A running node.
pub struct Node {
    gate: Arc<Gate>,
    hub: Arc<LinkHub>,
    desk: ControlDesk,
    doors: ShardDoors,
    ports: Vec<u16>,
    shutdown: Shutdown,
    threads: Arc<Threads>,
}

impl Node {
    /// Opens the UDP sockets and starts a thread for each shard. Needs a tokio runtime.
    ///
    /// Once `shutdown` is requested, nobody new is let in; [`Node::stop`] ends the rest.
    ///
    /// # Errors
    /// When the configuration is unusable, a UDP port is taken, or a thread cannot be started.
    /// The text names which.
    pub fn start(
        config: Config,
        verifier: GrantVerifier,
        registry: &prometheus::Registry,
        shutdown: Shutdown,
    ) -> anyhow::Result<Node> {
        config.validate()?;
        let metrics = Metrics::register(registry).context("sfu metrics")?;
        let clock = MediaClock::start();
        let events = EventLog::default();
        sfu_core::handshake::install(None);
        // One for the node: making one for each connection costs more than the rest of a join.
        let certificate = make_certificate().context("no DTLS certificate can be made")?;
        let mut doors = Vec::new();
        let mut listeners = Vec::new();
        let mut plans = Vec::new();
        let shards = 0..config.shard_count();
        let bells = shards.clone().map(|_| Bell::new());
        let bells: std::io::Result<Vec<Bell>> = bells.collect();
        let bells = bells.context("no eventfd to wake a shard with")?;
        let neighbours = Neighbours::of_all(&bells);
        for (index, (bell, neighbours)) in shards.zip(bells.into_iter().zip(neighbours)) {
            let (socket, listener, advertise) = open_sockets(&config, index)?;
            let (door, inbox) = ShardDoor::new(bell.clone());
            doors.push(door);
            let (stream_door, streams) = StreamDoor::new(bell.clone());
            listeners.extend(listener.map(|listener| (listener, stream_door)));
            plans.push(Plan {
                local: advertise.udp[0],
                streams,
                neighbours,
                config: ShardConfig {
                    shard: index,
                    advertise,
                    origin: clock.origin,
                    origin_unix_us: clock.origin_unix_us,
                    entropy: rand::random(),
                    dtls: Some(certificate.clone()),
                    limits: config.limits(),
                },
                socket,
                send_bursts: config.send_bursts,
                bell,
                inbox,
                events: events.clone(),
                metrics: metrics.of_shard(index),
            });
        }
        let ports: Vec<u16> = plans.iter().map(|plan| plan.local.port()).collect();
        // Only when every socket is open does a thread begin.
        let threads = Threads::start(plans, &metrics)?;
        let terms = StreamTerms::new(&config, shutdown.clone(), metrics.streams.clone());
        for (listener, door) in listeners {
            tcp::serve(listener, door, Arc::clone(&terms))?;
        }
        let doors = ShardDoors::new(doors);
        tracing::info!(
            node = config.node_id,
            bind = %config.bind_ip,
            shards = ports.len(),
            first_udp_port = ports[0],
            "media node started"
        );
        let gate = Gate::new(doors.clone(), verifier, &config, shutdown.clone(), metrics);
        Ok(Node {
            gate: Arc::new(gate),
            hub: Arc::new(LinkHub::new(doors.clone(), events, clock)),
            desk: ControlDesk::new(doors.clone()),
            doors,
            ports,
            shutdown,
            threads,
        })
    }

    /// `GET /rtc`, the signalling WebSocket, and `POST /whip/{room}` and `POST /whep/{room}`, the
    /// doors of whoever speaks none.
    pub fn router(&self) -> Router {
        signal::router(Arc::clone(&self.gate)).merge(whip::router(Arc::clone(&self.gate)))
    }

    /// Carries out what `api` asks.
    ///
    /// # Errors
    /// When a shard that is concerned does not run or does not answer.
    pub async fn control(&self, request: ControlRequest) -> Result<ControlReply, ControlError> {
        self.desk.ask(request).await
    }

    /// Opens a link, as a recorder or a follower of events does. Needs a tokio runtime.
    pub fn link(&self) -> LinkEnd {
        self.hub.dial()
    }

    /// A function that opens links, for a peer that dials again when one is lost. It keeps no
    /// shard alive.
    pub fn dialler(&self) -> impl Fn() -> LinkEnd + Send + Sync + 'static {
        let hub = Arc::clone(&self.hub);
        move || hub.dial()
    }

    /// The UDP port of each shard, in order.
    pub fn udp_ports(&self) -> &[u16] {
        &self.ports
    }

    /// How the node is: `Err` with what an operator reads once a shard has failed. The rooms of
    /// the other shards go on; the process must be replaced.
    pub fn condition(&self) -> watch::Receiver<Result<(), String>> {
        self.threads.condition.subscribe()
    }

    /// Says goodbye to every client, closes what is open, and ends the threads, within
    /// [`STOP_DEADLINE`]. Repeating it does nothing.
    pub async fn stop(&self) {
        self.shutdown.request();
        self.threads.stopping.store(true, Ordering::Release);
        let goodbyes = async {
            if let Err(error) = self.control(ControlRequest::Drain {}).await {
                tracing::debug!(%error, "draining without an answer");
            }
            self.gate.emptied().await;
        };
        if timeout(GOODBYE_DEADLINE, goodbyes).await.is_err() {
            tracing::debug!("clients that did not close are cut off");
        }
        let ends = async {
            for door in self.doors.all() {
                // One that has ended needs no telling.
                let _ = door.bring(Command::Stop).await;
            }
            self.threads.ended().await;
        };
        if timeout(THREADS_DEADLINE, ends).await.is_err() {
            tracing::error!("a shard did not stop in time");
        }
        self.hub.close();
    }
}

/// The sockets of a shard, and where clients reach them.
fn open_sockets(
    config: &Config,
    index: u16,
) -> anyhow::Result<(UdpSocket, Option<TcpListener>, Advertise)> {
    let socket = open_socket(config, index)?;
    let bound = socket.local_addr()?;
    let listener = open_listener(config, index, bound)?;
    let advertise = Advertise {
        udp: config.advertised(bound),
        tcp: match &listener {
            Some(listener) => config.advertised(listener.local_addr()?),
            None => Vec::new(),
        },
    };
    Ok((socket, listener, advertise))
}

fn open_socket(config: &Config, index: u16) -> anyhow::Result<UdpSocket> {
    let address = config.bind_address(index);
    udp::open(
        address,
        config.receive_buffer_bytes,
        config.send_buffer_bytes,
    )
    .with_context(|| format!("UDP {address} (sfu.udp_port) cannot be opened"))
}

/// Whoever names a port wants it. Else UDP alone serves most people, and is no reason not to start.
fn open_listener(
    config: &Config,
    index: u16,
    bound: SocketAddr,
) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = config.stream_address(index, bound) else {
        return Ok(None);
    };
    match tcp::open(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(problem) if config.tcp_port.is_none() => {
            tracing::warn!(%address, %problem, "media comes over UDP only: its number is taken for TCP; sfu.tcp_port names another");
            Ok(None)
        }
        Err(problem) => {
            Err(problem).with_context(|| format!("TCP {address} (sfu.tcp_port) cannot be opened"))
        }
    }
}

/// The shard threads: how many run, and what became of one that should.
struct Threads {
    running: watch::Sender<usize>,
    condition: watch::Sender<Result<(), String>>,
    stopping: AtomicBool,
    metrics: Metrics,
}

impl Threads {
    fn start(plans: Vec<Plan>, metrics: &Metrics) -> anyhow::Result<Arc<Self>> {
        let threads = Arc::new(Threads {
            running: watch::Sender::new(0),
            condition: watch::Sender::new(Ok(())),
            stopping: AtomicBool::new(false),
            metrics: metrics.clone(),
        });
        for plan in plans {
            let index = plan.config.shard;
            let threads = Arc::clone(&threads);
            threads.count(1);
            thread::Builder::new()
                .name(format!("sfu-shard-{index}"))
                .spawn(move || {
                    // Nothing of the worker is looked at afterwards.
                    let outcome = catch_unwind(AssertUnwindSafe(|| worker::run(plan)));
                    threads.count(-1);
                    threads.note_end(index, outcome);
                })
                .with_context(|| format!("no thread for shard {index}"))?;
        }
        Ok(threads)
    }

    fn count(&self, change: isize) {
        // The gauge is set under the lock of the count, so that the last to change it is right.
        self.running.send_modify(|running| {
            *running = running.saturating_add_signed(change);
            self.metrics.shards_running(*running);
        });
    }

    /// A shard that ends unasked is loud: its rooms are gone until the process is replaced.
    fn note_end(&self, index: u16, outcome: thread::Result<std::io::Result<()>>) {
        let problem = match outcome {
            Ok(Ok(())) if self.stopping.load(Ordering::Acquire) => return,
            Ok(Ok(())) => "it ended unasked".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("it panicked: {}", panic_text(panic.as_ref())),
        };
        let problem = format!("shard {index} does not run: {problem}");
        tracing::error!(
            shard = index,
            problem,
            "a shard has failed; restart this node"
        );
        // What was said before is no news.
        let _ = self.condition.send_replace(Err(problem));
    }

    async fn ended(&self) {
        // The sender lives in `self`, so waiting cannot fail while we are here.
        let _ = self
            .running
            .subscribe()
            .wait_for(|&running| running == 0)
            .await;
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests;
