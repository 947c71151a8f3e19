//! One peer connection and the media on it, without IO and whoever is at the other end: what it
//! sends is cut into packets, what it receives is put in order and told as frames.
//!
//! How the session descriptions travel is not its business. Drain it by [`Peer::poll`] after every
//! call.

mod config;
mod downlink;
mod face;
mod light;
mod offer;
mod order;
mod rounds;
mod transport;
mod uplink;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, SlotId, TrackState};
use sfu_rtp::srtp::{End, Keying};
use str0m::{Event as RtcEvent, IceConnectionState};

use crate::media::{AudioFrame, EncodedFrame};
pub use config::{Dialect, Feedback, PeerConfig, PeerError, Publication};
use downlink::Downlink;
pub use face::{Counters, Event, Output, ReceivedFrame, ReceivedPacket};
use light::Light;
use offer::Offered;
use transport::Transport;
use uplink::Uplink;

/// Most outputs that wait to be polled. Beyond it received packets and frames are dropped and
/// counted: whoever drives a peer has stopped draining it.
pub const MAX_WAITING_OUTPUTS: usize = 8_192;

/// A peer. See the module's head.
#[derive(Debug)]
pub struct Peer {
    transport: Transport,
    offered: Offered,
    uplinks: BTreeMap<Source, Uplink>,
    downlink: Downlink,
    light: Option<Light>,
    sealed_outside: bool,
    outputs: VecDeque<Output>,
    counters: Counters,
    connected: bool,
    failed: bool,
}

impl Peer {
    /// Makes a peer that offers.
    ///
    /// # Errors
    /// See [`PeerError`].
    pub fn new(config: &PeerConfig, now: Instant) -> Result<Self, PeerError> {
        offer::check(&config.publish)?;
        let light = config.light && config.publish.is_empty();
        let mut transport = Transport::new(config, now, light || config.sealed_outside)?;
        let offered = offer::make(&mut transport, config)?;
        Ok(Peer::with(transport, offered, config))
    }

    /// Makes a peer that receives whatever is offered, and its answer.
    ///
    /// # Errors
    /// See [`PeerError`].
    pub fn answering(
        config: &PeerConfig,
        now: Instant,
        offer: &str,
    ) -> Result<(Self, String), PeerError> {
        let mut transport = Transport::new(config, now, config.light)?;
        let (offered, answer) = offer::answer(&mut transport, offer)?;
        let mut peer = Peer::with(transport, offered, config);
        peer.learn_slots();
        peer.transport.tick(now);
        peer.settle(now);
        Ok((peer, answer))
    }

    fn with(transport: Transport, offered: Offered, config: &PeerConfig) -> Self {
        Peer {
            uplinks: BTreeMap::new(),
            downlink: Downlink::new(config.report_packets),
            light: None,
            sealed_outside: config.sealed_outside,
            outputs: VecDeque::new(),
            counters: Counters::default(),
            connected: false,
            failed: false,
            transport,
            offered,
        }
    }

    /// The offer that waits for its answer.
    pub fn offer(&self) -> Option<&str> {
        self.offered.waiting()
    }

    /// The same as a message of `sfu-protocol`.
    pub fn offer_message(&self) -> Option<ClientMessage> {
        self.offered.message()
    }

    /// Takes the answer to the offer that waits.
    pub fn accept(&mut self, now: Instant, sdp: &str) {
        self.accept_revision(now, self.offered.revision(), sdp);
    }

    /// Takes the answer to an offer. To another than the last, it is ignored.
    pub fn accept_revision(&mut self, now: Instant, revision: u32, sdp: &str) {
        match self.offered.accept(&mut self.transport, revision, sdp) {
            Ok(()) => {
                for (source, uplink) in self.offered.uplinks(&mut self.transport) {
                    // The answer to a later offer: what is sent goes on with its numbers.
                    if let Entry::Vacant(place) = self.uplinks.entry(source) {
                        place.insert(uplink).keep_sent(&mut self.transport);
                    }
                }
                self.learn_slots();
                self.transport.tick(now);
            }
            Err(reason) => self.fail(reason),
        }
        self.settle(now);
    }

    /// Takes an offer of the other end that changes what it sends, and answers.
    ///
    /// # Errors
    /// See [`PeerError`].
    pub fn answer(&mut self, now: Instant, offer: &str) -> Result<String, PeerError> {
        let (offered, answer) = offer::answer(&mut self.transport, offer)?;
        self.offered = offered;
        self.learn_slots();
        self.transport.tick(now);
        self.settle(now);
        Ok(answer)
    }

