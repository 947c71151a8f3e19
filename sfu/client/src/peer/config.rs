//! What a peer is.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_protocol::media::Source;
use sfu_protocol::signal::TrackState;
use str0m::config::DtlsCert;

use crate::coding::Coding;
use crate::media::MAX_LAYERS;

/// One source that a peer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// Which.
    pub source: Source,
    /// Video: 1, or 2 to 3 simulcast layers `q`, `h`, `f`. Audio: 1.
    pub layers: u8,
    /// Whether it flows from the start. `Off` keeps an m-line for later.
    pub state: TrackState,
}

impl Publication {
    /// A source that flows from the start.
    pub fn live(source: Source, layers: u8) -> Self {
        Publication {
            source,
            layers,
            state: TrackState::Live,
        }
    }
}

/// What a peer says of how media arrives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Feedback {
    /// When each packet came, and reports.
    #[default]
    TransportWide,
    /// Reports, and the bit rate that it estimates (draft-alvestrand-rmcat-remb-03), which whoever
    /// drives it says.
    Remb,
    /// Reports only (RFC 3550).
    Reports,
}

/// Which of the things that WebRTC clients may do or leave a peer does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialect {
    /// How its pictures are coded. Of a coding with layers in one stream a track is published with
    /// one.
    pub coding: Coding,
    /// Whether it takes H.264, VP9 and AV1 besides VP8.
    pub every_codec: bool,
    /// Whether it sends and takes sound redundantly (RFC 2198).
    pub redundant: bool,
    /// What it says of how media arrives.
    pub feedback: Feedback,
}

/// What a peer is.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// Its one ICE host candidate.
    pub local: SocketAddr,
    /// Whether it has TCP only: what leaves for a destination is a frame of a stream from `local`
    /// to there, which whoever drives the peer opens (RFC 6544).
    pub over_tcp: bool,
    /// What it may send. Each source at most once.
    pub publish: Vec<Publication>,
    /// How many tracks it hears at once.
    pub audio_slots: u8,
    /// How many tracks it sees at once.
    pub video_slots: u8,
    /// Whether [`super::Event::Packet`] is wanted for each packet.
    pub report_packets: bool,
    /// For servers that rely on how browsers send and receive: it follows a sender into its next
    /// round of sequence numbers, and a keyframe is asked for under the SSRC of the stream that is
    /// to have one, as browsers name that stream first by a report and `str0m` does not.
    pub like_browsers: bool,
    /// Longest wait between two checks of its path, and before one that was not answered is made
    /// again. Browsers check a path that holds every two and a half seconds, and one that is silent
    /// about twice a second.
    pub checks_every: Duration,
    /// A certificate to share among peers; none makes one.
    pub certificate: Option<DtlsCert>,
    /// What it does otherwise than most.
    pub dialect: Dialect,
    /// Whether what it receives takes the light way past str0m, at a fraction of the cost. It
    /// does where nothing is published and the other end agrees to AES-GCM; else it is as
    /// without.
    pub light: bool,
    /// Whether its owner seals what it sends of media, with the keys that the peer then gives out
    /// ([`super::Peer::keys`]): nothing that the peer itself would send of RTP or RTCP leaves. For
    /// who has to send what no client would.
    pub sealed_outside: bool,
}

impl PeerConfig {
    /// A peer with a three-layer camera and a microphone that sees six and hears four.
    pub fn new(local: SocketAddr) -> Self {
        PeerConfig {
            local,
            over_tcp: false,
            publish: vec![
                Publication::live(Source::Camera, MAX_LAYERS),
                Publication::live(Source::Microphone, 1),
            ],
            audio_slots: 4,
            video_slots: 6,
            report_packets: false,
            like_browsers: false,
            checks_every: Duration::from_millis(500),
            certificate: None,
            dialect: Dialect::default(),
            light: false,
            sealed_outside: false,
        }
    }
}

/// A peer cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The local address is no candidate.
    #[error("{0} cannot be an ICE candidate")]
    Address(SocketAddr),
    /// A source is published twice, an audio source has layers, or there are more than three.
    #[error("{0} cannot be published like this")]
    Publication(Source),
    /// The session description could not be made.
    #[error("no offer: {0}")]
    Offer(String),
}
