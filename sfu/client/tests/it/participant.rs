//! The participant on a perfect path and a virtual clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_client::media::MediaSource;
use sfu_client::participant::{Event, Input, Output, Participant};
use sfu_client::peer::{PeerConfig, PeerError, Publication};
use sfu_client::synthetic::{Decoder, LayerShape, Shape, Synthetic};
use sfu_client::vp8::Vp8Packetizer;
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_protocol::signal::{
    ByeReason, ClientMessage, Envelope, NodeMessage, RefusedCode, TrackState,
};
use str0m::Event as RtcEvent;

use crate::node::FakeNode;

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 5_000))
}

fn shape() -> Shape {
    let layer = |width, height, bitrate_bps| LayerShape {
        width,
        height,
        bitrate_bps,
    };
    Shape {
        frames_per_second: 10,
        camera: vec![
            layer(160, 90, 50_000),
            layer(320, 180, 100_000),
            layer(640, 360, 300_000),
        ],
        ..Shape::meeting(9)
    }
}

/// A participant and a node that meet on a perfect path of 5 ms.
struct Meeting {
    start: Instant,
    now: Instant,
    participant: Participant,
    node: FakeNode,
    source: Synthetic,
    events: Vec<Event>,
    said: Vec<ClientMessage>,
}

impl Meeting {
    fn new(publish: Vec<Publication>) -> Self {
        let start = Instant::now();
        let config = PeerConfig {
            publish,
            audio_slots: 1,
            video_slots: 2,
            ..PeerConfig::new(address(1))
        };
        let mut participant = Participant::new(&config, start).expect("a participant");
        participant.join("grant".to_owned());
        Meeting {
            start,
            now: start,
            participant,
            node: FakeNode::new(address(2), start),
            source: Synthetic::new(shape()),
            events: Vec::new(),
            said: Vec::new(),
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now += Duration::from_millis(5);
            self.feed();
            self.participant.handle(self.now, Input::Tick);
            self.node.tick(self.now);
            self.exchange();
        }
    }

    fn feed(&mut self) {
        let at_us = (self.now - self.start).as_micros() as u64;
        for frame in self.source.video(Source::Camera, at_us) {
            self.participant
                .send_video(self.now, self.now, Source::Camera, &frame);
        }
        for frame in self.source.audio(Source::Microphone, at_us) {
            self.participant
                .send_audio(self.now, self.now, Source::Microphone, &frame);
        }
    }

    fn exchange(&mut self) {
        while let Some(output) = self.participant.poll() {
            match output {
                Output::Signal(message) => {
                    for envelope in self.node.hear(&message) {
                        self.participant.handle(self.now, Input::Node(envelope));
                    }
                    self.said.push(message);
                }
                Output::Datagram { bytes, .. } => self.node.receive(self.now, address(1), &bytes),
                Output::Event(event) => {
                    if let Event::KeyframeWanted { source, layer } = event {
                        self.source.request_keyframe(source, layer);
                    }
                    self.events.push(event);
                }
            }
        }
        for (_, bytes) in std::mem::take(&mut self.node.datagrams) {
            let source = address(2);
            let bytes = bytes.as_slice();
            self.participant
                .handle(self.now, Input::Datagram { source, bytes });
        }
    }

    /// Packets that the node received, by rid ("" without).
    fn packets_by_rid(&mut self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        let heard: Vec<_> = self
            .node
            .events
            .iter()
            .filter_map(|event| match event {
                RtcEvent::RtpPacket(packet) => Some(packet.header.ssrc),
                _ => None,
            })
            .collect();
        for ssrc in heard {
            let rid = self
                .node
                .rtc
                .direct_api()
                .stream_rx(&ssrc)
                .and_then(|s| s.rid());
            let name = rid.map(|rid| rid.to_string()).unwrap_or_default();
            *counts.entry(name).or_insert(0) += 1;
        }
        counts
    }
}

#[test]
fn three_layers_and_a_voice_reach_the_node() {
    let mut meeting = Meeting::new(PeerConfig::new(address(1)).publish);
    meeting.run(Duration::from_secs(3));
    assert!(meeting.participant.is_connected());
    assert_eq!(meeting.participant.roster().slots().len(), 3);
    let counts = meeting.packets_by_rid();
    let names: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, ["", "f", "h", "q"]);
    assert!(counts.values().all(|&packets| packets >= 25), "{counts:?}");
    let levels = meeting.node.events.iter().filter_map(|event| match event {
        RtcEvent::RtpPacket(packet) => packet.header.ext_vals.audio_level,
        _ => None,
    });
    assert!(levels.count() > 100, "every Opus packet carries its level");
}

#[test]
fn a_single_layer_camera_has_no_rid() {
    let mut meeting = Meeting::new(vec![Publication::live(Source::Camera, 1)]);
    meeting.run(Duration::from_secs(1));
    let counts = meeting.packets_by_rid();
    assert_eq!(counts.keys().map(String::as_str).collect::<Vec<_>>(), [""]);
}

#[test]
fn a_keyframe_request_reaches_the_layer_it_means() {
    let mut meeting = Meeting::new(vec![Publication::live(Source::Camera, 3)]);
    meeting.run(Duration::from_secs(1));
    meeting.events.clear();
    meeting.node.ask_for_keyframe("h");
    meeting.run(Duration::from_millis(300));
    let wanted: Vec<_> = meeting
        .events
        .iter()
        .filter_map(|event| match event {
            Event::KeyframeWanted { source, layer } => Some((*source, *layer)),
            _ => None,
        })
        .collect();
    assert_eq!(wanted, [(Source::Camera, 1)]);
}

