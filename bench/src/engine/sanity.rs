//! What is measured is what happened: two ends talk over lanes with a virtual clock, so that
//! everything that was sent and lost is known.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_client::impair::path::Path;
use sfu_client::media::{MediaSource, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ, captured};
use sfu_client::peer::{Event, Output, Peer, PeerConfig, Publication};
use sfu_client::synthetic::{LayerShape, Shape, Synthetic};
use sfu_protocol::media::Source;

use super::lanes::Lanes;
use crate::measure::viewer::{Origins, Seen, Viewer, Window};

const STEP: Duration = Duration::from_millis(1);

/// The two ways on which a viewer receives: the light one, and str0m's.
const WAYS: [bool; 2] = [true, false];

/// A publisher and a viewer, and what lies between them.
struct World {
    began: Instant,
    now: Instant,
    publisher: Peer,
    viewer: Peer,
    source: Synthetic,
    media_began: Option<Instant>,
    /// To the viewer, and back.
    down: Lanes,
    up: Lanes,
    /// Nothing gets through to the viewer for now, and nothing is lost.
    stopped: bool,
    eyes: Viewer,
    window: Window,
    origins: Origins,
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
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
            ..PeerConfig::new(address(1_000))
        };
        let mut publisher = Peer::new(&config, now).expect("a publisher");
        let offer = publisher.offer().expect("it offers").to_owned();
        let config = PeerConfig {
            light,
            ..PeerConfig::new(address(2_000))
        };
        let (viewer, answer) = Peer::answering(&config, now, &offer).expect("a viewer");
        publisher.accept(now, &answer);
        let shape = Shape {
            frames_per_second: 50,
            camera: vec![LayerShape {
                width: 640,
                height: 360,
                bitrate_bps: 4_000_000,
            }],
            screen: Vec::new(),
            ..Shape::meeting(0)
        };
        World {
            began: now,
            now,
            publisher,
            viewer,
            source: Synthetic::new(shape),
            media_began: None,
            down: Lanes::new(Path::CLEAR, 1),
            up: Lanes::new(Path::CLEAR, 2),
            stopped: false,
            eyes: Viewer::default(),
            window: Window::default(),
            origins: Origins::of(1),
        }
    }

    /// Lets the path to the viewer become another one.
    fn set_down(&mut self, path: Path) {
        self.down = Lanes::new(path, 7);
    }

    fn run(&mut self, length: Duration, sends: bool) {
        let until = self.now + length;
        while self.now < until {
            self.now += STEP;
            if sends {
                self.send_media();
            }
            self.publisher.tick(self.now);
            self.viewer.tick(self.now);
            self.carry();
        }
    }

    fn send_media(&mut self) {
        let Some(began) = self.media_began else {
            return;
        };
        let at_us = (self.now - began).as_micros() as u64;
        for frame in self.source.video(Source::Camera, at_us) {
            let captured = captured(began, self.now, frame.timestamp, VIDEO_CLOCK_HZ);
            let source = Source::Camera;
            self.publisher
                .send_video(self.now, captured, source, &frame);
        }
        for frame in self.source.audio(Source::Microphone, at_us) {
            let captured = captured(began, self.now, frame.timestamp, OPUS_CLOCK_HZ);
            let source = Source::Microphone;
            self.publisher
                .send_audio(self.now, captured, source, &frame);
        }
    }

    fn carry(&mut self) {
        while let Some(output) = self.publisher.poll() {
            match output {
                Output::Datagram { bytes, .. } => {
                    self.down.send(self.now, 0, address(1_000), bytes);
                }
                Output::Event(Event::Connected) => {
                    self.media_began = Some(self.now);
                    self.origins.began(0, self.now);
                }
                Output::Event(Event::KeyframeWanted { source, layer }) => {
                    self.source.request_keyframe(source, layer);
                }
                Output::Event(_) => {}
            }
        }
        while !self.stopped
            && let Some(arrived) = self.down.arrived(self.now)
        {
            let repairs = self.viewer.repair_types();
            self.eyes
                .datagram(self.now, &self.window, &arrived.bytes, repairs);
            self.viewer.receive(self.now, arrived.peer, &arrived.bytes);
        }
        while let Some(output) = self.viewer.poll() {
            match output {
                Output::Datagram { bytes, .. } => {
                    self.up.send(self.now, 0, address(2_000), bytes);
                }
                Output::Event(Event::Frame(frame)) => {
                    let shared = (&self.window, &self.origins);
                    let slot = (0, frame.slot);
                    self.eyes
                        .frame(self.now, shared, slot, frame.codec, &frame.data);
                }
                Output::Event(_) => {}
            }
        }
        while let Some(arrived) = self.up.arrived(self.now) {
            self.publisher
                .receive(self.now, arrived.peer, &arrived.bytes);
        }
    }

    /// Until media can flow.
    fn connect(&mut self) {
        for _ in 0..5_000 {
            if self.media_began.is_some() && self.viewer.is_connected() {
                return;
            }
            self.run(STEP, false);
        }
        panic!("not connected after {:?}", self.now - self.began);
    }

    fn close(self) -> Seen {
        self.eyes.close(&self.window)
    }
}

