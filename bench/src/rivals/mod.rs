//! `bench rivals`: makes the ground on which others stand beside us, and removes it.
//!
//! Janus takes no loopback interface. So it gets a loopback address on an ordinary interface, in
//! a network namespace of its own, and whoever measures it goes there as well.

pub(crate) mod ground;
mod namespace;
mod packages;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;

/// Tells a program that it was started again within the namespace.
const INSIDE: &str = "COLLOQUY_BENCH_INSIDE";

/// How long that one may take to stop what it started.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// How often it is looked whether it has.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Makes the ground for measuring others beside Colloquy: Janus
#[derive(Debug, Args)]
pub(crate) struct RivalsArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Installs what is missing, writes its settings and makes its network namespace.
    Up(RivalsFolder),
    /// Ends what still runs and removes the namespace and the settings. Packages stay.
    Down(RivalsFolder),
}

#[derive(Debug, Args)]
struct RivalsFolder {
    /// Where their settings are kept; below the user's state directory, unless it is said.
    #[arg(long, env = ground::FOLDER_VARIABLE)]
    folder: Option<PathBuf>,
}

/// Runs the subcommand.
///
/// # Errors
/// When it is not root, or a step fails.
pub(crate) fn run(args: &RivalsArguments) -> anyhow::Result<()> {
    match &args.action {
        Action::Up(at) => up(&ground::folder(at.folder.as_deref())?),
        Action::Down(at) => down(&ground::folder(at.folder.as_deref())?),
    }
}

fn up(folder: &Path) -> anyhow::Result<()> {
    need_root("bench rivals up")?;
    ground::ensure_nobody_runs(folder)?;
    packages::install_missing()?;
    ground::write(folder)?;
    namespace::make()?;
    println!(
        "janus stands ready: its settings are in {}, its network namespace is {}.\n\
         Measure it with `bench run fanout --target janus` (or janus-loops: two event loops).",
        folder.display(),
        namespace::NAME
    );
    Ok(())
}

fn down(folder: &Path) -> anyhow::Result<()> {
    need_root("bench rivals down")?;
    ground::end_leftover(folder)?;
    namespace::remove()?;
    ground::remove(folder)?;
    println!("the rivals are gone; `apt-get remove janus` removes the package as well");
    Ok(())
}

/// Goes where the rivals are: this program is started again within their namespace, and this one
/// ends with it. Does nothing when it is there already. Call it before anything was started.
///
/// # Errors
/// When it is not root, or `bench rivals up` was not done.
pub(crate) async fn enter(folder: &Path) -> anyhow::Result<()> {
    need_root("a run beside janus")?;
    ground::ensure_made(folder)?;
    if namespace::is_inside()? {
        return Ok(());
    }
    anyhow::ensure!(
        std::env::var_os(INSIDE).is_none(),
        "`ip netns exec {}` does not lead into that namespace",
        namespace::NAME
    );
    let program = std::env::current_exe().context("the path of this program")?;
    // A child, for replacing a program while its threads start others goes wrong.
    let child = namespace::command(&program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .spawn()
        .context("ip cannot be started")?;
    let status = Again(child).0.wait().await?;
    // It did and said everything.
    std::process::exit(status.code().unwrap_or(1))
}

/// This program, started again. Dropped before its end, it is asked to stop and waited for.
struct Again(Child);

impl Drop for Again {
    fn drop(&mut self) {
        let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        // Should it be gone, there is nothing to wait for.
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        let until = Instant::now() + STOP_DEADLINE;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(ASK_EVERY);
        }
    }
}

/// Whether a rival can be started here and now.
pub(crate) fn ready(folder: &Path) -> anyhow::Result<()> {
    ground::ensure_made(folder)?;
    packages::ensure_installed()?;
    ground::ensure_nobody_runs(folder)?;
    anyhow::ensure!(
        namespace::is_inside()?,
        "janus is measured within the network namespace {}",
        namespace::NAME
    );
    Ok(())
}

fn need_root(what: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // Its own folder in /proc belongs to whom a process acts as.
    let owner = std::fs::metadata("/proc/self").context("/proc")?.uid();
    anyhow::ensure!(
        owner == 0,
        "{what} needs root: it works in a network namespace"
    );
    Ok(())
}
