//! `bench compare`: two targets under the same load, in turns, each begun anew for each run.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::sleep;

use crate::load::{Load, LoadArguments};
use crate::report::Summary;
use crate::report::comparison::{Comparison, Round, Shape};
use crate::report::html;
use crate::report::outlets::Outlets;
use crate::target::{self, Access};

/// Between two runs: what one of them left behind on the machine is over.
const PAUSE: Duration = Duration::from_secs(1);

/// Most rounds: the spread of a few says enough.
const MAX_ROUNDS: u8 = 50;

/// Two targets, and what both are put under.
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// A target: `colloquy`, `janus`, `janus-loops` (each started for each run), `whip-whep`, or
    /// the URL of a deployment.
    a: String,
    /// What it is compared with.
    b: String,
    /// Which scenario, as `run` takes it; several are compared one after the other.
    #[arg(long = "scenario", value_name = "SCENARIO", required = true)]
    scenarios: Vec<String>,
    #[command(flatten)]
    load: LoadArguments,
    /// How often each is measured, in turns.
    #[arg(long, default_value_t = 3)]
    rounds: u8,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    outlets: Outlets,
}

/// Compares and reports.
pub(crate) async fn run(args: CompareArguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        (1..=MAX_ROUNDS).contains(&args.rounds),
        "{} rounds: a comparison has 1 to {MAX_ROUNDS}",
        args.rounds
    );
    let loads = args.scenarios.iter().map(|shape| args.load.load(shape));
    let loads = loads.collect::<anyhow::Result<Vec<Load>>>()?;
    args.outlets.check()?;
    target::enter(&[&args.a, &args.b], &args.access).await?;
    // Whoever cannot be reached is told before the other is measured for minutes.
    for word in [&args.a, &args.b] {
        let opened = target::open(word, &args.access).await;
        opened.with_context(|| word.clone())?.close().await;
    }
    let mut shapes = Vec::new();
    for (name, load) in args.scenarios.iter().zip(&loads) {
        shapes.push(compare(&args, name, load).await?);
    }
    let comparison = Comparison::of(&args.a, &args.b, shapes);
    let html = || html::comparison(&comparison);
    args.outlets
        .write(&comparison, html, || comparison.table())?;
    match comparison.none_because.as_slice() {
        [] => Ok(()),
        [one] => anyhow::bail!("this is no comparison: {one}"),
        [one, more @ ..] => anyhow::bail!(
            "this is no comparison: {one}; and {} more runs are no result",
            more.len()
        ),
    }
}

async fn compare(args: &CompareArguments, name: &str, load: &Load) -> anyhow::Result<Shape> {
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let round = format!("{name}, round {number} of {}", args.rounds);
        let a = measure(args, &args.a, &round, load).await?;
        sleep(PAUSE).await;
        let b = measure(args, &args.b, &round, load).await?;
        sleep(PAUSE).await;
        rounds.push(Round { a, b });
    }
    Ok(Shape::of(name.to_owned(), rounds))
}

/// One run on a target that is opened for it and closed after it.
async fn measure(
    args: &CompareArguments,
    word: &str,
    round: &str,
    load: &Load,
) -> anyhow::Result<Summary> {
    let title = format!("{round}: {word}");
    let shown = (title.clone(), args.outlets.are_quiet());
    let measured = load.measure((word, &args.access), shown).await;
    measured.context(title)
}
