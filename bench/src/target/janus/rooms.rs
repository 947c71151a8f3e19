//! Rooms of a Janus, made over its API on a line of their own.

use anyhow::Context;
use serde_json::{Value, json};

use super::session::PLUGIN;
use crate::engine::line::Line;
use crate::rivals::ground;
use crate::target;

/// The subprotocol of its WebSocket.
pub(super) const PROTOCOL: &str = "janus-protocol";

/// Words that are passed over until the answer comes.
const MAX_PASSED_OVER: usize = 16;

/// Whether it answers.
pub(super) async fn answers() -> anyhow::Result<()> {
    let mut line = open_line().await?;
    ask(&mut line, json!({ "janus": "info" })).await?;
    Ok(())
}

/// Makes a room for so many publishers. It stays when the line is gone.
pub(super) async fn open(number: u64, publishers: usize) -> anyhow::Result<()> {
    let mut line = open_line().await?;
    let session = made(&ask(&mut line, json!({ "janus": "create" })).await?)?;
    let attach = json!({ "janus": "attach", "session_id": session, "plugin": PLUGIN });
    let handle = made(&ask(&mut line, attach).await?)?;
    let room = json!({
        "request": "create",
        "room": number,
        "publishers": publishers.max(1),
        "videocodec": "vp8",
        "audiocodec": "opus",
        // No cap, no recording, nobody is told of anything but media.
        "bitrate": 0,
        "bitrate_cap": false,
        "record": false,
        "require_pvtid": false,
        "notify_joining": false,
        "audiolevel_event": false,
    });
    let create = json!({
        "janus": "message", "session_id": session, "handle_id": handle, "body": room,
    });
    let answer = ask(&mut line, create).await?;
    let told = &answer["plugindata"]["data"];
    anyhow::ensure!(
        told["videoroom"] == "created",
        "janus makes no room: {}",
        told["error"].as_str().unwrap_or("it does not say why")
    );
    ask(
        &mut line,
        json!({ "janus": "destroy", "session_id": session }),
    )
    .await?;
    Ok(())
}

async fn open_line() -> anyhow::Result<Line> {
    Line::open(&target::Line::WebSocket {
        url: ground::WEBSOCKET_URL.to_owned(),
        protocol: Some(PROTOCOL),
    })
    .await
}

/// Says something and waits for its answer.
async fn ask(line: &mut Line, mut words: Value) -> anyhow::Result<Value> {
    words["transaction"] = json!("rooms");
    line.say(words.to_string()).await;
    for _ in 0..MAX_PASSED_OVER {
        let answer: Value = serde_json::from_str(&line.hear().await?)?;
        if answer["transaction"] != words["transaction"] || answer["janus"] == "ack" {
            continue;
        }
        let refused = answer["error"]["reason"].as_str();
        anyhow::ensure!(refused.is_none(), "janus: {}", refused.unwrap_or_default());
        return Ok(answer);
    }
    anyhow::bail!("janus does not answer {}", words["janus"])
}

/// The number of what was made.
fn made(answer: &Value) -> anyhow::Result<u64> {
    answer["data"]["id"]
        .as_u64()
        .context("janus made something without a number")
}
