//! A participant of a video room: a [`Session`] and its peer connections, one to publish and one
//! to watch.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use sfu_client::media::{AudioFrame, EncodedFrame};
use sfu_client::peer::{self, Counters, Peer, PeerConfig};
use sfu_protocol::media::Source;

use super::session::{Errand, Session, Told};
use crate::engine::end::{End, Event, Output};
use crate::scenario::Part;

/// How often it says that it is still there.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(25);

/// See the module's head.
pub(super) struct Attendee {
    session: Session,
    publishing: Option<Peer>,
    watching: Option<Peer>,
    /// The socket of the connection that watches; none watches nobody.
    watch_from: Option<(usize, SocketAddr)>,
    waiting: VecDeque<Output>,
    connected: bool,
    keep_alive_at: Instant,
}

/// How many sockets somebody needs who does `part` while so many others publish.
pub(super) fn sockets(part: &Part, others: usize) -> usize {
    usize::from(part.publishes()) + usize::from(watches(part, others))
}

fn watches(part: &Part, others: usize) -> bool {
    others > 0 && part.video_slots + part.audio_slots > 0
}

impl Attendee {
    /// Begins; `locals` are as many as [`sockets`] says.
    pub(super) fn new(
        part: &Part,
        (room, others): (u64, usize),
        locals: &[SocketAddr],
        now: Instant,
    ) -> anyhow::Result<Self> {
        let mut free = locals.iter().copied().enumerate();
        let mut publishing = None;
        if part.publishes() {
            let (_, local) = free.next().context("a socket to publish from")?;
            publishing = Some(Peer::new(&publisher(part, local), now)?);
        }
        let watches = watches(part, others);
        let watch_from = watches.then(|| free.next().context("a socket to watch from"));
        let errand = Errand {
            room,
            offer: publishing
                .as_ref()
                .and_then(|peer| peer.offer().map(str::to_owned)),
            cameras: part.video_slots.into(),
            voices: part.audio_slots.into(),
            others: if watches { others } else { 0 },
        };
        let mut attendee = Attendee {
            session: Session::new(errand),
            publishing,
            watching: None,
            watch_from: watch_from.transpose()?,
            waiting: VecDeque::new(),
            connected: false,
            keep_alive_at: now + KEEP_ALIVE_EVERY,
        };
        attendee.follow(now)?;
        Ok(attendee)
    }

    /// Does what comes of what was heard.
    fn follow(&mut self, now: Instant) -> anyhow::Result<()> {
        while let Some(told) = self.session.next() {
            match told {
                Told::Say(message) => self.waiting.push_back(Output::Say(message.to_string())),
                Told::Answered(sdp) => {
                    if let Some(peer) = &mut self.publishing {
                        peer.accept(now, &sdp);
                    }
                }
                Told::Offered(sdp) => {
                    let answer = self.take_offer(now, &sdp)?;
                    self.session.answer(&answer);
                }
                Told::Over => self.waiting.push_back(Output::Event(Event::Ended)),
                Told::Failed(why) => {
                    self.waiting.push_back(Output::Event(Event::Failed(why)));
                }
            }
        }
        Ok(())
    }

    fn take_offer(&mut self, now: Instant, sdp: &str) -> anyhow::Result<String> {
        if let Some(peer) = &mut self.watching {
            return Ok(peer.answer(now, sdp)?);
        }
        let (_, local) = self.watch_from.context("an offer that nobody asked for")?;
        let config = PeerConfig {
            publish: Vec::new(),
            ..PeerConfig::new(local)
        };
        let (peer, answer) = Peer::answering(&config, now, sdp)?;
        self.watching = Some(peer);
        Ok(answer)
    }

    fn peers(&self) -> impl Iterator<Item = &Peer> {
        [&self.publishing, &self.watching].into_iter().flatten()
    }

    /// The peer connection on a socket.
    fn peer_at(&mut self, socket: usize) -> Option<&mut Peer> {
        match self.watch_from {
            Some((number, _)) if number == socket => self.watching.as_mut(),
            _ => self.publishing.as_mut().filter(|_| socket == 0),
        }
    }

