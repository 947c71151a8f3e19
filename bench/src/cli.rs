//! `colloquy bench`: its subcommands and flags.

use std::path::Path;

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::compare::{self, CompareArguments};
use crate::find::{self, FindArguments};
use crate::impair::{self, ImpairArguments};
use crate::load::LoadArguments;
use crate::relay::{self, TurnArguments};
use crate::report::outlets::Outlets;
use crate::report::{html, table};
use crate::rivals::{self, RivalsArguments};
use crate::scenario;
use crate::siege::{self, SiegeArguments};
use crate::target::{self, Access};

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
    Find(FindArguments),
    /// Puts two targets under the same load, in turns, and says their ratios.
    Compare(CompareArguments),
    /// Stands between clients and a deployment as a bad network, led by JSON lines.
    Impair(ImpairArguments),
    Rivals(RivalsArguments),
    Siege(SiegeArguments),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// Which scenario; `list` names them. A size may stand behind it instead of in flags:
    /// `meeting:8`, `fanout:1x50` (publishers, viewers), `rooms:10x1x10` (rooms first).
    scenario: String,
    #[command(flatten)]
    which: WhichTarget,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    load: LoadArguments,
    #[command(flatten)]
    outlets: Outlets,
    #[command(flatten)]
    turn: TurnArguments,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichTarget {
    /// The public URL of a running deployment, such as http://127.0.0.1:8080; or `colloquy`, which
    /// is the same as --spawn; or `janus`, `janus-loops` (two event loops), `whip-whep`. Of `turn`
    /// any relay: turn:udp:HOST:PORT, turn:tcp:HOST:PORT or turn:tls:HOST:PORT.
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

impl Arguments {
    /// Whether something is kept in the data directory.
    pub fn store(&self) -> bool {
        matches!(&self.command, Command::Find(find) if find.store)
    }
}

/// Runs the subcommand. In `data_dir` is kept what is to be kept (see [`Arguments::store`]).
///
/// # Errors
/// When the target cannot be reached, does not let anybody in, the arguments make no meeting, or
/// the scenario's claim does not hold.
pub async fn run(args: Arguments, data_dir: &Path) -> anyhow::Result<()> {
    match args.command {
        Command::List => {
            for scenario in scenario::all() {
                println!("{:<10} {}", scenario.name(), scenario.claim());
            }
            println!("{:<10} {}", relay::NAME, relay::CLAIM);
            println!("{:<10} {}", "siege", siege::CLAIM);
            Ok(())
        }
        Command::Run(args) => unless_stopped(run_scenario(args)).await,
        Command::Find(args) => unless_stopped(find::run(args, data_dir)).await,
        Command::Compare(args) => unless_stopped(compare::run(args)).await,
        Command::Impair(args) => impair::run(args).await,
        Command::Rivals(args) => rivals::run(&args),
        Command::Siege(args) => siege::run(args).await,
    }
}

/// Drops a run when it is interrupted or terminated: what it started ends with it.
async fn unless_stopped(run: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = run => done,
        _ = interrupted.recv() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("terminated"),
    }
}

async fn run_scenario(args: RunArguments) -> anyhow::Result<()> {
    if args.scenario == relay::NAME {
        let (word, seconds) = (args.which.word(), args.load.seconds());
        return relay::run(word, seconds, &args.outlets, &args.turn).await;
    }
    let load = args.load.load(&args.scenario)?;
    args.outlets.check()?;
    target::enter(&[args.which.word()], &args.access).await?;
    let word = args.which.word();
    let title = format!("{} on {word}", args.scenario);
    let shown = (title, args.outlets.are_quiet());
    let summary = load.measure((word, &args.access), shown).await?;
    let table = || table::render(&summary);
    args.outlets
        .write(&summary, || html::run(&summary), table)?;
    anyhow::ensure!(
        summary.claim_held(),
        "the claim of {} does not hold: {}",
        summary.scenario,
        summary.broken_claims.join("; ")
    );
    Ok(())
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
        for outlets in ["--json", "--json -", "--json f --html f", "--html -"] {
            assert!(parsed(&format!("bench run fanout --spawn {outlets}")).is_ok());
        }
        assert!(parsed("bench compare colloquy other --scenario a --scenario b").is_ok());
        assert!(parsed("bench compare colloquy other").is_err());
        assert!(parsed("bench list").is_ok());
        assert!(parsed("bench find --target http://127.0.0.1:1 --store").is_err());
    }

    #[tokio::test]
    async fn what_makes_no_run_is_refused_before_anything_is_started() {
        for (line, word) in [
            ("bench run dance --spawn", "dance"),
            ("bench run fanout --spawn --viewers 3000", "3001"),
            ("bench run meeting --spawn --publishers 1", "1 participants"),
            ("bench run fanout --spawn --layers 4", "layers"),
            ("bench run fanout --spawn --pictures 51", "pictures"),
            ("bench run fanout --target dance", "dance"),
            (
                "bench run fanout --target https://127.0.0.1:1",
                "plain http://",
            ),
            (
                "bench compare colloquy colloquy --scenario fanout --rounds 0",
                "rounds",
            ),
            ("bench compare colloquy colloquy --scenario dance", "dance"),
            ("bench find --spawn --store", "/nowhere"),
        ] {
            let program = Program::try_parse_from(line.split(' ')).expect("parses");
            let nowhere = Path::new("/nowhere");
            let problem = run(program.bench, nowhere)
                .await
                .expect_err(line)
                .to_string();
            assert!(problem.contains(word), "{problem}");
        }
    }
}
