//! The receiving path of who publishes nothing: SRTP and RTCP without str0m.
//!
//! str0m does ICE and DTLS, and stays asleep while media comes: each packet is one lookup, one
//! opening and one entry in the slot's order. The keys are those that str0m has too. A packet of
//! its own with our SSRC and index would use a nonce twice, so what it would send of RTP and RTCP
//! once the keys are known is withheld and counted (see [`super::transport`]); with them
//! everything that is said about media comes from here, under one SSRC and one count.

mod lines;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;
use sfu_rtp::arrivals::Arrivals;
use sfu_rtp::reception;
use sfu_rtp::rtcp::{self, MAX_REPORTED, Said};
use sfu_rtp::rtp::{Header, unpadded_bytes};
use sfu_rtp::srtp::{End, Keying, Opener, Refused, Sealer, rtcp_sender};
use sfu_rtp::window::Window;

use super::downlink::{Downlink, Packet};
pub(super) use lines::Lines;
use lines::{Format, Marks};

/// How long arrivals are gathered before they are told.
const ARRIVALS_GATHERED: Duration = Duration::from_millis(100);

/// How often the sender is told what was received.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Packets are asked for at once, and not more often than this.
const MIN_ASK_INTERVAL: Duration = Duration::from_millis(33);

/// Most senders of RTCP of which replays are refused. Others are not heard.
const MAX_SENDERS: usize = 128;

/// The sequence number of the packet in a retransmission (RFC 4588, section 4).
const ORIGINAL_SEQ_BYTES: usize = 2;

/// The stream in a slot.
#[derive(Debug)]
struct Stream {
    got: reception::Stream,
    place: usize,
    codec: Option<Codec>,
    /// The stream that was in the slot before: what comes late of it does not bring it back.
    before: Option<u32>,
}

/// A stream of retransmissions of the stream in a slot.
#[derive(Debug)]
struct Repair {
    ssrc: u32,
    place: usize,
    window: Window,
}

/// Where a packet belongs.
#[derive(Debug, Clone, Copy)]
enum Belongs {
    Stream(usize),
    Repair(usize),
    /// To a stream that is not known before this packet is authentic.
    New {
        place: usize,
        format: Format,
    },
    /// To none: SSRC 0 only asks how much gets through.
    Probe,
}

/// The receiving path. See the module's head.
#[derive(Debug)]
pub(super) struct Light {
    opener: Opener,
    lines: Lines,
    /// One for each slot at most.
    streams: Vec<Stream>,
    /// The stream of the last packet: the next is mostly of it, too.
    last: usize,
    arrivals: Arrivals,
    ask_at: Option<Instant>,
    asked_at: Option<Instant>,
    report_at: Option<Instant>,
    /// From where the last authentic packet came.
    remote: Option<SocketAddr>,
    /// One for each slot at most.
    repairs: Vec<Repair>,
    probes: Window,
    senders: Vec<(u32, Window)>,
    sealer: Sealer,
    own_ssrc: u32,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

impl Light {
    /// Receives with the keys that DTLS agreed on.
    ///
    /// # Errors
    /// [`Refused::Keying`]
    pub(super) fn new(keying: &Keying, own: End, now: Instant) -> Result<Self, Refused> {
        Ok(Light {
            opener: keying.opener(own.other())?,
            lines: Lines::default(),
            streams: Vec::new(),
            last: 0,
            arrivals: Arrivals::new(now, ARRIVALS_GATHERED),
            ask_at: None,
            asked_at: None,
            report_at: None,
            remote: None,
            repairs: Vec::new(),
            probes: Window::default(),
            senders: Vec::new(),
            sealer: keying.sealer(own)?,
            own_ssrc: fastrand::u32(1..),
            datagrams: Vec::new(),
        })
    }

    /// Offer and answer were exchanged.
    pub(super) fn learn(&mut self, lines: Lines) {
        self.lines = lines;
    }

    /// Takes a datagram that is RTP or RTCP. Answers false when it is malformed.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        bytes: &[u8],
        downlink: &mut Downlink,
    ) -> bool {
        if sfu_rtp::is_rtcp(bytes) {
            return self.hear(now, bytes);
        }
        let Some(header) = Header::read(bytes) else {
            return false;
        };
        let Some(plain) = self.opener.plain_bytes(&header, bytes) else {
            return false;
        };
        let marks = self.lines.read_marks(header.extensions(bytes));
        let Some(belongs) = self.place(&header, &marks) else {
            return true;
        };
        let mut new = Window::default();
        let window = match belongs {
            Belongs::Stream(at) => &mut self.streams[at].got.window,
            Belongs::Repair(at) => &mut self.repairs[at].window,
            Belongs::New { .. } => &mut new,
            Belongs::Probe => &mut self.probes,
        };
        let newest = window.newest();
        let mut payload: Arc<[u8]> = std::iter::repeat_n(0, plain).collect();
        let Some(room) = Arc::get_mut(&mut payload) else {
            return true;
        };
        let Ok(index) = self.opener.open(window, &header, bytes, room) else {
            return true;
        };
        self.remote = Some(source);
        if self.lines.tells_arrivals
            && let Some(number) = marks.number
        {
            self.arrivals.note(now, number);
        }
        if header.padding {
            let Some(kept) = unpadded_bytes(&payload) else {
                return true;
            };
            payload = Arc::from(&payload[..kept]);
        }
        let belongs = match belongs {
            Belongs::New { place, format } => self.begin(now, (header.ssrc, new), place, format),
            known => known,
        };
        let came = Came {
            newest,
            index,
            payload,
        };
        self.deliver(now, belongs, &header, &marks, came, downlink);
        true
    }

