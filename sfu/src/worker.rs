//! One shard's thread: take commands, take a batch of datagrams, let the shard's deadline come,
//! send a batch, deliver what the shard says, sleep until something is due.
//!
//! The thread shares nothing that a packet touches: no lock, no `await`; what goes to other shards
//! of the node goes with one lock a turn. It never waits for a
//! reader, so a slow WebSocket or recorder cannot hold up media.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sfu_core::io::{Departures, Input, Output, PeerId, RequestId, SignalId};
use sfu_core::shard::{Shard, ShardConfig};
use sfu_protocol::control::ControlReply;
use sfu_protocol::link::{FromNode, LINK_VERSION, ToNode};
use tokio::sync::{mpsc, oneshot};

use crate::events::EventLog;
use crate::inbox::Command;
use crate::metrics::ShardMetrics;
use crate::neighbours::Neighbours;
use crate::net::streams::Streams;
use crate::net::tcp::Came;
use crate::net::udp::{BatchSocket, RECEIVE_BATCH};
use crate::net::wake::{Bell, Woken};
use crate::outlet::{Outgoing, PeerOutlet, SignalOutlet};

/// The link peer as which the node itself follows every shard's events. Others count from 1.
pub(crate) const EVENTS_PEER: PeerId = PeerId(0);

/// Most commands taken before media has its turn again.
const COMMANDS_PER_TURN: usize = 256;

/// How often figures are published.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A deadline nearer than this is slept to at once, not spun to: finer than any pacing needs,
/// and a shard whose deadline stands still costs 1 % of a core, not all of it.
const SHORTEST_SLEEP: Duration = Duration::from_micros(100);

/// How long a shard that rests lets datagrams and timers gather: a fraction of what a check's answer
/// takes on its way, and few wake-ups where thousands of people are silent.
const GATHERS: Duration = Duration::from_millis(10);

/// Most control requests that wait for a shard's answer. A shard answers in the same step, so
/// this only fills when it does not; then those whose asker has gone are forgotten.
const PENDING_REQUESTS: usize = 1024;

/// What a worker is made of. Everything in it can be carried to its thread.
pub(crate) struct Plan {
    pub(crate) config: ShardConfig,
    pub(crate) socket: UdpSocket,
    pub(crate) send_bursts: bool,
    /// The address that datagrams count as arriving on: the first host candidate.
    pub(crate) local: SocketAddr,
    pub(crate) bell: Bell,
    pub(crate) inbox: mpsc::Receiver<Command>,
    pub(crate) streams: mpsc::Receiver<Came>,
    pub(crate) neighbours: Neighbours,
    pub(crate) events: EventLog,
    pub(crate) metrics: ShardMetrics,
}

/// Runs a shard until it is told to stop.
///
/// # Errors
/// When the kernel refuses to wait on the socket: nothing else can be done with it.
pub(crate) fn run(plan: Plan) -> std::io::Result<()> {
    let mut worker = Worker::new(plan);
    worker.follow_own_events();
    while !worker.stopping {
        worker.turn()?;
    }
    worker.finish();
    Ok(())
}

struct Worker {
    shard: Shard,
    socket: BatchSocket,
    local: SocketAddr,
    bell: Bell,
    inbox: mpsc::Receiver<Command>,
    streams: Streams,
    neighbours: Neighbours,
    events: EventLog,
    metrics: ShardMetrics,
    departures: Departures,
    signals: BTreeMap<SignalId, SignalOutlet>,
    peers: BTreeMap<PeerId, PeerOutlet>,
    requests: BTreeMap<RequestId, oneshot::Sender<ControlReply>>,
    woken: Woken,
    next_report: Instant,
    stopping: bool,
}

impl Worker {
    fn new(plan: Plan) -> Self {
        Worker {
            shard: Shard::new(plan.config),
            socket: BatchSocket::new(plan.socket, plan.send_bursts),
            local: plan.local,
            bell: plan.bell,
            inbox: plan.inbox,
            streams: Streams::new(plan.streams),
            neighbours: plan.neighbours,
            events: plan.events,
            metrics: plan.metrics,
            departures: Departures::new(),
            signals: BTreeMap::new(),
            peers: BTreeMap::new(),
            requests: BTreeMap::new(),
            woken: Woken {
                socket: true,
                bell: true,
            },
            next_report: Instant::now(),
            stopping: false,
        }
    }

    fn follow_own_events(&mut self) {
        let now = Instant::now();
        let hello = ToNode::Hello {
            version: LINK_VERSION,
            peer: "events".to_owned(),
        };
        self.tell(now, Input::LinkOpened { peer: EVENTS_PEER });
        for frame in [hello, ToNode::Follow { after: 0 }] {
            let peer = EVENTS_PEER;
            self.tell(now, Input::Link { peer, frame });
        }
    }

