//! A participant in the world: its source of marked frames, its line, and what it saw.

mod caller;
mod invite;
mod returning;
mod sight;
mod sound;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_client::media::{MediaSource, NEVER_US, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ, timestamp_to_us};
use sfu_client::participant::{Event, Input, Output, Participant};
use sfu_client::peer::PeerConfig;
use sfu_client::synthetic::Synthetic;
use sfu_core::io::SignalId;
use sfu_core::stream::StreamId;
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{ByeReason, ClientMessage, Role, TrackState, Want};
use str0m::config::DtlsCert;

use crate::network::{Datagram, Line};
pub use caller::SILENCE;
use caller::{Act, Caller};
pub use invite::{CAMERA_BPS, Door, FRAMES_PER_SECOND, Invite, LAYER_HEIGHTS};
use returning::Healing;
pub(crate) use returning::is_asked_for_another;
pub use sight::{Sight, Sighting};
pub use sound::{Played, Sound};

/// How long a node waits for somebody whose WebSocket is lost.
pub const LOST_GRACE: Duration = Duration::from_secs(60);

/// How the chronicle tells of a request for a keyframe.
const ASKED: &str = "is asked for a keyframe of";

/// What leaves a guest in one step.
#[derive(Debug, Default)]
pub struct Departing {
    /// Datagrams.
    pub datagrams: Vec<Datagram>,
    /// Messages to the node.
    pub messages: Vec<ClientMessage>,
    /// What happened, for the chronicle.
    pub notes: Vec<String>,
    /// Whether it gave its WebSocket up.
    pub hangs_up: bool,
    /// Whether it opens another WebSocket.
    pub calls: bool,
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
    /// From where the node heard it before.
    pub seen_before: Vec<SocketAddr>,
    /// Whether it does what it must not: what the node refuses it is no violation.
    pub hostile: bool,
    /// Its WebSocket.
    pub signal: SignalId,
    /// When it joined.
    pub joined_at: Instant,
    /// When its path stood first.
    pub connected_at: Option<Instant>,
    /// Since when nothing was done to its path or its place; none while something is.
    pub calm_since: Option<Instant>,
    /// Since when it speaks.
    pub speaks_since: Option<Instant>,
    /// Since when each source is what it is, as others should see it.
    pub tracks: BTreeMap<Source, (TrackState, Instant)>,
    /// Whether it left or vanished: nothing of it runs any more.
    pub gone: bool,
    /// Since when nothing may be sent to it any more.
    pub out_since: Option<Instant>,
    /// Since when its WebSocket is lost without a goodbye.
    pub lost_since: Option<Instant>,
    /// Whether the node knows nothing of it: it died, or stopped, and this one has not come back.
    pub forgotten: bool,
    /// Whether the node let it in over a WebSocket that it had given up: until it calls again, others
    /// know it with nothing of its own.
    pub half_in: bool,
    /// What it saw.
    pub sight: Sight,
    invite: Invite,
    certificate: DtlsCert,
    participant: Participant,
    source: Synthetic,
    caller: Caller,
    healing: Healing,
    /// What it wants to see, by the place of the slot in its offer.
    wants: BTreeMap<usize, Want>,
    /// What it could not say while there was nobody to hear it.
    unsaid: Vec<ClientMessage>,
    /// Whether the next answer is the first of a new transport.
    begins_anew: bool,
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
    pub certificate: DtlsCert,
    /// Decides its waits.
    pub seed: u64,
}

impl Guest {
    /// Joins.
    pub fn join(now: Instant, place: Place, invite: &Invite) -> Self {
        let mut participant = participant(now, place.address, invite, &place.certificate);
        participant.join(place.name.clone());
        let tracks = invite.publish.iter().map(|p| (p.source, (p.state, now)));
        let shape = invite::shape(place.author, invite.camera_bps);
        let mut source = Synthetic::coded(shape, invite.dialect.coding);
        if invite.leaves_out_silence {
            source.leave_out_silence();
        }
        Guest {
            name: place.name,
            id: place.id,
            author: place.author,
            role: invite.role,
            line: invite.line,
            address: place.address,
            seen_as: match invite.over_tcp {
                true => StreamId::new(place.author).address(place.address),
                false => place.address,
            },
            seen_before: Vec::new(),
            hostile: false,
            signal: place.signal,
            joined_at: now,
            connected_at: None,
            calm_since: Some(now),
            speaks_since: None,
            tracks: tracks.collect(),
            gone: false,
            out_since: None,
            lost_since: None,
            forgotten: false,
            half_in: false,
            sight: Sight::new(place.author, place.id),
            invite: invite.clone(),
            certificate: place.certificate,
            participant,
            source,
            caller: match invite.door {
                Door::WebSocket => Caller::new(now, place.seed),
                Door::Posted => Caller::posted(now, place.seed),
            },
            healing: Healing::Well,
            wants: BTreeMap::new(),
            unsaid: Vec::new(),
            begins_anew: false,
        }
    }

    /// The participant, for reading.
    pub fn participant(&self) -> &Participant {
        &self.participant
    }

    /// How it takes part now: what it was invited to, with the tracks as they are.
    pub fn invite(&self) -> Invite {
        let mut invite = self.invite.clone();
        for publication in &mut invite.publish {
            if let Some(&(state, _)) = self.tracks.get(&publication.source) {
                publication.state = state;
            }
        }
        invite
    }

    /// Its track of a source.
    pub fn track(&self, source: Source) -> TrackId {
        TrackId {
            participant: self.id,
            source,
        }
    }