#[test]
fn frames_written_into_a_slot_come_out_whole_and_a_broken_chain_asks_for_a_keyframe() {
    let mut meeting = Meeting::new(vec![]);
    meeting.run(Duration::from_secs(1));
    let mut slots = meeting.node.slots.iter();
    let mid = slots
        .find(|(_, kind)| *kind == Kind::Video)
        .expect("a video slot")
        .0;
    let mut packetizer = Vp8Packetizer::new(3);
    let mut sender = Synthetic::new(Shape {
        camera: vec![shape().camera[2]],
        ..shape()
    });
    let mut seq = 1;
    for step in 0..10u64 {
        for frame in sender.video(Source::Camera, step * 100_000) {
            let payloads = packetizer.packetize(&frame.data, frame.keyframe);
            let count = payloads.len() as u64;
            // The sixth frame is lost and is in no cache either.
            if step != 5 {
                meeting.node.write(meeting.now, mid, seq, &payloads);
            }
            seq += count;
        }
        meeting.run(Duration::from_millis(100));
    }
    let mut decoder = Decoder::new();
    let mut decoded = 0;
    for event in &meeting.events {
        if let Event::Frame(frame) = event {
            assert_eq!(frame.codec, Codec::Vp8);
            decoder
                .decode(&frame.data)
                .expect("only whole frames of one chain");
            decoded += 1;
        }
    }
    assert_eq!(
        decoded, 5,
        "up to the loss, and nothing that cannot be decoded"
    );
    // The packet is waited for first; no keyframe came after it.
    meeting.run(Duration::from_secs(2));
    assert!(meeting.participant.counters().keyframes_requested >= 1);
    let asked = meeting.node.events.iter();
    assert!(
        asked
            .filter(|e| matches!(e, RtcEvent::KeyframeRequest(_)))
            .count()
            >= 1
    );
}

#[test]
fn a_muted_track_sends_nothing_and_comes_back_with_a_keyframe() {
    let mut meeting = Meeting::new(vec![Publication::live(Source::Camera, 3)]);
    meeting.run(Duration::from_secs(1));
    meeting
        .participant
        .set_track(Source::Camera, TrackState::Muted);
    meeting.run(Duration::from_millis(50));
    let before = meeting.participant.counters().packets_sent;
    meeting.run(Duration::from_secs(1));
    assert_eq!(meeting.participant.counters().packets_sent, before);
    meeting
        .participant
        .set_track(Source::Camera, TrackState::Live);
    meeting.events.clear();
    meeting.run(Duration::from_millis(200));
    assert!(meeting.participant.counters().packets_sent > before);
    assert_eq!(
        meeting.participant.track_state(Source::Camera),
        Some(TrackState::Live)
    );
    let said = meeting
        .said
        .iter()
        .filter(|m| matches!(m, ClientMessage::SetTrack { .. }));
    assert_eq!(said.count(), 2);
}

#[test]
fn after_a_goodbye_nothing_leaves() {
    let mut meeting = Meeting::new(vec![Publication::live(Source::Camera, 3)]);
    meeting.run(Duration::from_millis(500));
    meeting.participant.leave();
    meeting.exchange();
    assert!(matches!(
        meeting.events.last(),
        Some(Event::Ended(ByeReason::Left))
    ));
    meeting.run(Duration::from_millis(100));
    assert!(meeting.participant.is_over());
    assert!(meeting.participant.poll().is_none());
}

#[test]
fn a_message_outside_the_count_is_heard_and_one_already_seen_is_not() {
    let mut meeting = Meeting::new(vec![Publication::live(Source::Camera, 3)]);
    meeting.run(Duration::from_millis(500));
    let seen = meeting.participant.roster().last_seq();
    let refused = |seq| Envelope {
        seq,
        message: NodeMessage::Refused {
            about: "want".to_owned(),
            code: RefusedCode::NotFound,
            message: "no such slot".to_owned(),
        },
    };
    for (seq, refusals) in [(0, 1), (seen, 1), (seen + 1, 2), (0, 3)] {
        meeting
            .participant
            .handle(meeting.now, Input::Node(refused(seq)));
        assert_eq!(meeting.participant.roster().refusals().count(), refusals);
    }
    assert_eq!(meeting.participant.roster().last_seq(), seen + 1);
}

#[test]
fn an_answer_that_cannot_be_read_ends_the_participant_without_a_panic() {
    let now = Instant::now();
    let config = PeerConfig::new(address(1));
    let mut participant = Participant::new(&config, now).expect("a participant");
    let envelope = Envelope {
        seq: 1,
        message: NodeMessage::Answer {
            revision: 1,
            sdp: "v=0\r\nnonsense".to_owned(),
            slots: Vec::new(),
        },
    };
    participant.handle(now, Input::Node(envelope));
    let failed = std::iter::from_fn(|| participant.poll())
        .any(|output| matches!(output, Output::Event(Event::Failed(_))));
    assert!(failed && participant.is_over());
}

#[test]
fn what_cannot_be_published_is_refused() {
    for publish in [
        vec![Publication::live(Source::Microphone, 3)],
        vec![Publication::live(Source::Camera, 0)],
        vec![Publication::live(Source::Camera, 4)],
        vec![
            Publication::live(Source::Camera, 1),
            Publication::live(Source::Camera, 3),
        ],
    ] {
        let config = PeerConfig {
            publish,
            ..PeerConfig::new(address(1))
        };
        let refused = Participant::new(&config, Instant::now());
        assert!(matches!(refused, Err(PeerError::Publication(_))));
    }
}
