//! Any server that takes what is published by WHIP (RFC 9725) and gives it by WHEP, as a target:
//! two URLs and a bearer token.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Context;
use async_trait::async_trait;
use sfu_client::media::{AudioFrame, EncodedFrame};
use sfu_client::peer::{self, Peer, PeerConfig};
use sfu_protocol::media::Source;

use super::http::Http;
use super::posted::GOODBYE;
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
    /// Sees that the server is there; nothing is asked of it before somebody comes.
    pub(crate) async fn open(whip: &str, whep: &str, bearer: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !whip.is_empty() && !whep.is_empty(),
            "{WORD} needs two URLs: --whip and --whep"
        );
        for url in [whip, whep] {
            // Only a part of the path may stand for a room.
            Http::new(&url.replace(ROOM, "1"))?.reach().await?;
        }
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
    waiting: VecDeque<Output>,
    left: bool,
}

impl Poster {
    fn new(part: &Part, locals: &[SocketAddr], now: Instant) -> anyhow::Result<Self> {
        let local = *locals.first().context("a socket")?;
        let config = PeerConfig {
            publish: part.publications(),
            // Only one publishes: one camera and one voice.
            audio_slots: part.audio_slots.min(1),
            video_slots: part.video_slots.min(1),
            light: true,
            checks_every: part.checks_every,
            ..PeerConfig::new(local)
        };
        let peer = Peer::new(&config, now)?;
        let offer = peer.offer().map(str::to_owned);
        Ok(Poster {
            peer,
            waiting: offer.map(Output::Say).into_iter().collect(),
            left: false,
        })
    }
}

impl End for Poster {
    fn hear(&mut self, now: Instant, text: &str) -> anyhow::Result<()> {
        match text {
            GOODBYE if self.left => self.waiting.push_back(Output::Event(Event::Ended)),
            answer => self.peer.accept(now, answer),
        }
        Ok(())
    }

    fn receive(&mut self, now: Instant, _socket: usize, source: SocketAddr, bytes: &[u8]) {
        self.peer.receive(now, source, bytes);
    }

    fn tick(&mut self, now: Instant) {
        self.peer.tick(now);
    }

    fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.waiting.pop_front() {
            return Some(output);
        }
        loop {
            match self.peer.poll()? {
                peer::Output::Datagram { destination, bytes } => {
                    return Some(Output::Datagram {
                        socket: 0,
                        destination,
                        bytes,
                    });
                }
                peer::Output::Event(event) => {
                    if let Some(event) = Event::of_peer(0, event) {
                        return Some(Output::Event(event));
                    }
                }
            }
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
        self.left = true;
        self.waiting.push_back(Output::Say(GOODBYE.to_owned()));
    }

    fn returns(&mut self, _locals: &[SocketAddr]) -> bool {
        false
    }

    fn packets_sent(&self) -> u64 {
        self.peer.counters().packets_sent
    }

