//! One participant's place in a room: what it may, what it publishes, which slots it has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_protocol::grant::{Grant, Rights};
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_protocol::signal::{Participant, Role, Show, SlotId, Track, TrackState};

use super::mailbox::Mailbox;
use crate::io::ConnectionId;
use crate::media::policer::Bucket;

/// Signalling messages a client may send in a burst. Opening a room takes about ten.
const MESSAGE_BURST: u32 = 60;

/// Signalling messages a client may send each second for longer. Dragging a window sends wishes
/// five times a second.
const MESSAGES_PER_SECOND: u32 = 20;

/// Messages over the budget that are refused one by one; then the client is sent away.
const MAX_REFUSED: u32 = 200;

/// Offers a client may make in a burst. Joining takes one, a picture more or a new network one
/// each.
const OFFER_BURST: u32 = 10;

/// How often a client may offer for longer. Reading one costs the media thread up to
/// milliseconds.
const AN_OFFER_EVERY: Duration = Duration::from_secs(2);

/// What everybody is told (a track on, off, muted) a client may change in a burst.
const CHANGE_BURST: u32 = 20;

/// How often it may for longer: nobody follows two changes a second.
const A_CHANGE_EVERY: Duration = Duration::from_millis(500);

/// How often a participant may come, or come back, in a burst.
const ARRIVAL_BURST: u32 = 20;

/// How often for longer. A client on a bad network tries every two seconds.
const AN_ARRIVAL_EVERY: Duration = Duration::from_secs(2);

/// What a message costs a client's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// Carry it out.
    Granted,
    /// Refuse it.
    Refused,
    /// Send the client away.
    Exhausted,
}

/// What a client may spend, and how often it wanted more since it had all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    tokens: Bucket,
    refused: u32,
}

impl Budget {
    /// For everything that a client says.
    pub(crate) fn for_messages() -> Self {
        let a_message_every = Duration::from_secs(1) / MESSAGES_PER_SECOND;
        Self::new(MESSAGE_BURST, a_message_every)
    }

    /// For its offers.
    pub(crate) fn for_offers() -> Self {
        Self::new(OFFER_BURST, AN_OFFER_EVERY)
    }

    /// For what everybody is told of it.
    pub(crate) fn for_changes() -> Self {
        Self::new(CHANGE_BURST, A_CHANGE_EVERY)
    }

    /// For its coming and coming back.
    pub(crate) fn for_arrivals() -> Self {
        Self::new(ARRIVAL_BURST, AN_ARRIVAL_EVERY)
    }

    fn new(burst: u32, a_token_every: Duration) -> Self {
        Budget {
            tokens: Bucket::slow(burst, a_token_every),
            refused: 0,
        }
    }

    pub(crate) fn spend(&mut self, now: Instant) -> Allowance {
        if self.is_full(now) {
            self.refused = 0;
        }
        if self.tokens.take(1, now) {
            return Allowance::Granted;
        }
        self.refused += 1;
        if self.refused > MAX_REFUSED {
            Allowance::Exhausted
        } else {
            Allowance::Refused
        }
    }

    /// Whether nothing was spent for so long that it is as new.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.tokens.is_full(now)
    }
}

/// A published track as the room keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) state: TrackState,
    pub(crate) csrc: u32,
    pub(crate) codec: Option<Codec>,
}

/// A slot as the room keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeatSlot {
    pub(crate) id: SlotId,
    pub(crate) kind: Kind,
    pub(crate) show: Show,
    pub(crate) content: Option<TrackId>,
}

