//! A participant of a video room: a [`Session`] and its peer connections, one to publish and some
//! to watch.
//!
//! Usually one connection watches everybody, as is cheapest for Janus. But Janus takes everything
//! that one datagram of feedback asks for as meant for the first stream in it (`ice.c`,
//! `janus_rtcp_get_receiver_ssrc`). Browsers send a datagram for each stream; our transport puts
//! what it asks of all of them into one. So where datagrams are lost, and much is asked for, each
//! camera has a connection of its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use sfu_client::media::{AudioFrame, EncodedFrame};
use sfu_client::peer::{self, Peer, PeerConfig};
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
    /// Where each connection that watches has its socket, and itself once it was offered.
    watching: Vec<(SocketAddr, Option<Peer>)>,
    waiting: VecDeque<Output>,
    checks_every: Duration,
    connected: bool,
    keep_alive_at: Instant,
}

/// How many sockets somebody needs who does `part` while so many others publish.
pub(super) fn sockets(part: &Part, others: usize) -> usize {
    usize::from(part.publishes()) + watchers(part, others)
}

/// How many connections somebody watches with.
fn watchers(part: &Part, others: usize) -> usize {
    let (cameras, voices) = (part.video_slots.into(), part.audio_slots.into());
    let watched = others.min(usize::max(cameras, voices));
    if part.loses { watched } else { watched.min(1) }
}

impl Attendee {
    /// Begins; `locals` are as many as [`sockets`] says.
    pub(super) fn new(
        part: &Part,
        (room, others): (u64, usize),
        locals: &[SocketAddr],
        now: Instant,
    ) -> anyhow::Result<Self> {
        let mut free = locals.iter().copied();
        let mut publishing = None;
        if part.publishes() {
            let local = free.next().context("a socket to publish from")?;
            publishing = Some(Peer::new(&publisher(part, local), now)?);
        }
        let watchers = watchers(part, others);
        let watching: Vec<_> = free.take(watchers).map(|local| (local, None)).collect();
        anyhow::ensure!(watching.len() == watchers, "too few sockets to watch from");
        let errand = Errand {
            room,
            offer: publishing
                .as_ref()
                .and_then(|peer| peer.offer().map(str::to_owned)),
            cameras: part.video_slots.into(),
            voices: part.audio_slots.into(),
            others,
            watchers,
        };
        let mut attendee = Attendee {
            session: Session::new(errand),
            publishing,
            watching,
            waiting: VecDeque::new(),
            checks_every: part.checks_every,
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
                Told::Offered(watcher, sdp) => {
                    let answer = self.take_offer(now, watcher, &sdp)?;
                    self.session.answer(watcher, &answer);
                }
                Told::Over => self.waiting.push_back(Output::Event(Event::Ended)),
                Told::Failed(why) => {
                    self.waiting.push_back(Output::Event(Event::Failed(why)));
                }
            }
        }
        Ok(())
    }

    fn take_offer(&mut self, now: Instant, watcher: usize, sdp: &str) -> anyhow::Result<String> {
        let place = self.watching.get_mut(watcher);
        let (local, watching) = place.context("an offer that nobody asked for")?;
        if let Some(peer) = watching {
            return Ok(peer.answer(now, sdp)?);
        }
        let config = PeerConfig {
            publish: Vec::new(),
            like_browsers: true,
            light: true,
            checks_every: self.checks_every,
            ..PeerConfig::new(*local)
        };
        let (peer, answer) = Peer::answering(&config, now, sdp)?;
        *watching = Some(peer);
        Ok(answer)
    }

    fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.publishing.iter().chain(self.watchers())
    }

    fn watchers(&self) -> impl Iterator<Item = &Peer> {
        self.watching.iter().filter_map(|(_, peer)| peer.as_ref())
    }

    /// The peer connection on a socket: what publishes has the first.
    fn peer_at(&mut self, socket: usize) -> Option<&mut Peer> {
        let watcher = match (&mut self.publishing, socket) {
            (Some(peer), 0) => return Some(peer),
            (Some(_), _) => socket - 1,
            (None, _) => socket,
        };
        self.watching.get_mut(watcher)?.1.as_mut()
    }

    /// Whether every peer connection stands that it came for.
    fn stands(&self) -> bool {
        let up = |peer: &Option<Peer>| peer.as_ref().is_some_and(Peer::is_connected);
        (self.publishing.is_none() || up(&self.publishing))
            && self.watching.iter().all(|(_, peer)| up(peer))
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
        checks_every: part.checks_every,
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
        let watching = self.watching.iter_mut().filter_map(|(_, it)| it.as_mut());
        for peer in self.publishing.iter_mut().chain(watching) {
            if peer.deadline() <= now {
                peer.tick(now);
            }
        }
    }

    fn poll(&mut self) -> Option<Output> {
        let first = self.waiting.pop_front();
        let sockets = usize::from(self.publishing.is_some()) + self.watching.len();
        first.or_else(|| (0..sockets).find_map(|socket| self.poll_peer(socket)))
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

    fn packets_sent(&self) -> u64 {
        let publishing = self.publishing.as_ref();
        publishing.map_or(0, |peer| peer.counters().packets_sent)
    }

    fn repair_types(&self) -> u128 {
        self.peers()
            .fold(0, |types, peer| types | peer.repair_types())
    }
}