#[test]
fn of_a_known_number_of_packets_each_is_received_or_lost_and_five_percent_is_five_percent() {
    for light in WAYS {
        let mut world = World::new(light);
        world.connect();
        world.set_down(Path {
            loss_ppm: 50_000,
            ..Path::CLEAR
        });
        world.run(Duration::from_secs(60), true);
        // Nobody can know of a packet after which nothing comes: the last ones arrive.
        world.set_down(Path::CLEAR);
        world.run(Duration::from_millis(100), true);
        let sent = world.publisher.counters().packets_sent;
        world.run(Duration::from_secs(2), false);
        let seen = world.close();
        let wire = seen.whole_run;
        assert!(sent > 30_000, "{sent}");
        assert_eq!(wire.received + wire.lost, sent, "{wire:?}");
        let percent = 100.0 * wire.lost as f64 / sent as f64;
        assert!((4.7..=5.3).contains(&percent), "{percent} % lost");
        assert!(
            wire.repairs > 0,
            "the publisher sends again what is asked for"
        );
    }
}

#[test]
fn what_is_held_up_for_two_seconds_is_a_freeze_of_two_seconds() {
    for light in WAYS {
        let mut world = World::new(light);
        world.connect();
        world.run(Duration::from_secs(1), true);
        world.window.open(world.now, Duration::from_secs(10));
        world.run(Duration::from_secs(3), true);
        // As a server that is stopped: what comes to it waits.
        world.stopped = true;
        world.run(Duration::from_secs(2), true);
        world.stopped = false;
        world.run(Duration::from_secs(5), true);
        let freezes = world.close().freezes;
        assert_eq!(freezes.count, 1, "{freezes:?}");
        assert!(
            (1_980.0..=2_040.0).contains(&freezes.longest_ms),
            "{freezes:?}"
        );
        assert_eq!(freezes.total_ms, freezes.longest_ms);
    }
}

#[test]
fn a_path_that_is_late_is_late_by_as_much() {
    for light in WAYS {
        let mut world = World::new(light);
        world.connect();
        world.set_down(Path {
            delay_ms: 40,
            ..Path::CLEAR
        });
        world.run(Duration::from_secs(1), true);
        world.window.open(world.now, Duration::from_secs(5));
        world.run(Duration::from_secs(6), true);
        let seen = world.close();
        for latency in [seen.latency.percentiles(), seen.voice_latency.percentiles()] {
            assert!((39.0..=43.0).contains(&latency.p50), "{latency:?}");
            assert!((39.0..=43.0).contains(&latency.p99), "{latency:?}");
        }
        // Fifty a second; one may stand on the edge.
        for counted in [seen.decoded, seen.voices] {
            assert!((249..=251).contains(&counted), "{counted}");
        }
    }
}