    /// Where a packet belongs; none when nobody said so.
    fn place(&self, header: &Header, marks: &Marks<'_>) -> Option<Belongs> {
        let ssrc = header.ssrc;
        let is_it = |stream: &Stream| stream.got.ssrc == ssrc;
        if self.streams.get(self.last).is_some_and(is_it) {
            return Some(Belongs::Stream(self.last));
        }
        if let Some(at) = self.streams.iter().position(is_it) {
            return Some(Belongs::Stream(at));
        }
        if let Some(at) = self.repairs.iter().position(|repair| repair.ssrc == ssrc) {
            return Some(Belongs::Repair(at));
        }
        if ssrc == 0 {
            return Some(Belongs::Probe);
        }
        let mut named = self.lines.named.iter();
        let named = || Some(named.find(|(known, _)| *known == ssrc)?.1);
        let place = marks.mid.and_then(|mid| self.lines.place_of(mid));
        let place = place.or_else(named)?;
        let format = self.lines.format(header.payload_type)?;
        let mut late = self.streams.iter();
        if late.any(|stream| stream.place == place && stream.before == Some(ssrc)) {
            return None;
        }
        Some(Belongs::New { place, format })
    }

    /// A stream begins: its first packet is authentic. There is one in a slot.
    fn begin(
        &mut self,
        now: Instant,
        (ssrc, window): (u32, Window),
        place: usize,
        format: Format,
    ) -> Belongs {
        if format.is_repair {
            self.repairs.retain(|repair| repair.place != place);
            self.repairs.push(Repair {
                ssrc,
                place,
                window,
            });
            return Belongs::Repair(self.repairs.len() - 1);
        }
        self.report_at.get_or_insert(now + REPORT_INTERVAL);
        let replaced = self.streams.iter().position(|one| one.place == place);
        let before = replaced.map(|at| self.streams[at].got.ssrc);
        let stream = Stream {
            got: reception::Stream::new(ssrc, window, format.clock_hz, format.is_repaired),
            place,
            codec: format.codec,
            before,
        };
        match replaced {
            Some(at) => {
                self.streams[at] = stream;
                Belongs::Stream(at)
            }
            None => {
                self.streams.push(stream);
                Belongs::Stream(self.streams.len() - 1)
            }
        }
    }

    /// Takes an authentic packet.
    fn deliver(
        &mut self,
        now: Instant,
        belongs: Belongs,
        header: &Header,
        marks: &Marks<'_>,
        came: Came,
        downlink: &mut Downlink,
    ) {
        let (at, came) = match belongs {
            Belongs::Stream(at) => (at, came),
            Belongs::Repair(at) => match self.unwrapped(at, &came) {
                Some(original) => original,
                None => return,
            },
            Belongs::New { .. } | Belongs::Probe => return,
        };
        self.last = at;
        let stream = &mut self.streams[at];
        let order = (came.newest, came.index);
        let (timestamp, is_gap) = stream.got.note(now, order, header.timestamp);
        if is_gap {
            let earliest = self.asked_at.map_or(now, |asked| asked + MIN_ASK_INTERVAL);
            let due = now.max(earliest);
            self.ask_at = Some(self.ask_at.map_or(due, |at| at.min(due)));
        }
        let packet = Packet {
            seq: came.index,
            timestamp,
            marker: header.marker,
            csrc: header.csrc,
            level_dbov: marks.level_dbov,
            payload: came.payload,
            descriptor: None,
        };
        downlink.receive_in(now, stream.place, stream.codec, packet);
    }

    /// The packet in a retransmission, if it is missing (RFC 4588).
    fn unwrapped(&mut self, repair: usize, came: &Came) -> Option<(usize, Came)> {
        let place = self.repairs[repair].place;
        let at = self.streams.iter().position(|one| one.place == place)?;
        let (seq, payload) = came.payload.split_first_chunk::<ORIGINAL_SEQ_BYTES>()?;
        let window = &mut self.streams[at].got.window;
        let newest = window.newest();
        let index = window.index_of(u16::from_be_bytes(*seq));
        if !window.is_new(index) {
            return None;
        }
        window.note(index);
        let came = Came {
            newest,
            index,
            payload: Arc::from(payload),
        };
        Some((at, came))
    }

