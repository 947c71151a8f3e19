//! One allocation: a line, its client, payloads at their pace, and what comes back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep_until, timeout};

use super::client::{CHANNEL, Client, Credential, Stage};
use super::line::{Line, MAX_MESSAGE_BYTES, Transport};
use super::message::channel_header;
use super::tally::Tally;
use crate::measure::histogram::{Histogram, whole_us};

/// How long a connection may take to open.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long giving an allocation back may take. It ends by itself otherwise.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// Most messages that are read before it is looked whether one has to be sent.
const MOST_AT_ONCE: usize = 64;

/// What all allocations of a run share.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) relay: SocketAddr,
    pub(super) transport: Transport,
    pub(super) peer: SocketAddr,
    pub(super) allocations: usize,
    pub(super) payload_bytes: u16,
    /// Of each allocation.
    pub(super) packets_per_second: u32,
    pub(super) window: Duration,
}

/// What all allocations of a run have done so far.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

/// What everyone is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Wait,
    /// From then on.
    Send(Instant),
    Over,
}

/// Who one allocation is.
pub(super) struct Role {
    pub(super) number: usize,
    pub(super) load: Arc<Load>,
    pub(super) who: Credential,
    pub(super) seed: u64,
    pub(super) epoch: Instant,
    pub(super) flow: Arc<Flow>,
    /// So many are made at once.
    pub(super) door: Arc<Semaphore>,
    /// Whether payloads can be sent, or why not.
    pub(super) told: mpsc::Sender<Result<(), String>>,
    pub(super) orders: watch::Receiver<Order>,
}

/// What came of one allocation.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) tally: Tally,
    /// How late payloads left.
    pub(super) late: Histogram,
    /// From the first request, or the opening of the connection.
    pub(super) allocated_after: Option<Duration>,
    /// Payloads for which the line had no room.
    pub(super) unsent: u64,
    pub(super) failure: Option<String>,
}

/// Allocates, waits for orders, sends, gives back.
pub(super) async fn carry(mut role: Role) -> Outcome {
    let mut outcome = Outcome {
        tally: Tally::new(role.seed, role.load.payload_bytes.into()),
        ..Outcome::default()
    };
    let door = Arc::clone(&role.door);
    // Nobody closes the door.
    let permit = door.acquire_owned().await.ok();
    let told = role.told.clone();
    let began = Instant::now();
    let ended = match open(&role.load).await {
        Ok(line) => {
            let (who, seed) = (role.who.clone(), role.seed);
            let stream = role.load.transport.is_stream();
            let mut work = Work {
                line,
                client: Client::new(began, who, role.load.peer, stream, seed),
                outcome: &mut outcome,
                from: None,
                turn: 0,
                over_by: None,
                message: channel_message(role.load.payload_bytes),
            };
            let ended = work.run(&mut role, permit).await;
            let allocated_at = work.client.allocated_at();
            outcome.allocated_after = allocated_at.map(|at| at - began);
            ended
        }
        Err(problem) => Err(problem),
    };
    if let Err(problem) = ended {
        // When nobody listens any more, it is not needed.
        let _ = told.send(Err(problem.clone())).await;
        outcome.failure = Some(problem);
    }
    outcome
}

async fn open(load: &Load) -> Result<Line, String> {
    match timeout(CONNECT_WITHIN, Line::open(&load.transport, load.relay)).await {
        Ok(opened) => opened.map_err(|error| broken(load, &error)),
        Err(_) => Err(match load.transport {
            Transport::Tls(_) => format!("{} does not answer; is TLS spoken there?", load.relay),
            Transport::Udp | Transport::Tcp => format!("{} does not answer", load.relay),
        }),
    }
}

/// A message of the channel with an empty payload.
fn channel_message(payload_bytes: u16) -> Vec<u8> {
    let mut message = channel_header(CHANNEL, payload_bytes).to_vec();
    message.resize(message.len() + usize::from(payload_bytes), 0);
    message
}

fn broken(load: &Load, error: &io::Error) -> String {
    let relay = load.relay;
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("no relay listens on {relay}"),
        io::ErrorKind::UnexpectedEof => format!("{relay} closed the connection"),
        _ => format!("{relay}: {error}"),
    }
}

struct Work<'a> {
    line: Line,
    client: Client,
    outcome: &'a mut Outcome,
    from: Option<Instant>,
    /// Which payload is the next.
    turn: u64,
    over_by: Option<Instant>,
    message: Vec<u8>,
}

