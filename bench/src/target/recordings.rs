//! Recordings of a deployment: begun, stopped, and every file read again.

use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Recorded;
use super::http::Http;

/// How long a recording may take to be ready after it was stopped.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// How often it is asked whether it is.
const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Deserialize)]
struct Begun {
    id: String,
}

#[derive(Deserialize)]
struct Stands {
    status: String,
    problem: Option<String>,
    files: Vec<File>,
    health: Option<Health>,
}

#[derive(Deserialize)]
struct File {
    url: String,
    bytes: u64,
    sha256: String,
}

#[derive(Deserialize)]
struct Health {
    duration_ms: u64,
    packets_recorded: u64,
    entries_missing: u64,
    gaps: Vec<serde_json::Value>,
}

/// Begins to record the meeting of a room; answers the recording's id.
pub(super) async fn begin(http: &Http, room: &str) -> anyhow::Result<String> {
    let path = format!("/api/rooms/{room}/recordings");
    let begun: Begun = http.post(&path, &json!({})).await?;
    Ok(begun.id)
}

/// Ends it.
pub(super) async fn stop(http: &Http, recording: &str) -> anyhow::Result<()> {
    let path = format!("/api/recordings/{recording}/stop");
    let _: serde_json::Value = http.post(&path, &json!({})).await?;
    Ok(())
}

/// Waits until it is ready and reads every file: length and hash have to be as it says.
pub(super) async fn verify(http: &Http, recording: &str) -> anyhow::Result<Recorded> {
    let asked = Instant::now();
    let path = format!("/api/recordings/{recording}");
    let ready = loop {
        let stands: Stands = http.get(&path).await?;
        match stands.status.as_str() {
            "ready" => break stands,
            "failed" => anyhow::bail!(
                "a recording failed: {}",
                stands
                    .problem
                    .unwrap_or_else(|| "no reason was told".to_owned())
            ),
            status => anyhow::ensure!(
                asked.elapsed() < READY_WITHIN,
                "a recording is still {status} after {READY_WITHIN:?}"
            ),
        }
        sleep(ASK_EVERY).await;
    };
    let ready_after = asked.elapsed();
    let health = ready.health.context("a ready recording without health")?;
    let mut recorded = Recorded {
        ready_after,
        duration_ms: health.duration_ms,
        packets: health.packets_recorded,
        entries_missing: health.entries_missing,
        gaps: health.gaps.len() as u64,
        files: ready.files.len() as u64,
        ..Recorded::default()
    };
    for file in ready.files {
        let (bytes, sha256) = http.digest(&file.url).await?;
        anyhow::ensure!(
            bytes == file.bytes && sha256 == file.sha256,
            "a file of a recording is not what it is said to be: {bytes} bytes, {sha256}"
        );
        recorded.bytes += bytes;
    }
    Ok(recorded)
}
