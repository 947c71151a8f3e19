//! What has to be installed, by the distribution's own means.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

/// Programs and the packages that bring them.
const NEEDED: [(&str, &str); 2] = [("janus", "janus"), ("ip", "iproute2")];

/// The unit that comes with the package. It listens on every address, which nobody asked for.
const UNIT: &str = "janus.service";

/// Installs what is missing.
pub(super) fn install_missing() -> anyhow::Result<()> {
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| !is_found(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {} ...", missing.join(", "));
    let managed = Path::new("/run/systemd/system").exists();
    if managed {
        run("systemctl", &["mask", "--runtime", UNIT])?;
    }
    let installed = run("apt-get", &["update", "-q"]).and_then(|()| {
        let mut words = vec!["install", "-q", "-y", "--no-install-recommends"];
        words.extend(&missing);
        run("apt-get", &words)
    });
    if managed {
        // Neither now nor after the next start of the machine.
        let _ = run("systemctl", &["disable", UNIT]);
        run("systemctl", &["unmask", "--runtime", UNIT])?;
    }
    installed
}

/// Refuses when Janus is not there.
pub(super) fn ensure_installed() -> anyhow::Result<()> {
    anyhow::ensure!(
        is_found("janus"),
        "janus is not installed: run `bench rivals up`"
    );
    Ok(())
}

fn is_found(program: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn run(program: &str, words: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program)
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{program} cannot be started: only Debian is known here"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    anyhow::ensure!(
        output.status.success(),
        "{program} {}: {}",
        words.join(" "),
        last.unwrap_or("it does not say why")
    );
    Ok(())
}
