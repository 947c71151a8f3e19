//! One participant: whatever happens first is given to its end, then everything that waits in it
//! leaves.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sfu_client::impair::path;
use sfu_client::media::{MediaSource, NEVER_US, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ, captured};
use sfu_client::synthetic::Synthetic;
use sfu_protocol::media::Source;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::Order;
use super::end::{End, Event, Output};
use super::lanes::Lanes;
use super::scoop;
use super::ways::{Ways, readable};
use crate::measure::histogram::Histogram;
use crate::measure::viewer::{Origins, Seen, Viewer, Window};
use crate::media::{Media, Talk};
use crate::scenario::Part;
use crate::target::{self, Seat};

/// How long it may take from the open line until media can flow.
const JOIN_PATIENCE: Duration = Duration::from_secs(15);

/// How long a goodbye is waited for.
const LEAVE_PATIENCE: Duration = Duration::from_secs(1);

/// A source that is always due must not keep a core busy.
const MEDIA_TURN: Duration = Duration::from_millis(2);

/// Who takes part.
pub(crate) struct Role {
    pub(crate) author: u32,
    pub(crate) part: Part,
    pub(crate) seat: Seat,
    pub(crate) media: Media,
    /// What its own network does to it; clear costs nothing.
    pub(crate) network: path::Line,
    pub(crate) window: Arc<Window>,
    pub(crate) origins: Arc<Origins>,
}

/// How it went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why it ended before its time.
    pub(crate) failure: Option<String>,
    /// From the open line until media could flow.
    pub(crate) joined_after: Option<Duration>,
    /// From the open line until the first picture could be decoded.
    pub(crate) picture_after: Option<Duration>,
    /// From each cut until the next picture could be decoded.
    pub(crate) back_after: Vec<Duration>,
    /// When it could see, and until when it was there.
    pub(crate) present: Option<(Instant, Instant)>,
    pub(crate) seen: Seen,
    pub(crate) packets_sent: u64,
    /// How late its media left.
    pub(crate) late: Histogram,
    /// Datagrams that its sockets did not take.
    pub(crate) unsent: u64,
    /// Datagrams that its own network lost, on the way up and down.
    pub(crate) lost_on_purpose: (u64, u64),
}

/// Takes part until the run is over, its time is, or the target says goodbye.
pub(super) async fn take_part(
    role: Role,
    joined: Arc<AtomicUsize>,
    orders: watch::Receiver<Order>,
) -> Outcome {
    match Seated::sit_down(role, joined).await {
        Ok((seated, ways)) => seated.follow(ways, orders).await,
        Err(problem) => Outcome {
            failure: Some(format!("{problem:#}")),
            ..Outcome::default()
        },
    }
}

/// Everything that one participation holds, but for its ways.
struct Seated {
    author: u32,
    part: Part,
    end: Box<dyn End>,
    line: target::Line,
    bind: Option<IpAddr>,
    window: Arc<Window>,
    origins: Arc<Origins>,
    /// Counts whoever joined, over all.
    joined: Arc<AtomicUsize>,
    viewer: Viewer,
    source: Synthetic,
    talk: Talk,
    up: Option<Lanes>,
    down: Option<Lanes>,
    repairs: u128,
    opened: Instant,
    media_began: Option<Instant>,
    media_asked: Instant,
    leave_by: Option<Instant>,
    cut_at: Option<Instant>,
    over: bool,
    outcome: Outcome,
}

impl Seated {
    async fn sit_down(role: Role, joined: Arc<AtomicUsize>) -> anyhow::Result<(Self, Ways)> {
        let seat = role.seat;
        let ways = Ways::open(&seat.line, seat.bind, seat.sockets).await?;
        let opened = Instant::now();
        let end = (seat.make)(&ways.locals()?, opened)?;
        let lanes = |path: path::Path, salt: u64| {
            let seed = u64::from(role.author) << 1 | salt;
            (path != path::Path::CLEAR).then(|| Lanes::new(path, seed))
        };
        let seated = Seated {
            author: role.author,
            part: role.part,
            end,
            line: seat.line,
            bind: seat.bind,
            window: role.window,
            origins: role.origins,
            joined,
            viewer: Viewer::default(),
            source: Synthetic::new(role.media.shape(role.author, &role.part)),
            talk: Talk::new(role.author, role.part.talk),
            up: lanes(role.network.up, 0),
            down: lanes(role.network.down, 1),
            repairs: 0,
            opened,
            media_began: None,
            media_asked: opened,
            leave_by: None,
            cut_at: None,
            over: false,
            outcome: Outcome::default(),
        };
        Ok((seated, ways))
    }