/// A participant in a room.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: ParticipantId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) rights: Rights,
    pub(crate) joined_at_ms: u64,
    /// When its grant was made, seconds since the Unix epoch.
    pub(crate) granted_at_s: u64,
    /// Joining order.
    pub(crate) order: u64,
    pub(crate) connection: Option<ConnectionId>,
    /// The shard of its transport, once one was chosen.
    pub(crate) at: Option<u16>,
    /// The certificate of the peer connection whose transport has ended: it cannot have another.
    pub(crate) spent: Option<String>,
    pub(crate) mailbox: Mailbox,
    /// Set while the WebSocket is lost.
    pub(crate) lost_since: Option<Instant>,
    /// When the place is given up, while the WebSocket is lost, or the transport of somebody
    /// without one is silent.
    pub(crate) kept_until: Option<Instant>,
    /// Whether it is here as long as its transport is: it has no WebSocket.
    pub(crate) with_transport: bool,
    /// Set while nothing comes from a client whose media was flowing.
    pub(crate) path_lost: bool,
    pub(crate) resume_key: String,
    pub(crate) tracks: BTreeMap<Source, Published>,
    /// By place; the places are the connection's.
    pub(crate) slots: Vec<Option<SeatSlot>>,
    /// What the client can take.
    pub(crate) codecs: Vec<Codec>,
    pub(crate) budget: Budget,
    pub(crate) offers: Budget,
    pub(crate) changes: Budget,
}

impl Seat {
    pub(crate) fn new(grant: &Grant, order: u64, joined_at_ms: u64, resume_key: String) -> Self {
        Seat {
            id: grant.participant,
            name: grant.name.clone(),
            role: grant.role,
            rights: grant.rights.clone(),
            joined_at_ms,
            granted_at_s: grant.iat,
            order,
            connection: None,
            at: None,
            spent: None,
            mailbox: Mailbox::default(),
            lost_since: None,
            kept_until: None,
            with_transport: false,
            path_lost: false,
            resume_key,
            tracks: BTreeMap::new(),
            slots: Vec::new(),
            codecs: Vec::new(),
            budget: Budget::for_messages(),
            offers: Budget::for_offers(),
            changes: Budget::for_changes(),
        }
    }

    /// Whether others see it.
    pub(crate) fn visible(&self) -> bool {
        !self.rights.hidden && self.role != Role::Observer
    }

    /// Whether others are told that it is lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost_since.is_some() || self.path_lost
    }

    /// As others see it.
    pub(crate) fn shown(&self) -> Participant {
        Participant {
            id: self.id,
            name: self.name.clone(),
            role: self.role,
            joined_at_ms: self.joined_at_ms,
            lost: self.is_lost(),
            tracks: self
                .tracks
                .keys()
                .filter_map(|source| self.track(*source))
                .collect(),
        }
    }

    /// A track as others see it; none while it is off.
    pub(crate) fn track(&self, source: Source) -> Option<Track> {
        let published = self.tracks.get(&source)?;
        (published.state != TrackState::Off).then_some(Track {
            id: TrackId {
                participant: self.id,
                source,
            },
            state: published.state,
            csrc: published.csrc,
            codec: published.codec,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_a_burst_then_a_rate_then_has_to_go() {
        let t0 = crate::testing::start();
        let mut budget = Budget::for_messages();
        for _ in 0..MESSAGE_BURST {
            assert_eq!(budget.spend(t0), Allowance::Granted);
        }
        assert_eq!(budget.spend(t0), Allowance::Refused);
        let later = t0 + Duration::from_secs(1);
        for _ in 0..MESSAGES_PER_SECOND {
            assert_eq!(budget.spend(later), Allowance::Granted);
        }
        for _ in 1..MAX_REFUSED {
            assert_eq!(budget.spend(later), Allowance::Refused);
        }
        assert_eq!(budget.spend(later), Allowance::Exhausted);
    }

    #[test]
    fn offers_are_far_rarer_than_messages() {
        let t0 = crate::testing::start();
        let mut offers = Budget::for_offers();
        for _ in 0..OFFER_BURST {
            assert_eq!(offers.spend(t0), Allowance::Granted);
        }
        assert_eq!(offers.spend(t0 + AN_OFFER_EVERY / 2), Allowance::Refused);
        assert_eq!(offers.spend(t0 + AN_OFFER_EVERY), Allowance::Granted);
        assert_eq!(offers.spend(t0 + AN_OFFER_EVERY), Allowance::Refused);
    }
}
