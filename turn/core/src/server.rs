//! The relay's decisions: what a client's bytes and a peer's bytes lead to.
//!
//! Trunk only: it reads, authenticates and dispatches; what may be reached is decided in
//! [`crate::peers`], who may ask in [`crate::auth`], what is held in [`crate::allocation`].

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;

use crate::allocation::{Allocation, DEFAULT_LIFETIME, MAX_LIFETIME, PeerError};
use crate::auth::{Authenticated, Authority, REALM, Refusal};
use crate::channel_data;
use crate::peers::PeerPolicy;
use crate::stun::{Class, Message, Method, Writer, attribute};
use crate::{ClientAddress, PeerAddress, RelayPort};

/// Control that leaves the mind, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Send this to a client.
    Send {
        /// To whom.
        client: ClientAddress,
        /// What.
        bytes: Vec<u8>,
    },
    /// Open a relay socket, then call [`Server::relay_opened`] or [`Server::relay_failed`].
    Open {
        /// On which port.
        port: RelayPort,
    },
    /// Close a relay socket.
    Close {
        /// On which port.
        port: RelayPort,
    },
}

/// Media from a client: send this part of its datagram to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToPeer<'a> {
    /// From which relay socket.
    pub port: RelayPort,
    /// To whom.
    pub peer: PeerAddress,
    /// The payload.
    pub payload: &'a [u8],
}

/// Media from a peer: send header and the peer's payload to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToClient {
    /// As channel data: this header, then the payload.
    Channel {
        /// To whom.
        client: ClientAddress,
        /// Goes first.
        header: [u8; channel_data::HEADER_BYTES],
    },
    /// As a Data indication, already whole.
    Indication {
        /// To whom.
        client: ClientAddress,
        /// What.
        bytes: Vec<u8>,
    },
}

/// Limits and addresses of a relay.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The address of the relay sockets.
    pub relay_ip: IpAddr,
    /// Their ports.
    pub ports: RangeInclusive<u16>,
    /// Most allocations at once. Beyond it: error 508.
    pub allocations: usize,
    /// Most allocations of one user name. Beyond it: error 486.
    pub allocations_per_user: usize,
}

/// How often a random port is tried before the range counts as full.
const PORT_TRIES: usize = 32;

/// Most commands that wait. The shell drains the queue after every call, and one call makes few.
const MAX_COMMANDS: usize = 4096;

struct Pending {
    allocation: Allocation,
    who: Authenticated,
}

/// What the relay did, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Allocations that were made.
    pub allocated: u64,
    /// Requests refused for want of (right) credentials.
    pub unauthenticated: u64,
    /// Requests and packets refused because of their peer.
    pub peer_refused: u64,
    /// Requests refused by a quota.
    pub quota_refused: u64,
    /// Datagrams that were no message.
    pub unreadable: u64,
}

/// The mind of the relay.
pub struct Server {
    authority: Authority,
    policy: PeerPolicy,
    limits: Limits,
    entropy: hmac::Key,
    drawn: u64,
    allocations: BTreeMap<ClientAddress, Allocation>,
    pending: BTreeMap<RelayPort, Pending>,
    by_port: BTreeMap<RelayPort, ClientAddress>,
    commands: VecDeque<Command>,
    counters: Counters,
}

impl Server {
    /// A relay. `entropy` decides which ports are chosen and must be random and secret: a port
    /// that can be foretold can be aimed at (CVE-2025-69217).
    pub fn new(
        authority: Authority,
        policy: PeerPolicy,
        limits: Limits,
        entropy: [u8; 32],
    ) -> Server {
        Server {
            authority,
            policy,
            limits,
            entropy: hmac::Key::new(hmac::HMAC_SHA256, &entropy),
            drawn: 0,
            allocations: BTreeMap::new(),
            pending: BTreeMap::new(),
            by_port: BTreeMap::new(),
            commands: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many allocations there are.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// When the next allocation ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.allocations.values().map(|held| held.expires).min()
    }

    /// Ends what is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        let over: Vec<ClientAddress> = self
            .allocations
            .values()
            .filter(|held| held.expires <= now)
            .map(|held| held.client)
            .collect();
        for client in over {
            self.release(client);
        }
    }

