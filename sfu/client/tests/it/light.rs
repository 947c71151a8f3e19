//! The light way of a peer that only receives, against the ordinary way: the same publisher, the
//! same losses, the same pictures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_client::media::{MediaSource, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ, captured};
use sfu_client::peer::{Counters, Event, Output, Peer, PeerConfig, Publication};
use sfu_client::synthetic::{LayerShape, Shape, Synthetic};
use sfu_protocol::media::Source;

/// Opus packets in the 10.2 seconds that a world is watched, and the first at their begin.
const VOICES: u64 = 511;

const STEP: Duration = Duration::from_millis(1);

/// How long a datagram is under way.
const DELAY: Duration = Duration::from_millis(10);

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A publisher, a viewer, and the way between them.
struct World {
    now: Instant,
    began: Option<Instant>,
    publisher: Peer,
    viewer: Peer,
    source: Synthetic,
    to_viewer: Vec<(Instant, Vec<u8>)>,
    to_publisher: Vec<(Instant, Vec<u8>)>,
    /// Every so many RTP packets one is lost.
    loses: Option<u64>,
    carried: u64,
    frames: BTreeMap<u64, Vec<u8>>,
    voices: u64,
    keyframes_wanted: u64,
    /// RTCP of the viewer: the SSRC of the sender, and the index.
    said: Vec<(u32, u32)>,
}

impl World {
    fn new(light: bool) -> World {
        let now = Instant::now();
        let config = PeerConfig {
            publish: vec![
                Publication::live(Source::Camera, 1),
                Publication::live(Source::Microphone, 1),
            ],
            audio_slots: 0,
            video_slots: 0,
            // A publisher receives nothing; it is as without.
            light,
            ..PeerConfig::new(address(1_000))
        };
        let mut publisher = Peer::new(&config, now).expect("a publisher");
        let offer = publisher.offer().expect("it offers").to_owned();
        let config = PeerConfig {
            light,
            report_packets: true,
            ..PeerConfig::new(address(2_000))
        };
        let (viewer, answer) = Peer::answering(&config, now, &offer).expect("a viewer");
        publisher.accept(now, &answer);
        let shape = Shape {
            frames_per_second: 25,
            camera: vec![LayerShape {
                width: 640,
                height: 360,
                bitrate_bps: 1_000_000,
            }],
            screen: Vec::new(),
            ..Shape::meeting(0)
        };
        World {
            now,
            began: None,
            publisher,
            viewer,
            source: Synthetic::new(shape),
            to_viewer: Vec::new(),
            to_publisher: Vec::new(),
            loses: None,
            carried: 0,
            frames: BTreeMap::new(),
            voices: 0,
            keyframes_wanted: 0,
            said: Vec::new(),
        }
    }

    fn run(&mut self, length: Duration, sends: bool) {
        let until = self.now + length;
        while self.now < until {
            self.now += STEP;
            if sends && let Some(began) = self.began {
                self.send_media(began);
            }
            for peer in [&mut self.publisher, &mut self.viewer] {
                if peer.deadline() <= self.now {
                    peer.tick(self.now);
                }
            }
            self.drain();
            self.deliver();
            self.drain();
        }
    }

