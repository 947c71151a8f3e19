//! One end of a meeting, without IO: a [`Peer`] and what it says to the node and hears from it.
//!
//! Inputs come through [`Participant::handle`] and the `send_*` methods; everything that leaves
//! waits in one queue for [`Participant::poll`]. Drain the queue after every call.

mod face;
mod roster;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use sfu_protocol::media::Source;
use sfu_protocol::signal::{
    ClientMessage, Envelope, NodeMessage, Resume, SIGNAL_VERSION, SlotId, TrackState, Want,
};
use sfu_rtp::srtp::{End, Keying};

use crate::media::{AudioFrame, EncodedFrame};
use crate::peer::{self, Counters, Peer, PeerConfig, PeerError};
pub use face::{Event, Input, Output};
pub use roster::{MAX_REFUSALS, Refusal, Roster, SlotView};

/// A participant. See the module's head.
#[derive(Debug)]
pub struct Participant {
    peer: Peer,
    roster: Roster,
    outputs: VecDeque<Output>,
    over: bool,
}

impl Participant {
    /// Makes a participant that has not joined yet.
    ///
    /// # Errors
    /// See [`PeerError`].
    pub fn new(config: &PeerConfig, now: Instant) -> Result<Self, PeerError> {
        Ok(Participant {
            peer: Peer::new(config, now)?,
            roster: Roster::new(),
            outputs: VecDeque::new(),
            over: false,
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
            Input::Datagram { source, bytes } => self.peer.receive(now, source, bytes),
            Input::Tick => self.peer.tick(now),
        }
    }

    /// What leaves next: its own words first, then what the peer has.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        Some(match self.peer.poll()? {
            peer::Output::Datagram { destination, bytes } => {
                Output::Datagram { destination, bytes }
            }
            peer::Output::Event(event) => Output::Event(self.named(event)),
        })
    }

    /// When [`Input::Tick`] is wanted.
    pub fn deadline(&self) -> Instant {
        self.peer.deadline()
    }

    /// See [`Peer::send_video`].
    pub fn send_video(
        &mut self,
        now: Instant,
        captured: Instant,
        source: Source,
        frame: &EncodedFrame,
    ) -> bool {
        !self.over && self.peer.send_video(now, captured, source, frame)
    }

    /// See [`Peer::send_audio`].
    pub fn send_audio(
        &mut self,
        now: Instant,
        captured: Instant,
        source: Source,
        frame: &AudioFrame,
    ) -> bool {
        !self.over && self.peer.send_audio(now, captured, source, frame)
    }

    /// Says what it wants to see.
    pub fn want(&mut self, wants: Vec<Want>) {
        self.signal(ClientMessage::Want { wants });
    }

    /// Starts, mutes or stops an own source.
    pub fn set_track(&mut self, source: Source, state: TrackState) {
        self.peer.set_track(source, state);
        self.signal(ClientMessage::SetTrack { source, state });
    }

    /// Says any message. A changed own track changes what is sent, too.
    pub fn say(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::SetTrack { source, state } => self.set_track(source, state),
            other => self.signal(other),
        }
    }

    /// Looks for another way to the node and offers it: the path is lost, or the network changed
    /// and `moved_to` is the address now. Media goes on meanwhile where it can. See
    /// [`Peer::restart_ice`].
    ///
    /// # Errors
    /// [`PeerError::Address`] when `moved_to` is no candidate.
    pub fn restart_ice(&mut self, moved_to: Option<SocketAddr>) -> Result<(), PeerError> {
        if !self.over && self.peer.restart_ice(moved_to)? {
            self.make_offer();
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
        self.peer.slots()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.peer.counters()
    }

    /// Whether media can flow.
    pub fn is_connected(&self) -> bool {
        self.peer.is_connected()
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What an own source is now.
    pub fn track_state(&self, source: Source) -> Option<TrackState> {
        self.peer.track_state(source)
    }

    /// See [`Peer::say_control`].
    pub fn say_control(&mut self, now: Instant, packet: Vec<u8>) -> bool {
        self.peer.say_control(now, packet)
    }

    /// See [`Peer::received_ssrcs`].
    pub fn received_ssrcs(&self) -> Vec<u32> {
        self.peer.received_ssrcs()
    }

    /// See [`Peer::say_estimate`].
    pub fn say_estimate(&mut self, now: Instant, bps: u64) {
        self.peer.say_estimate(now, bps);
    }

    /// See [`Peer::packets_sent_of`].
    pub fn packets_sent_of(&self, source: Source) -> Vec<u64> {
        self.peer.packets_sent_of(source)
    }

    /// See [`Peer::keys`].
    pub fn keys(&self) -> Option<&(Keying, End)> {
        self.peer.keys()
    }

    /// See [`Peer::repair_types`].
    pub fn repair_types(&self) -> u128 {
        self.peer.repair_types()
    }

    fn handle_node(&mut self, now: Instant, envelope: Envelope) {
        if !self.roster.is_news(&envelope) {
            return;
        }
        match &envelope.message {
            NodeMessage::Joined { .. } => {
                // Also when the place was kept: the offer may have been lost with the WebSocket.
                self.make_offer();
                self.event(Event::Joined);
            }
            NodeMessage::Answer { revision, sdp, .. } => {
                self.peer.accept_revision(now, *revision, sdp);
            }
            NodeMessage::MutedByHost { source } => {
                self.peer.set_track(*source, TrackState::Muted);
                self.event(Event::MutedByHost(*source));
            }
            NodeMessage::Layers { source, wanted } => self.peer.set_wanted(*source, wanted),
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

    fn make_offer(&mut self) {
        if let Some(offer) = self.peer.offer_message() {
            self.signal(offer);
        }
    }

    fn named(&mut self, event: peer::Event) -> Event {
        match event {
            peer::Event::Connected => Event::Connected,
            peer::Event::PathLost(lost) => Event::PathLost(lost),
            peer::Event::KeyframeWanted { source, layer } => {
                Event::KeyframeWanted { source, layer }
            }
            peer::Event::Packet(packet) => Event::Packet(packet),
            peer::Event::Frame(frame) => Event::Frame(frame),
            peer::Event::Failed(reason) => {
                self.over = true;
                Event::Failed(reason)
            }
        }
    }

    fn signal(&mut self, message: ClientMessage) {
        if !self.over {
            self.outputs.push_back(Output::Signal(message));
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
