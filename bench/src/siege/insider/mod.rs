//! A hostile participant, one attack at a time and then with all of them at once: what the others
//! in its room notice, beside what they notice when the very same goes to another server on this
//! machine.
//!
//! | file | what it decides |
//! |---|---|
//! | `attack`, `knows` | what its packets are (pure, by a seed) |
//! | `session`, `barrage` | how it gets in, and how fast it sends |
//! | `through` | how long packets were inside the server, as that says itself (pure) |
//! | `verdict` | whether the promises hold |
//!
//! Every flood runs on threads of the lowest priority, so that it takes processors from nobody who
//! is measured as long as another wants them; what is left of its share the control shows.

mod attack;
mod barrage;
mod knows;
mod session;
mod through;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use sfu_client::driver::JoinTarget;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use self::attack::Attack;
use self::barrage::{Fired, babble, fire};
use self::session::{Arms, Session, enter};
use self::through::Through;
use self::verdict::{At, Phase, Verdict};
use super::captures::Captures;
use super::part::refused;
use super::quiver::Arrow;
use super::room::LiveRoom;
use super::vitals::Figures;
use super::volley::{self, Order, Sent};
use super::{FIRST_PICTURES, Ground};
use crate::measure::host;
use crate::target::RoomKey;
use crate::target::http::Http;

/// Before a phase is measured: whoever came is seen, whoever left is forgotten.
const SETTLED: Duration = Duration::from_millis(1_500);

/// After it: what is on the way arrives, or is lost.
const ARRIVED: Duration = Duration::from_millis(700);

/// How meek a flood is: the lowest priority that there is.
const NICE: i32 = 19;

/// Datagrams that come from nowhere in the room.
const SPOOFED: [Arrow; 7] = [
    Arrow::StunGuessed,
    Arrow::StunAltered,
    Arrow::StunReplayed,
    Arrow::Dtls,
    Arrow::RtpGuessed,
    Arrow::Rtcp,
    Arrow::Replay,
];

/// A hostile participant instead of the floods.
#[derive(Debug, Args)]
pub(super) struct InsiderArguments {
    /// A hostile participant instead of the floods: with a session of its own it does each of
    /// `rtcp`, `keyframes`, `nacks`, `media`, `unknown`, `offers`, `messages`, then `all` at once;
    /// `spoofed` are 50,000 datagrams a second from foreign addresses. Each is held against another
    /// server too.
    #[arg(long)]
    pub(super) insider: bool,
    /// Only this attack. Again for each further one.
    #[arg(long, requires = "insider")]
    attack: Vec<String>,
    /// How often each attack and its control take turns.
    #[arg(long, default_value_t = 3, requires = "insider")]
    rounds: u32,
    /// How long each turn takes.
    #[arg(long, default_value_t = 4, requires = "insider")]
    turn_seconds: u32,
}

/// What a siege by an insider was asked for.
pub(super) struct Asked<'a> {
    pub(super) arguments: &'a InsiderArguments,
    pub(super) people: u32,
    pub(super) seed: u64,
    pub(super) json: bool,
}

