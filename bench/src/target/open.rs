//! From a word on the command line to a target.

use clap::Args;

use super::Target;
use super::colloquy::Colloquy;
use super::deployment::Deployment;
use super::spawned::Spawned;

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
}

/// Opens the target that `word` names, starting what has to be started: `colloquy`, or the URL
/// of a deployment.
///
/// # Errors
/// When there is no such target, it cannot be reached, or it does not let anybody in.
pub(crate) async fn open(word: &str, access: &Access) -> anyhow::Result<Box<dyn Target>> {
    if word == SPAWNED {
        return Ok(Box::new(Colloquy(Box::new(Spawned::start().await?))));
    }
    anyhow::ensure!(
        word.contains("://"),
        "no target {word:?}: it is {SPAWNED} or the URL of a deployment"
    );
    let deployment = Deployment::sign_in(word, &access.email, &access.password).await?;
    Ok(Box::new(Colloquy(Box::new(deployment))))
}
