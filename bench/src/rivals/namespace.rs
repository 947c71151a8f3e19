//! The network namespace: `lo`, and a pair of ordinary interfaces with a loopback address.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::ground::MEDIA_ADDRESS;

/// Its name.
pub(super) const NAME: &str = "colloquy-rivals";

/// Where `ip` keeps the names.
const NAMES: &str = "/run/netns";

/// Makes it, or makes it anew.
pub(super) fn make() -> anyhow::Result<()> {
    remove()?;
    ip(&["netns", "add", NAME])?;
    let address = format!("{MEDIA_ADDRESS}/32");
    for step in [
        &["link", "set", "lo", "up"][..],
        &[
            "link", "add", "veth0", "type", "veth", "peer", "name", "veth1",
        ],
        &["link", "set", "veth1", "up"],
        &["link", "set", "veth0", "up"],
        &["addr", "add", &address, "dev", "veth0"],
    ] {
        let mut words = vec!["-n", NAME];
        words.extend(step);
        ip(&words)?;
    }
    Ok(())
}

/// Removes it; its interfaces go with it.
pub(super) fn remove() -> anyhow::Result<()> {
    if path().exists() {
        ip(&["netns", "delete", NAME])?;
    }
    Ok(())
}

/// Whether this process is in it.
pub(super) fn is_inside() -> anyhow::Result<bool> {
    let Ok(named) = fs::metadata(path()) else {
        anyhow::bail!("the network namespace {NAME} is missing: run `bench rivals up`");
    };
    let own = fs::metadata("/proc/self/ns/net").context("/proc")?;
    Ok((named.dev(), named.ino()) == (own.dev(), own.ino()))
}

/// Starts a program in it.
pub(super) fn command(program: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("ip");
    command.args(["netns", "exec", NAME]).arg(program);
    command
}

fn path() -> PathBuf {
    Path::new(NAMES).join(NAME)
}

fn ip(words: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip").args(words).output();
    let output = output.context("ip cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "ip {}: {}",
        words.join(" "),
        said.trim()
    );
    Ok(())
}