/// Takes a back seat: this thread runs when nobody else wants to.
fn meek() {
    // Where it is not allowed the flood competes; the control shows what that costs.
    let _ = rustix::process::setpriority_process(None, NICE);
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Holds the siege and prints its outcome.
///
/// # Errors
/// When a server does not start, the honest do not get in, or a promise does not hold.
pub(super) async fn run(asked: &Asked<'_>) -> anyhow::Result<()> {
    let attacks = Attack::named(&asked.arguments.attack)?;
    let mut ground = Ground::spawn().await?;
    let mut decoy = Ground::spawn().await?;
    let held = besiege(&mut ground, &mut decoy, &attacks, asked).await;
    for ground in [ground, decoy] {
        ground.target.close().await;
    }
    let verdict = Verdict::of(asked.people, asked.seed, held?);
    match asked.json {
        true => println!("{}", serde_json::to_string(&verdict)?),
        false => print!("{}", verdict.render()),
    }
    anyhow::ensure!(
        verdict.broken_claims.is_empty(),
        "the claim of siege --insider does not hold: {}",
        verdict.broken_claims.join("; ")
    );
    Ok(())
}

async fn besiege(
    ground: &mut Ground,
    decoy: &mut Ground,
    attacks: &[Attack],
    asked: &Asked<'_>,
) -> anyhow::Result<Vec<Phase>> {
    let captures = Arc::new(Captures::default());
    let room = ground.target.open_room().await?;
    let other_room = decoy.target.open_room().await?;
    let target = ground.target.as_mut();
    let mut live = LiveRoom::open(target, &room, asked.people, &captures).await?;
    sleep(FIRST_PICTURES).await;
    let mut siege = Siege {
        http: Http::new(&ground.target.url())?,
        process: ground.process,
        captures,
        length: Duration::from_secs(asked.arguments.turn_seconds.max(1).into()),
        seed: asked.seed,
    };
    let mut phases: Vec<Phase> = Vec::new();
    let mut note = |phase: Phase| match phases.iter_mut().find(|known| known.is_of(&phase)) {
        Some(known) => known.add(phase),
        None => phases.push(phase),
    };
    for _ in 0..asked.arguments.rounds.max(1) {
        note(siege.phase(None, At::Nobody, &mut live).await?);
        for &attack in attacks {
            let hostile = Hostile::arm(attack, decoy, &other_room).await?;
            // As many are in the room either way.
            let meek = match hostile.session {
                Some(_) => Some(enter(ground.target.admit(&room, "Meek").await?).await?),
                None => None,
            };
            note(siege.phase(Some(hostile), At::Another, &mut live).await?);
            drop(meek);
            let hostile = Hostile::arm(attack, ground, &room).await?;
            note(siege.phase(Some(hostile), At::This, &mut live).await?);
        }
    }
    live.close().await;
    Ok(phases)
}

/// Whoever attacks in one phase, in place.
struct Hostile {
    attack: Attack,
    session: Option<(Session, Arms)>,
    /// Who only talks: the node sends those away.
    talkers: Vec<(JoinTarget, bool)>,
    node: std::net::SocketAddr,
}

impl Hostile {
    async fn arm(attack: Attack, at: &mut Ground, room: &RoomKey) -> anyhow::Result<Self> {
        let mut admit = async |name: &str| at.target.admit(room, name).await;
        let sends = attack.rtcp_per_second() + attack.media_per_second() > 0;
        let session = match sends {
            true => Some(enter(admit("Hostile").await?).await?),
            false => None,
        };
        let mut talkers = Vec::new();
        for (talks, offers) in [
            (attack.says_offers(), true),
            (attack.says_messages(), false),
        ] {
            if talks {
                talkers.push((admit("Hostile talker").await?, offers));
            }
        }
        Ok(Hostile {
            attack,
            session,
            talkers,
            node: at.media.context("both servers are spawned")?,
        })
    }
}

/// What an attack has sent.
#[derive(Debug, Default)]
struct Spent {
    fired: Fired,
    spoofed: Sent,
    said: u64,
}

struct Siege {
    http: Http,
    process: Option<u32>,
    captures: Arc<Captures>,
    length: Duration,
    seed: u64,
}

impl Siege {
    async fn phase(
        &mut self,
        hostile: Option<Hostile>,
        at: At,
        live: &mut LiveRoom,
    ) -> anyhow::Result<Phase> {
        self.seed = self.seed.wrapping_mul(31).wrapping_add(7);
        sleep(SETTLED).await;
        let before = Figures::read(&self.http.text("/metrics").await?);
        let (began, cpu) = (Instant::now(), self.cpu());
        live.begin();
        let name = hostile.as_ref().map_or("quiet", |it| it.attack.as_str());
        let spent = match hostile {
            Some(hostile) => self.spend(hostile).await?,
            None => {
                sleep(self.length).await;
                Spent::default()
            }
        };
        let (took, spent_cpu) = (began.elapsed().as_secs_f64(), self.cpu());
        sleep(ARRIVED).await;
        let harm = live.harm().await;
        let after = Figures::read(&self.http.text("/metrics").await?);
        let cores = |at: usize| (spent_cpu[at] - cpu[at]).max(0.0) / took;
        let mut ended = harm.ended;
        ended.extend((0..harm.paths_lost).map(|_| "a path was lost".to_owned()));
        ended.extend((0..harm.muted).map(|_| "a source was muted by another".to_owned()));
        let panics = "colloquy_sfu_caught_panics_total";
        Ok(Phase {
            attack: name,
            at,
            seconds: took,
            latency: harm.latency,
            through: Through::between(&before, &after),
            packets: harm.tally.received,
            lost: harm.tally.lost(),
            repaired: harm.tally.repaired,
            freezes: harm.freezes,
            longest_gap_ms: harm.longest_gap.as_millis() as u64,
            broken_pictures: harm.broken_pictures + harm.foreign_frames,
            ended,
            panics: (after.sum(panics) - before.sum(panics)) as u64,
            sent: sent(&spent),
            refused: refused(&before, &after),
            target_cores: cores(0),
            bench_cores: cores(1),
        })
    }

    /// Seconds of processors that the target and this process have used.
    fn cpu(&self) -> [f64; 2] {
        [self.process, Some(std::process::id())].map(|process| {
            let used = process.and_then(host::cpu_time);
            used.map_or(0.0, |used| used.as_secs_f64())
        })
    }

    /// Attacks for as long as a phase is.
    async fn spend(&self, hostile: Hostile) -> anyhow::Result<Spent> {
        let (attack, length, seed) = (hostile.attack, self.length, self.seed);
        let stop = Arc::<AtomicBool>::default();
        let mut talking = Vec::new();
        for (way_in, offers) in hostile.talkers {
            let stop = Arc::clone(&stop);
            talking.push(apart(move || {
                runtime().map_or(0, |it| it.block_on(babble(way_in, offers, stop)))
            })?);
        }
        let spoofing = match attack.spoofed_per_second() {
            0 => None,
            per_second => {
                let order = Order {
                    datagrams: per_second * length.as_secs(),
                    per_second,
                    node: hostile.node,
                    relay: None,
                    arrows: SPOOFED.to_vec(),
                    forging: false,
                    seed,
                };
                let (captures, stop) = (Arc::clone(&self.captures), Arc::clone(&stop));
                Some(apart(move || volley::fly(order, &captures, &stop))?)
            }
        };
        let firing = match hostile.session {
            None => None,
            Some((session, mut arms)) => {
                let firing = apart(move || fire(&mut arms, attack, length, seed))?;
                Some((session, firing))
            }
        };
        sleep(length).await;
        stop.store(true, Ordering::Relaxed);
        let mut spent = Spent::default();
        if let Some((session, firing)) = firing {
            spent.fired = firing.await.unwrap_or_default();
            drop(session);
        }
        if let Some(spoofing) = spoofing {
            spent.spoofed = spoofing.await.unwrap_or_default();
        }
        for talked in talking {
            spent.said += talked.await.unwrap_or_default();
        }
        Ok(spent)
    }
}

/// Runs something on a thread of its own that takes a back seat.
fn apart<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<oneshot::Receiver<T>> {
    let (done, is_done) = oneshot::channel();
    thread::Builder::new()
        .name("hostile".to_owned())
        .spawn(move || {
            meek();
            // Who no longer waits wants no answer.
            let _ = done.send(run());
        })?;
    Ok(is_done)
}

fn sent(spent: &Spent) -> BTreeMap<&'static str, u64> {
    let all = [
        ("rtcp", spent.fired.rtcp),
        ("media", spent.fired.media),
        ("messages", spent.said),
        ("spoofed", spent.spoofed.datagrams),
        (
            "not taken by the kernel",
            spent.fired.refused + spent.spoofed.refused,
        ),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}
