//! The generator: participants in numbers, each a task with sockets of its own, on threads that
//! do nothing else.

pub(crate) mod end;
mod lanes;
pub(crate) mod line;
#[cfg(test)]
mod sanity;
mod scoop;
mod seated;
mod ways;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::measure::histogram::Histogram;
pub(crate) use seated::{Outcome, Role};

/// How often a thread looks how late it is.
const PROBE_EVERY: Duration = Duration::from_millis(10);

/// What everyone of a run is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// How often all connections were cut.
    pub(crate) cuts: u32,
    /// The run is over.
    pub(crate) over: bool,
}

/// See the module's head. Its threads end with it.
pub(crate) struct Engine {
    threads: Vec<Thread>,
    next: usize,
    late: Arc<Mutex<Histogram>>,
    joined: Arc<AtomicUsize>,
}

struct Thread {
    runtime: Handle,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Engine {
    /// Starts so many threads.
    pub(crate) fn start(threads: usize) -> anyhow::Result<Self> {
        let late = Arc::<Mutex<Histogram>>::default();
        let started = (0..threads.max(1)).map(|number| Thread::start(number, Arc::clone(&late)));
        Ok(Engine {
            threads: started.collect::<anyhow::Result<_>>()?,
            next: 0,
            late,
            joined: Arc::default(),
        })
    }

    /// Lets somebody take part, on the thread whose turn it is.
    pub(crate) fn enter(
        &mut self,
        role: Role,
        orders: watch::Receiver<Order>,
    ) -> JoinHandle<Outcome> {
        let thread = &self.threads[self.next % self.threads.len()];
        self.next += 1;
        let joined = Arc::clone(&self.joined);
        thread
            .runtime
            .spawn(seated::take_part(role, joined, orders))
    }

    /// How many of those that entered joined.
    pub(crate) fn joined(&self) -> usize {
        self.joined.load(Ordering::Relaxed)
    }

    /// How late its threads were, since this was asked last.
    pub(crate) fn take_late(&self) -> Histogram {
        std::mem::take(&mut self.late.lock().expect("nobody panics while holding it"))
    }
}

impl Thread {
    fn start(number: usize, late: Arc<Mutex<Histogram>>) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        handle.spawn(probe(late));
        thread::Builder::new()
            .name(format!("bench-{number}"))
            .spawn(move || {
                // A dropped sender says the same as a sent word.
                let _ = runtime.block_on(stopped);
            })
            .context("a thread for the participants")?;
        Ok(Thread {
            runtime: handle,
            _stop: stop,
        })
    }
}

/// Sees how much later than asked a task of this thread comes to its turn.
async fn probe(late: Arc<Mutex<Histogram>>) {
    loop {
        let due = Instant::now() + PROBE_EVERY;
        tokio::time::sleep_until(due.into()).await;
        let by = due.elapsed();
        let mut late = late.lock().expect("nobody panics while holding it");
        late.record(by);
    }
}