    fn repair_types(&self) -> u128 {
        self.peer.repair_types()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use sfu_client::media::MediaSource;
    use sfu_client::synthetic::Synthetic;
    use tokio::net::{TcpListener, TcpSocket};

    use crate::media::Media;

    const OURS: &str = "127.0.0.1:5001";
    const THEIRS: &str = "127.0.0.1:5002";

    /// A room of a target at nobody's URLs, and the target.
    async fn room(whip: &str, whep: &str) -> (WhipWhep, Room) {
        let mut target = WhipWhep {
            whip: whip.to_owned(),
            whep: whep.to_owned(),
            bearer: "token".to_owned(),
            rooms: 0,
        };
        let room = target.open_room(1).await.expect("one publisher");
        (target, room)
    }

    /// Lets a poster and a server that answers it talk, on a clock of their own, until `done`.
    fn talk(poster: &mut Poster, done: impl Fn(&[Event], &[peer::Event]) -> bool) {
        let [ours, theirs] = [OURS, THEIRS].map(|it| it.parse::<SocketAddr>().expect("address"));
        let mut now = Instant::now();
        let media = Media {
            frames_per_second: 30,
            largest_layer_bps: 500_000,
        };
        let mut source = Synthetic::new(media.shape(7, &Part::publisher(1)));
        let mut server = None;
        let (mut seen, mut served) = (Vec::new(), Vec::new());
        for step in 0..1_000u64 {
            while let Some(output) = poster.poll() {
                match output {
                    Output::Say(offer) => {
                        let config = PeerConfig::new(theirs);
                        let (peer, answer) =
                            Peer::answering(&config, now, &offer).expect("an offer");
                        server = Some(peer);
                        poster.hear(now, &answer).expect("an answer");
                    }
                    Output::Datagram { bytes, .. } => {
                        if let Some(server) = &mut server {
                            server.receive(now, ours, &bytes);
                        }
                    }
                    Output::Event(Event::KeyframeWanted { source: of, layer }) => {
                        source.request_keyframe(of, layer);
                    }
                    Output::Event(event) => seen.push(event),
                }
            }
            let server = server.as_mut().expect("the offer is the first thing said");
            while let Some(output) = server.poll() {
                match output {
                    peer::Output::Datagram { bytes, .. } => poster.receive(now, 0, theirs, &bytes),
                    peer::Output::Event(event) => served.push(event),
                }
            }
            if done(&seen, &served) {
                return;
            }
            now += Duration::from_millis(10);
            poster.tick(now);
            server.tick(now);
            for frame in source.video(Source::Camera, step * 10_000) {
                poster.send_video(now, now, Source::Camera, &frame);
            }
        }
        panic!("ten seconds were not enough: {seen:?}");
    }

    #[test]
    fn what_is_published_comes_out_at_whoever_answered() {
        let locals = [OURS.parse().expect("an address")];
        let made = Poster::new(&Part::publisher(1), &locals, Instant::now());
        talk(&mut made.expect("made"), |seen, served| {
            let frames = served
                .iter()
                .filter(|it| matches!(it, peer::Event::Frame(_)));
            seen.iter().any(|it| matches!(it, Event::Connected)) && frames.count() > 10
        });
    }

    #[test]
    fn whoever_watches_offers_one_camera_and_one_voice_and_connects() {
        let locals = [OURS.parse().expect("an address")];
        let made = Poster::new(&Part::viewer(3), &locals, Instant::now());
        let mut poster = made.expect("made");
        let Some(Output::Say(offer)) = poster.waiting.front() else {
            panic!("{:?}", poster.waiting);
        };
        assert_eq!(offer.matches("a=recvonly").count(), 2, "{offer}");
        talk(&mut poster, |seen, _| {
            seen.iter().any(|it| matches!(it, Event::Connected))
        });
    }

    #[test]
    fn whoever_leaves_says_goodbye_and_is_gone_when_it_is_answered() {
        let locals = [OURS.parse().expect("an address")];
        let made = Poster::new(&Part::viewer(1), &locals, Instant::now());
        let mut poster = made.expect("made");
        let said = |poster: &mut Poster| poster.waiting.pop_front();
        assert!(matches!(said(&mut poster), Some(Output::Say(offer)) if offer != GOODBYE));
        poster.leave();
        assert!(matches!(said(&mut poster), Some(Output::Say(text)) if text == GOODBYE));
        assert!(poster.waiting.is_empty(), "{:?}", poster.waiting);
        poster.hear(Instant::now(), GOODBYE).expect("understood");
        let ended = said(&mut poster);
        assert!(matches!(ended, Some(Output::Event(Event::Ended))));
    }

    #[tokio::test]
    async fn each_seat_leads_to_the_room_by_its_number() {
        let (mut target, room) = room("http://h/{room}/whip", "http://h/{room}/whep").await;
        let second = target.open_room(1).await.expect("rooms have numbers");
        for (room, part, leads) in [
            (&room, Part::publisher(1), "http://h/1/whip"),
            (&room, Part::viewer(1), "http://h/1/whep"),
            (&second, Part::viewer(1), "http://h/2/whep"),
        ] {
            let seat = target.seat(room, &part, 0).await.expect("a seat");
            let Line::Post { url, bearer } = seat.line else {
                panic!("{:?}", seat.line);
            };
            assert_eq!((url.as_str(), bearer.as_str()), (leads, "token"));
        }
    }

    #[tokio::test]
    async fn what_has_no_way_there_is_refused_in_one_line() {
        let (mut target, room) = room("http://h/whip", "http://h/whep").await;
        let both = Part {
            video_slots: 1,
            ..Part::publisher(1)
        };
        let neither = Part::default();
        for part in [both, neither] {
            let refused = target.seat(&room, &part, 0).await;
            let problem = refused.err().expect("refused").to_string();
            assert!(problem.contains("either publishes or watches"), "{problem}");
        }
        let problem = target.open_room(2).await.expect_err("two publishers");
        assert!(problem.to_string().contains("one publisher"), "{problem}");
        let problem = target.open_room(1).await.expect_err("no {room}");
        assert!(problem.to_string().contains(ROOM), "{problem}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_before_anybody_comes() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let there = format!("http://{}/{ROOM}", taken.local_addr().expect("bound"));
        WhipWhep::open(&there, &there, "").await.expect("it is");
        // Bound, so that nobody else is there, and deaf.
        let deaf = TcpSocket::new_v4().expect("a socket");
        deaf.bind("127.0.0.1:0".parse().expect("an address"))
            .expect("a free port");
        let nowhere = format!("http://{}/", deaf.local_addr().expect("bound"));
        for (whip, whep, word) in [
            (&there, &nowhere, "cannot be reached"),
            (&there, &String::new(), "--whep"),
            (&"https://h/".to_owned(), &there, "plain http://"),
        ] {
            let refused = WhipWhep::open(whip, whep, "").await;
            let problem = format!("{:#}", refused.err().expect("refused"));
            assert!(problem.contains(word), "{problem}");
        }
    }
}
