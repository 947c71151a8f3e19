//! `bench run turn`: what a TURN relay carries, ours or any other.
//!
//! Clients allocate (RFC 8656), bind a channel to a peer of the bench's own, and send payloads
//! that know their number and their time. The peer sends each back, so every payload crosses the
//! relay twice, and its round trip is what is measured.
//!
//! | file | what it decides |
//! |---|---|
//! | `client`, `message` | what is said to the relay (pure) |
//! | `tally` | what a payload says of itself, and what came back (pure) |
//! | `tls` | TLS to the relay, and whose certificates are believed |
//! | `line`, `stream`, `echo`, `carry` | sockets: to the relay, of the peer, of one allocation |
//! | `run`, `report` | the run, and what it says |

mod carry;
mod client;
mod echo;
mod line;
mod message;
mod report;
mod run;
mod stream;
mod tally;
mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Args;
use sfu_client::driver::own_address_towards;
use sfu_protocol::turn::password_of;

use self::carry::Load;
use self::client::Credential;
use self::echo::Echo;
use self::line::{Place, Transport};
use self::report::Relayed;
use crate::report::outlets::Outlets;
use crate::target::spawned::Spawned;
use crate::target::{Deployed, SPAWNED};

/// The name on the command line.
pub(crate) const NAME: &str = "turn";

/// What a relay says of itself that passes.
pub(crate) const CLAIM: &str = "--allocations allocations each relay --rate packets/s to a peer and back: \
     0.1 % lost at most, p99 round trip within 50 ms";

/// Most allocations of one run: beyond this one machine measures itself.
const MAX_ALLOCATIONS: usize = 4_096;

/// Most payloads of one run: a bit is kept for each.
const MAX_PAYLOADS: u64 = 1_000_000_000;

/// What fits into a datagram beside every header.
const MAX_PAYLOAD_BYTES: u16 = 1_400;

/// Longest run with a spawned relay: its credentials live for ten minutes.
const MAX_SPAWNED_SECONDS: u32 = 500;

/// How much longer than the run a credential lives that is made with the shared secret.
const LONGER_THAN_THE_RUN_S: u64 = 600;

/// What only `run turn` reads.
#[derive(Debug, Args)]
#[command(next_help_heading = "Of the scenario turn")]
pub(crate) struct TurnArguments {
    /// Allocations at the same time.
    #[arg(long, default_value_t = 50)]
    allocations: usize,
    /// Bytes of each payload.
    #[arg(long, default_value_t = 1000)]
    payload_bytes: u16,
    /// Payloads a second of each allocation.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Who allocates, with --target turn:...
    #[arg(long, requires = "credential")]
    user: Option<String>,
    /// Their password. Better given by the environment.
    #[arg(long, env = "COLLOQUY_BENCH_TURN_CREDENTIAL", hide_env_values = true)]
    credential: Option<String>,
    /// Instead of both, the secret that the relay shares with whoever makes its time-limited
    /// credentials (draft-uberti-behave-turn-rest). Better given by the environment.
    #[arg(
        long,
        env = "COLLOQUY_BENCH_TURN_SECRET",
        hide_env_values = true,
        conflicts_with = "user"
    )]
    turn_secret: Option<String>,
    /// With --target turn:tls:..., a PEM file with the certificates of the authorities that the
    /// relay's may come from. Without it they are this system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The UDP port of the bench's own peer behind the relay, for a relay that has to be told whom
    /// to let its clients through to. 0: any.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    peer_port: u16,
    /// The process of the relay of --target, to read what it uses.
    #[arg(long)]
    relay_process: Option<u32>,
}

/// A relay that can be measured.
struct Measured {
    name: String,
    relay: SocketAddr,
    transport: Transport,
    who: Vec<Credential>,
    processes: Vec<u32>,
    spawned: Option<Box<Spawned>>,
}

/// Runs the scenario and prints what it says.
///
/// # Errors
/// When the relay cannot be reached or refuses, the arguments make no load, or the claim does
/// not hold.
pub(crate) async fn run(
    target: &str,
    seconds: u32,
    outlets: &Outlets,
    args: &TurnArguments,
) -> anyhow::Result<()> {
    args.check(seconds)?;
    outlets.check()?;
    anyhow::ensure!(
        !outlets.want_a_page(),
        "{NAME} makes no page: --json has its figures"
    );
    let (measured, echo) = match target == SPAWNED {
        true => args.spawn(seconds).await?,
        false => args.named(target, seconds).await?,
    };
    let load = Load {
        relay: measured.relay,
        transport: measured.transport,
        peer: echo.address(),
        allocations: args.allocations,
        payload_bytes: args.payload_bytes,
        packets_per_second: args.rate,
        window: Duration::from_secs(seconds.into()),
    };
    let held = run::hold(load.clone(), measured.who, &echo, &measured.processes).await;
    if let Some(spawned) = measured.spawned {
        spawned.close().await;
    }
    let said = Relayed::of(measured.name, &load, &held?);
    outlets.write(&said, String::new, || said.render())?;
    anyhow::ensure!(
        said.broken_claims.is_empty(),
        "the claim of {NAME} does not hold: {}",
        said.broken_claims.join("; ")
    );
    Ok(())
}

