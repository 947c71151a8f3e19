//! Any server that takes what is published by WHIP (RFC 9725) and gives it by WHEP, as a target:
//! two URLs and a bearer token.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Context;
use async_trait::async_trait;
use sfu_client::media::{AudioFrame, EncodedFrame};
use sfu_client::peer::{self, Counters, Peer, PeerConfig, Publication};
use sfu_protocol::media::Source;

use super::http::Http;
use super::{Line, Room, Seat, Target};
use crate::engine::end::{End, Event, Output};
use crate::scenario::Part;

/// The word on the command line.
pub(crate) const WORD: &str = "whip-whep";

/// Stands for the number of the room in a URL.
const ROOM: &str = "{room}";

/// See the module's head.
pub(crate) struct WhipWhep {
    whip: String,
    whep: String,
    bearer: String,
    rooms: u32,
}

impl WhipWhep {
    /// Nothing is asked of the server before somebody comes.
    pub(crate) fn new(whip: &str, whep: &str, bearer: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !whip.is_empty() && !whep.is_empty(),
            "{WORD} needs two URLs: --whip and --whep"
        );
        Http::new(whip)?;
        Http::new(whep)?;
        Ok(WhipWhep {
            whip: whip.to_owned(),
            whep: whep.to_owned(),
            bearer: bearer.to_owned(),
            rooms: 0,
        })
    }
}

#[async_trait]
impl Target for WhipWhep {
    fn name(&self) -> String {
        format!("{WORD}, {}", self.whep)
    }

    fn process_ids(&self) -> Vec<u32> {
        Vec::new()
    }

    async fn open_room(&mut self, publishers: usize) -> anyhow::Result<Room> {
        anyhow::ensure!(
            publishers == 1,
            "{WORD}: a room has one publisher, not {publishers}"
        );
        self.rooms += 1;
        let named = self.whip.contains(ROOM) && self.whep.contains(ROOM);
        anyhow::ensure!(
            self.rooms == 1 || named,
            "{WORD}: more than one room needs {ROOM} in both URLs"
        );
        Ok(Room {
            id: self.rooms.to_string(),
            secret: String::new(),
            publishers,
        })
    }

    async fn seat(&mut self, room: &Room, part: &Part, _author: u32) -> anyhow::Result<Seat> {
        let watches = part.video_slots + part.audio_slots > 0;
        anyhow::ensure!(
            part.publishes() != watches,
            "{WORD}: whoever takes part either publishes or watches"
        );
        let url = if watches { &self.whep } else { &self.whip };
        let part = *part;
        Ok(Seat {
            line: Line::Post {
                url: url.replace(ROOM, &room.id),
                bearer: self.bearer.clone(),
            },
            bind: None,
            sockets: 1,
            make: Box::new(move |locals, now| Ok(Box::new(Poster::new(&part, locals, now)?))),
        })
    }

    async fn close(self: Box<Self>) {}
}

/// Somebody who publishes, or who watches the one that does.
struct Poster {
    peer: Peer,
    offer: Option<String>,
    left: bool,
}

impl Poster {
    fn new(part: &Part, locals: &[SocketAddr], now: Instant) -> anyhow::Result<Self> {
        let local = *locals.first().context("a socket")?;
        let camera = part.camera_layers;
        let camera = camera.map(|layers| Publication::live(Source::Camera, layers));
        let microphone = part
            .speaks
            .then(|| Publication::live(Source::Microphone, 1));
        let config = PeerConfig {
            publish: camera.into_iter().chain(microphone).collect(),
            // Only one publishes: one camera and one voice.
            audio_slots: part.audio_slots.min(1),
            video_slots: part.video_slots.min(1),
            ..PeerConfig::new(local)
        };
        let peer = Peer::new(&config, now)?;
        let offer = peer.offer().map(str::to_owned);
        Ok(Poster {
            peer,
            offer,
            left: false,
        })
    }
}

impl End for Poster {
    fn hear(&mut self, now: Instant, text: &str) -> anyhow::Result<()> {
        self.peer.accept(now, text);
        Ok(())
    }

    fn receive(&mut self, now: Instant, _socket: usize, source: SocketAddr, bytes: &[u8]) {
        self.peer.receive(now, source, bytes);
    }

    fn tick(&mut self, now: Instant) {
        self.peer.tick(now);
    }

    fn poll(&mut self) -> Option<Output> {
        if let Some(offer) = self.offer.take() {
            return Some(Output::Say(offer));
        }
        if std::mem::take(&mut self.left) {
            return Some(Output::Event(Event::Ended));
        }
        loop {
            let told = match self.peer.poll()? {
                peer::Output::Datagram { destination, bytes } => {
                    return Some(Output::Datagram {
                        socket: 0,
                        destination,
                        bytes,
                    });
                }
                peer::Output::Event(event) => event,
            };
            let told = match told {
                peer::Event::Connected => Event::Connected,
                peer::Event::KeyframeWanted { source, layer } => {
                    Event::KeyframeWanted { source, layer }
                }
                peer::Event::Frame(frame) => Event::Frame {
                    socket: 0,
                    slot: frame.slot,
                    codec: frame.codec,
                    data: frame.data,
                },
                peer::Event::Failed(why) => Event::Failed(why),
                peer::Event::PathLost(_) | peer::Event::Packet(_) => continue,
            };
            return Some(Output::Event(told));
        }
    }

    fn deadline(&self) -> Instant {
        self.peer.deadline()
    }

    fn send_video(
        &mut self,
        now: Instant,
        captured: Instant,
        source: Source,
        frame: &EncodedFrame,
    ) {
        self.peer.send_video(now, captured, source, frame);
    }

    fn send_audio(&mut self, now: Instant, captured: Instant, source: Source, frame: &AudioFrame) {
        self.peer.send_audio(now, captured, source, frame);
    }

    fn leave(&mut self) {
        // The server sees by itself that nothing comes any more.
        self.left = true;
    }

    fn returns(&mut self, _locals: &[SocketAddr]) -> bool {
        false
    }

    fn counters(&self) -> Counters {
        self.peer.counters()
    }

    fn repair_types(&self) -> u128 {
        self.peer.repair_types()
    }
}
