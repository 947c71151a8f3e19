//! Holds the parts of a siege and gathers what came of them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sfu_client::driver::JoinTarget;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::captures::Captures;
use super::outcome::Part;
use super::pace::Pace;
use super::quiver::Arrow;
use super::room::{LiveRoom, newcomer};
use super::vitals::{Figures, Resident, lines, overflowed};
use super::volley::{self, Order, Sent};
use super::{SETTLING, SiegeArguments, callers, traitor};
use crate::measure::histogram::Histogram;
use crate::measure::host;
use crate::target::http::Http;

/// Strangers at `/rtc` at the same time.
const CALLERS: u64 = 32;

/// Strangers with HTTP requests at the same time.
const REQUESTERS: u64 = 4;

/// Of so many messages, one is a stranger's; the others are said with a grant.
const STRANGERS_MESSAGE_OF: u64 = 10;

/// Families whose growth is what the target refused.
const REFUSALS: [(&str, &str, &str); 4] = [
    ("datagram", "colloquy_sfu_datagrams_dropped_total", "reason"),
    ("socket", "colloquy_sfu_socket_dropped_total", "reason"),
    ("signal", "colloquy_sfu_signals_ended_total", "reason"),
    ("packet", "colloquy_sfu_packets_dropped_total", "reason"),
];

/// A target with a live room in it.
pub(super) struct Besieged {
    pub(super) http: Http,
    pub(super) door: SocketAddr,
    pub(super) node: SocketAddr,
    pub(super) relay: Option<SocketAddr>,
    pub(super) proxy: Option<Ipv4Addr>,
    pub(super) log: Option<PathBuf>,
    pub(super) process: Option<u32>,
    pub(super) captures: Arc<Captures>,
    pub(super) traitors: Vec<JoinTarget>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) forging: bool,
    pub(super) seed: u64,
}

/// How the target was when a part began.
struct Before {
    at: Instant,
    figures: Figures,
    resident: Option<Resident>,
    log_lines: Option<u64>,
    overflowed: u64,
    cpu: (Option<Duration>, Option<Duration>),
}

/// Everything hostile that is under way.
struct Attack {
    stop: Arc<AtomicBool>,
    volley: JoinHandle<Sent>,
    messages: [Arc<Pace>; 2],
    traitors: JoinSet<()>,
    callers: JoinSet<()>,
    requesters: JoinSet<callers::Answers>,
    loiterers: Option<JoinHandle<(usize, usize)>>,
    /// Requests and silent WebSockets.
    asked: u64,
}

/// What an attack was.
struct Spent {
    sent: Sent,
    messages: u64,
    not_taken: u64,
    http: callers::Answers,
    loiterers: (usize, usize),
}

/// How large an attack is.
struct Size {
    datagrams: u64,
    messages: u64,
    requests: u64,
    loiterers: usize,
    seed: u64,
}

impl Besieged {
    /// Datagrams, messages and requests at the same time. A second one is of other contents.
    pub(super) async fn flood(
        &self,
        name: &'static str,
        live: &mut LiveRoom,
        args: &SiegeArguments,
    ) -> anyhow::Result<Part> {
        let size = Size {
            datagrams: args.datagrams,
            messages: args.messages,
            requests: args.requests,
            loiterers: args.loiterers,
            seed: name.bytes().fold(self.seed, |seed, byte| {
                seed.wrapping_mul(31).wrapping_add(byte.into())
            }),
        };
        live.begin();
        let before = self.before().await?;
        let spent = self.attack(&size, args).spent().await;
        sleep(SETTLING).await;
        let mut part = self.after(name, &before, live, &spent).await?;
        part.datagrams_wanted = args.datagrams;
        part.datagrams_per_second_wanted = args.per_second;
        part.messages_wanted = args.messages;
        Ok(part)
    }

