//! Who is let in over the WebSocket, and what ends it.

use std::time::Duration;

use sfu_protocol::signal::{ByeReason, ClientMessage, MAX_SIGNAL_BYTES, NodeMessage, RefusedCode};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::house::{House, now_s, room};

#[tokio::test]
async fn nobody_comes_in_without_a_grant_that_is_good_here_and_now() {
    let house = House::open(|_| {}).await;

    let mut socket = house.socket().await;
    socket.say(&ClientMessage::Leave {}).await;
    socket
        .is_dismissed(RefusedCode::Malformed, ByeReason::Refused)
        .await;

    let mut socket = house.socket().await;
    socket.join("not a grant").await;
    socket
        .is_dismissed(RefusedCode::GrantInvalid, ByeReason::Refused)
        .await;

    let mut expired = house.grant(room(1), 1);
    expired.exp = now_s() - 3600;
    let mut socket = house.joining(&expired).await;
    socket
        .is_dismissed(RefusedCode::GrantInvalid, ByeReason::GrantExpired)
        .await;

    let mut socket = house.socket().await;
    socket.frame(Message::binary(vec![1, 2, 3])).await;
    socket
        .is_dismissed(RefusedCode::Malformed, ByeReason::Refused)
        .await;

    house.node.stop().await;
    assert_eq!(house.metric("colloquy_sfu_signals_ended_total"), 4.0);
}

#[tokio::test]
async fn a_good_grant_lets_in_and_the_first_message_has_number_one() {
    let house = House::open(|_| {}).await;
    let mut socket = house.joining(&house.grant(room(1), 1)).await;
    let envelope = socket.next().await;
    assert_eq!(envelope.seq, 1);
    let NodeMessage::Joined { you, .. } = envelope.message else {
        panic!("{envelope:?}")
    };
    assert_eq!(you, house.grant(room(1), 1).participant);

    socket.say(&ClientMessage::Ping { sent_at_ms: 42 }).await;
    let echoed = socket
        .until(|message| match message {
            NodeMessage::Pong { sent_at_ms, .. } => Some(sent_at_ms),
            _ => None,
        })
        .await;
    assert_eq!(echoed, 42);

    socket.say(&ClientMessage::Leave {}).await;
    socket.hears_bye(ByeReason::Left).await;
    house.node.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_and_repeated_nonsense_ends_the_websocket() {
    let house = House::open(|_| {}).await;
    let mut socket = house.joined(room(1), 1).await;
    for _ in 0..9 {
        socket.text("{\"type\":\"dance\"}").await;
    }
    for _ in 0..9 {
        let refused = socket
            .until(|message| match message {
                NodeMessage::Refused { about, code, .. } => Some((about, code)),
                _ => None,
            })
            .await;
        assert_eq!(refused, ("dance".to_owned(), RefusedCode::Malformed));
    }
    socket.hears_bye(ByeReason::Refused).await;
    house.node.stop().await;
}

#[tokio::test]
async fn a_message_above_the_size_limit_ends_that_websocket_only() {
    let house = House::open(|_| {}).await;
    let mut other = house.joined(room(1), 1).await;
    let mut socket = house.joined(room(1), 2).await;
    // The node stops reading in the middle, so the sending may fail.
    let huge = Message::text("x".repeat(MAX_SIGNAL_BYTES + 1));
    socket.frame_if_read(huge).await;
    while socket.hear().await.is_some() {}
    other.say(&ClientMessage::Ping { sent_at_ms: 7 }).await;
    other
        .until(|message| matches!(message, NodeMessage::Pong { .. }).then_some(()))
        .await;
    house.node.stop().await;
}

#[tokio::test]
async fn a_stranger_brings_a_few_kilobytes_and_somebody_inside_a_long_message() {
    let house = House::open(|_| {}).await;
    let mut stranger = house.socket().await;
    // It could say the rest, but is not waited for.
    stranger.begin_text(MAX_SIGNAL_BYTES, 7 * 1024).await;
    stranger
        .is_dismissed(RefusedCode::Malformed, ByeReason::Refused)
        .await;

    let mut inside = house.joined(room(1), 1).await;
    let ping = "{\"type\":\"ping\",\"sent_at_ms\":7}";
    let padding = " ".repeat(MAX_SIGNAL_BYTES - ping.len());
    inside.text(&format!("{ping}{padding}")).await;
    inside
        .until(|message| matches!(message, NodeMessage::Pong { .. }).then_some(()))
        .await;
    house.node.stop().await;
}

#[tokio::test]
async fn a_foreign_origin_and_one_websocket_too_many_are_turned_away_before_they_open() {
    let house = House::open(|config| {
        config.allowed_origins = vec!["https://meet.example.org".to_owned()];
        config.max_sockets = 1;
    })
    .await;
    let status = async |origin: Option<&'static str>| {
        let mut request = house.url().into_client_request().expect("a URL");
        if let Some(origin) = origin {
            let value = origin.parse().expect("a header value");
            request.headers_mut().insert("origin", value);
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(status(Some("https://evil.example")).await.err(), Some(403));
    let open = status(Some("https://meet.example.org")).await;
    assert!(open.is_ok());
    assert_eq!(status(None).await.err(), Some(503));
    drop(open);
    house.node.stop().await;
}

#[tokio::test]
async fn one_address_has_so_many_websockets_and_only_a_trusted_proxy_names_another() {
    let status = async |house: &House, forwarded: &'static str| {
        let mut request = house.url().into_client_request().expect("a URL");
        let value = forwarded.parse().expect("a header value");
        request.headers_mut().insert("x-forwarded-for", value);
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    };
    let bounded = House::open(|config| {
        config.sockets_per_address = 2;
        config.trusted_proxies = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    })
    .await;
    let first = status(&bounded, "203.0.113.7").await;
    let second = status(&bounded, "203.0.113.7").await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(status(&bounded, "203.0.113.7").await.err(), Some(429));
    let other = status(&bounded, "203.0.113.8").await;
    assert!(other.is_ok(), "another address has its own places");
    let ended = bounded.metric_with("colloquy_sfu_signals_ended_total", "address_limit");
    assert_eq!(ended, 1.0);

    // Nobody is trusted: whatever a client writes there, it is this machine, which is not bounded.
    let open = House::open(|config| config.sockets_per_address = 1).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(status(&open, "203.0.113.7").await.expect("not bounded"));
    }
    drop((first, second, other, held));
    bounded.node.stop().await;
    open.node.stop().await;
}

