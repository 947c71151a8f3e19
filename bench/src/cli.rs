//! `colloquy bench`: its subcommands and flags.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::held;
use crate::impair::{self, ImpairArguments};
use crate::media::Media;
use crate::report::live::Live;
use crate::report::outlets::Outlets;
use crate::report::{Summary, table};
use crate::scenario::{self, Size};
use crate::siege::{self, SiegeArguments};
use crate::target::{self, Access};

/// Most participants of one run: each is a task with a socket and a DTLS connection, and beyond
/// this one machine measures itself.
const MAX_PARTICIPANTS: usize = 2000;

/// Measures how much a deployment carries.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the scenarios and what each claims.
    List,
    /// Holds a scenario and reports what its participants saw.
    Run(RunArguments),
    /// Stands between clients and a deployment as a bad network, led by JSON lines.
    Impair(ImpairArguments),
    Siege(SiegeArguments),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// Which scenario; `list` names them.
    scenario: String,
    #[command(flatten)]
    which: WhichTarget,
    #[command(flatten)]
    access: Access,
    /// Participants that publish, in each room.
    #[arg(long, default_value_t = 1)]
    publishers: u16,
    /// Participants that only watch, in each room. Not every scenario has them.
    #[arg(long, default_value_t = 10)]
    viewers: u16,
    /// Rooms that are held at the same time.
    #[arg(long, default_value_t = 1)]
    rooms: u16,
    /// How long is measured, after everyone is in.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Frames a second of each camera.
    #[arg(long, default_value_t = 30)]
    fps: u32,
    /// Bitrate of each camera's largest layer.
    #[arg(long, default_value_t = 1500)]
    kbps: u32,
    /// Simulcast layers of each camera: 1 to 3.
    #[arg(long, default_value_t = 1)]
    layers: u8,
    /// Threads of the generator; half of the cores, unless it is said.
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    outlets: Outlets,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichTarget {
    /// The public URL of a running deployment, such as http://127.0.0.1:8080, or `colloquy`,
    /// which is the same as --spawn.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Starts a deployment of this program for the run, on loopback, and ends it afterwards.
    #[arg(long)]
    spawn: bool,
}

impl WhichTarget {
    /// What names the target.
    pub(crate) fn word(&self) -> &str {
        self.target.as_deref().unwrap_or(target::SPAWNED)
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When the target cannot be reached, does not let anybody in, the arguments make no meeting, or
/// the scenario's claim does not hold.
pub async fn run(args: Arguments) -> anyhow::Result<()> {
    match args.command {
        Command::List => {
            for scenario in scenario::all() {
                println!("{:<10} {}", scenario.name(), scenario.claim());
            }
            println!("{:<10} {}", "siege", siege::CLAIM);
            Ok(())
        }
        Command::Run(args) => run_scenario(args).await,
        Command::Impair(args) => impair::run(args).await,
        Command::Siege(args) => siege::run(args).await,
    }
}

async fn run_scenario(args: RunArguments) -> anyhow::Result<()> {
    let scenario = scenario::by_name(&args.scenario)
        .with_context(|| format!("no scenario {:?}; `bench list` names them", args.scenario))?;
    let (size, media) = (args.size(), args.media());
    let plan = scenario.plan(&size);
    let participants = plan.participants();
    anyhow::ensure!(
        (2..=MAX_PARTICIPANTS).contains(&participants),
        "{participants} participants: a run has 2 to {MAX_PARTICIPANTS}"
    );
    anyhow::ensure!(
        (1..=3).contains(&args.layers) && args.fps > 0 && args.seconds > 0,
        "a camera has 1 to 3 layers, and fps and seconds are not 0"
    );
    args.outlets.check()?;
    let mut target = target::open(args.which.word(), &args.access).await?;
    let threads = args.threads.unwrap_or_else(default_threads);
    let how = (size.window, threads);
    let title = format!("{} on {}", scenario.name(), target.name());
    let mut live = Live::new(title, args.outlets.are_quiet());
    let mut tell = |progress| live.tell(progress);
    let held = held::hold(target.as_mut(), &plan, &media, how, &mut tell).await;
    drop(live);
    target.close().await;
    let summary = Summary::of(scenario.as_ref(), &size, &media, held?);
    let table = || table::render(&summary);
    args.outlets.write(&summary, String::new, table)?;
    anyhow::ensure!(
        summary.claim_held(),
        "the claim of {} does not hold: {}",
        summary.scenario,
        summary.broken_claims.join("; ")
    );
    Ok(())
}

/// Half of the cores: the other half is the target's.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

impl RunArguments {
    fn size(&self) -> Size {
        Size {
            publishers: self.publishers,
            viewers: self.viewers,
            rooms: self.rooms,
            layers: self.layers,
            window: Duration::from_secs(self.seconds.into()),
        }
    }

    fn media(&self) -> Media {
        Media {
            frames_per_second: self.fps,
            largest_layer_bps: self.kbps.saturating_mul(1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        bench: Arguments,
    }

    #[test]
    fn a_run_needs_exactly_one_target() {
        let parsed = |line: &str| Program::try_parse_from(line.split(' '));
        assert!(parsed("bench run fanout").is_err());
        assert!(parsed("bench run fanout --spawn --target http://127.0.0.1:1").is_err());
        assert!(parsed("bench run fanout --spawn --viewers 3 --json").is_ok());
        assert!(parsed("bench list").is_ok());
    }

    #[tokio::test]
    async fn what_makes_no_run_is_refused_before_anything_is_started() {
        for (line, word) in [
            ("bench run dance --spawn", "dance"),
            ("bench run fanout --spawn --viewers 3000", "3001"),
            ("bench run meeting --spawn --publishers 1", "1 participants"),
            ("bench run fanout --spawn --layers 4", "layers"),
            ("bench run fanout --target dance", "dance"),
            (
                "bench run fanout --target https://127.0.0.1:1",
                "plain http://",
            ),
        ] {
            let program = Program::try_parse_from(line.split(' ')).expect("parses");
            let problem = run(program.bench).await.expect_err(line).to_string();
            assert!(problem.contains(word), "{problem}");
        }
    }
}