    /// Datagrams while newcomers join, one after the other over the whole time.
    pub(super) async fn joins(
        &self,
        live: &mut LiveRoom,
        newcomers: Vec<JoinTarget>,
        args: &SiegeArguments,
    ) -> anyhow::Result<Part> {
        let wanted = newcomers.len() as u32;
        let length = Duration::from_secs(args.seconds.into());
        let size = Size {
            datagrams: args.per_second * u64::from(args.seconds),
            messages: 0,
            requests: 0,
            loiterers: 0,
            seed: self.seed.wrapping_add(1),
        };
        live.begin();
        let before = self.before().await?;
        let attack = self.attack(&size, args);
        let mut joining = JoinSet::new();
        for way_in in newcomers {
            joining.spawn(newcomer(way_in, Arc::clone(&self.captures)));
            sleep(length / wanted.max(1)).await;
        }
        let (mut took, mut joined, mut failures) = (Histogram::default(), 0, Vec::new());
        while let Some(outcome) = joining.join_next().await {
            match outcome.map_err(|panic| panic.to_string()).flatten() {
                Ok(after) => {
                    joined += 1;
                    took.record(after);
                }
                Err(why) => failures.push(why),
            }
        }
        let spent = attack.spent().await;
        sleep(SETTLING).await;
        let mut part = self.after("joins", &before, live, &spent).await?;
        part.datagrams_wanted = size.datagrams;
        part.datagrams_per_second_wanted = args.per_second;
        part.joins_wanted = wanted;
        part.joined = joined;
        part.join_ms = took.percentiles();
        part.join_failures = failures;
        Ok(part)
    }

    fn attack(&self, size: &Size, args: &SiegeArguments) -> Attack {
        let stop = Arc::<AtomicBool>::default();
        let order = Order {
            datagrams: size.datagrams,
            per_second: args.per_second,
            node: self.node,
            relay: self.relay,
            arrows: self.arrows.clone(),
            forging: self.forging,
            seed: size.seed,
        };
        let volley = tokio::task::spawn_blocking({
            let (captures, stop) = (Arc::clone(&self.captures), Arc::clone(&stop));
            move || volley::fly(order, &captures, &stop)
        });
        let strangers = match self.traitors.is_empty() {
            true => size.messages,
            false => size.messages / STRANGERS_MESSAGE_OF,
        };
        let rate = args.messages_per_second;
        let pace = Arc::new(Pace::new(size.messages - strangers, rate));
        let strangers = Arc::new(Pace::new(strangers, rate));
        let (mut traitors, mut calling) = (JoinSet::new(), JoinSet::new());
        for (number, way_in) in (1..).zip(&self.traitors) {
            let seed = size.seed.wrapping_mul(number);
            traitors.spawn(traitor::betray(way_in.clone(), Arc::clone(&pace), seed));
        }
        for number in 1..=CALLERS {
            let seed = size.seed.wrapping_add(number);
            calling.spawn(callers::call(self.door, Arc::clone(&strangers), seed));
        }
        let mut requesters = JoinSet::new();
        for number in 0..REQUESTERS {
            let seed = size.seed.rotate_left(number as u32);
            requesters.spawn(callers::request(
                self.door,
                size.requests / REQUESTERS,
                seed,
            ));
        }
        let loiterers = (size.loiterers > 0).then(|| {
            let (stop, proxy) = (Arc::clone(&stop), self.proxy);
            tokio::spawn(callers::loiter(self.door, proxy, size.loiterers, stop))
        });
        Attack {
            stop,
            volley,
            messages: [pace, strangers],
            traitors,
            callers: calling,
            requesters,
            loiterers,
            asked: size.requests / REQUESTERS * REQUESTERS + size.loiterers as u64,
        }
    }

    async fn before(&self) -> anyhow::Result<Before> {
        let resident = self.resident().await;
        Ok(Before {
            figures: self.figures().await?,
            resident,
            log_lines: self.log.as_deref().map(lines),
            overflowed: overflowed(&self.captures.victims()),
            cpu: self.cpu(),
            at: Instant::now(),
        })
    }

