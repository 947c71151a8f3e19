//! A TCP relay. Each connection is two tasks' affair, one for each direction; they follow the
//! line that the relay sets.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::super::path::{Lane, Line, Path};
use super::order::Order;
use super::{ClientReport, ImpairError, Passage, Route, Transport};

/// Most connections of one relay. Further ones are closed at once.
const MAX_CONNECTIONS: usize = 1_024;

/// Most bytes of a connection that are underway in one direction; then it is not read further.
const MAX_UNDERWAY_BYTES: usize = 1024 * 1024;

/// Most bytes read at once.
const PIECE_BYTES: usize = 16 * 1024;

/// What a connection tells the relay.
#[derive(Default)]
struct Ledger {
    upstream: Option<SocketAddr>,
    up: Passage,
    down: Passage,
}

type Shared = Arc<Mutex<Ledger>>;

struct Connection {
    client: SocketAddr,
    line: watch::Sender<Line>,
    cut: watch::Sender<bool>,
    ledger: Shared,
}

struct TcpRelay {
    listener: TcpListener,
    target: SocketAddr,
    line: Line,
    connections: BTreeMap<u64, Connection>,
    tasks: JoinSet<u64>,
    serial: u64,
    seed: u64,
}

pub(super) async fn open(
    route: Route,
    seed: u64,
    orders: mpsc::Receiver<Order>,
) -> Result<(SocketAddr, JoinHandle<()>), ImpairError> {
    let listener = TcpListener::bind(route.listen).await?;
    let listening = listener.local_addr()?;
    let relay = TcpRelay {
        listener,
        target: route.target,
        line: Line::CLEAR,
        connections: BTreeMap::new(),
        tasks: JoinSet::new(),
        serial: 0,
        seed,
    };
    Ok((listening, tokio::spawn(relay.run(orders))))
}

impl TcpRelay {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let open = self.connections.len() < MAX_CONNECTIONS;
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(serial) = ended {
                        self.connections.remove(&serial);
                    }
                }
                accepted = self.listener.accept() => {
                    // An error is about one client that is gone already.
                    if let Ok((stream, client)) = accepted && open {
                        self.carry(stream, client);
                    }
                }
            }
        }
    }

    fn carry(&mut self, stream: TcpStream, client: SocketAddr) {
        let (line, lines) = watch::channel(self.line);
        let (cut, cuts) = watch::channel(false);
        let ledger = Shared::default();
        self.serial += 1;
        let serial = self.serial;
        let journey = Journey {
            target: self.target,
            lines,
            ledger: Arc::clone(&ledger),
            seed: self.seed.wrapping_add(serial << 1),
        };
        self.tasks.spawn(async move {
            journey.make(stream, cuts).await;
            serial
        });
        let connection = Connection {
            client,
            line,
            cut,
            ledger,
        };
        self.connections.insert(serial, connection);
    }

    fn obey(&mut self, order: Order) {
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
                for connection in self.connections.values() {
                    if client.is_none_or(|client| client == connection.client) {
                        found = true;
                        connection.line.send_modify(|line| *line = change.on(*line));
                    }
                }
                let _ = done.send(Ok(found));
            }
            Order::Rebind { done, .. } => {
                let _ = done.send(Ok(false));
            }
            Order::Reset { done } => {
                for connection in self.connections.values() {
                    connection.cut.send_replace(true);
                }
                let _ = done.send(Ok(true));
            }
            Order::Report { done } => {
                let report = |connection: &Connection| {
                    let ledger = locked(&connection.ledger);
                    ClientReport {
                        transport: Transport::Tcp,
                        client: connection.client,
                        upstream: ledger.upstream,
                        up: ledger.up,
                        down: ledger.down,
                    }
                };
                let _ = done.send(self.connections.values().map(report).collect());
            }
        }
    }
}

/// Only counters are inside: one who panicked left them whole.
fn locked(ledger: &Shared) -> std::sync::MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Journey {
    target: SocketAddr,
    lines: watch::Receiver<Line>,
    ledger: Shared,
    seed: u64,
}

