//! Tells what `bench find --store` found that this node holds. Nothing is refused for it.

use std::path::Path;

use bench::Capacity;
use deploy_process::metrics::Registry;
use deploy_process::metrics::prometheus::{IntGauge, Opts};

/// Makes it a figure beside that of the participants who are there. Where nothing was measured
/// there is none.
///
/// # Errors
/// When the registry has it already.
pub(crate) fn tell(folder: &Path, registry: &Registry) -> anyhow::Result<()> {
    let capacity = match Capacity::load(folder) {
        Ok(Some(capacity)) => capacity,
        Ok(None) => return Ok(()),
        Err(problem) => {
            tracing::warn!("{problem:#}");
            return Ok(());
        }
    };
    if let Some(why) = capacity.outdated() {
        tracing::warn!("the capacity of this node is to be measured again: {why}");
    }
    let figure = IntGauge::with_opts(Opts::new(
        "colloquy_node_capacity_participants",
        "Participants of the largest load that this node was found to hold.",
    ))?;
    figure.set(i64::try_from(capacity.participants()).unwrap_or(i64::MAX));
    registry.register(Box::new(figure))?;
    Ok(())
}

/// The line of `doctor`. None of its answers stops a start.
pub(crate) fn examine(folder: &Path) -> String {
    match Capacity::load(folder) {
        Ok(None) => "note     capacity: not measured; `bench find --spawn --store` does".to_owned(),
        Ok(Some(capacity)) => match capacity.outdated() {
            None => format!("ok       capacity: {}", capacity.words()),
            Some(why) => format!(
                "note     capacity: {}; {why}: measure it again",
                capacity.words()
            ),
        },
        Err(problem) => format!("note     capacity: {problem:#}"),
    }
}