    async fn follow(mut self, mut ways: Ways, mut orders: watch::Receiver<Order>) -> Outcome {
        let mut cuts = orders.borrow().cuts;
        let mut alarm = pin!(tokio::time::sleep_until(self.opened.into()));
        loop {
            let done = self.is_done();
            self.let_leave(&ways).await;
            if done || self.over {
                return self.finish();
            }
            // Most datagrams put the deadline off; an alarm that comes too early sets the next one.
            let wake = tokio::time::Instant::from_std(self.wake());
            if wake < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(wake);
            }
            // What is rare is asked first: who floods it keeps nobody from hearing that the run is
            // over. The alarm needs no turn then, see `receive`.
            tokio::select! {
                biased;
                changed = orders.changed(), if self.leave_by.is_none() => {
                    // Dropped, the run is over as well.
                    let order = changed.map_or(Order { over: true, cuts }, |()| *orders.borrow());
                    if order.over {
                        self.leave();
                    } else if order.cuts != cuts {
                        cuts = order.cuts;
                        match self.come_back(ways).await {
                            Ok(new) => ways = new,
                            Err(problem) => {
                                self.fail(format!("{problem:#}"));
                                return self.finish();
                            }
                        }
                    }
                }
                heard = ways.line.hear() => self.hear(heard),
                socket = readable(&ways.sockets) => self.receive(socket, &ways.sockets[socket]),
                () = &mut alarm => self.tick(),
            }
        }
    }

    /// Everything that led to the target is gone and is made anew.
    async fn come_back(&mut self, ways: Ways) -> anyhow::Result<Ways> {
        let sockets = ways.sockets.len();
        drop(ways);
        self.cut_at = Some(Instant::now());
        let ways = Ways::open(&self.line, self.bind, sockets).await?;
        let returns = self.end.returns(&ways.locals()?);
        anyhow::ensure!(returns, "nobody returns to this target");
        Ok(ways)
    }

    fn leave(&mut self) {
        self.end.leave();
        self.leave_by = Some(Instant::now() + LEAVE_PATIENCE);
    }

    fn is_done(&mut self) -> bool {
        let now = Instant::now();
        let late = self.media_began.is_none() && now >= self.opened + JOIN_PATIENCE;
        if late && self.leave_by.is_none() && !self.over {
            self.fail(format!("not connected within {JOIN_PATIENCE:?}"));
        }
        let stays = self.part.stays.zip(self.media_began);
        if stays.is_some_and(|(stays, began)| now >= began + stays) && self.leave_by.is_none() {
            self.leave();
        }
        self.over || self.leave_by.is_some_and(|by| now >= by)
    }

    fn fail(&mut self, reason: String) {
        self.over = true;
        if self.leave_by.is_none() {
            self.outcome.failure.get_or_insert(reason);
        }
    }

    fn wake(&self) -> Instant {
        let lanes = [&self.up, &self.down].into_iter().flatten();
        let arrivals = lanes.filter_map(Lanes::next_at);
        let patience = match self.media_began {
            None => Some(self.opened + JOIN_PATIENCE),
            Some(began) if self.leave_by.is_none() => self.part.stays.map(|stays| began + stays),
            Some(_) => None,
        };
        let others = [self.leave_by, patience, self.media_wake()];
        let soonest = others.into_iter().flatten().chain(arrivals).min();
        let deadline = self.end.deadline();
        soonest.map_or(deadline, |at| at.min(deadline))
    }

    /// When the source has something, at most once in [`MEDIA_TURN`].
    fn media_wake(&self) -> Option<Instant> {
        let began = self.media_began.filter(|_| self.part.sends())?;
        let next_us = self.source.next_at_us();
        let due = (next_us != NEVER_US).then(|| began + Duration::from_micros(next_us))?;
        Some(due.max(self.media_asked + MEDIA_TURN))
    }

    fn hear(&mut self, heard: anyhow::Result<String>) {
        let taken = heard.and_then(|text| self.end.hear(Instant::now(), &text));
        if let Err(problem) = taken {
            self.fail(format!("{problem:#}"));
        }
    }

    fn receive(&mut self, number: usize, socket: &UdpSocket) {
        let now = Instant::now();
        scoop::take(socket, |source, bytes| match &mut self.down {
            Some(lanes) => lanes.send(now, number, source, bytes.to_vec()),
            None => self.arrive(now, number, source, bytes),
        });
        if self.wake() <= now {
            self.tick();
        }
    }

    fn arrive(&mut self, now: Instant, socket: usize, source: SocketAddr, bytes: &[u8]) {
        self.viewer.datagram(now, &self.window, bytes, self.repairs);
        self.end.receive(now, socket, source, bytes);
    }

    fn tick(&mut self) {
        let now = Instant::now();
        while let Some(late) = self.down.as_mut().and_then(|lanes| lanes.arrived(now)) {
            self.arrive(now, late.socket, late.peer, &late.bytes);
        }
        if self.end.deadline() <= now {
            self.end.tick(now);
        }
        if self.media_wake().is_some_and(|at| at <= now) {
            self.send_media(now);
        }
    }

    fn send_media(&mut self, now: Instant) {
        let Some(began) = self.media_began else {
            return;
        };
        self.media_asked = now;
        self.source.set_speaking(self.talk.speaks(now - began));
        let at_us = (now - began).as_micros() as u64;
        if self.part.camera_layers.is_some() {
            for frame in self.source.video(Source::Camera, at_us) {
                let captured = captured(began, now, frame.timestamp, VIDEO_CLOCK_HZ);
                self.note_late(now, captured);
                self.end.send_video(now, captured, Source::Camera, &frame);
            }
        }
        if self.part.is_heard() {
            for frame in self.source.audio(Source::Microphone, at_us) {
                let captured = captured(began, now, frame.timestamp, OPUS_CLOCK_HZ);
                self.note_late(now, captured);
                let source = Source::Microphone;
                self.end.send_audio(now, captured, source, &frame);
            }
        }
    }

    /// How late the source's media leaves, in the window.
    fn note_late(&mut self, now: Instant, captured: Instant) {
        if self.window.inside(now).is_some() {
            self.outcome.late.record(now - captured);
        }
    }

    /// Everything that waits in the end leaves.
    async fn let_leave(&mut self, ways: &Ways) {
        while let Some(output) = self.end.poll() {
            match output {
                Output::Say(text) => ways.line.say(text).await,
                Output::Datagram {
                    socket,
                    destination,
                    bytes,
                } => match &mut self.up {
                    Some(lanes) => lanes.send(Instant::now(), socket, destination, bytes),
                    // A full socket buffer is loss on the path.
                    None => self.send(&ways.sockets[socket], &bytes, destination),
                },
                Output::Event(event) => self.happened(event),
            }
        }
        let now = Instant::now();
        while let Some(late) = self.up.as_mut().and_then(|lanes| lanes.arrived(now)) {
            self.send(&ways.sockets[late.socket], &late.bytes, late.peer);
        }
    }

    fn send(&mut self, socket: &UdpSocket, bytes: &[u8], destination: SocketAddr) {
        let sent = socket.try_send_to(bytes, destination);
        self.outcome.unsent += u64::from(sent.is_err());
    }

    fn happened(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Connected if self.media_began.is_none() => {
                self.media_began = Some(now);
                self.outcome.joined_after = Some(now - self.opened);
                self.joined.fetch_add(1, Ordering::Relaxed);
                self.origins.began(self.author, now);
                self.repairs = self.end.repair_types();
                self.send_media(now);
            }
            Event::Connected => {}
            Event::KeyframeWanted { source, layer } => self.source.request_keyframe(source, layer),
            Event::Frame {
                socket,
                slot,
                codec,
                data,
            } => {
                let shared = (&*self.window, &*self.origins);
                let slot = (socket, slot);
                let decoded = self.viewer.frame(now, shared, slot, codec, &data);
                if let Some(cut_at) = self.cut_at.take_if(|_| decoded) {
                    self.outcome.back_after.push(now - cut_at);
                }
            }
            Event::Ended => self.over = true,
            Event::Failed(reason) => self.fail(reason),
        }
    }

    fn finish(self) -> Outcome {
        let now = Instant::now();
        let first_picture = self.viewer.first_picture();
        let lost = |lanes: &Option<Lanes>| lanes.as_ref().map_or(0, |lanes| lanes.lost);
        Outcome {
            picture_after: first_picture.map(|at| at - self.opened),
            present: first_picture.or(self.media_began).map(|from| (from, now)),
            seen: self.viewer.close(&self.window),
            packets_sent: self.end.packets_sent(),
            lost_on_purpose: (lost(&self.up), lost(&self.down)),
            ..self.outcome
        }
    }
}