impl TurnArguments {
    fn check(&self, seconds: u32) -> anyhow::Result<()> {
        let shortest = tally::MARK_BYTES as u16;
        anyhow::ensure!(
            (1..=MAX_ALLOCATIONS).contains(&self.allocations),
            "--allocations is 1 to {MAX_ALLOCATIONS}"
        );
        anyhow::ensure!(
            (shortest..=MAX_PAYLOAD_BYTES).contains(&self.payload_bytes),
            "--payload-bytes is {shortest} to {MAX_PAYLOAD_BYTES}"
        );
        let payloads = (self.allocations as u64)
            .saturating_mul(self.rate.into())
            .saturating_mul(seconds.into());
        anyhow::ensure!(
            (1..=MAX_PAYLOADS).contains(&payloads),
            "--allocations, --rate and --seconds make {payloads} payloads: 1 to {MAX_PAYLOADS} \
             can be counted"
        );
        Ok(())
    }

    /// A relay that runs.
    async fn named(&self, target: &str, seconds: u32) -> anyhow::Result<(Measured, Echo)> {
        let place = Place::read(target, self.ca.as_deref())?;
        let who = self.credentials(seconds)?;
        let relay = place.resolve().await?;
        let ip = own_address_towards(relay).await;
        let ip = ip.with_context(|| format!("there is no way to {relay}"))?;
        let measured = Measured {
            name: target.to_owned(),
            relay,
            transport: place.transport,
            who,
            processes: self.relay_process.into_iter().collect(),
            spawned: None,
        };
        Ok((measured, Echo::open(ip, self.peer_port).await?))
    }

    fn credentials(&self, seconds: u32) -> anyhow::Result<Vec<Credential>> {
        let one = |number: usize| match (&self.turn_secret, &self.user, &self.credential) {
            (Some(secret), ..) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
                let expiry_s = since + u64::from(seconds) + LONGER_THAN_THE_RUN_S;
                let username = format!("{expiry_s}:bench{number}");
                let password = password_of(secret.as_bytes(), &username);
                Ok(Credential { username, password })
            }
            (None, Some(user), Some(credential)) => Ok(Credential {
                username: user.clone(),
                password: credential.clone(),
            }),
            _ => anyhow::bail!("a relay needs --user and --credential, or --turn-secret"),
        };
        (0..self.allocations).map(one).collect()
    }

    /// One of this program, which lets clients through to the peer besides its own media.
    async fn spawn(&self, seconds: u32) -> anyhow::Result<(Measured, Echo)> {
        anyhow::ensure!(
            seconds <= MAX_SPAWNED_SECONDS,
            "the credentials of a spawned relay live for 10 minutes: --seconds is at most \
             {MAX_SPAWNED_SECONDS}"
        );
        anyhow::ensure!(
            self.ca.is_none(),
            "the relay that --spawn starts speaks neither TCP nor TLS yet: one that does is \
             measured by --target turn:tls:HOST:PORT --ca FILE"
        );
        let echo = Echo::open(IpAddr::V4(Ipv4Addr::LOCALHOST), self.peer_port).await?;
        let (peer, most) = (echo.address().to_string(), self.allocations.to_string());
        let settings = [
            ("COLLOQUY__TURN__FURTHER_PEERS", peer.as_str()),
            ("COLLOQUY__TURN__ALLOCATIONS", most.as_str()),
            ("COLLOQUY__TURN__ALLOCATIONS_PER_PARTICIPANT", most.as_str()),
        ];
        let mut spawned = Box::new(Spawned::start_logged(&settings).await?);
        let credential = match spawned.relay_credential().await {
            Ok(credential) => credential,
            Err(problem) => {
                spawned.close().await;
                return Err(problem.context("the spawned relay's credentials"));
            }
        };
        let (username, password) = credential;
        let who = vec![Credential { username, password }; self.allocations];
        let measured = Measured {
            name: format!("turn:udp:{}, spawned", spawned.relay()),
            relay: spawned.relay(),
            transport: Transport::Udp,
            who,
            processes: spawned.process_id().into_iter().collect(),
            spawned: Some(spawned),
        };
        Ok((measured, echo))
    }
}
