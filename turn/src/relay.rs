//! The relay loop: one task owns the mind and gives it clients, peers and time, none before the
//! others, so that neither direction starves the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use aws_lc_rs::rand;
use deploy_process::shutdown::Shutdown;
use prometheus::Registry;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use turn_core::auth::Authority;
use turn_core::peers::{Allowed, PeerPolicy};
use turn_core::server::{Command, Limits, Server, ToClient};
use turn_core::{ClientAddress, PeerAddress};

use crate::Config;
use crate::metrics::{Metrics, TO_CLIENT, TO_PEER};
use crate::sockets::{AFTER_AN_ERROR, FromPeer, MAX_DATAGRAM_BYTES, MAX_WAITING, Sockets};

/// How often expiry is looked at and metrics are brought up to date.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// What the relay shares with `api`.
pub struct Secrets {
    /// The key of short-lived credentials (`sfu_protocol::turn`).
    pub shared: Vec<u8>,
}

/// A running relay.
pub struct Relay {
    address: SocketAddr,
    loop_task: JoinHandle<()>,
}

impl Relay {
    /// Opens the client socket and starts the loop. Only `media` and the further
    /// peers of the settings can be reached through it.
    ///
    /// # Errors
    /// When the port is taken, the configuration contradicts itself, or a metric exists already.
    pub async fn start(
        config: &Config,
        secrets: &Secrets,
        media: Vec<Allowed>,
        registry: &Registry,
        shutdown: Shutdown,
    ) -> anyhow::Result<Relay> {
        if let Err((setting, problem)) = config.check() {
            anyhow::bail!("{setting}: {problem}");
        }
        let listen = SocketAddr::new(config.listen_ip, config.port);
        let clients = UdpSocket::bind(listen)
            .await
            .with_context(|| format!("turn.port: cannot listen on UDP {listen}"))?;
        let address = clients.local_addr().context("the relay's own address")?;
        let relay_ip = config.relay_ip.unwrap_or(config.listen_ip);
        let limits = Limits {
            relay_ip: config.advertise_ip.unwrap_or(relay_ip),
            ports: config.first_relay_port..=config.last_relay_port,
            allocations: config.allocations,
            allocations_per_user: config.allocations_per_participant,
        };
        let further = config.further_peers.iter().copied().map(Allowed::exactly);
        let reachable = PeerPolicy::only(media.into_iter().chain(further));
        let authority = Authority::new(&secrets.shared, random()?);
        let metrics = Metrics::register(registry).context("the relay's metrics")?;
        let (inbox, peers) = mpsc::channel(MAX_WAITING);
        let work = Work {
            server: Server::new(authority, reachable, limits, random()?),
            clients,
            sockets: Sockets::new(relay_ip, inbox, metrics.dropped.clone()),
            metrics,
            outgoing: Vec::with_capacity(MAX_DATAGRAM_BYTES),
        };
        let loop_task = tokio::spawn(work.run(peers, shutdown));
        Ok(Relay { address, loop_task })
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the loop has ended; ask for the end through the `Shutdown` it was given.
    pub async fn stop(self) {
        if self.loop_task.await.is_err() {
            tracing::error!("the TURN relay ended by a fault; restart the process");
        }
    }
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(bytes)
}

struct Work {
    server: Server,
    clients: UdpSocket,
    sockets: Sockets,
    metrics: Metrics,
    outgoing: Vec<u8>,
}

impl Work {
    async fn run(mut self, mut peers: mpsc::Receiver<FromPeer>, shutdown: Shutdown) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                _ = housekeeping.tick() => self.keep_house(),
                Some(datagram) = peers.recv() => self.take_peer(&datagram),
                received = self.clients.recv_from(&mut buffer) => {
                    match received {
                        Ok((length, source)) => {
                            self.take_client(ClientAddress(source), &buffer[..length]);
                        }
                        Err(_) => tokio::time::sleep(AFTER_AN_ERROR).await,
                    }
                }
            }
            self.carry_out().await;
        }
    }

    fn keep_house(&mut self) {
        self.server.handle_timeout(Instant::now());
        let counters = self.server.counters();
        self.metrics.report(self.server.allocations(), counters);
    }

    fn take_client(&mut self, client: ClientAddress, bytes: &[u8]) {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let relayed = self
            .server
            .handle_client(Instant::now(), unix, client, bytes);
        if let Some(out) = relayed {
            if self.sockets.send(out.port, out.peer, out.payload) {
                self.metrics.relayed(TO_PEER, out.payload.len());
            } else {
                self.metrics.dropped.inc();
            }
        }
    }

    fn take_peer(&mut self, datagram: &FromPeer) {
        let FromPeer {
            port,
            peer: PeerAddress(peer),
            payload,
        } = datagram;
        let now = Instant::now();
        let peer = PeerAddress(*peer);
        let sent = match self.server.handle_peer(now, *port, peer, payload) {
            None => return,
            Some(ToClient::Channel { client, header }) => {
                self.outgoing.clear();
                self.outgoing.extend_from_slice(&header);
                self.outgoing.extend_from_slice(payload);
                self.clients.try_send_to(&self.outgoing, client.0)
            }
            Some(ToClient::Indication { client, bytes }) => {
                self.clients.try_send_to(&bytes, client.0)
            }
        };
        match sent {
            Ok(_) => self.metrics.relayed(TO_CLIENT, payload.len()),
            Err(_) => self.metrics.dropped.inc(),
        }
    }

    async fn carry_out(&mut self) {
        while let Some(command) = self.server.poll() {
            match command {
                Command::Open { port } => match self.sockets.open(port).await {
                    Ok(()) => self.server.relay_opened(port),
                    Err(_) => self.server.relay_failed(port),
                },
                Command::Close { port } => self.sockets.close(port),
                Command::Send { client, bytes } => {
                    if self.clients.try_send_to(&bytes, client.0).is_err() {
                        self.metrics.dropped.inc();
                    }
                }
            }
        }
    }
}
