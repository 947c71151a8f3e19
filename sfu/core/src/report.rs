//! What a shard counts, as plain values. Names of metrics are the shell's business.

use std::collections::BTreeMap;

/// Why something was not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// A datagram that is not STUN, from an address that ICE has not verified.
    UnverifiedAddress,
    /// A STUN message that names no connection of ours.
    UnknownConnection,
    /// Neither STUN, DTLS, RTP nor RTCP.
    NotMedia,
    /// A packet on a line that publishes nothing.
    UnknownTrack,
    /// The track is muted or off.
    Muted,
    /// A packet without payload: padding.
    Padding,
    /// The codec was not negotiated for the line.
    UnknownCodec,
    /// A payload longer than any network carries.
    Oversized,
    /// A track brought more than its rate.
    OverRate,
    /// Of an SSRC that its layer had before, or changed to too soon.
    StaleStream,
    /// Sound that was taken from the redundancy of a later packet before it came itself.
    Recovered,
    /// STUN for one connection from an address that another one uses.
    AddressTaken,
    /// RTP under an SSRC that no stream has, beyond what is tried.
    Untried,
    /// RTP under an SSRC that no stream has, naming no line or layer of its sender.
    Unplaced,
    /// RTCP beyond what a client may say.
    Feedback,
    /// Media beyond what a client may bring on all its tracks.
    Flood,
    /// STUN that was answered before, from another address.
    Repeated,
    /// STUN from more new addresses than one client has.
    ManyAddresses,
    /// Media that came before, or is too old to tell.
    Replayed,
    /// Media before the handshake was done.
    Unsecured,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [DropReason; 20] = [
        DropReason::UnverifiedAddress,
        DropReason::UnknownConnection,
        DropReason::NotMedia,
        DropReason::UnknownTrack,
        DropReason::Muted,
        DropReason::Padding,
        DropReason::UnknownCodec,
        DropReason::Oversized,
        DropReason::OverRate,
        DropReason::StaleStream,
        DropReason::Recovered,
        DropReason::AddressTaken,
        DropReason::Untried,
        DropReason::Unplaced,
        DropReason::Feedback,
        DropReason::Flood,
        DropReason::Repeated,
        DropReason::ManyAddresses,
        DropReason::Replayed,
        DropReason::Unsecured,
    ];

    /// Whether it is about a publisher's packet, and not about a datagram that never was one.
    pub fn is_about_packets(self) -> bool {
        match self {
            DropReason::UnknownTrack
            | DropReason::Muted
            | DropReason::Padding
            | DropReason::UnknownCodec
            | DropReason::Oversized
            | DropReason::OverRate
            | DropReason::StaleStream
            | DropReason::Recovered => true,
            DropReason::UnverifiedAddress
            | DropReason::UnknownConnection
            | DropReason::NotMedia
            | DropReason::AddressTaken
            | DropReason::Untried
            | DropReason::Unplaced
            | DropReason::Feedback
            | DropReason::Flood
            | DropReason::Repeated
            | DropReason::ManyAddresses
            | DropReason::Replayed
            | DropReason::Unsecured => false,
        }
    }

    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::UnverifiedAddress => "unverified_address",
            DropReason::UnknownConnection => "unknown_connection",
            DropReason::NotMedia => "not_media",
            DropReason::UnknownTrack => "unknown_track",
            DropReason::Muted => "muted",
            DropReason::Padding => "padding",
            DropReason::UnknownCodec => "unknown_codec",
            DropReason::Oversized => "oversized",
            DropReason::OverRate => "over_rate",
            DropReason::StaleStream => "stale_stream",
            DropReason::Recovered => "recovered",
            DropReason::AddressTaken => "address_taken",
            DropReason::Untried => "untried",
            DropReason::Unplaced => "unplaced",
            DropReason::Feedback => "feedback",
            DropReason::Flood => "flood",
            DropReason::Repeated => "repeated",
            DropReason::ManyAddresses => "many_addresses",
            DropReason::Replayed => "replayed",
            DropReason::Unsecured => "unsecured",
        }
    }
}

/// How a shard stands and what it did since it started.
///
/// Every packet of a publisher is counted once in `packets_in`, and then once either in
/// `packets_accepted` or in [`Report::packets_dropped`]; an accepted packet is forwarded to none,
/// one or many (`packets_forwarded` counts each copy) and recorded by none, one or many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// RTP packets of publishers, decrypted, without duplicates; with what came as redundancy only.
    pub packets_in: u64,
    /// Of these: taken from the redundancy of a later packet.
    pub packets_recovered: u64,
    /// Of these: offered to subscribers and tapes.
    pub packets_accepted: u64,
    /// Packets sent to subscribers.
    pub packets_forwarded: u64,
    /// RTP packets on the tapes.
    pub packets_recorded: u64,
    /// Tape entries of every kind.
    pub tape_entries: u64,
    /// Tape entries dropped from a full ring before they were acknowledged.
    pub tape_entries_lost: u64,
    /// Packets of recorded rooms that no tape had a place for.
    pub packets_unrecorded: u64,
    /// Packets sent again because a subscriber asked.
    pub retransmissions_out: u64,
    /// Packets that subscribers asked for again and did not get: over the budget.
    pub retransmissions_refused: u64,
    /// Probes of what a path carries.
    pub probes: u64,
    /// Packets sent to other shards of the node, one copy a shard.
    pub shard_packets_out: u64,
    /// Packets that came from other shards.
    pub shard_packets_in: u64,
    /// Keyframe requests sent to publishers.
    pub keyframe_requests_sent: u64,
    /// Keyframe requests held back because one was just sent.
    pub keyframe_requests_held: u64,
    /// DTLS, SRTP and other transport errors. None of them ends a session.
    pub transport_errors: u64,
    /// Paths of clients that were lost while media flowed.
    pub paths_lost: u64,
    /// Broken invariants caught at a connection's step. Each is a fault of ours.
    pub panics: u64,
    /// What was not passed on, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Rooms now.
    pub rooms: u64,
    /// Participants now.
    pub participants: u64,
    /// Connections now.
    pub connections: u64,
    /// Connections to which pictures are sent now.
    pub watching: u64,
    /// What their paths are estimated to carry, together, in bits a second.
    pub estimated_bps: u64,
    /// Slots now for which their client's path has no room.
    pub slots_paused: u64,
    /// Recordings running now.
    pub recordings: u64,
    /// Bytes held for recorders now.
    pub ring_bytes: u64,
}

impl Report {
    /// Packets of publishers that were not passed on.
    pub fn packets_dropped(&self) -> u64 {
        let about_packets = self
            .dropped
            .iter()
            .filter(|(reason, _)| reason.is_about_packets());
        about_packets.map(|(_, count)| count).sum()
    }

    pub(crate) fn drop_one(&mut self, reason: DropReason) {
        *self.dropped.entry(reason).or_default() += 1;
    }
}