    /// Whether every peer connection stands that it came for.
    fn stands(&self) -> bool {
        let up = |peer: &Option<Peer>| peer.as_ref().is_some_and(Peer::is_connected);
        (self.publishing.is_none() || up(&self.publishing))
            && (self.watch_from.is_none() || up(&self.watching))
    }

    fn poll_peer(&mut self, socket: usize) -> Option<Output> {
        loop {
            let told = match self.peer_at(socket)?.poll()? {
                peer::Output::Datagram { destination, bytes } => {
                    return Some(Output::Datagram {
                        socket,
                        destination,
                        bytes,
                    });
                }
                peer::Output::Event(event) => event,
            };
            match Event::of_peer(socket, told) {
                None => {}
                Some(Event::Connected) if self.connected || !self.stands() => {}
                Some(event) => {
                    self.connected |= matches!(event, Event::Connected);
                    return Some(Output::Event(event));
                }
            }
        }
    }
}

fn publisher(part: &Part, local: SocketAddr) -> PeerConfig {
    PeerConfig {
        publish: part.publications(),
        audio_slots: 0,
        video_slots: 0,
        ..PeerConfig::new(local)
    }
}

impl End for Attendee {
    fn hear(&mut self, now: Instant, text: &str) -> anyhow::Result<()> {
        self.session.hear(text)?;
        self.follow(now)
    }

    fn receive(&mut self, now: Instant, socket: usize, source: SocketAddr, bytes: &[u8]) {
        if let Some(peer) = self.peer_at(socket) {
            peer.receive(now, source, bytes);
        }
    }

    fn tick(&mut self, now: Instant) {
        if now >= self.keep_alive_at {
            self.keep_alive_at = now + KEEP_ALIVE_EVERY;
            self.session.keep_alive();
            if let Err(problem) = self.follow(now) {
                let failed = Event::Failed(format!("{problem:#}"));
                self.waiting.push_back(Output::Event(failed));
            }
        }
        for peer in [&mut self.publishing, &mut self.watching]
            .into_iter()
            .flatten()
        {
            if peer.deadline() <= now {
                peer.tick(now);
            }
        }
    }

    fn poll(&mut self) -> Option<Output> {
        let first = self.waiting.pop_front();
        first
            .or_else(|| self.poll_peer(0))
            .or_else(|| self.poll_peer(1))
    }

    fn deadline(&self) -> Instant {
        let deadlines = self.peers().map(Peer::deadline);
        deadlines.fold(self.keep_alive_at, Instant::min)
    }

    fn send_video(
        &mut self,
        now: Instant,
        captured: Instant,
        source: Source,
        frame: &EncodedFrame,
    ) {
        if let Some(peer) = &mut self.publishing {
            peer.send_video(now, captured, source, frame);
        }
    }

    fn send_audio(&mut self, now: Instant, captured: Instant, source: Source, frame: &AudioFrame) {
        if let Some(peer) = &mut self.publishing {
            peer.send_audio(now, captured, source, frame);
        }
    }

    fn leave(&mut self) {
        self.session.leave();
        while let Some(Told::Say(message)) = self.session.next() {
            self.waiting.push_back(Output::Say(message.to_string()));
        }
    }

    fn returns(&mut self, _locals: &[SocketAddr]) -> bool {
        false
    }

    fn counters(&self) -> Counters {
        let up = self.publishing.as_ref().map(Peer::counters);
        let down = self.watching.as_ref().map(Peer::counters);
        let (up, down) = (up.unwrap_or_default(), down.unwrap_or_default());
        // What one only sends and the other only receives; the rest happens to both.
        Counters {
            packets_sent: up.packets_sent,
            bytes_sent: up.bytes_sent,
            keyframes_wanted: up.keyframes_wanted,
            frames_withheld: up.frames_withheld,
            outputs_dropped: up.outputs_dropped + down.outputs_dropped,
            datagrams_unreadable: up.datagrams_unreadable + down.datagrams_unreadable,
            ..down
        }
    }

    fn repair_types(&self) -> u128 {
        self.peers()
            .fold(0, |types, peer| types | peer.repair_types())
    }
}