impl Work<'_> {
    async fn run(
        &mut self,
        role: &mut Role,
        mut permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(), String> {
        let load = Arc::clone(&role.load);
        let problem = |error: io::Error| broken(&load, &error);
        let mut asked = true;
        let mut buffer = vec![0; MAX_MESSAGE_BYTES];
        loop {
            let more = self.receive(role, &mut buffer).map_err(problem)?;
            self.client.handle_timeout(Instant::now());
            while let Some(message) = self.client.poll() {
                self.line.put(&message).map_err(problem)?;
            }
            match self.client.stage() {
                Stage::Failed(failure) => return Err(failure.to_string()),
                Stage::Released => return Ok(()),
                Stage::Bound if asked => {
                    asked = false;
                    drop(permit.take());
                    let _ = role.told.send(Ok(())).await;
                }
                Stage::Bound | Stage::Asking => {}
            }
            self.send_due(role).map_err(problem)?;
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let next = self.next_due(role);
            let wake = [self.client.deadline(), next, self.over_by];
            let wake = wake.into_iter().flatten().min();
            let over = self.over_by.is_some();
            if self.over_by.is_some_and(|by| by <= Instant::now()) {
                return Ok(());
            }
            tokio::select! {
                told = role.orders.changed(), if !over => {
                    let order = *role.orders.borrow_and_update();
                    self.obey(told.map_or(Order::Over, |()| order));
                }
                ready = self.line.ready() => ready.map_err(problem)?,
                () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {}
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Wait => {}
            Order::Send(from) => self.from = Some(from),
            Order::Over => {
                let now = Instant::now();
                self.from = None;
                self.over_by = Some(now + RELEASE_WITHIN);
                self.client.release(now);
            }
        }
    }

    /// When the next payload is due; none when all were sent.
    fn next_due(&self, role: &Role) -> Option<Instant> {
        let after = due_after(&role.load, role.number, self.turn)?;
        Some(self.from? + after)
    }

    fn send_due(&mut self, role: &Role) -> io::Result<()> {
        while let Some(at) = self.next_due(role) {
            let now = Instant::now();
            if at > now {
                return Ok(());
            }
            self.turn += 1;
            let sent_us = whole_us(now - role.epoch);
            let payload = &mut self.message[4..];
            self.outcome.tally.mark(sent_us, payload);
            if self.line.put(&self.message)? {
                self.outcome.tally.sent();
                self.outcome.late.record(now - at);
                role.flow.sent.fetch_add(1, Ordering::Relaxed);
            } else {
                self.outcome.unsent += 1;
            }
        }
        Ok(())
    }

    /// Answers whether more may have come than was read.
    fn receive(&mut self, role: &Role, buffer: &mut [u8]) -> io::Result<bool> {
        for _ in 0..MOST_AT_ONCE {
            let Some(length) = self.line.take(buffer)? else {
                return Ok(false);
            };
            let now = Instant::now();
            let Some(payload) = self.client.handle(now, &buffer[..length]) else {
                continue;
            };
            if self.outcome.tally.came(payload, whole_us(now - role.epoch)) {
                role.flow.received.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(true)
    }
}

/// When a payload is due after the first of all; none after the last. Allocations take turns, so
/// that not all of them send at once.
fn due_after(load: &Load, number: usize, turn: u64) -> Option<Duration> {
    let pace = u64::from(load.packets_per_second);
    if turn >= load.window.as_secs() * pace {
        return None;
    }
    let apart = Duration::from_secs(1) / load.packets_per_second;
    let stagger = apart.mul_f64(number as f64 / load.allocations as f64);
    let whole = Duration::from_secs(turn / pace);
    let rest = Duration::from_nanos(turn % pace * 1_000_000_000 / pace);
    Some(whole + rest + stagger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_due_at_their_pace_within_the_window_and_allocations_take_turns() {
        let load = Load {
            relay: ([127, 0, 0, 1], 1).into(),
            transport: Transport::Udp,
            peer: ([127, 0, 0, 1], 2).into(),
            allocations: 4,
            payload_bytes: 100,
            packets_per_second: 50,
            window: Duration::from_secs(3),
        };
        let ms = Duration::from_millis;
        // Which allocation, which payload, when.
        let cases = [
            (0, 0, Some(ms(0))),
            (0, 1, Some(ms(20))),
            (1, 0, Some(ms(5))),
            (3, 1, Some(ms(35))),
            (3, 149, Some(ms(2_995))),
            (0, 150, None),
        ];
        for (number, turn, expected) in cases {
            assert_eq!(due_after(&load, number, turn), expected, "{number} {turn}");
        }
    }
}
