//! Reads packets of media: whose each is, opened, and what is missing before it.
//!
//! # Threat model
//! A header is not encrypted, and anybody who can forge a client's address can write one. What it
//! says is believed once the packet has proved authentic: until then no stream is made for it and
//! none is changed by it. An SSRC that comes back finds what it had sent before, so that nothing
//! which was overheard counts a second time (RFC 3711, section 3.3.2).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_protocol::media::Kind;
use sfu_rtp::arrivals::Arrivals;
use sfu_rtp::reception;
use sfu_rtp::rtp::{Header, unpadded_bytes};
use sfu_rtp::srtp::{Opener, Refused};
use sfu_rtp::window::Window;
use str0m::Rtc;

use super::extensions::{Extensions, Marks};
use super::uplink::Uplink;
use crate::media::policer::{self, Bucket};
use crate::report::DropReason;

/// How long arrivals are gathered before a publisher is told: what it learns of its path is a
/// round trip and this old.
const ARRIVALS_GATHERED: Duration = Duration::from_millis(50);

/// Packets are asked for at once, and not more often than this.
const MIN_ASK_INTERVAL: Duration = Duration::from_millis(20);

/// Streams that ended and may come back: every layer of every source.
const MAX_RETIRED: usize = 16;

/// Probes for bandwidth have this SSRC and belong to no stream.
const PROBE: u32 = 0;

/// The sequence number of the packet in a retransmission (RFC 4588, section 4).
const ORIGINAL_SEQ_BYTES: usize = 2;

/// A line and its layer.
pub(super) type Place = (usize, u8);

/// A stream of media.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) place: Place,
    pub(super) got: reception::Stream,
}

/// A stream of retransmissions of another.
#[derive(Debug)]
struct Repair {
    ssrc: u32,
    place: Place,
    window: Window,
}

/// A stream that the offer names by its SSRC.
#[derive(Debug, Clone, Copy)]
struct Named {
    ssrc: u32,
    line: usize,
}

/// A packet as it was sent first.
struct Original {
    /// Of which stream.
    at: usize,
    /// The newest of the stream before it.
    newest: Option<u64>,
    index: u64,
    payload: Arc<[u8]>,
}

/// Where a packet belongs.
#[derive(Debug, Clone, Copy)]
enum Belongs {
    Stream(usize),
    Repair(usize),
    /// To a stream that is not known before this packet is authentic.
    New {
        place: Place,
        is_repair: bool,
    },
    Probe,
}

/// A packet of media, opened.
#[derive(Debug)]
pub(super) struct Came<'a> {
    pub(super) place: Place,
    pub(super) ssrc: u32,
    /// Its sequence number with the rollovers before it.
    pub(super) index: u64,
    pub(super) header: Header,
    pub(super) marks: Marks<'a>,
    pub(super) payload: Arc<[u8]>,
}

/// What becomes of a datagram that looks like media.
#[derive(Debug)]
pub(super) enum Opened<'a> {
    /// A packet that did not come before.
    Media(Came<'a>),
    /// Authentic, and nothing of it is for anybody: a probe, or sent again though it came.
    Nothing,
}

/// Why it is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unopened {
    /// It was dropped.
    Dropped(DropReason),
    /// It is not authentic, or malformed.
    Forged,
}

/// Everything that is received of one client.
#[derive(Debug)]
pub(super) struct Incoming {
    extensions: Extensions,
    /// Payload types of retransmissions, with those that they are of.
    repair_types: Vec<(u8, u8)>,
    named: Vec<Named>,
    /// One for each layer at most.
    streams: Vec<Stream>,
    /// The stream of the last packet: the next is mostly of it, too.
    last: usize,
    /// One for each layer at most.
    repairs: Vec<Repair>,
    retired: VecDeque<(u32, Window)>,
    probes: Window,
    new: Bucket,
    pub(super) arrivals: Arrivals,
    ask_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// Packets that came, and how many of them when it was last asked for news.
    came: u64,
    told: u64,
}

impl Incoming {
    pub(super) fn new(now: Instant) -> Self {
        Incoming {
            extensions: Extensions::default(),
            repair_types: Vec::new(),
            named: Vec::new(),
            streams: Vec::new(),
            last: 0,
            repairs: Vec::new(),
            retired: VecDeque::new(),
            probes: Window::default(),
            new: policer::new_ssrcs(),
            arrivals: Arrivals::new(now, ARRIVALS_GATHERED),
            ask_at: None,
            asked_at: None,
            came: 0,
            told: 0,
        }
    }

