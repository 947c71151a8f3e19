//! A Colloquy as a target: rooms and grants from its API, signalling over its WebSocket.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Context;
use async_trait::async_trait;
use sfu_client::media::{AudioFrame, EncodedFrame};
use sfu_client::participant::{self, Input, Participant};
use sfu_client::peer::PeerConfig;
use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{Envelope, Show, Want};

use super::{Deployed, Line, Recorded, Room, RoomKey, Seat, Target, recordings};
use crate::engine::end::{End, Event, Output};
use crate::scenario::Part;

/// See the module's head.
pub(crate) struct Colloquy(pub(crate) Box<dyn Deployed>);

#[async_trait]
impl Target for Colloquy {
    fn name(&self) -> String {
        self.0.name()
    }

    fn process_ids(&self) -> Vec<u32> {
        self.0.process_id().into_iter().collect()
    }

    async fn open_room(&mut self, publishers: usize) -> anyhow::Result<Room> {
        let RoomKey { id, invite } = self.0.open_room().await?;
        Ok(Room {
            id,
            secret: invite,
            publishers,
        })
    }

    async fn seat(&mut self, room: &Room, part: &Part, author: u32) -> anyhow::Result<Seat> {
        let key = RoomKey {
            id: room.id.clone(),
            invite: room.secret.clone(),
        };
        let way_in = self.0.admit(&key, &format!("Bench {author}")).await?;
        let (part, grant) = (*part, way_in.grant);
        Ok(Seat {
            line: Line::WebSocket {
                url: way_in.ws_url,
                protocol: None,
            },
            bind: None,
            sockets: 1,
            make: Box::new(move |locals, now| Ok(Box::new(Guest::new(part, grant, locals, now)?))),
        })
    }

    async fn record(&mut self, room: &Room) -> anyhow::Result<String> {
        recordings::begin(self.0.http(), &room.id).await
    }

    async fn stop_recording(&mut self, recording: &str) -> anyhow::Result<()> {
        recordings::stop(self.0.http(), recording).await
    }

    async fn verify_recording(&mut self, recording: &str) -> anyhow::Result<Recorded> {
        recordings::verify(self.0.http(), recording).await
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

/// A participant.
struct Guest {
    participant: Participant,
    grant: String,
    /// Where it is now, until it is back in the room: before, nobody listens to an offer.
    moved_to: Option<SocketAddr>,
    /// In which height pictures are wanted, until it was said.
    max_height: Option<u16>,
}

impl Guest {
    fn new(part: Part, grant: String, locals: &[SocketAddr], now: Instant) -> anyhow::Result<Self> {
        let local = locals.first().context("a socket")?;
        let config = PeerConfig {
            publish: part.publications(),
            audio_slots: part.audio_slots,
            video_slots: part.video_slots,
            light: true,
            checks_every: part.checks_every,
            ..PeerConfig::new(*local)
        };
        let mut participant = Participant::new(&config, now)?;
        participant.join(grant.clone());
        Ok(Guest {
            participant,
            grant,
            moved_to: None,
            max_height: Some(part.max_height),
        })
    }

    /// Once the slots are known, says in which height they are shown.
    fn say_heights(&mut self) {
        let slots = self.participant.roster().slots();
        if slots.is_empty() {
            return;
        }
        let Some(max_height) = self.max_height.take() else {
            return;
        };
        let pictures = slots.iter().filter(|(_, view)| view.kind == Kind::Video);
        let wants = pictures.map(|(slot, _)| Want {
            slot: slot.clone(),
            show: Show::Auto,
            max_height,
            priority: 0,
        });
        let wants = wants.collect();
        self.participant.want(wants);
    }
}

impl End for Guest {
    fn hear(&mut self, now: Instant, text: &str) -> anyhow::Result<()> {
        let envelope: Envelope = serde_json::from_str(text).context("a message of the node")?;
        self.participant.handle(now, Input::Node(envelope));
        Ok(())
    }

    fn receive(&mut self, now: Instant, _socket: usize, source: SocketAddr, bytes: &[u8]) {
        self.participant
            .handle(now, Input::Datagram { source, bytes });
    }

    fn tick(&mut self, now: Instant) {
        self.participant.handle(now, Input::Tick);
    }

    fn poll(&mut self) -> Option<Output> {
        loop {
            let event = match self.participant.poll()? {
                participant::Output::Signal(message) => {
                    let text = serde_json::to_string(&message)
                        .expect("signalling messages have string keys only");
                    return Some(Output::Say(text));
                }
                participant::Output::Datagram { destination, bytes } => {
                    return Some(Output::Datagram {
                        socket: 0,
                        destination,
                        bytes,
                    });
                }
                participant::Output::Event(event) => event,
            };
            let told = match event {
                participant::Event::Connected => Event::Connected,
                participant::Event::KeyframeWanted { source, layer } => {
                    Event::KeyframeWanted { source, layer }
                }
                participant::Event::Frame(frame) => Event::Frame {
                    socket: 0,
                    slot: frame.slot,
                    codec: frame.codec,
                    data: frame.data,
                },
                participant::Event::Ended(reason) => {
                    let refusals = self.participant.roster().refusals();
                    let said = refusals.last().map(|refusal| refusal.message.clone());
                    match self.participant.roster().you() {
                        Some(_) => Event::Ended,
                        None => Event::Failed(said.unwrap_or_else(|| format!("{reason:?}"))),
                    }
                }
                participant::Event::Failed(reason) => Event::Failed(reason),
                participant::Event::RosterChanged => {
                    self.say_heights();
                    continue;
                }
                participant::Event::Joined => {
                    if let Some(moved_to) = self.moved_to.take()
                        && let Err(problem) = self.participant.restart_ice(Some(moved_to))
                    {
                        return Some(Output::Event(Event::Failed(problem.to_string())));
                    }
                    continue;
                }
                participant::Event::PathLost(_)
                | participant::Event::MutedByHost(_)
                | participant::Event::Packet(_) => continue,
            };
            return Some(Output::Event(told));
        }
    }

    fn deadline(&self) -> Instant {
        self.participant.deadline()
    }

    fn send_video(
        &mut self,
        now: Instant,
        captured: Instant,
        source: Source,
        frame: &EncodedFrame,
    ) {
        self.participant.send_video(now, captured, source, frame);
    }

    fn send_audio(&mut self, now: Instant, captured: Instant, source: Source, frame: &AudioFrame) {
        self.participant.send_audio(now, captured, source, frame);
    }

    fn leave(&mut self) {
        self.participant.leave();
    }

    fn returns(&mut self, locals: &[SocketAddr]) -> bool {
        self.participant.join(self.grant.clone());
        self.moved_to = locals.first().copied();
        true
    }

    fn packets_sent(&self) -> u64 {
        self.participant.counters().packets_sent
    }

    fn repair_types(&self) -> u128 {
        self.participant.repair_types()
    }
}