    /// One turn of the thread, top to bottom.
    fn turn(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        let more_commands = self.take_commands(now);
        self.hear_neighbours(now);
        let more_datagrams = self.take_datagrams(now);
        let more_frames = self.take_frames(now);
        self.tick_if_due(now);
        self.send();
        self.deliver(now);
        self.publish_if_due(now);
        self.woken = if more_commands || more_datagrams || more_frames {
            // Only a look, so that neither kind of work can starve the other.
            let woken = self.bell.sleep(&self.socket, Duration::ZERO)?;
            Woken {
                socket: woken.socket || more_datagrams,
                bell: woken.bell || more_commands || more_frames,
            }
        } else {
            self.sleep()?
        };
        Ok(())
    }

    /// Answers whether there may be more.
    fn take_commands(&mut self, now: Instant) -> bool {
        if !self.woken.bell {
            return false;
        }
        for _ in 0..COMMANDS_PER_TURN {
            match self.inbox.try_recv() {
                Ok(command) => {
                    let is_long = command.is_offer();
                    self.obey(now, command);
                    if is_long {
                        // Some milliseconds: whoever sends and receives has a turn first.
                        return true;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes what other shards of the node said.
    fn hear_neighbours(&mut self, now: Instant) {
        if !self.woken.bell {
            return;
        }
        let (shard_of_ours, departures) = (&mut self.shard, &mut self.departures);
        self.neighbours.hear(|shard, arrived| {
            let closed = arrived.closed.then_some(Input::ShardClosed { shard });
            let opened = arrived.opened.then_some(Input::ShardOpened { shard });
            let frames = arrived.frames.into_iter();
            let frames = frames.map(|frame| Input::Shard { shard, frame });
            for input in closed.into_iter().chain(opened).chain(frames) {
                shard_of_ours.handle(now, input, departures);
            }
        });
    }

    fn obey(&mut self, now: Instant, command: Command) {
        match command {
            Command::OpenSignal {
                signal,
                grant,
                resume,
                outlet,
            } => {
                self.signals.insert(signal, outlet);
                let opened = Input::SignalOpened {
                    signal,
                    grant,
                    resume,
                };
                self.tell(now, opened);
            }
            Command::Post {
                signal,
                grant,
                outlet,
            } => {
                self.signals.insert(signal, outlet);
                self.tell(now, Input::Posted { signal, grant });
            }
            Command::Signal { signal, message } => {
                self.tell(now, Input::Signal { signal, message });
            }
            Command::CloseSignal { signal, went_away } => {
                // When the shard closed it, there is nothing left to tell.
                if self.signals.remove(&signal).is_some() {
                    self.tell(
                        now,
                        match went_away {
                            true => Input::SignalWentAway { signal },
                            false => Input::SignalClosed { signal },
                        },
                    );
                }
            }
            Command::OpenLink { peer, outlet } => {
                self.peers.insert(peer, outlet);
                self.tell(now, Input::LinkOpened { peer });
            }
            Command::Link { peer, frame } => self.tell(now, Input::Link { peer, frame }),
            Command::CloseLink { peer } => {
                if self.peers.remove(&peer).is_some() {
                    self.tell(now, Input::LinkClosed { peer });
                }
            }
            Command::Control {
                request,
                body,
                reply,
            } => {
                if self.requests.len() >= PENDING_REQUESTS {
                    self.requests.retain(|_, asker| !asker.is_closed());
                }
                self.requests.insert(request, reply);
                self.tell(now, Input::Control { request, body });
            }
            Command::Stop => self.stopping = true,
            #[cfg(test)]
            Command::Panic => panic!("a test broke an invariant"),
        }
    }

    fn tell(&mut self, now: Instant, input: Input<'_>) {
        self.shard.handle(now, input, &mut self.departures);
    }

    /// Answers whether there may be more.
    fn take_datagrams(&mut self, now: Instant) -> bool {
        if !self.woken.socket {
            return false;
        }
        let (shard, departures, destination) = (&mut self.shard, &mut self.departures, self.local);
        let taken = self.socket.receive(|source, bytes| {
            let datagram = Input::Datagram {
                source,
                destination,
                bytes,
            };
            shard.handle(now, datagram, departures);
        });
        match taken {
            Ok(taken) => taken == RECEIVE_BATCH,
            // A report of an earlier send (ICMP). Taking it has cleared it.
            Err(error) => {
                tracing::debug!(%error, "the UDP socket reported an error");
                false
            }
        }
    }

    /// Answers whether there may be more.
    fn take_frames(&mut self, now: Instant) -> bool {
        if !self.woken.bell {
            return false;
        }
        let (shard, departures, destination) = (&mut self.shard, &mut self.departures, self.local);
        self.streams.take(|source, bytes| {
            let frame = Input::Datagram {
                source,
                destination,
                bytes,
            };
            shard.handle(now, frame, departures);
        })
    }

    fn tick_if_due(&mut self, now: Instant) {
        if self.shard.deadline().at <= now {
            self.tell(now, Input::Tick);
        }
    }

    fn send(&mut self) {
        if self.departures.is_empty() {
            return;
        }
        let datagrams = match self.departures.has_streamed() {
            true => self.streams.send(&self.departures),
            false => &self.departures,
        };
        self.socket.send(datagrams);
        self.departures.clear();
        self.note_delays();
    }

    /// How long the packets of this batch were on their way through us.
    fn note_delays(&mut self) {
        let mut came = self.socket.media_came().peekable();
        if came.peek().is_none() {
            return;
        }
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else {
            return;
        };
        for came in came {
            // The kernel's clock may be set while a packet waits.
            self.metrics.forwarded(now.saturating_sub(came));
        }
    }

    /// Delivers all that the shard says. A reader that is cut off is one more input, whose
    /// consequences are delivered too; each can be cut off only once, so this ends.
    fn deliver(&mut self, now: Instant) {
        while let Some(output) = self.shard.poll() {
            match output {
                Output::Signal { signal, envelope } => {
                    self.put_signal(now, signal, Outgoing::Say(envelope));
                }
                Output::CloseSignal { signal } => {
                    if let Some(outlet) = self.signals.remove(&signal) {
                        // A full queue is closed by its overflow as well.
                        let _ = outlet.put(Outgoing::Close);
                    }
                }
                Output::Link { peer, frame } => self.put_link(now, peer, frame),
                Output::Shard { shard, frame } => self.neighbours.say(shard, frame),
                Output::Control { request, reply } => {
                    if let Some(asker) = self.requests.remove(&request) {
                        // An asker that has gone wants no answer.
                        let _ = asker.send(reply);
                    }
                }
            }
        }
        self.neighbours.bring();
        self.send();
    }

    fn put_signal(&mut self, now: Instant, signal: SignalId, outgoing: Outgoing) {
        let Some(outlet) = self.signals.get(&signal) else {
            return;
        };
        if outlet.put(outgoing).is_err() {
            self.signals.remove(&signal);
            self.tell(now, Input::SignalClosed { signal });
        }
    }

    fn put_link(&mut self, now: Instant, peer: PeerId, frame: FromNode) {
        match frame {
            FromNode::Event(event) if peer == EVENTS_PEER => self.events.append(event),
            // The node greets for all its shards at once.
            FromNode::Welcome { .. } => {}
            frame => {
                let Some(outlet) = self.peers.get(&peer) else {
                    return;
                };
                if outlet.put(frame).is_err() {
                    self.peers.remove(&peer);
                    self.metrics.link_cut_off();
                    self.tell(now, Input::LinkClosed { peer });
                }
            }
        }
    }

    fn publish_if_due(&mut self, now: Instant) {
        if self.next_report <= now {
            self.next_report = now + REPORT_EVERY;
            self.publish();
            // Nobody rings when the node is dropped without being stopped.
            self.stopping |= self.inbox.is_closed() && self.inbox.is_empty();
        }
    }

    fn publish(&mut self) {
        let counts = self.socket.counts();
        self.metrics.publish(&self.shard.report(), &counts);
        self.metrics.inbox_waiting(self.inbox.len());
        self.metrics.stream_frames_dropped(self.streams.dropped());
        self.metrics.shard_packets_lost(self.neighbours.lost());
    }

    fn sleep(&self) -> std::io::Result<Woken> {
        let until = self.shard.deadline().at.min(self.next_report);
        let longest = until
            .saturating_duration_since(Instant::now())
            .max(SHORTEST_SLEEP);
        if !self.shard.rests() {
            return self.bell.sleep(&self.socket, longest);
        }
        // Timers wait for each other as well.
        if !self.woken.socket {
            return self.bell.sleep(&self.socket, longest.max(GATHERS));
        }
        let rung = self.bell.doze(GATHERS)?;
        let woken = self.bell.sleep(&self.socket, Duration::ZERO)?;
        Ok(Woken {
            bell: woken.bell || rung,
            ..woken
        })
    }

    fn finish(&mut self) {
        self.send();
        self.deliver(Instant::now());
        self.publish();
    }
}