    fn send_media(&mut self, began: Instant) {
        let at_us = (self.now - began).as_micros() as u64;
        let now = self.now;
        for frame in self.source.video(Source::Camera, at_us) {
            let captured = captured(began, now, frame.timestamp, VIDEO_CLOCK_HZ);
            let camera = Source::Camera;
            self.publisher.send_video(now, captured, camera, &frame);
        }
        for frame in self.source.audio(Source::Microphone, at_us) {
            let captured = captured(began, now, frame.timestamp, OPUS_CLOCK_HZ);
            let microphone = Source::Microphone;
            self.publisher.send_audio(now, captured, microphone, &frame);
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.publisher.poll() {
            match output {
                Output::Datagram { bytes, .. } => self.carry(bytes),
                Output::Event(Event::Connected) => self.began = Some(self.now),
                Output::Event(Event::KeyframeWanted { source, layer }) => {
                    self.keyframes_wanted += 1;
                    self.source.request_keyframe(source, layer);
                }
                Output::Event(_) => {}
            }
        }
        while let Some(output) = self.viewer.poll() {
            match output {
                Output::Datagram { bytes, .. } => {
                    if sfu_rtp::is_media(&bytes) {
                        self.said.push(said(&bytes));
                    }
                    self.to_publisher.push((self.now + DELAY, bytes));
                }
                Output::Event(Event::Frame(frame)) if frame.level_dbov.is_some() => {
                    self.voices += 1;
                }
                Output::Event(Event::Frame(frame)) => {
                    let again = self.frames.insert(frame.timestamp, frame.data);
                    assert_eq!(again, None, "a frame came twice");
                }
                Output::Event(_) => {}
            }
        }
    }

    fn carry(&mut self, bytes: Vec<u8>) {
        if sfu_rtp::is_media(&bytes) && !sfu_rtp::is_rtcp(&bytes) {
            self.carried += 1;
            if self
                .loses
                .is_some_and(|every| self.carried.is_multiple_of(every))
            {
                return;
            }
        }
        self.to_viewer.push((self.now + DELAY, bytes));
    }

    fn deliver(&mut self) {
        let now = self.now;
        for (_, bytes) in self.to_viewer.extract_if(.., |(at, _)| *at <= now) {
            self.viewer.receive(now, address(1_000), &bytes);
        }
        for (_, bytes) in self.to_publisher.extract_if(.., |(at, _)| *at <= now) {
            self.publisher.receive(now, address(2_000), &bytes);
        }
    }

    fn connect(&mut self) {
        for _ in 0..5_000 {
            if self.began.is_some() && self.viewer.is_connected() {
                return;
            }
            self.run(STEP, false);
        }
        panic!("not connected");
    }
}

/// What is readable of an SRTCP packet.
fn said(bytes: &[u8]) -> (u32, u32) {
    let ssrc = bytes[4..8].try_into().expect("four bytes");
    let word = bytes[bytes.len() - 4..].try_into().expect("four bytes");
    (
        u32::from_be_bytes(ssrc),
        u32::from_be_bytes(word) & 0x7fff_ffff,
    )
}

fn watched(light: bool, loses: Option<u64>) -> World {
    let mut world = World::new(light);
    world.connect();
    world.loses = loses;
    world.run(Duration::from_secs(10), true);
    world.loses = None;
    world.run(Duration::from_millis(200), true);
    world.run(Duration::from_secs(2), false);
    world
}

#[test]
fn the_light_way_sees_and_hears_what_the_ordinary_way_does() {
    let (light, ordinary) = (watched(true, None), watched(false, None));
    let counted = |world: &World| Counters {
        packets_withheld: 0,
        ..world.viewer.counters()
    };
    assert_eq!(counted(&light), counted(&ordinary));
    assert!(light.frames.len() > 250, "{}", light.frames.len());
    assert_eq!((light.voices, ordinary.voices), (VOICES, VOICES));
    let pictures = |world: &World| world.frames.values().cloned().collect::<Vec<_>>();
    assert_eq!(pictures(&light), pictures(&ordinary));
}

#[test]
fn what_is_lost_is_asked_for_and_comes_again() {
    let world = watched(true, Some(17));
    let counters = world.viewer.counters();
    assert_eq!(counters.packets_lost, 0, "{counters:?}");
    assert_eq!(counters.keyframes_requested, 0, "{counters:?}");
    assert!(world.frames.len() > 250, "{}", world.frames.len());
    let sent = world.publisher.counters().packets_sent;
    // Sound is not sent again.
    let silent = VOICES - world.voices;
    assert_eq!(counters.packets_received, sent - silent, "{counters:?}");
}

#[test]
fn a_picture_that_is_lost_for_good_is_followed_by_a_keyframe_that_was_asked_for() {
    let mut world = World::new(true);
    world.connect();
    world.run(Duration::from_secs(2), true);
    let wanted = world.keyframes_wanted;
    // Nothing comes for so long that nothing is asked for any more.
    world.loses = Some(1);
    world.run(Duration::from_secs(2), true);
    world.loses = None;
    let seen = world.frames.len();
    world.run(Duration::from_secs(3), true);
    let counters = world.viewer.counters();
    assert!(counters.keyframes_requested > 0, "{counters:?}");
    assert!(world.keyframes_wanted > wanted);
    assert!(world.frames.len() > seen + 40, "{counters:?}");
}

#[test]
fn all_that_is_said_about_media_comes_from_one_sender_and_no_number_is_used_twice() {
    let mut world = World::new(true);
    world.connect();
    world.loses = Some(13);
    world.run(Duration::from_secs(12), true);
    let senders: BTreeSet<_> = world.said.iter().map(|(ssrc, _)| ssrc).collect();
    assert_eq!(senders.len(), 1);
    assert!(world.said.len() > 100, "{}", world.said.len());
    let mut indices: Vec<_> = world.said.iter().map(|(_, index)| *index).collect();
    let said = indices.len();
    indices.sort_unstable();
    indices.dedup();
    assert_eq!(indices.len(), said, "a nonce is used twice");
    // The offer names streams, of which str0m would report, too.
    assert!(world.viewer.counters().packets_withheld > 0);
}

#[test]
fn who_publishes_takes_the_ordinary_way() {
    let world = watched(true, Some(17));
    assert_eq!(world.publisher.counters().packets_withheld, 0);
    assert!(world.publisher.counters().packets_sent > 0);
}
