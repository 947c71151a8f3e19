//! From a word on the command line to a target.

use std::path::PathBuf;

use clap::Args;

use super::Target;
use super::colloquy::Colloquy;
use super::deployment::Deployment;
use super::janus::{Janus, Threads};
use super::spawned::Spawned;
use super::whip_whep::{self, WhipWhep};
use crate::rivals::{self, ground};

/// The word for a deployment of this program that is started for the run.
pub(crate) const SPAWNED: &str = "colloquy";

/// What lets a run in, whichever targets it names.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Access {
    /// Who opens the rooms of a deployment that runs already.
    #[arg(long, env = "COLLOQUY_BENCH_EMAIL", default_value = "")]
    pub(crate) email: String,
    /// Their password. Better given by the environment.
    #[arg(
        long,
        env = "COLLOQUY_BENCH_PASSWORD",
        hide_env_values = true,
        default_value = ""
    )]
    pub(crate) password: String,
    /// Where is published, for the target whip-whep; `{room}` is the number of the room.
    #[arg(long, default_value = "")]
    pub(crate) whip: String,
    /// Where is watched, for the target whip-whep; `{room}` is the number of the room.
    #[arg(long, default_value = "")]
    pub(crate) whep: String,
    /// The bearer token of both. Better given by the environment.
    #[arg(
        long,
        env = "COLLOQUY_BENCH_BEARER",
        hide_env_values = true,
        default_value = ""
    )]
    pub(crate) bearer: String,
    /// Where `rivals up` keeps the settings of janus, if it was told another folder than its own.
    #[arg(long, env = ground::FOLDER_VARIABLE)]
    pub(crate) rivals_folder: Option<PathBuf>,
}

/// Goes to where the targets of these words can be measured: for a rival this program is
/// started again within the rivals' network namespace, and this one ends with it. Call it before
/// anything is started.
///
/// # Errors
/// When it cannot go there.
pub(crate) async fn enter(words: &[&str], access: &Access) -> anyhow::Result<()> {
    match words.iter().any(|word| threads_of(word).is_some()) {
        true => rivals::enter(&ground::folder(access.rivals_folder.as_deref())?).await,
        false => Ok(()),
    }
}

/// Opens the target that `word` names, starting what has to be started: `colloquy`, the URL of a
/// deployment, `janus`, `janus-loops` or `whip-whep`. [`enter`] comes first.
///
/// # Errors
/// When there is no such target, it cannot be reached, or it does not let anybody in.
pub(crate) async fn open(word: &str, access: &Access) -> anyhow::Result<Box<dyn Target>> {
    if let Some(threads) = threads_of(word) {
        let folder = ground::folder(access.rivals_folder.as_deref())?;
        return Ok(Box::new(Janus::start(threads, &folder).await?));
    }
    if word == SPAWNED {
        return Ok(Box::new(Colloquy(Box::new(Spawned::start().await?))));
    }
    if word == whip_whep::WORD {
        let (whip, whep) = (&access.whip, &access.whep);
        return Ok(Box::new(WhipWhep::open(whip, whep, &access.bearer).await?));
    }
    anyhow::ensure!(
        word.contains("://"),
        "no target {word:?}: it is {SPAWNED}, janus, janus-loops, whip-whep or the URL of a \
         deployment"
    );
    let deployment = Deployment::sign_in(word, &access.email, &access.password).await?;
    Ok(Box::new(Colloquy(Box::new(deployment))))
}

fn threads_of(word: &str) -> Option<Threads> {
    [Threads::OfHandles, Threads::TwoLoops]
        .into_iter()
        .find(|threads| threads.word() == word)
}
