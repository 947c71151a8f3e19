//! The only code that changes the `Rtc`, and drains it after every change: str0m's one rule.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use sfu_protocol::media::Codec;
use sfu_protocol::signal::SlotId;
use sfu_rtp::keying::{self, Place};
use sfu_rtp::srtp::{End, Keying};
use str0m::bwe::Bitrate;
use str0m::format::Codec as RtcCodec;
use str0m::media::{KeyframeRequestKind, Mid, Pt};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::Ssrc;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};

use super::light::Lines;
use super::rounds::{NEXT_ROUND, Rounds};
use super::{PeerConfig, PeerError};
use crate::coding::{self, Coding};

/// The number of dependency descriptors: one that str0m gives to nothing.
const DESCRIPTOR: u8 = 12;

/// The transport of a participant.
pub(super) struct Transport {
    rtc: Rtc,
    local: SocketAddr,
    protocol: Protocol,
    like_browsers: bool,
    rounds: Rounds,
    timeout: Instant,
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
    events: VecDeque<Event>,
    codecs: BTreeMap<u8, Codec>,
    failure: Option<String>,
    /// Where the keys come to lie with which media takes the light way.
    keys: Option<Place>,
    withheld: u64,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    /// On the light way str0m is left with ICE and DTLS; see [`super::light`].
    pub(super) fn new(config: &PeerConfig, now: Instant, light: bool) -> Result<Self, PeerError> {
        let dialect = config.dialect;
        // The light way knows plain sound only.
        let redundant = dialect.redundant && !light;
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, redundant)
            .enable_vp8(true);
        if dialect.every_codec || dialect.coding != Coding::Vp8 {
            rtc = rtc.enable_h264(true).enable_vp9(true).enable_av1(true);
            rtc = rtc.set_extension(DESCRIPTOR, coding::extension());
        }
        rtc.set_max_stun_rto(config.checks_every);
        if let Some(certificate) = &config.certificate {
            rtc = rtc.set_dtls_cert(certificate.clone());
        }
        let (rtc, keys) = if light {
            let rtc = rtc.set_crypto_provider(keying::provider());
            let (rtc, place) = keying::laid_while(|| rtc.build(now));
            (rtc, Some(place))
        } else {
            (rtc.build(now), None)
        };
        let mut transport = Transport {
            rtc,
            local: config.local,
            protocol: match config.over_tcp {
                true => Protocol::Tcp,
                false => Protocol::Udp,
            },
            like_browsers: config.like_browsers,
            rounds: Rounds::default(),
            timeout: now,
            datagrams: VecDeque::new(),
            events: VecDeque::new(),
            codecs: BTreeMap::new(),
            failure: None,
            keys,
            withheld: 0,
        };
        let candidate = transport.candidate(config.local)?;
        transport.change(|rtc| rtc.add_local_candidate(candidate).is_some());
        Ok(transport)
    }

    /// A host candidate.
    pub(super) fn candidate(&self, local: SocketAddr) -> Result<Candidate, PeerError> {
        let candidate = match self.protocol {
            Protocol::Tcp => {
                let stream = Candidate::builder().tcp().host(local);
                stream.tcptype(TcpType::Active).build()
            }
            protocol => Candidate::host(local, protocol),
        };
        candidate.map_err(|_| PeerError::Address(local))
    }

    /// From now on this is where it is.
    pub(super) fn move_to(&mut self, candidate: Candidate) {
        self.local = candidate.addr();
        self.change(|rtc| rtc.add_local_candidate(candidate).is_some());
    }

    /// Changes the `Rtc` and drains it.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Rtc) -> T) -> T {
        let result = change(&mut self.rtc);
        self.drain();
        result
    }

    /// Looks without changing.
    pub(super) fn rtc(&self) -> &Rtc {
        &self.rtc
    }

    /// The keys of the light way; none before DTLS agreed on them, and none when it is not taken.
    pub(super) fn keys(&self) -> Option<&(Keying, End)> {
        self.keys.as_ref()?.get()
    }

    /// What of RTP and RTCP str0m made on the light way, and was not sent.
    pub(super) fn withheld(&self) -> u64 {
        self.withheld
    }

    /// What was agreed on for these slots.
    pub(super) fn lines<'a>(&mut self, slots: impl Iterator<Item = &'a SlotId>) -> Lines {
        let mids = slots.map(|slot| Mid::from(slot.0.as_str()));
        self.change(|rtc| Lines::read(rtc, mids))
    }

    /// Answers false when the datagram is not of a kind that a transport reads.
    pub(super) fn receive(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) -> bool {
        let Ok(receive) = Receive::new(self.protocol, source, self.local, bytes) else {
            return false;
        };
        if self.like_browsers
            && let Some(ssrc) = self.rounds.to_try(bytes)
        {
            self.change(|rtc| {
                if let Some(stream) = rtc.direct_api().stream_rx(&ssrc) {
                    stream.reset_roc(NEXT_ROUND);
                }
            });
        }
        let before = self.events.len();
        let taken = self.change(|rtc| rtc.handle_input(Input::Receive(now, receive)));
        self.note(taken);
        if self.like_browsers {
            self.rounds.heard(bytes, self.events.len() > before);
        }
        true
    }

    pub(super) fn tick(&mut self, now: Instant) {
        let taken = self.change(|rtc| rtc.handle_input(Input::Timeout(now)));
        self.note(taken);
    }

    /// Lets what was written at `now` leave at `now`: str0m sends when time is fed in.
    pub(super) fn flush(&mut self, now: Instant) {
        if self.timeout <= now {
            self.tick(now);
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.timeout
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn next_datagram(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.datagrams.pop_front()
    }

    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Payload types of retransmissions, one bit each.
    pub(super) fn repair_types(&self) -> u128 {
        let repairs = self.rtc.codec_config().iter().filter_map(|p| p.resend());
        repairs.fold(0, |types, pt| types | 1 << (*pt & 0x7f))
    }

    /// Asks for a keyframe in a slot.
    pub(super) fn request_keyframe(&mut self, slot: &SlotId) -> bool {
        let mid = Mid::from(slot.0.as_str());
        let like_browsers = self.like_browsers;
        self.change(|rtc| {
            let mut api = rtc.direct_api();
            let Some(stream) = api.stream_rx_by_mid(mid, None) else {
                return false;
            };
            let ssrc = stream.ssrc();
            if like_browsers {
                api.send_pli_feedback(ssrc, ssrc);
            } else {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
            true
        })
    }

    /// The slot in which a stream comes.
    pub(super) fn slot_of(&mut self, ssrc: Ssrc) -> Option<SlotId> {
        let mid =
            self.change(|rtc| rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid()))?;
        Some(SlotId(mid.to_string()))
    }

    /// Whether a payload type carries sound redundantly.
    pub(super) fn is_redundant(&self, pt: Pt) -> bool {
        let mut params = self.rtc.codec_config().iter();
        params.any(|params| params.red() == Some(pt))
    }

    /// Says how much arrives in a slot at most.
    pub(super) fn say_estimate(&mut self, slot: &SlotId, bps: u64) {
        let mid = Mid::from(slot.0.as_str());
        self.change(|rtc| {
            if let Some(stream) = rtc.direct_api().stream_rx_by_mid(mid, None) {
                stream.request_remb(Bitrate::bps(bps));
            }
        });
    }

    /// The codec of a payload type.
    pub(super) fn codec_of(&mut self, pt: Pt) -> Option<Codec> {
        if let Some(&codec) = self.codecs.get(&*pt) {
            return Some(codec);
        }
        let params = self.rtc.codec_config().iter().find(|p| p.pt() == pt)?;
        let codec = known(params.spec().codec)?;
        self.codecs.insert(*pt, codec);
        Some(codec)
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.timeout = at;
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    // With our keys nobody else may seal anything: a nonce would be used twice.
                    if self.keys().is_some() && sfu_rtp::is_media(&transmit.contents) {
                        self.withheld += 1;
                        continue;
                    }
                    let datagram = (transmit.destination, transmit.contents.into());
                    self.datagrams.push_back(datagram);
                }
                Ok(Output::Event(event)) => self.events.push_back(event),
                Err(error) => {
                    self.failure = Some(error.to_string());
                    return;
                }
            }
        }
    }

    fn note(&mut self, taken: Result<(), RtcError>) {
        if let Err(error) = taken {
            tracing::debug!(%error, "a datagram was not taken");
        }
    }
}

/// The codecs that are looked into.
pub(super) fn known(codec: RtcCodec) -> Option<Codec> {
    match codec {
        RtcCodec::Opus => Some(Codec::Opus),
        RtcCodec::Vp8 => Some(Codec::Vp8),
        RtcCodec::H264 => Some(Codec::H264),
        RtcCodec::Vp9 => Some(Codec::Vp9),
        RtcCodec::Av1 => Some(Codec::Av1),
        _ => None,
    }
}
