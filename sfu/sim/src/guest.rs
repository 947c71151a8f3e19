//! A participant in the world: its source of marked frames, its line, and what it saw.

mod sight;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_client::media::{MediaSource, NEVER_US, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ, timestamp_to_us};
use sfu_client::participant::{Event, Input, Output, Participant, ParticipantConfig, Publication};
use sfu_client::synthetic::{LayerShape, Shape, Synthetic};
use sfu_core::io::SignalId;
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{ClientMessage, Role, TrackState};

use crate::network::{Datagram, Line};
pub use sight::{Sight, Sighting};

/// Frames a second of every synthetic camera and screen. Few, so that many worlds fit in a test.
pub const FRAMES_PER_SECOND: u32 = 10;

/// How long a node waits for somebody whose WebSocket is lost.
pub const LOST_GRACE: Duration = Duration::from_secs(60);

/// The heights of the camera's layers.
pub const LAYER_HEIGHTS: [u16; 3] = [180, 360, 720];

/// How somebody takes part.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Over which line.
    pub line: Line,
    /// As what.
    pub role: Role,
    /// What is sent.
    pub publish: Vec<Publication>,
    /// How many are heard at once.
    pub audio_slots: u8,
    /// How many are seen at once.
    pub video_slots: u8,
}

impl Invite {
    /// A member with camera, microphone, and a screen that is off; hears four and sees four.
    pub fn over(line: Line) -> Self {
        Invite {
            line,
            role: Role::Member,
            publish: vec![
                Publication::live(Source::Camera, 3),
                Publication::live(Source::Microphone, 1),
                Publication {
                    source: Source::Screen,
                    layers: 1,
                    state: TrackState::Off,
                },
            ],
            audio_slots: 4,
            video_slots: 4,
        }
    }
}

/// What leaves a guest in one step.
#[derive(Debug, Default)]
pub struct Departing {
    /// Datagrams.
    pub datagrams: Vec<Datagram>,
    /// Messages to the node.
    pub messages: Vec<ClientMessage>,
    /// What happened, for the chronicle.
    pub notes: Vec<String>,
}

/// A participant in the world.
#[derive(Debug)]
pub struct Guest {
    /// The name shown.
    pub name: String,
    /// Who.
    pub id: ParticipantId,
    /// In every mark of its frames; another one each time it joins.
    pub author: u32,
    /// As what.
    pub role: Role,
    /// Over which line.
    pub line: Line,
    /// Where, as it knows itself.
    pub address: SocketAddr,
    /// From where the node hears it: what a NAT makes of its address.
    pub seen_as: SocketAddr,
    /// Whether it does what it must not: what the node refuses it is no violation.
    pub hostile: bool,
    /// Its WebSocket.
    pub signal: SignalId,
    /// When it joined.
    pub joined_at: Instant,
    /// When its path stood.
    pub connected_at: Option<Instant>,
    /// Since when it speaks.
    pub speaks_since: Option<Instant>,
    /// Since when each source is what it is, as others should see it.
    pub tracks: BTreeMap<Source, (TrackState, Instant)>,
    /// Whether it left or vanished: nothing of it runs any more.
    pub gone: bool,
    /// Since when its WebSocket is lost without a goodbye.
    pub lost_since: Option<Instant>,
    /// What it saw.
    pub sight: Sight,
    participant: Participant,
    source: Synthetic,
}

/// What a guest needs from the world.
#[derive(Debug)]
pub struct Place {
    /// The name shown.
    pub name: String,
    /// Who.
    pub id: ParticipantId,
    /// In every mark.
    pub author: u32,
    /// Where.
    pub address: SocketAddr,
    /// Its WebSocket.
    pub signal: SignalId,
    /// Shared by all: making one costs time and proves nothing here.
    pub certificate: str0m::config::DtlsCert,
}

impl Guest {
    /// Joins.
    pub fn join(now: Instant, place: Place, invite: &Invite) -> Self {
        let config = ParticipantConfig {
            local: place.address,
            publish: invite.publish.clone(),
            audio_slots: invite.audio_slots,
            video_slots: invite.video_slots,
            report_packets: true,
            certificate: Some(place.certificate),
        };
        let mut participant =
            Participant::new(&config, now).expect("an invite names no source twice");
        participant.join(place.name.clone());
        let tracks = invite.publish.iter().map(|p| (p.source, (p.state, now)));
        Guest {
            name: place.name,
            id: place.id,
            author: place.author,
            role: invite.role,
            line: invite.line,
            address: place.address,
            seen_as: place.address,
            hostile: false,
            signal: place.signal,
            joined_at: now,
            connected_at: None,
            speaks_since: None,
            tracks: tracks.collect(),
            gone: false,
            lost_since: None,
            sight: Sight::new(place.author, place.id),
            participant,
            source: Synthetic::new(shape(place.author)),
        }
    }

    /// The participant, for reading.
    pub fn participant(&self) -> &Participant {
        &self.participant
    }

    /// Its track of a source.
    pub fn track(&self, source: Source) -> TrackId {
        TrackId {
            participant: self.id,
            source,
        }
    }

