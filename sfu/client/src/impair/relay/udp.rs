//! A UDP relay. Each client has a socket of its own towards the target, read by a task of its
//! own; everything else is one task's.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::path::{Fate, Lane, Line};
use super::order::Order;
use super::{ClientReport, ImpairError, Passage, Route, Transport};

/// Most clients of one relay. The one that was silent longest goes for a new one, and what was
/// underway for it is lost with it. Each has a socket: a process may open 1024 files by default.
const MAX_CLIENTS: usize = 256;

/// Most datagrams of one client that are underway in one direction. Further ones are dropped and
/// counted as overflowed.
const MAX_UNDERWAY: usize = 8_192;

/// Most datagrams that were read for clients and wait for the relay; then their sockets wait.
const MAX_WAITING: usize = 4_096;

/// Most datagrams taken before what is due leaves.
const TAKEN_AT_ONCE: usize = 128;

/// Any UDP datagram fits.
const DATAGRAM_BYTES: usize = 65_535;

/// What the kernel is asked to hold while this process does not run. It may give less.
const KERNEL_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// From the target to a client. A rebound client's old socket has another serial.
struct Answer {
    client: SocketAddr,
    socket: u64,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

struct Parcel {
    client: SocketAddr,
    way: Way,
    bytes: Vec<u8>,
}

struct Direction {
    lane: Lane,
    passage: Passage,
    underway: usize,
}

struct Client {
    socket: Arc<UdpSocket>,
    serial: u64,
    reader: JoinHandle<()>,
    heard: Instant,
    up: Direction,
    down: Direction,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Client {
    fn direction(&mut self, way: Way) -> &mut Direction {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

struct UdpRelay {
    socket: UdpSocket,
    target: SocketAddr,
    line: Line,
    clients: BTreeMap<SocketAddr, Client>,
    underway: BTreeMap<(Instant, u64), Parcel>,
    answers: mpsc::Sender<Answer>,
    serial: u64,
    seed: u64,
}

pub(super) async fn open(
    route: Route,
    seed: u64,
    orders: mpsc::Receiver<Order>,
) -> Result<(SocketAddr, JoinHandle<()>), ImpairError> {
    let socket = bind(route.listen).await?;
    let listening = socket.local_addr()?;
    let (answers, answered) = mpsc::channel(MAX_WAITING);
    let relay = UdpRelay {
        socket,
        target: route.target,
        line: Line::CLEAR,
        clients: BTreeMap::new(),
        underway: BTreeMap::new(),
        answers,
        serial: 0,
        seed,
    };
    Ok((listening, tokio::spawn(relay.run(orders, answered))))
}

async fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    let kernel = socket2::SockRef::from(&socket);
    kernel.set_recv_buffer_size(KERNEL_BUFFER_BYTES)?;
    kernel.set_send_buffer_size(KERNEL_BUFFER_BYTES)?;
    // A new socket counts as full until the runtime has looked at it once.
    socket.writable().await?;
    Ok(socket)
}

impl UdpRelay {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut answered: mpsc::Receiver<Answer>,
    ) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let due = self.underway.keys().next().map(|&(at, _)| at);
            let wake = tokio::time::Instant::from_std(due.unwrap_or_else(Instant::now));
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                readable = self.socket.readable() => {
                    if readable.is_ok() {
                        self.take_from_clients(&mut buffer).await;
                    }
                }
                Some(answer) = answered.recv() => {
                    self.take_from_target(answer);
                    for _ in 1..TAKEN_AT_ONCE {
                        let Ok(answer) = answered.try_recv() else { break };
                        self.take_from_target(answer);
                    }
                }
                () = tokio::time::sleep_until(wake), if due.is_some() => {}
            }
            self.deliver();
        }
    }

    async fn take_from_clients(&mut self, buffer: &mut [u8]) {
        for _ in 0..TAKEN_AT_ONCE {
            let Ok((length, source)) = self.socket.try_recv_from(buffer) else {
                return;
            };
            if !self.clients.contains_key(&source) && self.welcome(source).await.is_err() {
                // Without a socket for it nobody can be served: it is lost, as is the next.
                continue;
            }
            let parcel = Parcel {
                client: source,
                way: Way::Up,
                bytes: buffer[..length].to_vec(),
            };
            self.take(parcel);
        }
    }

    fn take_from_target(&mut self, answer: Answer) {
        let client = self.clients.get(&answer.client);
        if client.is_some_and(|client| client.serial == answer.socket) {
            self.take(Parcel {
                client: answer.client,
                way: Way::Down,
                bytes: answer.bytes,
            });
        }
    }

    /// Decides over one datagram.
    fn take(&mut self, parcel: Parcel) {
        let now = Instant::now();
        let Some(client) = self.clients.get_mut(&parcel.client) else {
            return;
        };
        if parcel.way == Way::Up {
            client.heard = now;
        }
        let direction = client.direction(parcel.way);
        direction.passage.taken += 1;
        match direction.lane.datagram(now, parcel.bytes.len()) {
            Fate::Arrives(_) if direction.underway >= MAX_UNDERWAY => {
                direction.passage.overflowed += 1;
            }
            Fate::Arrives(at) => {
                direction.underway += 1;
                self.serial += 1;
                self.underway.insert((at, self.serial), parcel);
            }
            Fate::Lost => direction.passage.lost += 1,
            Fate::Overflowed => direction.passage.overflowed += 1,
            Fate::Dark => direction.passage.dark += 1,
        }
    }

    /// Sends what is due.
    fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.underway.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let parcel = entry.remove();
            let Some(client) = self.clients.get_mut(&parcel.client) else {
                continue;
            };
            let sent = match parcel.way {
                Way::Up => client.socket.try_send(&parcel.bytes),
                Way::Down => self.socket.try_send_to(&parcel.bytes, parcel.client),
            };
            let direction = client.direction(parcel.way);
            direction.underway -= 1;
            match sent {
                Ok(_) => direction.passage.passed += 1,
                Err(_) => direction.passage.unsent += 1,
            }
        }
    }

    async fn welcome(&mut self, source: SocketAddr) -> io::Result<()> {
        if self.clients.len() >= MAX_CLIENTS {
            let silent = self.clients.iter().min_by_key(|(_, client)| client.heard);
            if let Some(&silent) = silent.map(|(address, _)| address) {
                self.clients.remove(&silent);
                self.underway.retain(|_, parcel| parcel.client != silent);
            }
        }
        let (socket, serial, reader) = self.upstream(source).await?;
        let direction = |path, seed| Direction {
            lane: Lane::new(path, seed),
            passage: Passage::default(),
            underway: 0,
        };
        let seed = self.seed.wrapping_add(serial << 1);
        let client = Client {
            socket,
            serial,
            reader,
            heard: Instant::now(),
            up: direction(self.line.up, seed),
            down: direction(self.line.down, seed | 1),
        };
        self.clients.insert(source, client);
        Ok(())
    }

    /// A socket towards the target for a client, and the task that reads it.
    async fn upstream(
        &mut self,
        client: SocketAddr,
    ) -> io::Result<(Arc<UdpSocket>, u64, JoinHandle<()>)> {
        let any: SocketAddr = match self.target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = Arc::new(bind(any).await?);
        socket.connect(self.target).await?;
        self.serial += 1;
        let serial = self.serial;
        let reading = read(Arc::clone(&socket), client, serial, self.answers.clone());
        Ok((socket, serial, tokio::spawn(reading)))
    }

    async fn obey(&mut self, order: Order) {
        // Who asked may be gone: then nobody wants the answer.
        match order {
            Order::Set {
                client,
                change,
                done,
            } => {
                if client.is_none() {
                    self.line = change.on(self.line);
                }
                let mut found = false;
                for (address, one) in &mut self.clients {
                    if client.is_none_or(|client| client == *address) {
                        found = true;
                        one.up.lane.path = change.up.on(one.up.lane.path);
                        one.down.lane.path = change.down.on(one.down.lane.path);
                    }
                }
                let _ = done.send(Ok(found));
            }
            Order::Rebind { client, done } => {
                let _ = done.send(self.rebind(client).await);
            }
            Order::Reset { done } => {
                let _ = done.send(Ok(false));
            }
            Order::Report { done } => {
                let report = |(address, client): (&SocketAddr, &Client)| ClientReport {
                    transport: Transport::Udp,
                    client: *address,
                    upstream: client.socket.local_addr().ok(),
                    up: client.up.passage,
                    down: client.down.passage,
                };
                let _ = done.send(self.clients.iter().map(report).collect());
            }
        }
    }

    async fn rebind(&mut self, client: Option<SocketAddr>) -> Result<bool, ImpairError> {
        let all = self.clients.keys().copied();
        let chosen: Vec<_> = all
            .filter(|address| client.is_none_or(|client| client == *address))
            .collect();
        for address in &chosen {
            let (socket, serial, reader) = self.upstream(*address).await?;
            if let Some(client) = self.clients.get_mut(address) {
                client.reader.abort();
                (client.socket, client.serial, client.reader) = (socket, serial, reader);
            }
        }
        Ok(!chosen.is_empty())
    }
}

/// Reads what the target says to a client until the relay is gone.
async fn read(
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    serial: u64,
    answers: mpsc::Sender<Answer>,
) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        // An error is the echo of an earlier send: nobody listens at the target now.
        let Ok(length) = socket.recv(&mut buffer).await else {
            continue;
        };
        let answer = Answer {
            client,
            socket: serial,
            bytes: buffer[..length].to_vec(),
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}
