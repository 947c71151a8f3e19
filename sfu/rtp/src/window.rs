//! Which packet of a stream a sequence number is, and whether it came before (RFC 3711, sections
//! 3.3.1 and 3.3.2).

/// How far behind the newest packet another may come. What is older is refused: a picture of
/// 4 Mbit/s that is asked for again for two seconds.
pub const WINDOW_PACKETS: u64 = 1_024;

const WORD_BITS: u64 = u64::BITS as u64;
const WORDS: usize = (WINDOW_PACKETS / WORD_BITS) as usize;

/// What came of one stream. Whoever keeps one for each SSRC bounds their number, and makes none
/// for an SSRC of which nothing authentic came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// A bit for each index that is not too old, at the index's place modulo the window.
    came: [u64; WORDS],
    newest: Option<u64>,
}

impl Window {
    /// The index of a packet: its sequence number with the rollovers before it. It is the one
    /// nearest to the newest; the first of a stream has rolled over never, and what would be
    /// before the first round is ahead in it, as the senders have it that count alike (libsrtp).
    pub fn index_of(&self, seq: u16) -> u64 {
        let Some(newest) = self.newest else {
            return u64::from(seq);
        };
        let ahead = seq.wrapping_sub(newest as u16) as i16;
        let index = newest.checked_add_signed(i64::from(ahead));
        index.unwrap_or(u64::from(seq))
    }

    /// Whether a packet did not come before, as far as can be told: what is too old did.
    pub fn is_new(&self, index: u64) -> bool {
        match self.newest {
            Some(newest) if index <= newest => newest - index < WINDOW_PACKETS && !self.has(index),
            _ => true,
        }
    }

    /// An authentic packet came.
    pub fn note(&mut self, index: u64) {
        match self.newest {
            Some(newest) if index <= newest => {
                if newest - index >= WINDOW_PACKETS {
                    return;
                }
            }
            Some(newest) if index - newest < WINDOW_PACKETS => {
                (newest + 1..index).for_each(|missing| self.clear(missing));
                self.newest = Some(index);
            }
            _ => {
                self.came = [0; WORDS];
                self.newest = Some(index);
            }
        }
        let (word, bit) = place(index);
        self.came[word] |= bit;
    }

    /// The newest packet; none when nothing came.
    pub fn newest(&self) -> Option<u64> {
        self.newest
    }

    fn has(&self, index: u64) -> bool {
        let (word, bit) = place(index);
        self.came[word] & bit != 0
    }

    fn clear(&mut self, index: u64) {
        let (word, bit) = place(index);
        self.came[word] &= !bit;
    }
}

fn place(index: u64) -> (usize, u64) {
    let place = index % WINDOW_PACKETS;
    ((place / WORD_BITS) as usize, 1 << (place % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_rolls_over_and_a_late_packet_belongs_before_it() {
        let mut window = Window::default();
        for (seq, index) in [
            (65_534, 65_534),
            (65_535, 65_535),
            (1, 65_537),
            (0, 65_536),
            (65_533, 65_533),
        ] {
            assert_eq!(window.index_of(seq), index);
            assert!(window.is_new(index));
            window.note(index);
            assert!(!window.is_new(index));
        }
        assert_eq!(window.newest(), Some(65_537));
    }

    #[test]
    fn what_would_be_before_the_first_round_is_ahead_in_it() {
        let mut window = Window::default();
        window.note(1);
        assert_eq!(window.index_of(0), 0);
        assert_eq!(window.index_of(65_535), 65_535);
        window.note(65_535);
        assert_eq!(window.index_of(2), 65_538);
    }

    proptest! {
        #[test]
        fn what_came_is_never_new_again_and_what_did_not_is(
            start in 0..200_000u64,
            steps in prop::collection::vec(-1_200i64..1_300, 1..300),
        ) {
            let mut window = Window::default();
            let mut came = BTreeSet::new();
            let mut at = start;
            for step in steps {
                at = at.saturating_add_signed(step);
                let newest = came.last().copied();
                let too_old = newest.is_some_and(|newest| at + WINDOW_PACKETS <= newest);
                prop_assert_eq!(window.is_new(at), !too_old && !came.contains(&at));
                if newest.is_some() {
                    prop_assert_eq!(window.index_of(at as u16), at);
                }
                if window.is_new(at) {
                    window.note(at);
                    came.insert(at);
                }
                at = window.newest().expect("one came");
            }
        }
    }
}
