//! One end of a meeting, without IO.
//!
//! Inputs come through [`Participant::handle`] and the `send_*` methods; everything that leaves
//! waits in one queue for [`Participant::poll`]. Drain the queue after every call.

mod config;
mod downlink;
mod face;
mod offer;
mod order;
mod roster;
mod transport;
mod uplink;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use sfu_protocol::media::Source;
use sfu_protocol::signal::{
    ClientMessage, Envelope, NodeMessage, Resume, SIGNAL_VERSION, SlotId, TrackState, Want,
};
use str0m::{Event as RtcEvent, IceConnectionState};

use crate::media::{AudioFrame, EncodedFrame};
pub use config::{ParticipantConfig, ParticipantError, Publication};
use downlink::Downlink;
pub use face::{Counters, Event, Input, Output, ReceivedFrame, ReceivedPacket};
use offer::Offered;
pub use roster::{MAX_REFUSALS, Refusal, Roster, SlotView};
use transport::Transport;
use uplink::Uplink;

/// Most outputs that wait to be polled. Beyond it received packets and frames are dropped and
/// counted: whoever drives a participant has stopped draining it.
pub const MAX_WAITING_OUTPUTS: usize = 8_192;

/// A participant. See the module's head.
#[derive(Debug)]
pub struct Participant {
    transport: Transport,
    offered: Offered,
    uplinks: BTreeMap<Source, Uplink>,
    downlink: Downlink,
    roster: Roster,
    outputs: VecDeque<Output>,
    counters: Counters,
    connected: bool,
    over: bool,
}

impl Participant {
    /// Makes a participant that has not joined yet.
    ///
    /// # Errors
    /// See [`ParticipantError`].
    pub fn new(config: &ParticipantConfig, now: Instant) -> Result<Self, ParticipantError> {
        offer::check(&config.publish)?;
        let mut transport = Transport::new(config, now)?;
        let offered = offer::make(&mut transport, config)?;
        Ok(Participant {
            uplinks: BTreeMap::new(),
            downlink: Downlink::new(config.report_packets),
            roster: Roster::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            connected: false,
            over: false,
            transport,
            offered,
        })
    }

    /// Joins with a grant. After a lost WebSocket it asks to continue where it was.
    pub fn join(&mut self, grant: String) {
        let resume = self.roster.resume_key().map(|key| Resume {
            resume_key: key.to_owned(),
            last_seq: self.roster.last_seq(),
        });
        self.signal(ClientMessage::Join {
            version: SIGNAL_VERSION,
            grant,
            resume,
        });
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.over {
            return;
        }
        match input {
            Input::Node(envelope) => self.handle_node(now, envelope),
            Input::Datagram { source, bytes } => {
                if !self.transport.receive(now, source, bytes) {
                    self.counters.datagrams_unreadable += 1;
                }
            }
            Input::Tick => self.transport.tick(now),
        }
        self.settle(now);
    }