    /// Gives the participant an input.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.participant.handle(now, input);
    }

    /// Says something.
    pub fn say(&mut self, now: Instant, message: ClientMessage) {
        if let ClientMessage::SetTrack { source, state } = message {
            self.tracks.insert(source, (state, now));
        }
        self.participant.say(message);
    }

    /// Joins again over another WebSocket, to go on where it was.
    pub fn return_over(&mut self, signal: SignalId) {
        self.signal = signal;
        self.lost_since = None;
        self.participant.join(self.name.clone());
    }

    /// Whether others should see it at `now`: here, or lost and still waited for.
    pub fn is_listed(&self, now: Instant) -> bool {
        let waited_for = |since: Instant| now < since + LOST_GRACE;
        self.role != Role::Observer && (!self.gone || self.lost_since.is_some_and(waited_for))
    }

    /// Speaks, or is silent.
    pub fn speak(&mut self, now: Instant, speaks: bool) {
        self.speaks_since = speaks.then_some(now);
        self.source.set_speaking(speaks);
    }

    /// When it wants to be stepped.
    pub fn due(&self) -> Instant {
        let media = self.connected_at.and_then(|began| {
            let next_us = self.source.next_at_us();
            (next_us != NEVER_US).then(|| began + Duration::from_micros(next_us))
        });
        let deadline = self.participant.deadline();
        media.map_or(deadline, |media| media.min(deadline))
    }

    /// Does what is due.
    pub fn step(&mut self, now: Instant) {
        if self.participant.deadline() <= now {
            self.participant.handle(now, Input::Tick);
        }
        if let Some(began) = self.connected_at {
            self.feed(now, began);
        }
    }

    /// Takes everything that leaves, and looks at what arrived.
    pub fn drain(&mut self, now: Instant, node: SocketAddr) -> Departing {
        let mut departing = Departing::default();
        while let Some(output) = self.participant.poll() {
            match output {
                Output::Signal(message) => departing.messages.push(message),
                Output::Datagram { destination, bytes } => {
                    assert_eq!(destination, node, "the node has one address");
                    departing.datagrams.push(Datagram {
                        source: self.seen_as,
                        destination,
                        bytes,
                    });
                }
                Output::Event(event) => departing.notes.extend(self.happened(now, event)),
            }
        }
        departing
    }

    /// Sends what its sources have by now.
    fn feed(&mut self, now: Instant, began: Instant) {
        let at_us = (now - began).as_micros() as u64;
        let sources: Vec<Source> = self.tracks.keys().copied().collect();
        for source in sources {
            self.send(now, began, source, at_us);
        }
    }

    fn send(&mut self, now: Instant, began: Instant, source: Source, at_us: u64) {
        let captured = |timestamp, clock_hz| {
            began + Duration::from_micros(timestamp_to_us(timestamp, clock_hz))
        };
        match source.kind() {
            Kind::Video => {
                for frame in self.source.video(source, at_us) {
                    let captured = captured(frame.timestamp, VIDEO_CLOCK_HZ);
                    self.participant.send_video(now, captured, source, &frame);
                }
            }
            Kind::Audio => {
                for frame in self.source.audio(source, at_us) {
                    let captured = captured(frame.timestamp, OPUS_CLOCK_HZ);
                    self.participant.send_audio(now, captured, source, &frame);
                }
            }
        }
    }

    /// What the chronicle is to know.
    fn happened(&mut self, now: Instant, event: Event) -> Option<String> {
        match event {
            Event::Connected => {
                self.connected_at = Some(now);
                self.feed(now, now);
                Some("is connected".to_owned())
            }
            Event::KeyframeWanted { source, layer } => {
                self.source.request_keyframe(source, layer);
                Some(format!("is asked for a keyframe of {source} {layer}"))
            }
            Event::MutedByHost(source) => {
                self.tracks.insert(source, (TrackState::Muted, now));
                Some(format!("is muted by a host: {source}"))
            }
            Event::RosterChanged => {
                self.sight.roster_changed(now, self.participant.roster());
                None
            }
            Event::Packet(packet) => {
                self.sight.packet(now, &packet);
                None
            }
            Event::Frame(frame) => self.sight.frame(now, frame),
            Event::PathLost(lost) => Some(format!("path lost: {lost}")),
            Event::Ended(reason) => {
                self.gone = true;
                Some(format!("is told goodbye: {reason:?}"))
            }
            Event::Failed(reason) => {
                self.sight.fault(format!("the transport failed: {reason}"));
                None
            }
            Event::Joined => Some("is in".to_owned()),
        }
    }
}

fn shape(author: u32) -> Shape {
    let layer = |height: u16, bitrate_bps| LayerShape {
        width: height / 9 * 16,
        height,
        bitrate_bps,
    };
    let [quarter, half, full] = LAYER_HEIGHTS;
    Shape {
        author,
        frames_per_second: FRAMES_PER_SECOND,
        camera: vec![
            layer(quarter, 40_000),
            layer(half, 100_000),
            layer(full, 250_000),
        ],
        screen: vec![layer(1_080, 150_000)],
        keyframe_every_ms: None,
    }
}