impl Journey {
    /// One connection from its opening to its end.
    async fn make(mut self, mut near: TcpStream, mut cuts: watch::Receiver<bool>) {
        let mut far = tokio::select! {
            dialled = self.dial() => match dialled {
                Some(far) => far,
                None => return,
            },
            () = told(&mut cuts) => return cut(&near),
        };
        // What one end sends at once goes on at once; a kernel that refuses costs only time.
        let _ = near.set_nodelay(true);
        let _ = far.set_nodelay(true);
        locked(&self.ledger).upstream = far.local_addr().ok();
        let (near_out, near_in) = near.split();
        let (far_out, far_in) = far.split();
        let up = self.lane(|line| line.up, |ledger| &mut ledger.up, 0);
        let down = self.lane(|line| line.down, |ledger| &mut ledger.down, 1);
        let both =
            async { tokio::try_join!(up.pump(near_out, far_in), down.pump(far_out, near_in)) };
        let is_cut = tokio::select! {
            ended = both => ended.is_err(),
            () = told(&mut cuts) => true,
        };
        if is_cut {
            cut(&near);
            cut(&far);
        }
    }

    /// In the dark a new connection hangs: it is not made before there is light.
    async fn dial(&mut self) -> Option<TcpStream> {
        let lit = |line: &Line| !line.up.blackout && !line.down.blackout;
        self.lines.wait_for(lit).await.ok()?;
        TcpStream::connect(self.target).await.ok()
    }

    fn lane(&self, path: PathOf, passage: PassageOf, salt: u64) -> Pump {
        Pump {
            lines: self.lines.clone(),
            ledger: Arc::clone(&self.ledger),
            path,
            passage,
            lane: Lane::new(Path::CLEAR, self.seed.wrapping_add(salt)),
        }
    }
}

/// Returns when the connection is to be cut, or its relay is gone.
async fn told(cuts: &mut watch::Receiver<bool>) {
    let _ = cuts.wait_for(|cut| *cut).await;
}

/// Its end is a reset, not a goodbye. A kernel that refuses says goodbye.
fn cut(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

type PathOf = fn(&Line) -> Path;
type PassageOf = fn(&mut Ledger) -> &mut Passage;

/// One direction.
struct Pump {
    lines: watch::Receiver<Line>,
    ledger: Shared,
    path: PathOf,
    passage: PassageOf,
    lane: Lane,
}

impl Pump {
    fn count(&self, count: fn(&mut Passage)) {
        count((self.passage)(&mut locked(&self.ledger)));
    }

    /// Carries until the end of the stream, which it passes on. In the dark nothing is read and
    /// nothing is written.
    async fn pump(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut underway: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
        let mut underway_bytes = 0;
        let mut open = true;
        while open || !underway.is_empty() {
            self.lane.path = (self.path)(&self.lines.borrow_and_update());
            let lit = !self.lane.path.blackout;
            let due = underway.front().map(|(at, _)| *at);
            let wake = tokio::time::Instant::from_std(due.unwrap_or_else(Instant::now));
            tokio::select! {
                changed = self.lines.changed() => {
                    if changed.is_err() {
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                }
                read = from.read(&mut buffer), if lit && open && underway_bytes < MAX_UNDERWAY_BYTES => {
                    let length = read?;
                    open = length > 0;
                    if open {
                        self.count(|passage| passage.taken += 1);
                        let at = self.lane.piece(Instant::now(), length);
                        underway.push_back((at, buffer[..length].to_vec()));
                        underway_bytes += length;
                    }
                }
                () = tokio::time::sleep_until(wake), if lit && due.is_some() => {
                    if let Some((_, bytes)) = underway.pop_front() {
                        underway_bytes -= bytes.len();
                        to.write_all(&bytes).await?;
                        self.count(|passage| passage.passed += 1);
                    }
                }
            }
        }
        to.shutdown().await
    }
}
