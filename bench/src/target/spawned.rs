//! A deployment of this very program, started for the run on loopback with a fresh data
//! directory, and ended after it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sfu_client::driver::JoinTarget;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::deployment::Deployment;
use super::http::Http;
use super::{Deployed, RoomKey};
use crate::load::MAX_PARTICIPANTS;

/// How long it may take until it is ready: a first start makes its secrets and its database.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How often it is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How long it may take to drain.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// The owner of a deployment that lives as long as one run, on loopback.
const OWNER_EMAIL: &str = "bench@example.org";

/// A child process and the way into it.
pub(crate) struct Spawned {
    child: Child,
    deployment: Deployment,
    media: SocketAddr,
    relay: SocketAddr,
    /// Removed when the run is over.
    directory: TempDir,
}

/// Where it writes its log, in its directory.
const LOG_FILE: &str = "log";

impl Spawned {
    /// Starts `serve` and waits until it is ready.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::start_logged(&[]).await
    }

    /// Starts `serve` with further settings, as environment variables. Its log goes into a file;
    /// see [`Spawned::log`].
    pub(crate) async fn start_logged(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let directory = TempDir::new().context("a data directory for the run")?;
        let log = File::create(directory.path().join(LOG_FILE)).context("a log for the run")?;
        Self::start_in(directory, log.into(), settings).await
    }

    /// The log of one that was started with it.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join(LOG_FILE)
    }

    /// Where its first shard listens.
    pub(crate) fn media(&self) -> SocketAddr {
        self.media
    }

    /// Where its relay listens.
    pub(crate) fn relay(&self) -> SocketAddr {
        self.relay
    }

    /// User name and password for its relay, as a guest of one of its rooms is told.
    pub(crate) async fn relay_credential(&mut self) -> anyhow::Result<(String, String)> {
        let room = self.deployment.open_room().await?;
        self.deployment.relay_credential(&room).await
    }

    async fn start_in(
        directory: TempDir,
        log: Stdio,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the path of this program")?;
        let (http_port, udp_port, turn_port) = (free_tcp()?, free_udp()?, free_udp()?);
        let url = format!("http://127.0.0.1:{http_port}");
        // Only this process knows it, and only for the run.
        let password = Uuid::new_v4().to_string();
        let mut child = Command::new(program)
            .arg("serve")
            .env("COLLOQUY__HTTP__LISTEN", format!("127.0.0.1:{http_port}"))
            .env("COLLOQUY__HTTP__PUBLIC_URL", &url)
            .env("COLLOQUY__DATA__DIR", directory.path())
            .env("COLLOQUY__SFU__UDP_PORT", udp_port.to_string())
            .env("COLLOQUY__TURN__PORT", turn_port.to_string())
            // What the machine holds is asked, not what a setting allows.
            .env(
                "COLLOQUY__SFU__PARTICIPANTS_PER_ROOM",
                MAX_PARTICIPANTS.to_string(),
            )
            .env("COLLOQUY__SETUP__OWNER_EMAIL", OWNER_EMAIL)
            .env("COLLOQUY__SETUP__OWNER_PASSWORD", &password)
            .envs(settings.iter().copied())
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("this program could not be started again")?;
        wait_until_ready(&mut child, &Http::new(&url)?)
            .await
            .with_context(|| last_words(directory.path()))?;
        let deployment = Deployment::sign_in(&url, OWNER_EMAIL, &password).await?;
        Ok(Spawned {
            child,
            deployment,
            media: (Ipv4Addr::LOCALHOST, udp_port).into(),
            relay: (Ipv4Addr::LOCALHOST, turn_port).into(),
            directory,
        })
    }
}

/// What the log of one that does not start ends with.
fn last_words(directory: &Path) -> String {
    let log = fs::read_to_string(directory.join(LOG_FILE)).unwrap_or_default();
    match log.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!("the last line of its log: {}", line.trim()),
        None => "its log is empty".to_owned(),
    }
}

async fn wait_until_ready(child: &mut Child, http: &Http) -> anyhow::Result<()> {
    let until = Instant::now() + START_DEADLINE;
    while !http.is_ok("/readyz").await {
        if let Some(status) = child.try_wait()? {
            anyhow::bail!("the spawned deployment ended with {status}");
        }
        anyhow::ensure!(
            Instant::now() < until,
            "the spawned deployment is not ready after {START_DEADLINE:?}"
        );
        sleep(ASK_EVERY).await;
    }
    Ok(())
}

/// A port that was free a moment ago.
fn free_tcp() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// A UDP port that was free a moment ago. A node takes one more for each of its shards.
fn free_udp() -> anyhow::Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

#[async_trait]
impl Deployed for Spawned {
    fn name(&self) -> String {
        format!("spawned, {}", self.deployment.name())
    }

    fn url(&self) -> String {
        self.deployment.url()
    }

    fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    fn http(&self) -> &Http {
        self.deployment.http()
    }

    async fn open_room(&mut self) -> anyhow::Result<RoomKey> {
        self.deployment.open_room().await
    }

    async fn admit(&mut self, room: &RoomKey, name: &str) -> anyhow::Result<JoinTarget> {
        self.deployment.admit(room, name).await
    }

    async fn close(mut self: Box<Self>) {
        terminate(&self.child);
        if timeout(STOP_DEADLINE, self.child.wait()).await.is_err() {
            tracing::warn!("the spawned deployment did not drain in time");
        }
    }
}

/// Asks it to stop as an operator does.
pub(super) fn terminate(child: &Child) {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // Should it fail, dropping the child ends it.
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
}
