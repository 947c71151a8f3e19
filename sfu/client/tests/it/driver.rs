//! The driver over real loopback sockets, against the smallest node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use sfu_client::driver::{DriverError, DriverReport, JoinTarget, Options, run};
use sfu_client::media::{AudioFrame, EncodedFrame, MediaSource};
use sfu_client::peer::Publication;
use sfu_client::synthetic::{Shape, Synthetic};
use sfu_protocol::media::Source;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, Envelope, NodeMessage, RefusedCode, TrackState,
};
use str0m::Event as RtcEvent;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;

use crate::node::FakeNode;

/// What a served participant sent.
#[derive(Debug, Default)]
struct Served {
    said: Vec<ClientMessage>,
    packets: usize,
}

/// Serves one participant until its WebSocket closes. Tells when media has come.
async fn serve(listener: TcpListener, flows: oneshot::Sender<()>) -> Served {
    let (stream, _) = listener.accept().await.expect("a client");
    let mut websocket = tokio_tungstenite::accept_async(stream)
        .await
        .expect("a WebSocket");
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let mut node = FakeNode::new(socket.local_addr().expect("bound"), Instant::now());
    let mut served = Served::default();
    let mut flows = Some(flows);
    let mut buffer = [0; 2_048];
    loop {
        for (destination, bytes) in std::mem::take(&mut node.datagrams) {
            socket
                .send_to(&bytes, destination)
                .await
                .expect("loopback takes it");
        }
        served.packets = count_packets(&node);
        if served.packets > 50
            && let Some(flows) = flows.take()
        {
            flows.send(()).expect("the test listens");
        }
        let wake = tokio::time::Instant::from_std(node.timeout);
        tokio::select! {
            message = websocket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let message: ClientMessage = serde_json::from_str(&text).expect("our words");
                    for envelope in node.hear(&message) {
                        let text = serde_json::to_string(&envelope).expect("serialises");
                        websocket.send(Message::text(text)).await.expect("the client reads");
                    }
                    served.said.push(message);
                }
                Some(Ok(_)) => {}
                _ => return served,
            },
            received = socket.recv_from(&mut buffer) => {
                let (length, source) = received.expect("loopback");
                node.receive(Instant::now(), source, &buffer[..length]);
            }
            () = tokio::time::sleep_until(wake) => node.tick(Instant::now()),
        }
    }
}

fn count_packets(node: &FakeNode) -> usize {
    let events = node.events.iter();
    events
        .filter(|event| matches!(event, RtcEvent::RtpPacket(_)))
        .count()
}

async fn listen() -> (TcpListener, JoinTarget) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = JoinTarget {
        ws_url: format!("ws://{}/rtc", listener.local_addr().expect("bound")),
        grant: "the grant".to_owned(),
    };
    (listener, target)
}

fn source() -> Box<Synthetic> {
    Box::new(Synthetic::new(Shape::meeting(1)))
}