    /// Takes what the sender says. Answers false when it is malformed.
    fn hear(&mut self, now: Instant, bytes: &[u8]) -> bool {
        let Some(sender) = rtcp_sender(bytes) else {
            return false;
        };
        let known = self.senders.iter().position(|(ssrc, _)| *ssrc == sender);
        let mut new = Window::default();
        let window = match known {
            Some(at) => &mut self.senders[at].1,
            None if self.senders.len() < MAX_SENDERS => &mut new,
            None => return true,
        };
        let mut packet = Vec::new();
        if self.opener.open_rtcp(window, bytes, &mut packet).is_err() {
            return true;
        }
        if known.is_none() {
            self.senders.push((sender, new));
        }
        rtcp::read(&packet, |said| {
            // Of a stream that ends nothing comes; it may begin again.
            if let Said::Sending(sending) = said
                && let mut streams = self.streams.iter_mut().map(|stream| &mut stream.got)
                && let Some(stream) = streams.find(|one| one.ssrc == sending.ssrc)
            {
                stream.hear(now, (sending.ntp >> 16) as u32);
            }
        });
        true
    }

    /// When something is to be said.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let all = [self.ask_at, self.report_at, self.arrivals.due()];
        all.into_iter().flatten().min()
    }

    /// Says what is due.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|at| now < at) {
            return;
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask(now);
        }
        if self.report_at.is_some_and(|at| at <= now) {
            self.report(now);
        }
        while self.arrivals.due().is_some_and(|at| at <= now) {
            let of = self.streams.first().map_or(0, |stream| stream.got.ssrc);
            if let Some(report) = self.arrivals.take(now, self.own_ssrc, of) {
                self.send(report);
            }
        }
    }

    fn ask(&mut self, now: Instant) {
        self.asked_at = Some(now);
        for at in 0..self.streams.len() {
            let missing = self.streams[at].got.ask(now);
            if !missing.is_empty() {
                let (own, ssrc) = (self.own_ssrc, self.streams[at].got.ssrc);
                let nack = rtcp::nack(own, ssrc, missing.into_iter());
                self.send_of(now, at, &nack);
            }
        }
        let due = self.streams.iter().filter_map(|one| one.got.ask_at()).min();
        self.ask_at = due.map(|due| due.max(now + MIN_ASK_INTERVAL));
    }

    fn report(&mut self, now: Instant) {
        self.report_at = Some(now + REPORT_INTERVAL);
        let streams = self.streams.iter_mut();
        let receptions: Vec<_> = streams
            .filter_map(|stream| stream.got.report(now))
            .collect();
        for some in receptions.chunks(MAX_REPORTED) {
            self.send(rtcp::receiver_report(self.own_ssrc, some));
        }
    }

    /// Asks for a keyframe in a slot. Answers whether anything came in it.
    pub(super) fn request_keyframe(&mut self, now: Instant, slot: &SlotId) -> bool {
        let Some(place) = self.lines.place_of(slot.0.as_bytes()) else {
            return false;
        };
        let Some(at) = self.streams.iter().position(|one| one.place == place) else {
            return false;
        };
        let lost = rtcp::picture_loss(self.own_ssrc, self.streams[at].got.ssrc);
        self.send_of(now, at, &lost);
        true
    }

    /// Sends feedback about a stream behind a report of it (RFC 4585, section 3.1). There are
    /// servers that know by the report which stream is meant.
    fn send_of(&mut self, now: Instant, stream: usize, feedback: &[u8]) {
        let report = self.streams[stream].got.report(now);
        let mut packet = rtcp::receiver_report(self.own_ssrc, report.as_slice());
        packet.extend_from_slice(feedback);
        self.send(packet);
    }

    /// The streams that came, by their SSRCs.
    pub(super) fn ssrcs(&self) -> Vec<u32> {
        self.streams.iter().map(|stream| stream.got.ssrc).collect()
    }

    /// Says something of RTCP as it is.
    pub(super) fn say(&mut self, packet: Vec<u8>) {
        self.send(packet);
    }

    fn send(&mut self, mut packet: Vec<u8>) {
        if let Some(remote) = self.remote
            && self.sealer.seal_rtcp(&mut packet).is_ok()
        {
            self.datagrams.push((remote, packet));
        }
    }

    /// What leaves next.
    pub(super) fn next_datagram(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        // The order of what is said does not matter.
        self.datagrams.pop()
    }
}

/// A packet, opened.
struct Came {
    /// The newest of its stream before it.
    newest: Option<u64>,
    index: u64,
    payload: Arc<[u8]>,
}
