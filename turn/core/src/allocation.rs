//! One client's relay: its port, its permissions and channels, and when they end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::{ClientAddress, PeerAddress, RelayPort};

/// A permission's life (RFC 8656, section 9).
pub const PERMISSION: Duration = Duration::from_secs(300);

/// A channel's life (RFC 8656, section 12).
pub const CHANNEL: Duration = Duration::from_secs(600);

/// An allocation's life when the client asks for nothing (RFC 8656, section 7.2).
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

/// The longest life that is granted at once.
pub const MAX_LIFETIME: Duration = Duration::from_secs(3600);

/// Most permissions, and most channels, of one allocation. Beyond it the oldest-to-expire is not
/// dropped: the request is refused with 508.
pub const MAX_PEERS: usize = 32;

/// The allocation holds as many peers as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// [`MAX_PEERS`] is reached.
    #[error("too many peers")]
    TooMany,
    /// The channel belongs to another peer, or the peer to another channel.
    #[error("the channel is bound otherwise")]
    Bound,
}

/// One client's relay.
#[derive(Debug)]
pub struct Allocation {
    /// Whose.
    pub client: ClientAddress,
    /// Where.
    pub port: RelayPort,
    /// The user name that made it; nobody else may touch it.
    pub username: String,
    /// The transaction that made it: the same request sent again gets the same answer.
    pub transaction: [u8; 12],
    /// When it ends.
    pub expires: Instant,
    permissions: BTreeMap<IpAddr, Instant>,
    channels: BTreeMap<u16, (PeerAddress, Instant)>,
}

impl Allocation {
    /// A new one.
    pub fn new(
        client: ClientAddress,
        port: RelayPort,
        username: String,
        transaction: [u8; 12],
        expires: Instant,
    ) -> Allocation {
        Allocation {
            client,
            port,
            username,
            transaction,
            expires,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
        }
    }

    /// Lets a peer's address through for a while.
    ///
    /// # Errors
    /// [`PeerError::TooMany`].
    pub fn permit(&mut self, ip: IpAddr, now: Instant) -> Result<(), PeerError> {
        self.permissions.retain(|_, expires| *expires > now);
        if self.permissions.len() >= MAX_PEERS && !self.permissions.contains_key(&ip) {
            return Err(PeerError::TooMany);
        }
        self.permissions.insert(ip, now + PERMISSION);
        Ok(())
    }

    /// Gives a peer a channel number, and a permission (RFC 8656, section 12.2).
    ///
    /// # Errors
    /// See [`PeerError`].
    pub fn bind(&mut self, channel: u16, peer: PeerAddress, now: Instant) -> Result<(), PeerError> {
        self.channels.retain(|_, (_, expires)| *expires > now);
        let taken = self
            .channels
            .iter()
            .any(|(number, (bound, _))| (*number == channel) != (*bound == peer));
        if taken {
            return Err(PeerError::Bound);
        }
        if self.channels.len() >= MAX_PEERS && !self.channels.contains_key(&channel) {
            return Err(PeerError::TooMany);
        }
        self.permit(peer.0.ip(), now)?;
        self.channels.insert(channel, (peer, now + CHANNEL));
        Ok(())
    }

    /// Whether this peer's address is let through.
    pub fn permits(&self, ip: IpAddr, now: Instant) -> bool {
        self.permissions
            .get(&ip)
            .is_some_and(|expires| *expires > now)
    }

    /// The peer of a channel.
    pub fn peer_of(&self, channel: u16, now: Instant) -> Option<PeerAddress> {
        let (peer, expires) = self.channels.get(&channel)?;
        (*expires > now).then_some(*peer)
    }

    /// The channel of a peer.
    pub fn channel_of(&self, peer: PeerAddress, now: Instant) -> Option<u16> {
        self.channels
            .iter()
            .find(|(_, (bound, expires))| *bound == peer && *expires > now)
            .map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test needs a first instant")]
    fn start() -> Instant {
        Instant::now()
    }

    fn peer(port: u16) -> PeerAddress {
        PeerAddress(([192, 0, 2, 1], port).into())
    }

    fn allocation(now: Instant) -> Allocation {
        let client = ClientAddress(([192, 0, 2, 9], 9).into());
        Allocation::new(
            client,
            RelayPort(1),
            String::new(),
            [0; 12],
            now + DEFAULT_LIFETIME,
        )
    }

    #[test]
    fn a_channel_belongs_to_one_peer_and_a_peer_to_one_channel() {
        let now = start();
        let mut allocation = allocation(now);
        assert_eq!(allocation.bind(0x4000, peer(1), now), Ok(()));
        assert_eq!(allocation.bind(0x4000, peer(1), now), Ok(()));
        assert_eq!(allocation.bind(0x4000, peer(2), now), Err(PeerError::Bound));
        assert_eq!(allocation.bind(0x4001, peer(1), now), Err(PeerError::Bound));
        assert_eq!(allocation.bind(0x4001, peer(2), now), Ok(()));
        assert_eq!(allocation.peer_of(0x4001, now), Some(peer(2)));
        assert_eq!(allocation.channel_of(peer(1), now), Some(0x4000));
    }

    #[test]
    fn permissions_and_channels_end() {
        let now = start();
        let mut allocation = allocation(now);
        allocation.bind(0x4000, peer(1), now).expect("free");
        assert!(allocation.permits(peer(1).0.ip(), now));
        assert!(!allocation.permits(peer(1).0.ip(), now + PERMISSION));
        assert_eq!(allocation.peer_of(0x4000, now + CHANNEL), None);
        let later = now + CHANNEL;
        assert_eq!(allocation.bind(0x4000, peer(2), later), Ok(()));
    }

    #[test]
    fn peers_are_bounded_and_a_known_one_may_always_be_renewed() {
        let now = start();
        let mut allocation = allocation(now);
        let address =
            |last: usize| IpAddr::from([198, 51, 100, u8::try_from(last).expect("small")]);
        for last in 0..MAX_PEERS {
            assert_eq!(allocation.permit(address(last), now), Ok(()));
        }
        assert_eq!(
            allocation.permit(address(MAX_PEERS), now),
            Err(PeerError::TooMany)
        );
        assert_eq!(allocation.permit(address(0), now), Ok(()));
        assert_eq!(
            allocation.permit(address(MAX_PEERS), now + PERMISSION),
            Ok(())
        );
    }
}