    /// An offer was answered: takes over what it names, and ends the streams of lines that are no
    /// longer there.
    pub(super) fn agree(&mut self, rtc: &mut Rtc, extensions: &Extensions, uplink: &Uplink) {
        self.extensions = extensions.clone();
        let formats = rtc.codec_config().params().iter();
        let repairs = formats.filter_map(|params| Some((*params.resend()?, *params.pt())));
        self.repair_types = repairs.collect();
        self.named.clear();
        for (line, mid) in uplink.mids() {
            let mut direct = rtc.direct_api();
            if let Some(stream) = direct.stream_rx_by_mid(mid, None) {
                let ssrc = *stream.ssrc();
                let repair = stream.rtx().map(|ssrc| *ssrc);
                let ssrcs = [Some(ssrc), repair].into_iter().flatten();
                self.named.extend(ssrcs.map(|ssrc| Named { ssrc, line }));
            }
        }
        for at in (0..self.streams.len()).rev() {
            if uplink.line(self.streams[at].place.0).is_none() {
                self.retire_stream(at);
            }
        }
        self.repairs
            .retain(|repair| uplink.line(repair.place.0).is_some());
    }

    /// Opens a packet.
    pub(super) fn open<'a>(
        &mut self,
        now: Instant,
        opener: &Opener,
        uplink: &Uplink,
        bytes: &'a [u8],
    ) -> Result<Opened<'a>, Unopened> {
        let header = Header::read(bytes).ok_or(Unopened::Forged)?;
        let plain = opener.plain_bytes(&header, bytes);
        let plain = plain.ok_or(Unopened::Forged)?;
        let marks = self.extensions.marks(header.extensions(bytes));
        let belongs = self.place(&header, &marks, uplink);
        let belongs = belongs.ok_or(Unopened::Dropped(DropReason::Unplaced))?;
        if matches!(belongs, Belongs::New { .. }) && self.new.is_empty(now) {
            return Err(Unopened::Dropped(DropReason::Untried));
        }
        let mut first = match belongs {
            Belongs::New { .. } => self.retired_window(header.ssrc),
            _ => Window::default(),
        };
        let window = match belongs {
            Belongs::Stream(at) => &mut self.streams[at].got.window,
            Belongs::Repair(at) => &mut self.repairs[at].window,
            Belongs::New { .. } => &mut first,
            Belongs::Probe => &mut self.probes,
        };
        let newest = window.newest();
        let mut payload: Arc<[u8]> = std::iter::repeat_n(0, plain).collect();
        let room = Arc::get_mut(&mut payload).ok_or(Unopened::Forged)?;
        let index = match opener.open(window, &header, bytes, room) {
            Ok(index) => index,
            Err(Refused::Replayed) => return Err(Unopened::Dropped(DropReason::Replayed)),
            Err(_) => return Err(Unopened::Forged),
        };
        self.came += 1;
        if let Some(number) = marks.transport_wide {
            self.arrivals.note(now, number);
        }
        if header.padding {
            let kept = unpadded_bytes(&payload).ok_or(Unopened::Forged)?;
            payload = Arc::from(&payload[..kept]);
        }
        let belongs = match belongs {
            Belongs::New { place, is_repair } => {
                self.new.take(1, now);
                self.begin(uplink, &header, first, place, is_repair)
            }
            known => known,
        };
        let original = match belongs {
            Belongs::Stream(at) => Some(Original {
                at,
                newest,
                index,
                payload,
            }),
            Belongs::Repair(at) => self.unwrapped(at, &payload),
            Belongs::New { .. } | Belongs::Probe => None,
        };
        let came = original.map(|original| self.note(now, header, marks, original));
        Ok(came.map_or(Opened::Nothing, Opened::Media))
    }

    /// A packet came that had not come.
    fn note<'a>(
        &mut self,
        now: Instant,
        mut header: Header,
        marks: Marks<'a>,
        original: Original,
    ) -> Came<'a> {
        let Original {
            at,
            newest,
            index,
            payload,
        } = original;
        self.last = at;
        let stream = &mut self.streams[at];
        let (_, is_gap) = stream.got.note(now, (newest, index), header.timestamp);
        let (place, ssrc) = (stream.place, stream.got.ssrc);
        if is_gap {
            self.ask_soon(now);
        }
        let repaired = self.repaired_type(header.payload_type);
        header.payload_type = repaired.unwrap_or(header.payload_type);
        Came {
            place,
            ssrc,
            index,
            header,
            marks,
            payload,
        }
    }

    /// Where a packet belongs; none when nobody said so.
    fn place(&self, header: &Header, marks: &Marks<'_>, uplink: &Uplink) -> Option<Belongs> {
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
        if ssrc == PROBE {
            return Some(Belongs::Probe);
        }
        let is_repair = self.repaired_type(header.payload_type).is_some();
        let rid = match is_repair {
            true => marks.repaired_rid,
            false => marks.rid,
        };
        let said = marks.mid.and_then(|mid| uplink.place_of(mid, rid));
        let named = || {
            let named = self.named.iter().find(|named| named.ssrc == ssrc)?;
            uplink.plain_place(named.line)
        };
        let place = said.or_else(named)?;
        Some(Belongs::New { place, is_repair })
    }

    fn repaired_type(&self, payload_type: u8) -> Option<u8> {
        let mut types = self.repair_types.iter();
        let (_, of) = types.find(|(repair, _)| *repair == payload_type)?;
        Some(*of)
    }

    /// A stream begins: its first packet is authentic. There is one of each layer.
    fn begin(
        &mut self,
        uplink: &Uplink,
        header: &Header,
        window: Window,
        place: Place,
        is_repair: bool,
    ) -> Belongs {
        let ssrc = header.ssrc;
        if is_repair {
            let before = self.repairs.iter().position(|repair| repair.place == place);
            let before = before.map(|at| self.repairs.swap_remove(at));
            if let Some(before) = before {
                self.retire(before.ssrc, before.window);
            }
            self.repairs.push(Repair {
                ssrc,
                place,
                window,
            });
            return Belongs::Repair(self.repairs.len() - 1);
        }
        if let Some(at) = self.streams.iter().position(|stream| stream.place == place) {
            self.retire_stream(at);
        }
        let format = uplink.format(header.payload_type);
        let clock_hz = format.map_or(90_000, |format| format.codec.clock_rate_hz());
        // Sound is not asked for again.
        let video = format.is_some_and(|format| format.codec.kind() == Kind::Video);
        let mut types = self.repair_types.iter();
        let is_repaired = video && types.any(|(_, of)| *of == header.payload_type);
        self.streams.push(Stream {
            place,
            got: reception::Stream::new(ssrc, window, clock_hz, is_repaired),
        });
        Belongs::Stream(self.streams.len() - 1)
    }

    fn retire_stream(&mut self, at: usize) {
        let stream = self.streams.swap_remove(at);
        self.retire(stream.got.ssrc, stream.got.window);
    }

    fn retire(&mut self, ssrc: u32, window: Window) {
        if self.retired.len() == MAX_RETIRED {
            self.retired.pop_front();
        }
        self.retired.push_back((ssrc, window));
    }

    /// What came of a stream before it ended.
    fn retired_window(&mut self, ssrc: u32) -> Window {
        let known = self.retired.iter().find(|(retired, _)| *retired == ssrc);
        known.map_or(Window::default(), |(_, window)| *window)
    }

    /// The packet in a retransmission, if it is missing (RFC 4588).
    fn unwrapped(&mut self, repair: usize, payload: &[u8]) -> Option<Original> {
        let place = self.repairs[repair].place;
        let at = self.streams.iter().position(|one| one.place == place)?;
        let (seq, payload) = payload.split_first_chunk::<ORIGINAL_SEQ_BYTES>()?;
        let window = &mut self.streams[at].got.window;
        let newest = window.newest();
        let index = window.index_of(u16::from_be_bytes(*seq));
        if !window.is_new(index) {
            return None;
        }
        window.note(index);
        Some(Original {
            at,
            newest,
            index,
            payload: Arc::from(payload),
        })
    }

    fn ask_soon(&mut self, now: Instant) {
        let earliest = self.asked_at.map_or(now, |asked| asked + MIN_ASK_INTERVAL);
        let due = now.max(earliest);
        self.ask_at = Some(self.ask_at.map_or(due, |at| at.min(due)));
    }

    /// When something is to be asked for or told.
    pub(super) fn due(&self) -> Option<Instant> {
        [self.ask_at, self.arrivals.due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is to be asked for now: of which stream, and which packets.
    pub(super) fn ask(&mut self, now: Instant) -> Vec<(u32, Vec<u16>)> {
        if self.ask_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.asked_at = Some(now);
        let streams = self.streams.iter_mut().map(|stream| &mut stream.got);
        let asked = streams.filter_map(|stream| {
            let missing = stream.ask(now);
            (!missing.is_empty()).then_some((stream.ssrc, missing))
        });
        let asked = asked.collect();
        let due = self.streams.iter().filter_map(|one| one.got.ask_at()).min();
        self.ask_at = due.map(|due| due.max(now + MIN_ASK_INTERVAL));
        asked
    }

    /// The streams of which something came.
    pub(super) fn streams_mut(&mut self) -> &mut [Stream] {
        &mut self.streams
    }

    /// The stream of an SSRC.
    pub(super) fn stream_mut(&mut self, ssrc: u32) -> Option<&mut Stream> {
        let mut streams = self.streams.iter_mut();
        streams.find(|stream| stream.got.ssrc == ssrc)
    }

    /// The stream of a layer, once something came of it.
    pub(super) fn ssrc_of(&self, place: Place) -> Option<u32> {
        let mut streams = self.streams.iter();
        let stream = streams.find(|stream| stream.place == place)?;
        Some(stream.got.ssrc)
    }

    /// Whether anything came since it was last asked.
    pub(super) fn has_news(&mut self) -> bool {
        let before = std::mem::replace(&mut self.told, self.came);
        before != self.came
    }
}
