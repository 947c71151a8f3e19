//! One end of a meeting without IO, whatever signalling its target speaks.

use std::net::SocketAddr;
use std::time::Instant;

use sfu_client::media::{AudioFrame, EncodedFrame};
use sfu_client::peer;
use sfu_protocol::media::{Codec, Source};
use sfu_protocol::signal::SlotId;

/// What leaves an end.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send this over the line.
    Say(String),
    /// Send this from one of its sockets.
    Datagram {
        socket: usize,
        destination: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(Event),
}

/// What happens to an end.
#[derive(Debug)]
pub(crate) enum Event {
    /// All its peer connections stand: media can flow.
    Connected,
    /// A receiver needs a keyframe of this layer.
    KeyframeWanted { source: Source, layer: u8 },
    /// A whole frame came (VP8 or Opus).
    Frame {
        socket: usize,
        slot: SlotId,
        codec: Codec,
        data: Vec<u8>,
    },
    /// The target said goodbye; nothing follows.
    Ended,
    /// It cannot go on; nothing follows.
    Failed(String),
}

impl Event {
    /// What an event of the peer connection on a socket means; most mean nothing to a run.
    pub(crate) fn of_peer(socket: usize, event: peer::Event) -> Option<Event> {
        match event {
            peer::Event::Connected => Some(Event::Connected),
            peer::Event::KeyframeWanted { source, layer } => {
                Some(Event::KeyframeWanted { source, layer })
            }
            peer::Event::Frame(frame) => Some(Event::Frame {
                socket,
                slot: frame.slot,
                codec: frame.codec,
                data: frame.data,
            }),
            peer::Event::Failed(why) => Some(Event::Failed(why)),
            peer::Event::PathLost(_) | peer::Event::Packet(_) => None,
        }
    }
}

/// See the module's head. Poll it until it is quiet after every call.
pub(crate) trait End: Send {
    /// Something came over the line.
    ///
    /// # Errors
    /// When it is not understood: the end is over.
    fn hear(&mut self, now: Instant, text: &str) -> anyhow::Result<()>;

    /// A datagram came on one of its sockets.
    fn receive(&mut self, now: Instant, socket: usize, source: SocketAddr, bytes: &[u8]);

    /// The deadline has come.
    fn tick(&mut self, now: Instant);

    /// What leaves next.
    fn poll(&mut self) -> Option<Output>;

    /// When [`End::tick`] is wanted.
    fn deadline(&self) -> Instant;

    /// Sends a frame that was captured at `captured`, which is not after `now`.
    fn send_video(&mut self, now: Instant, captured: Instant, source: Source, frame: &EncodedFrame);

    /// Sends an Opus packet that was captured at `captured`, which is not after `now`.
    fn send_audio(&mut self, now: Instant, captured: Instant, source: Source, frame: &AudioFrame);

    /// Says goodbye.
    fn leave(&mut self);

    /// Its line and its sockets were lost and are new. Answers whether its target knows such a
    /// thing.
    fn returns(&mut self, locals: &[SocketAddr]) -> bool;

    /// What its peer connections counted.
    fn packets_sent(&self) -> u64;

    /// Payload types of retransmissions, one bit each.
    fn repair_types(&self) -> u128;
}