    /// Takes a datagram that came on its address.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let is_readable = match &mut self.light {
            Some(light) if sfu_rtp::is_media(bytes) => {
                light.receive(now, source, bytes, &mut self.downlink)
            }
            _ => self.transport.receive(now, source, bytes),
        };
        if !is_readable {
            self.counters.datagrams_unreadable += 1;
        }
        self.settle(now);
    }

    /// The deadline has come.
    pub fn tick(&mut self, now: Instant) {
        self.transport.tick(now);
        self.settle(now);
    }

    /// What leaves next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Peer::tick`] is wanted.
    pub fn deadline(&self) -> Instant {
        let light = self.light.as_ref().and_then(Light::deadline);
        let ours = [self.downlink.deadline(), light];
        let ours = ours.into_iter().flatten();
        ours.fold(self.transport.deadline(), Instant::min)
    }

    /// Sends a frame that was captured at `captured`, which is not after `now`. Answers whether
    /// it went out.
    pub fn send_video(
        &mut self,
        now: Instant,
        captured: Instant,
        source: Source,
        frame: &EncodedFrame,
    ) -> bool {
        let sent = match self.uplinks.get_mut(&source) {
            Some(uplink) if self.connected => uplink.video(&mut self.transport, captured, frame),
            _ => None,
        };
        self.count_sent(now, sent)
    }

    /// Sends an Opus packet that was captured at `captured`, which is not after `now`. Answers
    /// whether it went out.
    pub fn send_audio(
        &mut self,
        now: Instant,
        captured: Instant,
        source: Source,
        frame: &AudioFrame,
    ) -> bool {
        let sent = match self.uplinks.get_mut(&source) {
            Some(uplink) if self.connected => uplink.audio(&mut self.transport, captured, frame),
            _ => None,
        };
        self.count_sent(now, sent)
    }

    /// Offers with new ICE credentials (RFC 8445, section 9): from the same address, or from
    /// another. Nothing happens before the first answer, or while an offer waits for its answer.
    /// Answers whether an offer waits now that did not before.
    ///
    /// # Errors
    /// [`PeerError::Address`] when `moved_to` is no candidate.
    pub fn restart_ice(&mut self, moved_to: Option<SocketAddr>) -> Result<bool, PeerError> {
        if self.offered.waiting().is_some() {
            return Ok(false);
        }
        self.offered.restart(&mut self.transport, moved_to)?;
        Ok(true)
    }

    /// An own source starts, is muted or stops.
    pub fn set_track(&mut self, source: Source, state: TrackState) {
        self.offered.set_state(source, state);
        let Some(uplink) = self.uplinks.get_mut(&source) else {
            return;
        };
        for layer in uplink.set_state(state) {
            self.event(Event::KeyframeWanted { source, layer });
        }
    }

    /// Only these layers of an own source are received by anybody, by their names in
    /// [`sfu_protocol::signal::NodeMessage::Layers`]: from now on no others are sent.
    pub fn set_wanted(&mut self, source: Source, wanted: &[String]) {
        let offered = &self.offered;
        let Some(uplink) = self.uplinks.get_mut(&source) else {
            return;
        };
        let waiting = uplink.set_wanted(|layer| {
            let name = offered.layer_name(source, layer);
            name.is_some_and(|name| wanted.contains(&name))
        });
        for layer in waiting {
            self.event(Event::KeyframeWanted { source, layer });
        }
    }

    /// On the light way: seals and sends an RTCP packet as it is, whatever it says, so that a
    /// server can be proved against who keeps to no rule. Answers false before media came.
    pub fn say_control(&mut self, now: Instant, packet: Vec<u8>) -> bool {
        let Some(light) = self
            .light
            .as_mut()
            .filter(|light| !light.ssrcs().is_empty())
        else {
            return false;
        };
        light.say(packet);
        self.settle(now);
        true
    }

    /// On the light way: the streams that came, by their SSRCs.
    pub fn received_ssrcs(&self) -> Vec<u32> {
        self.light.as_ref().map(Light::ssrcs).unwrap_or_default()
    }

    /// Says how much arrives at most (draft-alvestrand-rmcat-remb-03), as a receiver that
    /// estimates it by itself does.
    pub fn say_estimate(&mut self, now: Instant, bps: u64) {
        let slots = self.slots();
        for slot in &slots {
            self.transport.say_estimate(slot, bps);
        }
        self.tick(now);
    }

    /// How many media packets of an own source were sent, by layer.
    pub fn packets_sent_of(&self, source: Source) -> Vec<u64> {
        let uplink = self.uplinks.get(&source);
        uplink.map(Uplink::packets_sent).unwrap_or_default()
    }

    /// What an own source is now.
    pub fn track_state(&self, source: Source) -> Option<TrackState> {
        self.offered.state(source)
    }

    /// Where it receives: first what is heard, then what is seen.
    pub fn slots(&self) -> Vec<SlotId> {
        self.offered.slots()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.packets_withheld = self.transport.withheld();
        self.downlink.add_to(&mut counters);
        counters
    }

    /// Whether media can flow.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Payload types of retransmissions, one bit each.
    pub fn repair_types(&self) -> u128 {
        self.transport.repair_types()
    }

    /// The keys that DTLS agreed on, and which end it is, where media is sealed outside
    /// ([`PeerConfig::sealed_outside`]).
    pub fn keys(&self) -> Option<&(Keying, End)> {
        self.transport.keys().filter(|_| self.sealed_outside)
    }

    /// Looks at what the transport made of the last change, until it is quiet.
    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.transport.next_event() {
            self.handle_rtc_event(now, event);
        }
        for slot in self.downlink.lapse(now) {
            let requested = match &mut self.light {
                Some(light) => light.request_keyframe(now, &slot),
                None => self.transport.request_keyframe(&slot),
            };
            self.counters.keyframes_requested += u64::from(requested);
        }
        self.transport.flush(now);
        while let Some(event) = self.downlink.next_event() {
            self.event(event);
        }
        while let Some((destination, bytes)) = self.transport.next_datagram() {
            self.outputs
                .push_back(Output::Datagram { destination, bytes });
        }
        if let Some(light) = &mut self.light {
            light.tick(now);
            while let Some((destination, bytes)) = light.next_datagram() {
                self.outputs
                    .push_back(Output::Datagram { destination, bytes });
            }
        }
        if let Some(reason) = self.transport.take_failure() {
            self.fail(reason);
        }
    }

    fn learn_slots(&mut self) {
        self.downlink.learn_slots(self.offered.slots());
        if let Some(light) = &mut self.light {
            light.learn(self.transport.lines(self.downlink.slots()));
        }
    }

    /// DTLS stands, so the other end is who it should be: media can take the light way.
    fn begin_light(&mut self, now: Instant) {
        let keys = self.transport.keys().filter(|_| !self.sealed_outside);
        let Some((keying, end)) = keys else {
            return;
        };
        match Light::new(keying, *end, now) {
            Ok(light) => {
                self.light = Some(light);
                self.learn_slots();
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn handle_rtc_event(&mut self, now: Instant, event: RtcEvent) {
        match event {
            RtcEvent::Connected => {
                self.connected = true;
                self.begin_light(now);
                self.event(Event::Connected);
                self.want_first_keyframes();
            }
            RtcEvent::IceConnectionStateChange(state) if self.connected => {
                let lost = state == IceConnectionState::Disconnected;
                self.event(Event::PathLost(lost));
            }
            RtcEvent::KeyframeRequest(request) => {
                if let Some((source, layer)) = self.offered.layer_of(request.mid, request.rid) {
                    self.counters.keyframes_wanted += 1;
                    self.event(Event::KeyframeWanted { source, layer });
                }
            }
            RtcEvent::RtpPacket(packet) => {
                let ssrc = packet.header.ssrc;
                if !self.downlink.knows(*ssrc)
                    && let Some(slot) = self.transport.slot_of(ssrc)
                {
                    self.downlink.learn_stream(*ssrc, &slot);
                }
                let payload_type = packet.header.payload_type;
                if self.transport.is_redundant(payload_type) {
                    return self.downlink.receive_redundant(now, packet);
                }
                let codec = self.transport.codec_of(payload_type);
                self.downlink.receive(now, codec, packet);
            }
            _ => {}
        }
    }

    /// Whatever the sources made before the path stood was withheld.
    fn want_first_keyframes(&mut self) {
        let starting: Vec<_> = self
            .uplinks
            .iter()
            .flat_map(|(&source, uplink)| uplink.waiting().map(move |layer| (source, layer)))
            .collect();
        for (source, layer) in starting {
            self.event(Event::KeyframeWanted { source, layer });
        }
    }

    fn count_sent(&mut self, now: Instant, sent: Option<uplink::Sent>) -> bool {
        match sent {
            Some(sent) => {
                self.counters.packets_sent += sent.packets;
                self.counters.bytes_sent += sent.bytes;
                self.tick(now);
                true
            }
            None => {
                self.counters.frames_withheld += 1;
                false
            }
        }
    }

    fn event(&mut self, event: Event) {
        let droppable = matches!(event, Event::Packet(_) | Event::Frame(_));
        if droppable && self.outputs.len() >= MAX_WAITING_OUTPUTS {
            self.counters.outputs_dropped += 1;
        } else {
            self.outputs.push_back(Output::Event(event));
        }
    }

    fn fail(&mut self, reason: String) {
        if !self.failed {
            self.failed = true;
            self.event(Event::Failed(reason));
        }
    }
}
