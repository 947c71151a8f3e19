//! Relays over tokio: one task for each listening address, which owns its clients.

mod order;
mod tcp;
mod udp;

use std::net::SocketAddr;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::path::LineChange;
use order::{Done, Order};

/// Most orders that wait for a relay; who gives more waits.
const MAX_ORDERS: usize = 16;

/// Who listens where for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where clients send; port 0 takes any.
    pub listen: SocketAddr,
    /// Where it goes.
    pub target: SocketAddr,
}

/// Whose line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Everybody's, and that of those who come later.
    All,
    /// The same, of UDP.
    Udp,
    /// The same, of TCP.
    Tcp,
    /// That of the client with this address.
    Client(SocketAddr),
}

/// What a relay carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Byte streams.
    Tcp,
}

/// What happened in one direction of a client's line. UDP counts datagrams, TCP pieces as read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// Came to the relay.
    pub taken: u64,
    /// Left it.
    pub passed: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost because the path or the relay's own queue was full.
    pub overflowed: u64,
    /// Lost in a blackout.
    pub dark: u64,
    /// The kernel took it not.
    pub unsent: u64,
}

/// A client and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientReport {
    /// UDP or TCP.
    pub transport: Transport,
    /// From where it sends.
    pub client: SocketAddr,
    /// As whom the target sees it; none before it was connected.
    pub upstream: Option<SocketAddr>,
    /// From the client.
    pub up: Passage,
    /// To the client.
    pub down: Passage,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ImpairError {
    /// Nobody has this address.
    #[error("no client has the address {0}; `clients` lists them")]
    NoClient(SocketAddr),
    /// A socket could not be made.
    #[error("no socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The relay's task is gone.
    #[error("the relay has ended")]
    Ended,
}

/// Relays with their clients. They end when this is dropped.
#[derive(Debug)]
pub struct Impairment {
    relays: Vec<Relay>,
}

#[derive(Debug)]
struct Relay {
    transport: Transport,
    listening: SocketAddr,
    orders: mpsc::Sender<Order>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Impairment {
    /// Opens every relay, with clear lines. The seed decides what is lost and how late the rest is.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub async fn open(udp: &[Route], tcp: &[Route], seed: u64) -> Result<Self, ImpairError> {
        let mut relays = Vec::new();
        for (route, transport) in udp
            .iter()
            .map(|route| (route, Transport::Udp))
            .chain(tcp.iter().map(|route| (route, Transport::Tcp)))
        {
            let (orders, inbox) = mpsc::channel(MAX_ORDERS);
            let seed = seed.wrapping_add(relays.len() as u64 * 1_000_003);
            let (listening, task) = match transport {
                Transport::Udp => udp::open(*route, seed, inbox).await?,
                Transport::Tcp => tcp::open(*route, seed, inbox).await?,
            };
            relays.push(Relay {
                transport,
                listening,
                orders,
                task,
            });
        }
        Ok(Impairment { relays })
    }

    /// Where the relays of a transport listen, in the order of their routes.
    pub fn listening(&self, transport: Transport) -> Vec<SocketAddr> {
        let of = self.relays.iter().filter(|r| r.transport == transport);
        of.map(|relay| relay.listening).collect()
    }

    /// Makes lines different, at once.
    ///
    /// # Errors
    /// When no client has the address.
    pub async fn set(&self, which: Which, change: LineChange) -> Result<(), ImpairError> {
        self.order(which, |client, done| Order::Set {
            client,
            change,
            done,
        })
        .await
    }

    /// Gives UDP clients another address towards the target, as if they had changed networks.
    ///
    /// # Errors
    /// When no client has the address, or there is no socket.
    pub async fn rebind(&self, which: Which) -> Result<(), ImpairError> {
        self.order(which, |client, done| Order::Rebind { client, done })
            .await
    }

    /// Cuts every TCP connection: both ends see a reset.
    ///
    /// # Errors
    /// When a relay has ended.
    pub async fn reset_tcp(&self) -> Result<(), ImpairError> {
        self.order(Which::Tcp, |_, done| Order::Reset { done })
            .await
    }

    /// Everybody who is there.
    ///
    /// # Errors
    /// When a relay has ended.
    pub async fn clients(&self) -> Result<Vec<ClientReport>, ImpairError> {
        let mut reports = Vec::new();
        for relay in &self.relays {
            let (done, answer) = oneshot::channel();
            give(relay, Order::Report { done }).await?;
            reports.extend(answer.await.map_err(|_| ImpairError::Ended)?);
        }
        Ok(reports)
    }

    async fn order(
        &self,
        which: Which,
        order: impl Fn(Option<SocketAddr>, Done) -> Order,
    ) -> Result<(), ImpairError> {
        let client = match which {
            Which::Client(client) => Some(client),
            _ => None,
        };
        let mut found = false;
        for relay in self.relays.iter().filter(|relay| match which {
            Which::Udp => relay.transport == Transport::Udp,
            Which::Tcp => relay.transport == Transport::Tcp,
            Which::All | Which::Client(_) => true,
        }) {
            let (done, answer) = oneshot::channel();
            give(relay, order(client, done)).await?;
            found |= answer.await.map_err(|_| ImpairError::Ended)??;
        }
        match client {
            Some(client) if !found => Err(ImpairError::NoClient(client)),
            _ => Ok(()),
        }
    }
}

async fn give(relay: &Relay, order: Order) -> Result<(), ImpairError> {
    let given = relay.orders.send(order).await;
    given.map_err(|_| ImpairError::Ended)
}
