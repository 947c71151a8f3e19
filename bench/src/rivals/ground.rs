//! The folder of the rivals: Janus's settings, the plugins it may load, who runs.

use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::target::janus::Threads;

/// Names the folder in the environment.
pub(crate) const FOLDER_VARIABLE: &str = "COLLOQUY_BENCH_RIVALS";

/// Where Janus and its participants send media from, within the namespace.
pub(crate) const MEDIA_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);

/// Where Janus is spoken to, within the namespace.
pub(crate) const WEBSOCKET_URL: &str = "ws://127.0.0.1:8188";

/// Its settings, in the folder.
pub(crate) const SETTINGS: &str = "etc";

/// The process that a run started, while it runs.
pub(crate) const PROCESS_FILE: &str = "janus.pid";

/// What the last one said.
pub(crate) const LOG_FILE: &str = "janus.log";

/// How long Janus keeps what it sent for requests to send it again. Its own 200 ms are less than a
/// second request needs on a path of 80 ms with jitter; this is what its sample settings name.
const KEPT_SENT_MS: u32 = 500;

/// Where a distribution keeps its plugins, below the folder of its architecture.
const LIBRARIES: &str = "/usr/lib";

/// What it may load: kind, name.
const LOADED: [(&str, &str); 2] = [
    ("plugins", "libjanus_videoroom.so"),
    ("transports", "libjanus_websockets.so"),
];

/// Its main settings, in the folder.
pub(crate) fn settings_file(threads: Threads) -> PathBuf {
    Path::new(SETTINGS).join(format!("{}.jcfg", threads.word()))
}

/// The folder: as it was said, or below the user's state directory.
pub(crate) fn folder(said: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = said {
        return std::path::absolute(folder).context("--folder");
    }
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let home = || set("HOME").map(|home| Path::new(&home).join(".local/state"));
    let state = state.or_else(home);
    let state = state.context("neither XDG_STATE_HOME nor HOME is set: name a --folder")?;
    Ok(state.join("colloquy/rivals"))
}

/// Writes everything that Janus reads.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let written = |path: &Path| format!("{} cannot be written", path.display());
    let settings = folder.join(SETTINGS);
    fs::create_dir_all(&settings).with_context(|| written(&settings))?;
    for (kind, name) in LOADED {
        let found = library(kind, name)?;
        let kept = folder.join(kind);
        fs::create_dir_all(&kept).with_context(|| written(&kept))?;
        let link = kept.join(name);
        if fs::symlink_metadata(&link).is_ok() {
            fs::remove_file(&link)?;
        }
        symlink(found, &link).with_context(|| written(&link))?;
    }
    let at = folder.display();
    for threads in [Threads::OfHandles, Threads::TwoLoops] {
        let loops = match threads {
            Threads::OfHandles => "",
            Threads::TwoLoops => "event_loops = 2",
        };
        let main = format!(
            "general: {{ configs_folder = \"{at}/{SETTINGS}\"; plugins_folder = \"{at}/plugins\"; \
             transports_folder = \"{at}/transports\"; debug_level = 3; \
             interface = \"{MEDIA_ADDRESS}\"; {loops} }}\n\
             media: {{ rtp_port_range = \"20000-29999\"; min_nack_queue = {KEPT_SENT_MS} }}\n\
             nat: {{ ice_enforce_list = \"{MEDIA_ADDRESS}\"; ice_lite = true; \
             full_trickle = false; ice_tcp = false }}\n"
        );
        let path = folder.join(settings_file(threads));
        fs::write(&path, main).with_context(|| written(&path))?;
    }
    let websockets = "general: { json = \"compact\"; ws = true; ws_port = 8188; \
                      ws_ip = \"127.0.0.1\"; wss = false }\n";
    let path = settings.join("janus.transport.websockets.jcfg");
    fs::write(&path, websockets).with_context(|| written(&path))?;
    let path = settings.join("janus.plugin.videoroom.jcfg");
    fs::write(&path, "general: {}\n").with_context(|| written(&path))
}

/// Removes what [`write`] and a run wrote, and the folder when nothing else is in it.
pub(super) fn remove(folder: &Path) -> anyhow::Result<()> {
    for kept in [SETTINGS, LOADED[0].0, LOADED[1].0] {
        let path = folder.join(kept);
        if path.exists() {
            fs::remove_dir_all(&path)
                .with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    for file in [PROCESS_FILE, LOG_FILE] {
        let _ = fs::remove_file(folder.join(file));
    }
    // Somebody else's files keep it.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Whether [`write`] was done.
pub(super) fn ensure_made(folder: &Path) -> anyhow::Result<()> {
    let made = [Threads::OfHandles, Threads::TwoLoops];
    let made = made
        .into_iter()
        .all(|threads| folder.join(settings_file(threads)).exists());
    anyhow::ensure!(
        made,
        "{} has no settings of janus: run `bench rivals up` first",
        folder.display()
    );
    Ok(())
}

/// Refuses when a Janus of ours runs: another run's, or one that a killed run left.
pub(super) fn ensure_nobody_runs(folder: &Path) -> anyhow::Result<()> {
    match running(folder) {
        Some(id) => anyhow::bail!(
            "a janus runs already (process {id}): wait for its run, or end it by `bench rivals down`"
        ),
        None => Ok(()),
    }
}

/// Ends a Janus that a killed run left.
pub(super) fn end_leftover(folder: &Path) -> anyhow::Result<()> {
    if let Some(id) = running(folder) {
        kill(Pid::from_raw(id), Signal::SIGKILL)
            .with_context(|| format!("janus (process {id}) cannot be ended"))?;
    }
    Ok(())
}

/// The process that the folder names, if it is a Janus. One that has ended has no program.
fn running(folder: &Path) -> Option<i32> {
    let id = fs::read_to_string(folder.join(PROCESS_FILE)).ok()?;
    let id: i32 = id.trim().parse().ok()?;
    let program = fs::read_link(format!("/proc/{id}/exe")).ok()?;
    (program.file_name()? == "janus").then_some(id)
}

/// Where a plugin was installed, whichever architecture this is.
fn library(kind: &str, name: &str) -> anyhow::Result<PathBuf> {
    let architectures = fs::read_dir(LIBRARIES).context(LIBRARIES)?;
    let paths = architectures
        .filter_map(Result::ok)
        .map(|folder| folder.path().join("janus").join(kind).join(name));
    paths
        .into_iter()
        .find(|path| path.exists())
        .with_context(|| format!("janus is installed without {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_folder_without_settings_is_told_and_one_that_names_a_stranger_has_no_janus() {
        let folder = TempDir::new().expect("a folder");
        let problem = ensure_made(folder.path()).expect_err("nothing there");
        assert!(problem.to_string().contains("bench rivals up"), "{problem}");
        // A number that was used again must not be ended.
        let own = std::process::id().to_string();
        fs::write(folder.path().join(PROCESS_FILE), own).expect("written");
        assert_eq!(running(folder.path()), None);
        ensure_nobody_runs(folder.path()).expect("nobody");
    }

    #[test]
    fn what_is_removed_is_what_was_made() {
        let folder = TempDir::new().expect("a folder");
        let kept = folder.path().join("kept");
        fs::write(&kept, "by somebody").expect("written");
        fs::create_dir(folder.path().join(SETTINGS)).expect("made");
        remove(folder.path()).expect("removed");
        assert!(!folder.path().join(SETTINGS).exists());
        assert!(kept.exists());
    }
}