    /// A datagram from a client. Media is returned; control is queued. `now_s` is the wall clock
    /// in seconds since the Unix epoch, for credentials only.
    pub fn handle_client<'a>(
        &mut self,
        now: Instant,
        now_s: u64,
        client: ClientAddress,
        bytes: &'a [u8],
    ) -> Option<ToPeer<'a>> {
        if let Some((channel, payload)) = channel_data::parse(bytes) {
            return self.channel_out(now, client, channel, payload);
        }
        let Ok(message) = Message::parse(bytes) else {
            self.counters.unreadable += 1;
            return None;
        };
        match (message.class, message.method) {
            (Class::Request, Method::Binding) => self.binding(client, &message),
            (Class::Request, _) => self.request(now, now_s, client, &message),
            (Class::Indication, Method::Send) => {
                return self.send_out(now, client, &message);
            }
            _ => self.counters.unreadable += 1,
        }
        None
    }

    /// A datagram from a peer on a relay socket.
    pub fn handle_peer(
        &mut self,
        now: Instant,
        port: RelayPort,
        peer: PeerAddress,
        payload: &[u8],
    ) -> Option<ToClient> {
        let held = self.allocations.get(self.by_port.get(&port)?)?;
        if !self.policy.allows(peer) || !held.permits(peer.0.ip(), now) {
            self.counters.peer_refused += 1;
            return None;
        }
        let client = held.client;
        if let Some(channel) = held.channel_of(peer, now) {
            let header = channel_data::header(channel, payload.len())?;
            return Some(ToClient::Channel { client, header });
        }
        let mut transaction = [0; 12];
        transaction[..8].copy_from_slice(&self.draw().to_be_bytes());
        let bytes = Writer::new(Class::Indication, Method::Data, transaction)
            .address(attribute::XOR_PEER_ADDRESS, peer.0)
            .attribute(attribute::DATA, payload)
            .finish();
        Some(ToClient::Indication { client, bytes })
    }

    /// The relay socket that [`Command::Open`] asked for is open.
    pub fn relay_opened(&mut self, port: RelayPort) {
        let Some(pending) = self.pending.remove(&port) else {
            return self.push(Command::Close { port });
        };
        let client = pending.allocation.client;
        self.counters.allocated += 1;
        self.by_port.insert(port, client);
        self.allocations.insert(client, pending.allocation);
        self.allocated(client, &pending.who);
    }

    /// The relay socket could not be opened.
    pub fn relay_failed(&mut self, port: RelayPort) {
        if let Some(pending) = self.pending.remove(&port) {
            let answer = Writer::new(
                Class::Error,
                Method::Allocate,
                pending.allocation.transaction,
            )
            .error(508)
            .finish_signed(&pending.who.key);
            self.send(pending.allocation.client, answer);
        }
    }

    /// Answers the request that made a client's allocation.
    fn allocated(&mut self, client: ClientAddress, who: &Authenticated) {
        let Some(held) = self.allocations.get(&client) else {
            return;
        };
        let relayed = SocketAddr::new(self.limits.relay_ip, held.port.0);
        let answer = Writer::new(Class::Success, Method::Allocate, held.transaction)
            .address(attribute::XOR_RELAYED_ADDRESS, relayed)
            .attribute(attribute::LIFETIME, &seconds(DEFAULT_LIFETIME))
            .address(attribute::XOR_MAPPED_ADDRESS, client.0)
            .finish_signed(&who.key);
        self.send(client, answer);
    }

    fn binding(&mut self, client: ClientAddress, message: &Message<'_>) {
        let answer = Writer::new(Class::Success, Method::Binding, message.transaction)
            .address(attribute::XOR_MAPPED_ADDRESS, client.0)
            .finish();
        self.send(client, answer);
    }

    fn request(&mut self, now: Instant, now_s: u64, client: ClientAddress, message: &Message<'_>) {
        let who = match self.authority.check(message, client, now_s) {
            Ok(who) => who,
            Err(refusal) => return self.refuse_stranger(now_s, client, message, refusal),
        };
        let outcome = match message.method {
            Method::Allocate => match self.allocate(now, client, message, &who) {
                // The answer follows when the relay socket is open.
                Ok(()) => return,
                Err(code) => Err(code),
            },
            Method::Refresh => self.refresh(now, client, message, &who),
            Method::CreatePermission => self.permit(now, client, message, &who),
            Method::ChannelBind => self.bind(now, client, message, &who),
            Method::Binding | Method::Send | Method::Data => Err(400),
        };
        let answer = match outcome {
            Ok(lifetime) => {
                let success = Writer::new(Class::Success, message.method, message.transaction);
                match lifetime {
                    Some(lifetime) => success.attribute(attribute::LIFETIME, &seconds(lifetime)),
                    None => success,
                }
            }
            Err(code) => Writer::new(Class::Error, message.method, message.transaction).error(code),
        };
        self.send(client, answer.finish_signed(&who.key));
    }

    fn refuse_stranger(
        &mut self,
        now_s: u64,
        client: ClientAddress,
        message: &Message<'_>,
        refusal: Refusal,
    ) {
        self.counters.unauthenticated += 1;
        let code = match refusal {
            Refusal::Unauthenticated | Refusal::Wrong => 401,
            Refusal::StaleNonce => 438,
            Refusal::Incomplete => 400,
        };
        let mut answer = Writer::new(Class::Error, message.method, message.transaction).error(code);
        if code != 400 {
            let nonce = self.authority.nonce(client, now_s);
            answer = answer
                .attribute(attribute::REALM, REALM.as_bytes())
                .attribute(attribute::NONCE, nonce.as_bytes());
        }
        self.send(client, answer.finish());
    }

    fn allocate(
        &mut self,
        now: Instant,
        client: ClientAddress,
        message: &Message<'_>,
        who: &Authenticated,
    ) -> Result<(), u16> {
        if let Some(held) = self.allocations.get(&client) {
            // A lost answer is asked for again (RFC 8489, section 6.3.1): the same success.
            if held.transaction == message.transaction && held.username == who.username {
                self.allocated(client, who);
                return Ok(());
            }
            return Err(437);
        }
        let mut being_made = self.pending.values().map(|held| &held.allocation);
        if let Some(held) = being_made.find(|held| held.client == client) {
            // Its answer follows when the relay socket is open.
            return if held.transaction == message.transaction {
                Ok(())
            } else {
                Err(437)
            };
        }
        wanted_transport(message)?;
        let of_user = |held: &&Allocation| held.username == who.username;
        let users = self.allocations.values().filter(of_user).count()
            + self
                .pending
                .values()
                .map(|held| &held.allocation)
                .filter(of_user)
                .count();
        if users >= self.limits.allocations_per_user {
            self.counters.quota_refused += 1;
            return Err(486);
        }
        if self.allocations.len() + self.pending.len() >= self.limits.allocations {
            self.counters.quota_refused += 1;
            return Err(508);
        }
        let port = self.free_port().ok_or(508u16)?;
        let allocation = Allocation::new(
            client,
            port,
            who.username.clone(),
            message.transaction,
            now + DEFAULT_LIFETIME,
        );
        let pending = Pending {
            allocation,
            who: who.clone(),
        };
        self.pending.insert(port, pending);
        self.push(Command::Open { port });
        Ok(())
    }

    fn free_port(&mut self) -> Option<RelayPort> {
        let first = *self.limits.ports.start();
        let span = u64::from(self.limits.ports.end().checked_sub(first)?) + 1;
        for _ in 0..PORT_TRIES {
            let offset = u16::try_from(self.draw() % span).ok()?;
            let port = RelayPort(first + offset);
            if !self.by_port.contains_key(&port) && !self.pending.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }

    /// The next number of a keyed sequence that nobody without the key can foretell.
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let tag = hmac::sign(&self.entropy, &self.drawn.to_be_bytes());
        let mut drawn = [0; 8];
        drawn.copy_from_slice(&tag.as_ref()[..8]);
        u64::from_be_bytes(drawn)
    }

    fn own(&mut self, client: ClientAddress, who: &Authenticated) -> Result<&mut Allocation, u16> {
        let held = self.allocations.get_mut(&client).ok_or(437u16)?;
        if held.username == who.username {
            Ok(held)
        } else {
            Err(441)
        }
    }

    fn refresh(
        &mut self,
        now: Instant,
        client: ClientAddress,
        message: &Message<'_>,
        who: &Authenticated,
    ) -> Result<Option<Duration>, u16> {
        let asked = message
            .number(attribute::LIFETIME)
            .map_or(DEFAULT_LIFETIME, |s| Duration::from_secs(s.into()));
        let held = self.own(client, who)?;
        if asked.is_zero() {
            self.release(client);
            return Ok(Some(asked));
        }
        let granted = asked.clamp(DEFAULT_LIFETIME, MAX_LIFETIME);
        held.expires = now + granted;
        Ok(Some(granted))
    }

    fn permit(
        &mut self,
        now: Instant,
        client: ClientAddress,
        message: &Message<'_>,
        who: &Authenticated,
    ) -> Result<Option<Duration>, u16> {
        let mut peers = Vec::new();
        for peer in message.addresses(attribute::XOR_PEER_ADDRESS) {
            let ip = peer.ok_or(400u16)?.ip();
            if !self.policy.allows_ip(ip) {
                self.counters.peer_refused += 1;
                return Err(403);
            }
            peers.push(ip);
        }
        if peers.is_empty() {
            return Err(400);
        }
        let held = self.own(client, who)?;
        for ip in peers {
            held.permit(ip, now).map_err(peer_error_code)?;
        }
        Ok(None)
    }

    fn bind(
        &mut self,
        now: Instant,
        client: ClientAddress,
        message: &Message<'_>,
        who: &Authenticated,
    ) -> Result<Option<Duration>, u16> {
        let channel = message
            .number(attribute::CHANNEL_NUMBER)
            .and_then(|number| u16::try_from(number >> 16).ok())
            .filter(|channel| channel_data::CHANNELS.contains(channel))
            .ok_or(400u16)?;
        let peer = message
            .addresses(attribute::XOR_PEER_ADDRESS)
            .next()
            .flatten()
            .map(PeerAddress)
            .ok_or(400u16)?;
        if !self.policy.allows(peer) {
            self.counters.peer_refused += 1;
            return Err(403);
        }
        let held = self.own(client, who)?;
        held.bind(channel, peer, now).map_err(peer_error_code)?;
        Ok(None)
    }

    fn channel_out<'a>(
        &mut self,
        now: Instant,
        client: ClientAddress,
        channel: u16,
        payload: &'a [u8],
    ) -> Option<ToPeer<'a>> {
        let held = self.allocations.get(&client)?;
        let peer = held.peer_of(channel, now)?;
        Some(ToPeer {
            port: held.port,
            peer,
            payload,
        })
    }

    fn send_out<'a>(
        &mut self,
        now: Instant,
        client: ClientAddress,
        message: &Message<'a>,
    ) -> Option<ToPeer<'a>> {
        let held = self.allocations.get(&client)?;
        let peer = message.addresses(attribute::XOR_PEER_ADDRESS).next()??;
        let peer = PeerAddress(peer);
        if !self.policy.allows(peer) || !held.permits(peer.0.ip(), now) {
            self.counters.peer_refused += 1;
            return None;
        }
        let payload = message.attribute(attribute::DATA)?;
        Some(ToPeer {
            port: held.port,
            peer,
            payload,
        })
    }

    fn release(&mut self, client: ClientAddress) {
        if let Some(held) = self.allocations.remove(&client) {
            self.by_port.remove(&held.port);
            self.push(Command::Close { port: held.port });
        }
    }

    fn send(&mut self, client: ClientAddress, bytes: Vec<u8>) {
        // An answer that is lost here is asked for again by the client, as any lost datagram.
        if self.commands.len() < MAX_COMMANDS {
            self.commands.push_back(Command::Send { client, bytes });
        }
    }

    fn push(&mut self, command: Command) {
        self.commands.push_back(command);
    }
}

/// Only UDP is relayed, and neither even ports nor reservations are given: both are optional
/// (RFC 8656, sections 7.2 and 18).
fn wanted_transport(message: &Message<'_>) -> Result<(), u16> {
    const UDP: u8 = 17;
    match message.attribute(attribute::REQUESTED_TRANSPORT) {
        None => return Err(400),
        Some([UDP, ..]) => {}
        Some(_) => return Err(442),
    }
    if message
        .attribute(attribute::REQUESTED_ADDRESS_FAMILY)
        .is_some_and(|family| family.first() != Some(&1))
    {
        return Err(440);
    }
    let unknown = message
        .attributes()
        .any(|(kind, _)| kind == attribute::EVEN_PORT || kind == attribute::RESERVATION_TOKEN);
    if unknown { Err(508) } else { Ok(()) }
}

fn peer_error_code(error: PeerError) -> u16 {
    match error {
        PeerError::TooMany => 508,
        PeerError::Bound => 400,
    }
}

fn seconds(lifetime: Duration) -> [u8; 4] {
    u32::try_from(lifetime.as_secs())
        .unwrap_or(u32::MAX)
        .to_be_bytes()
}
