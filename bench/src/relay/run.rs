//! Holds a load on a relay: everyone allocates, then everyone sends, then everyone gives back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout_at};

use super::carry::{Flow, Load, Order, Outcome, Role, carry};
use super::client::Credential;
use super::echo::Echo;
use crate::means;
use crate::measure::host::{self, Usage};
use crate::measure::look::Look;

/// How many allocations are made at the same time.
const AT_ONCE: usize = 64;

/// From the last allocation until the first payload.
const PAUSE: Duration = Duration::from_millis(100);

/// How long what is under way may take after the last payload. What has not come by then is lost.
const SETTLE: Duration = Duration::from_secs(1);

/// How often it is looked whether all has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long all may take to give their allocations back.
const EVERYONE_OUT: Duration = Duration::from_secs(10);

/// What came of a run.
pub(super) struct Held {
    pub(super) outcomes: Vec<Outcome>,
    /// Relayed in the window, both crossings counted: to the peer, and back.
    pub(super) relayed: u64,
    /// What came out of the relay at the peer, in the whole run.
    pub(super) reached_peer: u64,
    /// How long the window was, in truth.
    pub(super) measured: Duration,
    pub(super) relay_used: Option<Usage>,
    /// Its memory before the first allocation.
    pub(super) relay_memory_before: Option<u64>,
    pub(super) own_used: Option<Usage>,
    pub(super) others_cores: Option<f64>,
}

/// What was used and relayed so far.
struct Standing {
    whole: Look,
    relay: Option<Usage>,
    own: Option<Usage>,
    relayed: u64,
}

/// The run's shared ends.
struct Ground<'a> {
    load: Arc<Load>,
    flow: Arc<Flow>,
    echo: &'a Echo,
    relay: &'a [u32],
    orders: watch::Sender<Order>,
    running: Vec<JoinHandle<Outcome>>,
}

/// Lets everyone allocate, send and give back. Fails when not everyone gets a channel.
pub(super) async fn hold(
    load: Load,
    who: Vec<Credential>,
    echo: &Echo,
    relay: &[u32],
) -> anyhow::Result<Held> {
    let what = format!("{} allocations", load.allocations);
    means::enough_files(&what, load.allocations)?;
    means::enough_ports(&what, load.allocations)?;
    let memory_before = host::usage(relay).map(|usage| usage.anonymous_bytes);
    let load = Arc::new(load);
    let mut ground = Ground {
        flow: Arc::default(),
        echo,
        relay,
        orders: watch::channel(Order::Wait).0,
        running: Vec::with_capacity(load.allocations),
        load,
    };
    let told = ground.begin(who);
    let bound = ground.all_bound(told).await;
    let watched = match &bound {
        Ok(()) => Some(ground.watch().await),
        Err(_) => None,
    };
    ground.orders.send_replace(Order::Over);
    let outcomes = gather(ground.running).await;
    bound?;
    let (before, after) = watched.context("it was watched")?;
    let since = |before: Option<Usage>, after: Option<Usage>| Some(after?.since(&before?));
    let relay_used = since(before.relay, after.relay);
    let own_used = since(before.own, after.own);
    let measured = after.whole.at - before.whole.at;
    Ok(Held {
        outcomes,
        relayed: after.relayed - before.relayed,
        reached_peer: echo.came(),
        measured,
        relay_used,
        relay_memory_before: memory_before,
        own_used,
        others_cores: after.whole.others_since(&before.whole),
    })
}

impl Ground<'_> {
    fn begin(&mut self, who: Vec<Credential>) -> mpsc::Receiver<Result<(), String>> {
        let (tell, told) = mpsc::channel(self.load.allocations);
        let (epoch, door) = (Instant::now(), Arc::new(Semaphore::new(AT_ONCE)));
        for (number, who) in who.into_iter().enumerate() {
            let role = Role {
                number,
                load: Arc::clone(&self.load),
                who,
                seed: fastrand::u64(..),
                epoch,
                flow: Arc::clone(&self.flow),
                door: Arc::clone(&door),
                told: tell.clone(),
                orders: self.orders.subscribe(),
            };
            self.running.push(tokio::spawn(carry(role)));
        }
        told
    }

    /// Waits until each has its channel. Each tells within the bounds of its client.
    async fn all_bound(&self, mut told: mpsc::Receiver<Result<(), String>>) -> anyhow::Result<()> {
        let all = self.load.allocations;
        for bound in 0..all {
            let one = told.recv().await.context("the allocations have ended")?;
            if let Err(problem) = one {
                anyhow::bail!("{problem}; {bound} of {all} allocations were made");
            }
        }
        Ok(())
    }

    /// Opens the window and looks on.
    async fn watch(&self) -> (Standing, Standing) {
        let from = Instant::now() + PAUSE;
        self.orders.send_replace(Order::Send(from));
        sleep_until(from.into()).await;
        let before = self.look();
        let end = from + self.load.window;
        sleep_until(end.into()).await;
        let after = self.look();
        let all = self.load.allocations as u64
            * u64::from(self.load.packets_per_second)
            * self.load.window.as_secs();
        while end.elapsed() < SETTLE && self.flow.received.load(Ordering::Relaxed) < all {
            sleep(LOOK_EVERY).await;
        }
        (before, after)
    }

    fn look(&self) -> Standing {
        Standing {
            whole: Look::now(self.relay),
            relay: host::usage(self.relay),
            own: host::usage(&[std::process::id()]),
            relayed: self.echo.came() + self.flow.received.load(Ordering::Relaxed),
        }
    }
}

async fn gather(running: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
    let until = tokio::time::Instant::now() + EVERYONE_OUT;
    let mut outcomes = Vec::with_capacity(running.len());
    for mut task in running {
        let outcome = match timeout_at(until, &mut task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Outcome {
                failure: Some(panic.to_string()),
                ..Outcome::default()
            },
            Err(_) => {
                task.abort();
                Outcome {
                    failure: Some("did not give its allocation back".to_owned()),
                    ..Outcome::default()
                }
            }
        };
        outcomes.push(outcome);
    }
    outcomes
}