#[tokio::test]
async fn a_node_that_stops_says_goodbye_to_those_inside_and_ends_in_time() {
    let house = House::open(|_| {}).await;
    let mut inside: Vec<_> = Vec::new();
    for participant in 1..=4 {
        inside.push(house.joined(room(participant), participant).await);
    }
    let before = std::time::Instant::now();
    let goodbyes = async {
        for socket in &mut inside {
            socket.hears_bye(ByeReason::Draining).await;
        }
    };
    tokio::join!(house.node.stop(), goodbyes);
    assert!(before.elapsed() < sfu::STOP_DEADLINE);
    assert_eq!(house.metric("colloquy_sfu_shards_running"), 0.0);

    let mut late = house.joining(&house.grant(room(1), 9)).await;
    late.is_dismissed(RefusedCode::Draining, ByeReason::Draining)
        .await;
}

#[tokio::test]
async fn who_does_not_join_in_time_is_dismissed() {
    let house = House::open(|_| {}).await;
    let mut socket = house.socket().await;
    // From here on the clock jumps to the next deadline whenever nothing else happens.
    tokio::time::pause();
    socket
        .is_dismissed(RefusedCode::Malformed, ByeReason::Refused)
        .await;
    tokio::time::resume();
    house.node.stop().await;
    let ended = |why| house.metric_with("colloquy_sfu_signals_ended_total", why);
    assert_eq!(ended("join_deadline"), 1.0);
}

#[tokio::test]
async fn who_answers_no_ping_is_closed() {
    let house = House::open(|_| {}).await;
    // It does not read, so it does not answer.
    let mut socket = house.joined(room(1), 1).await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(90)).await;
    tokio::time::resume();
    while socket.hear().await.is_some() {}
    house.node.stop().await;
    let ended = |why| house.metric_with("colloquy_sfu_signals_ended_total", why);
    assert_eq!(ended("silent"), 1.0);
}
