//! Participants without a WebSocket: one request each, then media.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use sfu_client::media::{MediaSource, NEVER_US, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ, captured};
use sfu_client::peer::{Event, Output, Peer, PeerConfig, Publication};
use sfu_client::synthetic::{Decoder, Shape, Synthetic};
use sfu_protocol::media::{Codec, Source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::{House, PATIENCE};
use crate::wire::Wire;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &str| -> Option<usize> {
            let (found, _) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(found.len() + 1)
        };
        let line = self.head.lines().find(|line| value(line).is_some())?;
        Some(line[value(line)?..].trim())
    }

    /// The stable code of a refusal.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(problem["status"], self.status, "{problem}");
        problem["code"].as_str().expect("a code").to_owned()
    }
}

/// Asks over a connection of its own.
pub(crate) async fn ask(
    address: SocketAddr,
    request: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let text = format!(
        "{request} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {}\r\n{}\r\n{body}",
        body.len(),
        headers.collect::<String>(),
    );
    // Whoever says too much may be answered before all of it is read.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // So it is with the end of the connection.
    let _ = read.expect("it answers in time");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// Posts an offer with a grant.
pub(crate) async fn post(house: &House, path: &str, grant: &str, offer: &str) -> Answer {
    let bearer = format!("Bearer {grant}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/sdp"),
    ];
    ask(house.address, &format!("POST {path}"), &headers, offer).await
}

/// A peer with a socket of its own.
pub(crate) struct Poster {
    pub(crate) peer: Peer,
    wire: Wire,
    media: Synthetic,
    sends: Vec<Source>,
    began: Instant,
    decoders: BTreeMap<String, Decoder>,
    /// Pictures that were decoded, and packets of sound.
    pub(crate) pictures: u32,
    pub(crate) sounds: u32,
    pub(crate) faults: Vec<String>,
}

impl Poster {
    /// One that publishes.
    pub(crate) async fn publishing(sources: &[Source]) -> Poster {
        let publish = sources.iter().map(|source| Publication::live(*source, 1));
        Self::new(Wire::udp().await, sources, publish.collect(), (0, 0))
    }

    /// One that watches.
    pub(crate) async fn watching(audio_slots: u8, video_slots: u8) -> Poster {
        let slots = (audio_slots, video_slots);
        Self::new(Wire::udp().await, &[], Vec::new(), slots)
    }

    /// One of each, without UDP.
    pub(crate) fn publishing_over_tcp(source: Source) -> Poster {
        let publish = vec![Publication::live(source, 1)];
        Self::new(Wire::tcp(), &[source], publish, (0, 0))
    }

    pub(crate) fn watching_over_tcp() -> Poster {
        Self::new(Wire::tcp(), &[], Vec::new(), (0, 1))
    }

    fn new(wire: Wire, sends: &[Source], publish: Vec<Publication>, slots: (u8, u8)) -> Poster {
        let config = PeerConfig {
            publish,
            audio_slots: slots.0,
            video_slots: slots.1,
            over_tcp: matches!(wire, Wire::Unopened(_)),
            ..PeerConfig::new(wire.local())
        };
        let began = Instant::now();
        let mut shape = Shape::meeting(1);
        shape.camera.truncate(1);
        let mut media = Synthetic::new(shape);
        media.set_speaking(true);
        Poster {
            peer: Peer::new(&config, began).expect("a peer"),
            wire,
            media,
            sends: sends.to_vec(),
            began,
            decoders: BTreeMap::new(),
            pictures: 0,
            sounds: 0,
            faults: Vec::new(),
        }
    }

    /// Posts its offer and takes the answer; answers where its session is.
    pub(crate) async fn enter(&mut self, house: &House, path: &str, grant: &str) -> String {
        let offer = self.peer.offer().expect("it offers").to_owned();
        let answer = post(house, path, grant, &offer).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/sdp"));
        self.peer.accept(Instant::now(), &answer.body);
        let location = answer.header("location").expect("where it is");
        location.to_owned()
    }

    /// Takes part until `enough`.
    pub(crate) async fn until(&mut self, enough: impl Fn(&Poster) -> bool) {
        let taking_part = async {
            while !enough(self) {
                self.turn().await;
            }
        };
        let taken = timeout(PATIENCE, taking_part).await;
        assert!(
            taken.is_ok(),
            "{} pictures, {} sounds, {:?}",
            self.pictures,
            self.sounds,
            self.faults
        );
    }

    /// One datagram, or whatever is due.
    pub(crate) async fn turn(&mut self) {
        let now = Instant::now();
        self.send_media(now);
        self.drain().await;
        let next_us = self.media.next_at_us();
        let media_at = (next_us != NEVER_US && !self.sends.is_empty())
            .then(|| self.began + std::time::Duration::from_micros(next_us));
        let until = media_at.map_or(self.peer.deadline(), |at| at.min(self.peer.deadline()));
        tokio::select! {
            (source, bytes) = self.wire.receive() => {
                self.peer.receive(Instant::now(), source, &bytes);
            }
            () = tokio::time::sleep_until(until.into()) => self.peer.tick(Instant::now()),
        }
        self.drain().await;
    }

    fn send_media(&mut self, now: Instant) {
        let at_us = u64::try_from((now - self.began).as_micros()).expect("not for ever");
        for source in self.sends.clone() {
            for frame in self.media.video(source, at_us) {
                let at = captured(self.began, now, frame.timestamp, VIDEO_CLOCK_HZ);
                self.peer.send_video(now, at, source, &frame);
            }
            for frame in self.media.audio(source, at_us) {
                let at = captured(self.began, now, frame.timestamp, OPUS_CLOCK_HZ);
                self.peer.send_audio(now, at, source, &frame);
            }
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.peer.poll() {
            match output {
                Output::Datagram { destination, bytes } => {
                    self.wire.send(destination, &bytes).await;
                }
                Output::Event(Event::KeyframeWanted { source, layer }) => {
                    self.media.request_keyframe(source, layer);
                }
                Output::Event(Event::Frame(frame)) if frame.codec == Codec::Opus => {
                    self.sounds += 1;
                }
                Output::Event(Event::Frame(frame)) => {
                    let decoder = self.decoders.entry(frame.slot.0.clone()).or_default();
                    match decoder.decode(&frame.data) {
                        Ok(_) => self.pictures += 1,
                        Err(fault) => self.faults.push(fault.to_string()),
                    }
                }
                Output::Event(Event::Failed(reason)) => self.faults.push(reason),
                Output::Event(_) => {}
            }
        }
    }
}
