//! `bench siege`: a live room under attack, and what its people notice of it.
//!
//! Honest participants send, watch and count. Meanwhile come: datagrams of chance, imitations
//! and altered copies of the honest ones' own traffic, from many addresses and, where the
//! kernel allows it, under the honest ones' own; strangers at `/rtc` and at every HTTP path;
//! participants with a grant who say all they can against the others. The same once more, of
//! equal size: memory after the second round is that after the first. A third part floods while
//! newcomers join.
//!
//! Attackers and honest participants share this machine with the target. Whether it was the
//! attack or the want of a core that cost a packet, a control tells: the same load, at another
//! deployment.
//!
//! | file | what it decides |
//! |---|---|
//! | `quiver`, `letters` | what a hostile datagram or message is (pure, by a seed) |
//! | `volley`, `forge` | from whom datagrams fly, and how fast |
//! | `traitor`, `callers`, `pace` | who says the messages, and how fast |
//! | `room`, `witness`, `ledger`, `pulse`, `captures` | who is honest, and what they saw and sent |
//! | `insider` | a hostile participant with a session of its own, one attack at a time |
//! | `vitals`, `outcome` | how the target is, whether the promises hold |

mod callers;
mod captures;
mod forge;
mod insider;
mod ledger;
mod letters;
mod outcome;
mod pace;
mod part;
mod pulse;
mod quiver;
mod room;
mod traitor;
mod vitals;
mod volley;
mod witness;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::sleep;

use self::captures::Captures;
use self::insider::{Asked, InsiderArguments};
use self::outcome::Outcome;
use self::part::Besieged;
use self::quiver::Arrow;
use self::room::LiveRoom;
use crate::cli::WhichTarget;
use crate::target::http::Http;
use crate::target::{Deployed, RoomKey, deployment::Deployment, spawned::Spawned};

/// What a target says of itself that passes.
pub(crate) const CLAIM: &str = "a million hostile datagrams and 100,000 messages: 0 packets lost by \
     others, no picture or voice away for 2 s, no panic, memory flat; a flood during joins: 0 sessions ended, all joins succeed";

/// A proxy that a spawned target trusts, so that strangers can come under one foreign address:
/// loopback's own addresses are not bounded.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

/// From the last honest participant's connection until warming up: first pictures are through.
const FIRST_PICTURES: Duration = Duration::from_secs(2);

/// After a part: what is on the way arrives, what was given up is repaired or lost.
const SETTLING: Duration = Duration::from_secs(3);

/// Besieges a live room: floods of hostile datagrams, messages and requests, and what the others notice
#[derive(Debug, Args)]
pub(crate) struct SiegeArguments {
    #[command(flatten)]
    target: WhichTarget,
    /// Who opens the room, with --target.
    #[arg(long, env = "COLLOQUY_BENCH_EMAIL", default_value = "")]
    email: String,
    /// Their password, with --target. Better given by the environment.
    #[arg(
        long,
        env = "COLLOQUY_BENCH_PASSWORD",
        hide_env_values = true,
        default_value = ""
    )]
    password: String,
    /// The process that serves --target, to read its memory.
    #[arg(long)]
    process: Option<u32>,
    /// Where the relay of --target listens; none is left alone.
    #[arg(long)]
    relay: Option<SocketAddr>,
    /// Honest participants: each sends a camera and a microphone and watches all others.
    #[arg(long, default_value_t = 4)]
    people: u32,
    /// Hostile datagrams of each flood.
    #[arg(long, default_value_t = 1_000_000)]
    datagrams: u64,
    /// Hostile datagrams a second.
    #[arg(long, default_value_t = 20_000)]
    per_second: u64,
    /// Hostile signalling messages of each flood.
    #[arg(long, default_value_t = 100_000)]
    messages: u64,
    /// Hostile signalling messages a second.
    #[arg(long, default_value_t = 2_000)]
    messages_per_second: u64,
    /// Hostile participants with a grant of their own, in the same room. A node lets each say some
    /// hundred messages a second before it is sent away.
    #[arg(long, default_value_t = 16)]
    traitors: u32,
    /// Hostile HTTP requests of each flood.
    #[arg(long, default_value_t = 2_000)]
    requests: u64,
    /// Silent WebSockets that one address opens in each flood.
    #[arg(long, default_value_t = 600)]
    loiterers: usize,
    /// Newcomers of the last part. 0 leaves it out.
    #[arg(long, default_value_t = 100)]
    joins: u32,
    /// How long the last part takes.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only these kinds of datagrams; the outcome names them all. Again for each further one.
    #[arg(long)]
    only: Vec<String>,
    /// Sends nothing under participants' own addresses.
    #[arg(long)]
    no_forging: bool,
    /// With --spawn: attacks a second deployment and leaves the one with the people alone. What
    /// they lose then they lose for want of a core.
    #[arg(long, conflicts_with = "target")]
    control: bool,
    /// Decides every datagram and message. Another seed is another siege.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object on standard output instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    insider: InsiderArguments,
}