    /// What leaves next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is wanted.
    pub fn deadline(&self) -> Instant {
        match self.downlink.deadline() {
            Some(at) => at.min(self.transport.deadline()),
            None => self.transport.deadline(),
        }
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
            Some(uplink) if self.connected && !self.over => {
                uplink.video(&mut self.transport, captured, frame)
            }
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
            Some(uplink) if self.connected && !self.over => {
                uplink.audio(&mut self.transport, captured, frame)
            }
            _ => None,
        };
        self.count_sent(now, sent)
    }

    /// Says what it wants to see.
    pub fn want(&mut self, wants: Vec<Want>) {
        self.signal(ClientMessage::Want { wants });
    }

    /// Starts, mutes or stops an own source.
    pub fn set_track(&mut self, source: Source, state: TrackState) {
        self.apply_track_state(source, state);
        self.signal(ClientMessage::SetTrack { source, state });
    }

    /// Says any message. A changed own track changes what is sent, too.
    pub fn say(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::SetTrack { source, state } => self.set_track(source, state),
            other => self.signal(other),
        }
    }

    /// Looks for another way to the node and offers it (RFC 8445, section 9): the path is lost, or
    /// the network changed and `moved_to` is the address now. Media goes on meanwhile where it can.
    /// Nothing happens before the first answer, or while an offer waits for its answer.
    ///
    /// # Errors
    /// [`ParticipantError::Address`] when `moved_to` is no candidate.
    pub fn restart_ice(&mut self, moved_to: Option<SocketAddr>) -> Result<(), ParticipantError> {
        if self.over || self.offered.message().is_some() {
            return Ok(());
        }
        self.offered.restart(&mut self.transport, moved_to)?;
        if let Some(offer) = self.offered.message() {
            self.signal(offer);
        }
        Ok(())
    }

    /// Leaves. The node answers with a goodbye.
    pub fn leave(&mut self) {
        self.signal(ClientMessage::Leave {});
    }

    /// Who and what is here.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The slots that were offered: first those that are heard, then those that are seen.
    pub fn offered_slots(&self) -> Vec<SlotId> {
        self.offered.slots()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        self.downlink.add_to(&mut counters);
        counters
    }

    /// Whether media can flow.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What an own source is now.
    pub fn track_state(&self, source: Source) -> Option<TrackState> {
        self.offered.state(source)
    }

    fn handle_node(&mut self, now: Instant, envelope: Envelope) {
        if !self.roster.is_news(&envelope) {
            return;
        }
        match &envelope.message {
            NodeMessage::Joined { .. } => {
                // Also when the place was kept: the offer may have been lost with the WebSocket.
                if let Some(offer) = self.offered.message() {
                    self.signal(offer);
                }
                self.event(Event::Joined);
            }
            NodeMessage::Answer { revision, sdp, .. } => self.accept_answer(now, *revision, sdp),
            NodeMessage::MutedByHost { source } => {
                self.apply_track_state(*source, TrackState::Muted);
                self.event(Event::MutedByHost(*source));
            }
            NodeMessage::Bye { reason, .. } => {
                self.over = true;
                self.event(Event::Ended(*reason));
            }
            _ => {}
        }
        if self.roster.apply(envelope) {
            self.event(Event::RosterChanged);
        }
    }

    fn accept_answer(&mut self, now: Instant, revision: u32, sdp: &str) {
        match self.offered.accept(&mut self.transport, revision, sdp) {
            Ok(()) => {
                for (source, uplink) in self.offered.uplinks(&mut self.transport) {
                    // The answer to a later offer: what is sent goes on with its numbers.
                    if let Entry::Vacant(place) = self.uplinks.entry(source) {
                        place.insert(uplink).keep_sent(&mut self.transport);
                    }
                }
                self.downlink.learn_slots(self.offered.slots());
                self.transport.tick(now);
            }
            Err(reason) => self.fail(reason),
        }
    }

    fn apply_track_state(&mut self, source: Source, state: TrackState) {
        self.offered.set_state(source, state);
        let Some(uplink) = self.uplinks.get_mut(&source) else {
            return;
        };
        for layer in uplink.set_state(state) {
            self.event(Event::KeyframeWanted { source, layer });
        }
    }

    /// Looks at what the transport made of the last change, until it is quiet.
    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.transport.next_event() {
            self.handle_rtc_event(now, event);
        }
        for slot in self.downlink.lapse(now) {
            if self.transport.request_keyframe(&slot) {
                self.counters.keyframes_requested += 1;
            }
        }
        self.transport.flush(now);
        while let Some(event) = self.downlink.next_event() {
            let event = self.roster.named(event);
            self.event(event);
        }
        while let Some((destination, bytes)) = self.transport.next_datagram() {
            self.outputs
                .push_back(Output::Datagram { destination, bytes });
        }
        if let Some(reason) = self.transport.take_failure() {
            self.fail(reason);
        }
    }

    fn handle_rtc_event(&mut self, now: Instant, event: RtcEvent) {
        match event {
            RtcEvent::Connected => {
                self.connected = true;
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
                let arrived = self.transport.describe(&packet);
                self.downlink.receive(now, arrived, packet);
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
                self.transport.tick(now);
                self.settle(now);
                true
            }
            None => {
                self.counters.frames_withheld += 1;
                false
            }
        }
    }

    fn signal(&mut self, message: ClientMessage) {
        if !self.over {
            self.outputs.push_back(Output::Signal(message));
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
        self.over = true;
        self.event(Event::Failed(reason));
    }
}
