//! `bench find`: how much a machine holds, in words.

mod answer;
mod capacity;
mod page;
mod search;

use std::path::Path;

use anyhow::Context;
use clap::{Args, ValueEnum};

use self::answer::{Answer, Tried, is_at_least, words};
pub use self::capacity::Capacity;
use self::search::Search;
use crate::cli::WhichTarget;
use crate::load::{Load, LoadArguments};
use crate::measure::machine::Machine;
use crate::report::outlets::Outlets;
use crate::report::trust;
use crate::target::{self, Access};

/// Finds the largest load that holds: loss at most 0.1 %, latency (p99) within 50 ms, joins (p95)
/// within 2 s, and everyone in.
#[derive(Debug, Args)]
pub(crate) struct FindArguments {
    /// Which scenario is raised.
    #[arg(long, default_value = "rooms")]
    scenario: String,
    /// What is raised until it breaks.
    #[arg(long, value_enum, default_value_t = Unit::Rooms)]
    raise: Unit,
    /// No more than this is tried.
    #[arg(long, default_value_t = 200)]
    most: u16,
    /// Keeps the answer as this node's capacity: capacity.json in the data directory [data.dir].
    /// It is this machine's and this version's, so it goes with --spawn.
    #[arg(long, conflicts_with = "target")]
    pub(crate) store: bool,
    #[command(flatten)]
    which: WhichTarget,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    load: LoadArguments,
    #[command(flatten)]
    outlets: Outlets,
}

/// What is counted up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unit {
    /// Rooms, each as large as --publishers and --viewers say.
    Rooms,
    /// Viewers of each room.
    Viewers,
    /// Publishers of each room.
    Publishers,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Rooms => "rooms",
            Unit::Viewers => "viewers",
            Unit::Publishers => "publishers",
        }
    }

    fn set(self, load: &mut Load, count: u16) {
        match self {
            Unit::Rooms => load.size.rooms = count,
            Unit::Viewers => load.size.viewers = count,
            Unit::Publishers => load.size.publishers = count,
        }
    }

    /// One of what is counted, many times.
    fn shape(self, load: &Load) -> String {
        let size = load.size;
        let camera = match size.layers {
            1 => "720p".to_owned(),
            layers => format!("720p, simulcast of {layers}"),
        };
        match (self, size.viewers) {
            (Unit::Rooms, 0) => format!("meetings of {} ({camera})", size.publishers),
            (Unit::Rooms, viewers) => format!(
                "rooms of {} publishers and {viewers} viewers ({camera})",
                size.publishers
            ),
            (Unit::Viewers, _) => format!("viewers of {} publishers ({camera})", size.publishers),
            (Unit::Publishers, _) => format!("people who see each other ({camera})"),
        }
    }
}

/// Searches, and says what was found.
///
/// # Errors
/// When the arguments make no run, the target cannot be measured, not even the smallest load
/// holds, or the answer cannot be kept in `data_dir`, which only `--store` needs.
pub(crate) async fn run(args: FindArguments, data_dir: &Path) -> anyhow::Result<()> {
    args.outlets.check()?;
    if args.store {
        capacity::check(data_dir)?;
    }
    let mut load = args.load.unchecked(&args.scenario)?;
    target::enter(&[args.which.word()], &args.access).await?;
    let cores = trust::cores_here();
    let mut search = Search::up_to(args.most);
    let mut tried = Vec::new();
    let mut name = String::new();
    while let Some(count) = search.next() {
        args.raise.set(&mut load, count);
        if load.check().is_err() {
            // A run has a largest size, too.
            search.tell(count, false);
            continue;
        }
        let title = format!("{} {} of {}", count, args.raise.name(), args.scenario);
        let shown = (title, args.outlets.are_quiet());
        let place = (args.which.word(), &args.access);
        let summary = load.measure(place, shown).await?;
        let one = Tried::of(count, &summary, cores);
        name = summary.target;
        if !args.outlets.are_quiet() {
            eprintln!("{}", one.line());
        }
        search.tell(count, one.holds);
        tried.push(one);
    }
    let held = search.held();
    let best = tried.iter().rfind(|one| one.load == held).cloned();
    let shape = args.raise.shape(&load);
    let answer = Answer {
        scenario: args.scenario.clone(),
        unit: args.raise.name(),
        target: name,
        holds: held,
        at_least: is_at_least(held, &tried),
        participants: best.as_ref().map_or(0, |one| one.participants),
        words: words(&shape, held, &tried, args.most),
        tried,
    };
    args.outlets.write(
        &answer,
        || page::page_of(&answer, &Machine::here()),
        || format!("{}\n", answer.words),
    )?;
    let best = best.context("not even the smallest load holds")?;
    if args.store {
        let capacity = Capacity::of(&best, answer.at_least, (args.scenario, shape), &load.media);
        let path = capacity.store(data_dir)?;
        if !args.outlets.are_quiet() {
            eprintln!("kept as this node's capacity in {}", path.display());
        }
    }
    Ok(())
}