#[tokio::test]
async fn media_flows_and_shutdown_leaves_cleanly() {
    let (listener, target) = listen().await;
    let (flows, flowing) = oneshot::channel();
    let served = tokio::spawn(serve(listener, flows));
    let (say, commands) = mpsc::channel(1);
    let options = Options {
        max_height: Some(360),
        commands: Some(commands),
        ..Options::default()
    };
    let shutdown = async move {
        flowing.await.expect("media came");
        say.send(ClientMessage::SetTrack {
            source: Source::Microphone,
            state: TrackState::Muted,
        })
        .await
        .expect("the driver listens");
        while say.capacity() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let report: DriverReport = run(target, options, source(), shutdown)
        .await
        .expect("it went well");
    assert_eq!(report.bye, Some(ByeReason::Left));
    assert!(
        report
            .connected_after
            .is_some_and(|t| t < Duration::from_secs(5))
    );
    assert!(report.counters.packets_sent > 50);
    let served = served.await.expect("the node did not fail");
    assert!(matches!(&served.said[0], ClientMessage::Join { grant, .. } if grant == "the grant"));
    assert!(matches!(&served.said[1], ClientMessage::Offer { publish, .. } if publish.len() == 2));
    let wants = served.said.iter().filter_map(|message| match message {
        ClientMessage::Want { wants } => Some(wants),
        _ => None,
    });
    assert!(wants.flatten().all(|want| want.max_height == 360));
    let muted = |message: &ClientMessage| matches!(message, ClientMessage::SetTrack { .. });
    assert!(served.said.iter().any(muted), "a command is said");
    assert!(matches!(served.said.last(), Some(ClientMessage::Leave {})));
    assert!(served.packets > 50);
}

/// Counts how often it is asked, and always claims to be due.
struct Restless {
    inner: Synthetic,
    asked: Arc<AtomicU64>,
}

impl MediaSource for Restless {
    fn video(&mut self, source: Source, at_us: u64) -> Vec<EncodedFrame> {
        self.inner.video(source, at_us)
    }

    fn audio(&mut self, source: Source, at_us: u64) -> Vec<AudioFrame> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.audio(source, at_us)
    }

    fn request_keyframe(&mut self, source: Source, layer: u8) {
        self.inner.request_keyframe(source, layer);
    }

    fn next_at_us(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_source_that_is_always_due_is_asked_at_most_every_two_milliseconds() {
    let (listener, target) = listen().await;
    let (flows, flowing) = oneshot::channel();
    let served = tokio::spawn(serve(listener, flows));
    let asked = Arc::new(AtomicU64::new(0));
    let source = Restless {
        inner: Synthetic::new(Shape::meeting(1)),
        asked: asked.clone(),
    };
    let options = Options {
        publish: vec![Publication::live(Source::Microphone, 1)],
        ..Options::default()
    };
    let began = Instant::now();
    let shutdown = async move { flowing.await.expect("media came") };
    run(target, options, Box::new(source), shutdown)
        .await
        .expect("it went well");
    let most = began.elapsed().as_millis() as u64 / 2 + 2;
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked <= most, "asked {asked} times, at most {most}");
    served.await.expect("the node did not fail");
}

#[tokio::test]
async fn a_refused_grant_is_an_error_that_names_the_reason() {
    let (listener, target) = listen().await;
    let node = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut websocket = tokio_tungstenite::accept_async(stream)
            .await
            .expect("a WebSocket");
        let messages = [
            NodeMessage::Refused {
                about: "join".to_owned(),
                code: RefusedCode::GrantInvalid,
                message: "the grant has expired".to_owned(),
            },
            NodeMessage::Bye {
                reason: ByeReason::Refused,
                retry_after_ms: None,
            },
        ];
        for (seq, message) in (1..).zip(messages) {
            let text = serde_json::to_string(&Envelope { seq, message }).expect("serialises");
            websocket
                .send(Message::text(text))
                .await
                .expect("the client reads");
        }
        while let Some(Ok(_)) = websocket.next().await {}
    });
    let ended = run(target, Options::default(), source(), std::future::pending()).await;
    assert!(matches!(ended, Err(DriverError::Refused(why)) if why == "the grant has expired"));
    node.await.expect("the node did not fail");
}

#[tokio::test]
async fn a_node_that_is_not_there_or_goes_away_is_an_error() {
    let (listener, target) = listen().await;
    let gone = target.clone();
    let node = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        drop(
            tokio_tungstenite::accept_async(stream)
                .await
                .expect("a WebSocket"),
        );
    });
    let ended = run(target, Options::default(), source(), std::future::pending()).await;
    assert!(
        matches!(ended, Err(DriverError::SignalLost(_))),
        "{ended:?}"
    );
    node.await.expect("the node did not fail");
    let ended = run(gone, Options::default(), source(), std::future::pending()).await;
    assert!(matches!(ended, Err(DriverError::Connect(_))), "{ended:?}");
    let nowhere = JoinTarget {
        ws_url: "not a url".to_owned(),
        grant: String::new(),
    };
    let ended = run(
        nowhere,
        Options::default(),
        source(),
        std::future::pending(),
    )
    .await;
    assert!(matches!(ended, Err(DriverError::Target(_))), "{ended:?}");
}
