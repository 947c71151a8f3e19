//! Media over TCP, for networks that let no UDP through.

use std::net::SocketAddr;

use sfu_protocol::media::Source;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::{House, PATIENCE, room};
use crate::poster::{Poster, post};

/// How many pictures must come.
const ENOUGH: u32 = 30;

fn path(door: &str) -> String {
    format!("/{door}/{}", room(1))
}

fn good(house: &House, participant: u128) -> String {
    house.office.sign(&house.grant(room(1), participant))
}

/// Where the shard of the room takes streams, as an answer says (RFC 6544, section 4.5).
async fn told(house: &House) -> Option<SocketAddr> {
    let poster = Poster::watching(0, 1).await;
    let offer = poster.peer.offer().expect("it offers").to_owned();
    let answer = post(house, &path("whep"), &good(house, 9), &offer).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let line = answer
        .body
        .lines()
        .find(|line| line.starts_with("a=candidate:") && line.contains(" tcp "))?;
    assert!(line.contains("typ host tcptype passive"), "{line}");
    let words: Vec<&str> = line.split(' ').collect();
    let address = format!("{}:{}", words[4], words[5]);
    Some(address.parse().expect("an address"))
}

#[tokio::test]
async fn who_has_tcp_only_publishes_and_watches_and_others_see_no_difference() {
    let house = House::open(|_| {}).await;
    let mut ann = Poster::publishing_over_tcp(Source::Camera);
    ann.enter(&house, &path("whip"), &good(&house, 1)).await;
    let mut ben = Poster::watching_over_tcp();
    ben.enter(&house, &path("whep"), &good(&house, 2)).await;
    let mut cyd = Poster::watching(0, 1).await;
    cyd.enter(&house, &path("whep"), &good(&house, 3)).await;
    let enough = |poster: &Poster| poster.pictures >= ENOUGH;
    let watched = async { tokio::join!(ben.until(enough), cyd.until(enough)) };
    tokio::select! {
        _ = watched => {}
        () = ann.until(|_| false) => {}
    }
    for poster in [&ann, &ben, &cyd] {
        assert_eq!(poster.faults, Vec::<String>::new());
    }
    assert_eq!(house.metric("colloquy_sfu_streams_open"), 2.0);
    house.node.stop().await;
    assert_eq!(
        house.metric("colloquy_sfu_stream_frames_dropped_total"),
        0.0
    );
    assert_eq!(house.metric("colloquy_sfu_caught_panics_total"), 0.0);
}

/// Waits until the node has closed a stream.
async fn is_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    // With or without what it had not read.
    let _ = closed.expect("closed in time");
    assert_eq!(rest, Vec::<u8>::new(), "a stranger is told nothing");
}

#[tokio::test]
async fn a_stranger_may_bring_little_and_is_told_nothing() {
    let house = House::open(|_| {}).await;
    let address = told(&house).await.expect("it takes streams");
    let frame = |bytes: usize| {
        let length = u16::try_from(bytes).expect("short").to_be_bytes();
        [&length[..], &vec![0x80; bytes]].concat()
    };
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(&frame(3_000)).await.expect("it reads");
    is_closed(&mut stream).await;
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    for _ in 0..5 {
        // It may be closed by now.
        let _ = stream.write_all(&frame(1_000)).await;
    }
    is_closed(&mut stream).await;
    for reason in ["malformed", "unproven"] {
        let ended = house.metric_with("colloquy_sfu_streams_ended_total", reason);
        assert_eq!(ended, 1.0, "{reason}");
    }
    house.node.stop().await;
    assert_eq!(house.metric("colloquy_sfu_streams_open"), 0.0);
}

#[tokio::test]
async fn there_is_room_for_so_many_streams() {
    let house = House::open(|config| config.max_sockets = 2).await;
    let address = told(&house).await.expect("it takes streams");
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(TcpStream::connect(address).await.expect("it listens"));
    }
    let mut third = TcpStream::connect(address).await.expect("it listens");
    is_closed(&mut third).await;
    let refused = house.metric_with("colloquy_sfu_streams_ended_total", "too_many");
    assert_eq!(refused, 1.0);
    house.node.stop().await;
}

#[tokio::test]
async fn a_node_without_streams_tells_of_none() {
    let house = House::open(|config| config.tcp = false).await;
    assert_eq!(told(&house).await, None);
    house.node.stop().await;
}
