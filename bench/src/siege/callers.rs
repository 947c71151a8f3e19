//! Strangers at the doors: WebSockets without a grant that is good, and HTTP requests that mean
//! no good. They come from addresses of their own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::letters;
use super::pace::{Pace, patience};

/// How long a stranger waits for anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it listens for another word.
const HEARING: Duration = Duration::from_secs(1);

/// What a target that lives is done with each second, of one stranger's requests or WebSockets.
const LEAST_PER_SECOND: u64 = 4;

/// A message longer than any that a node reads.
const HUGE_BYTES: usize = 300 * 1024;

/// A request's head longer than any that a server should keep.
const GIANT_HEAD_BYTES: usize = 1024 * 1024;

/// Answers by status, 0 for none.
pub(super) type Answers = BTreeMap<u16, u64>;

/// Connects from some loopback address of its own.
async fn dial(door: SocketAddr, chance: &mut fastrand::Rng) -> Option<TcpStream> {
    if !door.is_ipv4() {
        return timeout(PATIENCE, TcpStream::connect(door)).await.ok()?.ok();
    }
    let socket = TcpSocket::new_v4().ok()?;
    let [a, b, c] = [1, 0, 2].map(|least| chance.u8(least..255));
    socket.bind((Ipv4Addr::new(127, a, b, c), 0).into()).ok()?;
    timeout(PATIENCE, socket.connect(door)).await.ok()?.ok()
}

/// Calls at `/rtc` until the messages are used up, or the time for them.
pub(super) async fn call(door: SocketAddr, pace: Arc<Pace>, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    while pace.has_more() {
        if one_call(door, &pace, &mut chance).await.is_none() {
            tokio::task::yield_now().await;
        }
    }
}

async fn one_call(door: SocketAddr, pace: &Pace, chance: &mut fastrand::Rng) -> Option<()> {
    let stream = dial(door, chance).await?;
    let opening = tokio_tungstenite::client_async(format!("ws://{door}/rtc"), stream);
    let (mut socket, _) = timeout(PATIENCE, opening).await.ok()?.ok()?;
    for _ in 0..chance.usize(1..=3) {
        let message = letter(chance);
        pace.one().await?;
        timeout(PATIENCE, socket.send(message)).await.ok()?.ok()?;
    }
    if chance.bool() {
        // Hears how it is sent away; one that only pinged is not.
        while let Ok(Some(Ok(_))) = timeout(HEARING, socket.next()).await {}
    }
    Some(())
}

fn letter(chance: &mut fastrand::Rng) -> Message {
    let join = |grant: &str| format!("{{\"type\":\"join\",\"version\":1,\"grant\":\"{grant}\"}}");
    match chance.u8(..8) {
        0 => Message::binary(vec![chance.u8(..); chance.usize(..2_000)]),
        1 => Message::Ping(vec![7; 100].into()),
        2 if chance.u8(..16) == 0 => Message::text("x".repeat(HUGE_BYTES)),
        3 => Message::text(join(
            &"eyJhbGciOiJub25lIn0.e30.".repeat(chance.usize(1..600)),
        )),
        4 => Message::text(join("eyJhbGciOiJFZERTQSJ9.eyJleHAiOjk5OTk5OTk5OTl9.AAAA")),
        5 => Message::text("{\"type\":\"leave\"}"),
        _ => Message::text(letters::altered(&join("0123456789"), chance)),
    }
}

/// Opens WebSockets that say nothing, all at once, and holds them until `stop`. Answers how many
/// were open and how many were turned away; those that there was no time for are neither.
///
/// They come through `proxy`, when the node trusts one there, in the name of one address; so
/// that a bound for each address is seen on a machine that has only its own.
pub(super) async fn loiter(
    door: SocketAddr,
    proxy: Option<Ipv4Addr>,
    sockets: usize,
    stop: Arc<AtomicBool>,
) -> (usize, usize) {
    let from = proxy.unwrap_or(Ipv4Addr::LOCALHOST);
    let mut held = Vec::new();
    let mut refused = 0;
    let until = Instant::now() + patience(sockets as u64, LEAST_PER_SECOND);
    for _ in 0..sockets {
        if Instant::now() >= until {
            break;
        }
        match open_as(door, from).await {
            Some(socket) => held.push(socket),
            None => refused += 1,
        }
    }
    let open = held.len();
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (open, refused)
}

async fn open_as(
    door: SocketAddr,
    from: Ipv4Addr,
) -> Option<tokio_tungstenite::WebSocketStream<TcpStream>> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((from, 0).into()).ok()?;
    let stream = timeout(PATIENCE, socket.connect(door)).await.ok()?.ok()?;
    let request = tokio_tungstenite::tungstenite::http::Request::builder()
        .uri(format!("ws://{door}/rtc"))
        .header("host", door.to_string())
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("x-forwarded-for", "198.51.100.7")
        .body(())
        .ok()?;
    let opening = tokio_tungstenite::client_async(request, stream);
    Some(timeout(PATIENCE, opening).await.ok()?.ok()?.0)
}

/// Sends HTTP requests that mean no good, one after the other, while there is time.
pub(super) async fn request(door: SocketAddr, requests: u64, seed: u64) -> Answers {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut answers = Answers::new();
    let until = Instant::now() + patience(requests, LEAST_PER_SECOND);
    for _ in 0..requests {
        if Instant::now() >= until {
            break;
        }
        let status = one_request(door, &mut chance).await.unwrap_or(0);
        *answers.entry(status).or_default() += 1;
    }
    answers
}

async fn one_request(door: SocketAddr, chance: &mut fastrand::Rng) -> Option<u16> {
    let mut stream = dial(door, chance).await?;
    let request = bad_request(chance);
    // The server may have answered before it has read everything, and closed.
    let _ = timeout(PATIENCE, stream.write_all(&request)).await;
    if chance.u8(..16) == 0 {
        // Goes in the middle.
        return None;
    }
    let mut head = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut head))
        .await
        .ok()?
        .ok()?;
    std::str::from_utf8(&head[9..12]).ok()?.parse().ok()
}

fn bad_request(chance: &mut fastrand::Rng) -> Vec<u8> {
    const PATHS: [&str; 10] = [
        "/api/auth/login",
        "/api/auth/refresh",
        "/api/rooms",
        "/api/rooms/018f2f6e-3c1a-7000-8000-000000000001/join",
        "/api/recordings/x",
        "/api/%00%ff/../../etc/passwd",
        "/objects/../../secrets",
        "/rtc",
        "/metrics/%2e%2e",
        "/../../../../etc/shadow",
    ];
    const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"];
    let method = METHODS[chance.usize(..METHODS.len())];
    let path = PATHS[chance.usize(..PATHS.len())];
    let body = letters::altered("{\"email\":\"a@b.example\",\"password\":\"x\"}", chance);
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\n"
    );
    match chance.u8(..8) {
        0 => head.push_str(&format!("x-long: {}\r\n", "a".repeat(GIANT_HEAD_BYTES))),
        1 => (0..2_000).for_each(|n| head.push_str(&format!("x-{n}: 1\r\n"))),
        2 => head.push_str("content-length: 18446744073709551615\r\n"),
        3 => head.push_str("transfer-encoding: chunked\r\ncontent-length: 3\r\n"),
        4 => head.push_str("authorization: Bearer \u{fe0f}eyJ.e30.\r\n"),
        _ => head.push_str(&format!("content-length: {}\r\n", body.len())),
    }
    let text = head + "\r\n" + &body;
    match chance.u8(..8) {
        0 => letters::altered(&text, chance).into_bytes(),
        _ => text.into_bytes(),
    }
}