    /// Whether its WebSocket stands, as far as it knows.
    pub fn is_listening(&self) -> bool {
        self.caller.is_open()
    }

    /// Whether it hears what comes over its WebSocket: not over one that it gave up.
    pub fn hears(&self) -> bool {
        !self.gone && self.caller.is_on()
    }

    /// Whether it came with an offer over HTTP.
    pub fn is_posted(&self) -> bool {
        self.invite.door == Door::Posted
    }

    /// Speaks so loudly, or is silent, and nobody has to hear it.
    pub fn murmur(&mut self, level_dbov: Option<i8>) {
        self.source.set_speaking(level_dbov.is_some());
        if let Some(level_dbov) = level_dbov {
            self.source.set_level(level_dbov);
        }
    }

    /// Says something of RTCP as it is; see [`Participant::say_control`].
    pub fn say_control(&mut self, now: Instant, packet: Vec<u8>) -> bool {
        self.participant.say_control(now, packet)
    }

    /// Says how much arrives; see [`Participant::say_estimate`].
    pub fn say_estimate(&mut self, now: Instant, bps: u64) {
        self.participant.say_estimate(now, bps);
    }

    /// Whether the node heard it from there before.
    pub fn was_at(&self, address: SocketAddr) -> bool {
        self.seen_before.contains(&address)
    }

    /// From now on the node hears it from there.
    pub fn appear_at(&mut self, address: SocketAddr) {
        self.seen_before.push(self.seen_as);
        self.seen_as = address;
    }

    /// Gives the participant a datagram.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        self.participant
            .handle(now, Input::Datagram { source, bytes });
    }

    /// Says something.
    pub fn say(&mut self, now: Instant, message: ClientMessage) {
        match &message {
            ClientMessage::SetTrack { source, state } => {
                self.tracks.insert(*source, (*state, now));
            }
            ClientMessage::Want { wants } => self.remember(wants),
            _ => {}
        }
        self.participant.say(message);
    }

    /// Whether others should see it at `now`: here, or lost and still waited for.
    pub fn is_listed(&self, now: Instant) -> bool {
        let waited_for = |since: Instant| now < since + LOST_GRACE;
        let here = !self.gone || self.lost_since.is_some_and(waited_for);
        self.role != Role::Observer && !self.forgotten && here
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
        [media, self.caller.due(), self.healing.due()]
            .into_iter()
            .flatten()
            .fold(self.participant.deadline(), Instant::min)
    }

    /// Does what is due.
    pub fn step(&mut self, now: Instant) -> Departing {
        if self.participant.deadline() <= now {
            self.participant.handle(now, Input::Tick);
        }
        if let Some(began) = self.connected_at {
            self.feed(now, began);
        }
        let mut departing = Departing {
            hangs_up: self.heal(now),
            ..Departing::default()
        };
        match self.caller.act(now) {
            Some(Act::Ping) => {
                let sent_at_ms = (now - self.joined_at).as_millis() as u64;
                self.participant.say(ClientMessage::Ping { sent_at_ms });
            }
            Some(Act::HangUp) => departing.hangs_up = true,
            Some(Act::Call) => departing.calls = true,
            None => {}
        }
        departing
    }

    /// Takes everything that leaves, and looks at what arrived.
    pub fn drain(&mut self, now: Instant, node: SocketAddr, departing: &mut Departing) {
        while let Some(output) = self.participant.poll() {
            match output {
                Output::Signal(message) => departing.messages.extend(self.sendable(message)),
                Output::Datagram { destination, bytes } => {
                    assert_eq!(destination.ip(), node.ip(), "the node has one address");
                    departing.datagrams.push(Datagram {
                        source: self.seen_as,
                        destination,
                        bytes,
                    });
                }
                Output::Event(event) => departing.notes.extend(self.happened(now, event)),
            }
        }
        settle_ties(&mut departing.notes);
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
                let began = *self.connected_at.get_or_insert(now);
                self.feed(now, began);
                self.healing = Healing::Well;
                Some("is connected".to_owned())
            }
            Event::KeyframeWanted { source, layer } => {
                self.source.request_keyframe(source, layer);
                Some(format!("{ASKED} {source} {layer}"))
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
            Event::Frame(frame) => {
                let roster = self.participant.roster();
                let track = roster.track_in(&frame.slot, frame.csrc);
                self.sight.frame(now, frame, track)
            }
            Event::PathLost(lost) => {
                self.path_lost(now, lost);
                Some(format!("path lost: {lost}"))
            }
            Event::Ended(ByeReason::Draining) => Some("is told to come back".to_owned()),
            Event::Ended(reason) => {
                self.gone = true;
                self.out_since = Some(now);
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

/// Requests that come in one datagram are told in the order of the transport's hash map, which no
/// seed decides.
fn settle_ties(notes: &mut [String]) {
    let asks = |note: &String| note.starts_with(ASKED);
    for tied in notes.chunk_by_mut(|one, other| asks(one) && asks(other)) {
        tied.sort_unstable();
    }
}

fn participant(
    now: Instant,
    local: SocketAddr,
    invite: &Invite,
    certificate: &DtlsCert,
) -> Participant {
    let config = PeerConfig {
        over_tcp: invite.over_tcp,
        publish: invite.publish.clone(),
        audio_slots: invite.audio_slots,
        video_slots: invite.video_slots,
        report_packets: true,
        certificate: Some(certificate.clone()),
        dialect: invite.dialect,
        light: invite.light,
        ..PeerConfig::new(local)
    };
    Participant::new(&config, now).expect("an invite names no source twice")
}