    async fn after(
        &self,
        name: &'static str,
        before: &Before,
        live: &mut LiveRoom,
        spent: &Spent,
    ) -> anyhow::Result<Part> {
        let (seconds, cpu) = (before.at.elapsed().as_secs_f64(), self.cpu());
        let cores = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.saturating_sub(before?).as_secs_f64() / seconds)
        };
        let harm = live.harm().await;
        let figures = self.figures().await?;
        let (was, is) = (before.resident, self.resident().await);
        let mut ended = harm.ended;
        ended.extend((0..harm.paths_lost).map(|_| "a path was lost".to_owned()));
        ended.extend((0..harm.muted).map(|_| "a source was muted by another".to_owned()));
        let panics = |figures: &Figures| figures.sum("colloquy_sfu_caught_panics_total") as u64;
        Ok(Part {
            name,
            seconds,
            datagrams: spent.sent.datagrams,
            datagrams_per_second: spent.sent.per_second(),
            forged: spent.sent.forged,
            strangers: spent.sent.strangers,
            by_kind: spent.sent.by_kind.clone(),
            messages: spent.messages,
            not_taken: spent.not_taken,
            http: spent.http.clone(),
            loiterers: spent.loiterers,
            packets: harm.tally.received,
            packets_lost: harm.tally.lost(),
            packets_unread: overflowed(&self.captures.victims()).saturating_sub(before.overflowed),
            packets_repaired: harm.tally.repaired,
            packets_repeated: harm.tally.repeated,
            broken_pictures: harm.broken_pictures,
            foreign_frames: harm.foreign_frames,
            longest_gap_ms: u64::try_from(harm.longest_gap.as_millis()).unwrap_or(u64::MAX),
            ended,
            panics: panics(&figures) - panics(&before.figures),
            resident_before: was.map(|it| it.bytes),
            resident_after: is.map(|it| it.bytes),
            resident_anon_before: was.and_then(|it| it.anon_bytes),
            resident_anon_after: is.and_then(|it| it.anon_bytes),
            resident_file_before: was.and_then(|it| it.file_bytes),
            resident_file_after: is.and_then(|it| it.file_bytes),
            target_cores: cores(before.cpu.0, cpu.0),
            bench_cores: cores(before.cpu.1, cpu.1),
            refused: refused(&before.figures, &figures),
            log_lines: self
                .log
                .as_deref()
                .map(|log| lines(log) - before.log_lines.unwrap_or(0)),
            ..Part::default()
        })
    }

    async fn resident(&self) -> Option<Resident> {
        Resident::of(self.process?).await
    }

    async fn figures(&self) -> anyhow::Result<Figures> {
        // The node publishes once a second.
        sleep(Duration::from_millis(1_100)).await;
        Ok(Figures::read(&self.http.text("/metrics").await?))
    }

    fn cpu(&self) -> (Option<Duration>, Option<Duration>) {
        (
            self.process.and_then(host::cpu_time),
            host::cpu_time(std::process::id()),
        )
    }
}

impl Attack {
    /// Waits until everything is spent, or the patience with the target. What only waits for the others ends with them.
    async fn spent(mut self) -> Spent {
        let sent = self.volley.await.unwrap_or_default();
        while self.traitors.join_next().await.is_some() {}
        while self.callers.join_next().await.is_some() {}
        let mut http = callers::Answers::new();
        while let Some(answers) = self.requesters.join_next().await {
            for (status, count) in answers.unwrap_or_default() {
                *http.entry(status).or_default() += count;
            }
        }
        self.stop.store(true, Ordering::Relaxed);
        let loiterers = match self.loiterers {
            Some(loitering) => loitering.await.unwrap_or_default(),
            None => (0, 0),
        };
        let answered = http.values().sum::<u64>() + (loiterers.0 + loiterers.1) as u64;
        let unsaid: u64 = self.messages.iter().map(|pace| pace.left()).sum();
        Spent {
            sent,
            messages: self.messages.iter().map(|pace| pace.said()).sum(),
            not_taken: unsaid + self.asked.saturating_sub(answered),
            http,
            loiterers,
        }
    }
}

/// What grew between two looks, by family and reason.
pub(super) fn refused(before: &Figures, after: &Figures) -> BTreeMap<String, u64> {
    let mut refused = BTreeMap::new();
    for (short, family, label) in REFUSALS {
        let was = before.by(family, label);
        for (reason, now) in after.by(family, label) {
            let grown = now - was.get(&reason).copied().unwrap_or(0.0);
            if grown > 0.0 {
                refused.insert(format!("{short} {reason}"), grown as u64);
            }
        }
    }
    let errors = "colloquy_sfu_transport_errors_total";
    let grown = after.sum(errors) - before.sum(errors);
    if grown > 0.0 {
        refused.insert("transport error".to_owned(), grown as u64);
    }
    refused
}
