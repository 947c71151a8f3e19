//! What bandwidth lets a slot have, and what its client was told of it.

use std::time::{Duration, Instant};

/// A pause that is over sooner is not told.
const TOLD_AFTER: Duration = Duration::from_millis(500);

/// A slot's share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    most_height: Option<u16>,
    paused_since: Option<Instant>,
    told: bool,
}

impl Share {
    /// Somebody else is in the slot of a client that does not get all it wants: the least, until
    /// it was planned.
    pub(crate) fn least() -> Self {
        Share {
            most_height: Some(0),
            ..Share::default()
        }
    }

    /// How high a picture may be of which so much is wanted.
    pub(crate) fn height(&self, wanted: u16) -> u16 {
        self.most_height.map_or(wanted, |most| most.min(wanted))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// It may have pictures of this height, or any. True when that is another share.
    pub(crate) fn give(&mut self, most_height: Option<u16>) -> bool {
        let before = *self;
        (self.most_height, self.paused_since) = (most_height, None);
        *self != before
    }

    /// It may have nothing. True when it had something.
    pub(crate) fn pause(&mut self, now: Instant) -> bool {
        let begins = self.paused_since.is_none();
        self.paused_since.get_or_insert(now);
        begins
    }

    /// Whether the client is to be told now that it is paused, or goes on.
    pub(crate) fn tell(&mut self, now: Instant) -> Option<bool> {
        let lasts = |since| now.saturating_duration_since(since) >= TOLD_AFTER;
        let paused = self.paused_since.is_some_and(lasts);
        let news = self.told != paused && paused == self.is_paused();
        news.then(|| {
            self.told = paused;
            paused
        })
    }

    /// When there will be something to tell.
    pub(crate) fn tells_at(&self) -> Option<Instant> {
        let since = self.paused_since.filter(|_| !self.told);
        since.map(|since| since + TOLD_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_once_it_lasted_and_its_end_at_once() {
        let t0 = crate::testing::start();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut share = Share::default();
        assert!(share.pause(at(0)) && !share.pause(at(100)));
        assert_eq!(
            (share.tell(at(100)), share.tells_at()),
            (None, Some(at(500)))
        );
        assert!(share.give(None));
        assert_eq!((share.tell(at(200)), share.tells_at()), (None, None));
        assert!(share.pause(at(1_000)));
        assert_eq!(share.tell(at(1_500)), Some(true));
        assert_eq!(share.tell(at(1_600)), None);
        assert!(share.give(Some(180)) && !share.give(Some(180)));
        assert_eq!(share.tell(at(1_700)), Some(false));
        assert_eq!(share.tell(at(1_800)), None);
    }

    #[test]
    fn a_share_is_no_more_than_what_is_wanted() {
        let mut share = Share::default();
        assert_eq!(share.height(720), 720);
        share.give(Some(360));
        assert_eq!((share.height(720), share.height(180)), (360, 180));
        assert_eq!(Share::least().height(720), 0);
    }
}