/// Holds the siege and prints its outcome.
///
/// # Errors
/// When the target cannot be reached or is not on this machine, the honest do not get in, or a
/// promise does not hold.
pub(crate) async fn run(args: SiegeArguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        (2..=16).contains(&args.people) && args.per_second > 0 && args.traitors <= 64,
        "a siege has 2 to 16 people, at most 64 traitors, and datagrams a second"
    );
    if args.insider.insider {
        anyhow::ensure!(
            args.target.target.is_none(),
            "an insider's siege needs --spawn: it attacks a second server for comparison"
        );
        return insider::run(&Asked {
            arguments: &args.insider,
            people: args.people,
            seed: args.seed,
            json: args.json,
        })
        .await;
    }
    let arrows = Arrow::named(&args.only)?;
    let mut ground = Ground::take(&args).await?;
    let mut decoy = match args.control {
        true => Some(Ground::spawn().await?),
        false => None,
    };
    let held = besiege(&mut ground, decoy.as_mut(), &args, arrows).await;
    let name = ground.target.name();
    for ground in [Some(ground), decoy].into_iter().flatten() {
        ground.target.close().await;
    }
    let outcome = Outcome {
        control: args.control,
        ..Outcome::of(name, args.people, args.seed, held?)
    };
    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        print!("{}", outcome.render());
    }
    anyhow::ensure!(
        outcome.broken_claims.is_empty(),
        "the claim of siege does not hold: {}",
        outcome.broken_claims.join("; ")
    );
    Ok(())
}

/// Who is besieged, and what is known of them from outside.
struct Ground {
    target: Box<dyn Deployed>,
    door: SocketAddr,
    /// Where its media goes, when that is known beforehand.
    media: Option<SocketAddr>,
    relay: Option<SocketAddr>,
    proxy: Option<Ipv4Addr>,
    log: Option<PathBuf>,
    process: Option<u32>,
}

impl Ground {
    async fn take(args: &SiegeArguments) -> anyhow::Result<Self> {
        if let Some(url) = &args.target.target {
            let door = loopback(url)?;
            return Ok(Ground {
                target: Box::new(Deployment::sign_in(url, &args.email, &args.password).await?),
                door,
                media: None,
                relay: args.relay,
                proxy: None,
                log: None,
                process: args.process,
            });
        }
        Self::spawn().await
    }

    async fn spawn() -> anyhow::Result<Self> {
        let proxy = PROXY.to_string();
        let spawned = Spawned::start_logged(&[
            // One shard: everything comes to one thread.
            ("COLLOQUY__SFU__SHARDS", "1"),
            ("COLLOQUY__API__TRUSTED_PROXIES", proxy.as_str()),
        ])
        .await?;
        Ok(Ground {
            door: loopback(&spawned.url())?,
            media: Some(spawned.media()),
            relay: Some(spawned.relay()),
            proxy: Some(PROXY),
            log: Some(spawned.log()),
            process: spawned.process_id(),
            target: Box::new(spawned),
        })
    }
}

/// Where a URL leads, which must be this machine: nobody else's is flooded.
fn loopback(url: &str) -> anyhow::Result<SocketAddr> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address: SocketAddr = rest
        .trim_end_matches('/')
        .replace("localhost", "127.0.0.1")
        .parse()
        .with_context(|| format!("{url:?}: a siege needs an address and a port"))?;
    anyhow::ensure!(
        address.ip().is_loopback(),
        "{url:?} is not on loopback: a siege floods nobody else's machine"
    );
    Ok(address)
}

async fn besiege(
    ground: &mut Ground,
    decoy: Option<&mut Ground>,
    args: &SiegeArguments,
    arrows: Vec<Arrow>,
) -> anyhow::Result<Vec<outcome::Part>> {
    let room = ground.target.open_room().await?;
    let captures = Arc::new(Captures::default());
    let target = ground.target.as_mut();
    let mut live = LiveRoom::open(target, &room, args.people, &captures).await?;
    sleep(FIRST_PICTURES).await;
    let victim = captures
        .victim(&mut fastrand::Rng::with_seed(args.seed))
        .context("nobody sends anything")?;
    let (attacked, decoy_room) = match decoy {
        None => (&mut *ground, None),
        Some(decoy) => {
            let room = decoy.target.open_room().await?;
            (decoy, Some(room))
        }
    };
    let traitors_room = decoy_room.as_ref().unwrap_or(&room);
    let mut traitors = Vec::new();
    for number in 0..args.traitors {
        let name = format!("Traitor {number}");
        traitors.push(attacked.target.admit(traitors_room, &name).await?);
    }
    let (door, relay, proxy) = (attacked.door, attacked.relay, attacked.proxy);
    let node = match decoy_room.is_some() {
        true => attacked.media.context("a decoy is spawned")?,
        false => victim.node,
    };
    let besieged = Besieged {
        http: Http::new(&ground.target.url())?,
        door,
        node,
        relay,
        proxy,
        log: ground.log.clone(),
        process: ground.process,
        captures: Arc::clone(&captures),
        traitors,
        arrows,
        forging: !args.no_forging,
        seed: args.seed,
    };
    let mut parts = vec![
        besieged.flood("first flood", &mut live, args).await?,
        besieged.flood("second flood", &mut live, args).await?,
    ];
    if let [_, second] = parts.as_mut_slice() {
        second.flat = true;
    }
    if args.joins > 0 {
        let newcomers = invite(ground.target.as_mut(), &room, args.joins).await?;
        parts.push(besieged.joins(&mut live, newcomers, args).await?);
    }
    live.close().await;
    Ok(parts)
}

/// Ways in for the newcomers: what comes of their joining is measured, not the office.
async fn invite(
    target: &mut dyn Deployed,
    room: &RoomKey,
    joins: u32,
) -> anyhow::Result<Vec<sfu_client::driver::JoinTarget>> {
    let mut newcomers = Vec::new();
    for number in 0..joins {
        newcomers.push(target.admit(room, &format!("Newcomer {number}")).await?);
    }
    Ok(newcomers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_besieged() {
        let door = loopback("http://127.0.0.1:8080/").expect("loopback");
        assert_eq!(door, SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert!(loopback("http://localhost:1").is_ok());
        for other in [
            "http://192.0.2.1:80",
            "https://meet.example.org",
            "http://0.0.0.0:80",
        ] {
            assert!(loopback(other).is_err(), "{other}");
        }
    }
}
