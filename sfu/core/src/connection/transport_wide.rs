//! Which transport-wide sequence number a client may use next
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01). `str0m` extends these numbers to 64 bits
//! and reports on every one between the highest and the next: a number that falls below zero
//! becomes 2^64 less a little, and a report on what lies between is without end; numbers that come
//! faster than reports carry them wait without end. So they are read here first, from the header,
//! which is in the clear, and what does not fit is dropped.
//!
//! Only packets that were heard of, and so are authentic, move the window, so that no forger moves
//! it. `str0m` notes numbers of others too (padding and repairs of what had come): those may go
//! a little ahead, and seldom further.
//!
//! Why none falls below zero: what is admitted lies from `floor` to `floor` + 32,767, `floor` only
//! grows and is never above what `str0m` has seen. So what it has seen and what comes next are
//! never more than 32,767 apart, and it extends them as this does, from zero upwards.
//!
//! Why reports keep up: a report ends where neighbours came more than 8.19 s apart, and then says
//! one number. Below `floor` nothing comes any more, so only what is ahead of the highest number
//! can be such a neighbour, and of that there is little.
//!
//! Clients count from zero, or near it. One that began above 32,767, or whose count leapt so far
//! unheard, is not heard until it comes round.

use std::time::{Duration, Instant};

use crate::media::policer::{self, Bucket};

/// How far from each other two numbers can be so that it is plain which is the later one.
const HALF: u64 = 0x7fff;

/// How long a packet may be late: twice this at most. What comes later is of no use to anybody,
/// and each late one makes a report begin anew from where it belongs.
const LATE: Duration = Duration::from_secs(1);

/// How far ahead what is never heard of may go: more padding than any sender puts between two
/// packets of media. Reports on so many, one at a time, take 6.4 s.
const NEAR: u64 = 128;

/// One-byte headers and two-byte headers (RFC 8285, sections 4.2 and 4.3).
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;
const APP_BITS: u16 = 0x000f;

/// This number ends a list of one-byte elements.
const STOP: u8 = 15;

/// Where a client's count stands.
#[derive(Debug)]
pub(super) struct TransportWide {
    /// The numbers that the extension may have; none when it is not known to the transport.
    extensions: Vec<u8>,
    /// The highest number of a packet that proved authentic.
    highest: u64,
    /// As it was between one and two times [`LATE`] ago: what is below comes too late.
    floor: u64,
    /// What the floor will be.
    next_floor: u64,
    raised_at: Option<Instant>,
    credit: Bucket,
    /// For numbers far ahead of packets that may never be heard of.
    leaps: Bucket,
}

impl TransportWide {
    pub(super) fn new(extension: Option<u8>) -> Self {
        TransportWide {
            extensions: extension.into_iter().collect(),
            highest: 0,
            floor: 0,
            next_floor: 0,
            raised_at: None,
            credit: policer::transport_wide(),
            leaps: policer::leaps(),
        }
    }

    /// The numbers that the extension may have.
    pub(super) fn extensions(&self) -> &[u8] {
        &self.extensions
    }

    /// An offer gave it this number. It may have been given the one before by an m-line that the
    /// transport did not take.
    pub(super) fn named(&mut self, extension: u8) {
        if !self.extensions.contains(&extension) {
            self.extensions.push(extension);
        }
    }

    /// Whether the transport may see this RTP packet. `heard`: it is media of a stream that is
    /// known, so it is heard of if it is authentic.
    pub(super) fn admits(&mut self, rtp: &[u8], heard: bool, now: Instant) -> bool {
        self.raise_floor(now);
        // What is below the floor counts as almost a round above it.
        let values = self.extensions.iter().flat_map(|it| numbers(rtp, *it));
        let Some(furthest) = values.map(|number| self.extended(number)).max() else {
            return true;
        };
        let is_near = furthest <= self.highest + NEAR;
        furthest <= self.top(now) && (heard || is_near || self.leaps.take(1, now))
    }

    /// The highest number that is admitted.
    fn top(&mut self, now: Instant) -> u64 {
        let ahead = self.highest + self.credit.left(now);
        ahead.min(self.floor + HALF)
    }

    /// A packet that was admitted just now was heard of.
    pub(super) fn learn(&mut self, number: u16, now: Instant) {
        let number = self.extended(number);
        if (self.highest + 1..=self.top(now)).contains(&number) {
            let ahead = u32::try_from(number - self.highest).unwrap_or(u32::MAX);
            self.credit.take(ahead, now);
            self.highest = number;
        }
    }

    fn raise_floor(&mut self, now: Instant) {
        let raised_at = *self.raised_at.get_or_insert(now);
        let passed = now.saturating_duration_since(raised_at);
        if passed < LATE {
            return;
        }
        self.floor = match passed < 2 * LATE {
            true => self.next_floor,
            false => self.highest,
        };
        self.next_floor = self.highest;
        self.raised_at = Some(now);
    }

    /// The first number from the floor on that ends so.
    fn extended(&self, number: u16) -> u64 {
        self.floor + u64::from(number.wrapping_sub(self.floor as u16))
    }
}

/// Every value that an RTP packet has of an extension, whichever of them the transport believes.
/// Of a header that says more than there is, as much as there is.
fn numbers(rtp: &[u8], extension: u8) -> impl Iterator<Item = u16> {
    let (one_byte, mut rest) = elements(rtp).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let (first, after) = rest.split_first()?;
            let (number, length, after) = match one_byte {
                _ if *first == 0 => {
                    rest = after;
                    continue;
                }
                true if first >> 4 == STOP => return None,
                true => (first >> 4, usize::from(first & 0x0f) + 1, after),
                false => {
                    let (length, after) = after.split_first()?;
                    (*first, usize::from(*length), after)
                }
            };
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            if let ([high, low, ..], true) = (value, number == extension) {
                return Some(u16::from_be_bytes([*high, *low]));
            }
        }
    })
}

/// The elements of the extension header of an RTP packet (RFC 3550, section 5.3.1), and whether
/// they have one byte in front.
fn elements(rtp: &[u8]) -> Option<(bool, &[u8])> {
    let first = rtp.first()?;
    let contributors = 4 * usize::from(first & 0x0f);
    let header = rtp.get(12 + contributors..).filter(|_| first & 0x10 != 0)?;
    let (head, rest) = header.split_first_chunk::<4>()?;
    let form = u16::from_be_bytes([head[0], head[1]]);
    let bytes = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    let list = &rest[..bytes.min(rest.len())];
    match form {
        ONE_BYTE => Some((true, list)),
        form if form & !APP_BITS == TWO_BYTES => Some((false, list)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::policer::TRANSPORT_WIDE_PER_SECOND;
    use proptest::prelude::*;

    const WIDE: u8 = 3;

    fn with_list(form: u16, contributors: u8, list: &[u8]) -> Vec<u8> {
        let mut list = list.to_vec();
        list.resize(list.len().next_multiple_of(4), 0);
        let mut rtp = vec![0x90 | contributors, 96];
        rtp.resize(12 + 4 * usize::from(contributors), 1);
        rtp.extend_from_slice(&form.to_be_bytes());
        rtp.extend_from_slice(&(list.len() as u16 / 4).to_be_bytes());
        rtp.extend_from_slice(&list);
        rtp.extend_from_slice(&[WIDE << 4 | 1, 9, 9]);
        rtp
    }

    fn numbered(number: u16) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        with_list(ONE_BYTE, 0, &[WIDE << 4 | 1, high, low])
    }

    /// A client whose every packet proves authentic.
    struct Client {
        count: TransportWide,
        now: Instant,
    }

    impl Client {
        fn new() -> Self {
            Client {
                count: TransportWide::new(Some(WIDE)),
                now: crate::testing::start(),
            }
        }

        fn wait(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
        }

        fn sends(&mut self, number: u16) -> bool {
            let admitted = self.count.admits(&numbered(number), true, self.now);
            if admitted {
                self.count.learn(number, self.now);
            }
            admitted
        }

        /// Padding: nobody hears of it.
        fn pads(&mut self, number: u16) -> bool {
            self.count.admits(&numbered(number), false, self.now)
        }
    }

    #[test]
    fn every_value_is_read_wherever_it_stands() {
        let cases: [(u16, u8, &[u8], &[u16]); 9] = [
            (ONE_BYTE, 0, &[0x31, 1, 2], &[0x0102]),
            (ONE_BYTE, 15, &[0x10, 7, 0, 0x31, 1, 2], &[0x0102]),
            (ONE_BYTE, 0, &[0x31, 1, 2, 0x32, 3, 4, 5], &[0x0102, 0x0304]),
            (ONE_BYTE, 0, &[0x30, 1, 0x31, 0, 1], &[1]),
            (ONE_BYTE, 0, &[0xf0, 1, 0x31, 0, 1], &[]),
            (ONE_BYTE, 0, &[0x3f, 1, 2], &[]),
            (TWO_BYTES, 0, &[9, 1, 7, 3, 2, 1, 2], &[0x0102]),
            (TWO_BYTES | 5, 1, &[3, 0, 0, 3, 3, 0, 9, 9], &[9]),
            (0x2000, 0, &[0x31, 1, 2], &[]),
        ];
        for (form, contributors, list, expected) in cases {
            let rtp = with_list(form, contributors, list);
            let read: Vec<u16> = numbers(&rtp, WIDE).collect();
            assert_eq!(read, expected, "{form:x} {list:?}");
            for end in 0..rtp.len() {
                let read = numbers(&rtp[..end], WIDE).count();
                assert!(read <= expected.len());
            }
        }
        let mut plain = numbered(1);
        plain[0] &= !0x10;
        assert_eq!(numbers(&plain, WIDE).count(), 0, "no extension");
    }

    #[test]
    fn numbers_below_zero_are_refused() {
        let mut client = Client::new();
        assert!(client.sends(1_000));
        for below in [0x8000, 40_000, 65_535] {
            assert!(!client.sends(below), "{below}");
        }
        assert!(client.sends(0), "late");
        let duplicate = with_list(ONE_BYTE, 0, &[0x31, 0, 7, 0x31, 0xff, 0xff, 0x31, 0, 8]);
        assert!(!client.count.admits(&duplicate, true, client.now));
    }

    #[test]
    fn a_client_that_counts_round_and_round_is_heard() {
        let mut client = Client::new();
        for number in 0..400_000_u32 {
            if number % 4 == 0 {
                client.wait(1);
            }
            assert!(client.sends(number as u16), "{number}");
        }
        let before = (400_000_u32 - 2_000) as u16;
        assert!(client.sends(before), "half a second late");
        assert!(
            !client.sends(before.wrapping_sub(8_000)),
            "three seconds late"
        );
    }

    #[test]
    fn after_a_silence_a_client_goes_on_where_its_count_has_come() {
        let mut client = Client::new();
        assert!(client.sends(500));
        client.wait(30_000);
        assert!(client.sends(500 + 30_000));
        client.wait(30_000);
        let far = 500 + 30_000 + 30_000;
        assert!(client.sends(far));
        let too_far = far.wrapping_add(40_000);
        client.wait(30_000);
        assert!(!client.sends(too_far), "it may as well be late");
        let on = (0..30_000).map(|more| client.sends(too_far.wrapping_add(more)));
        assert!(on.last() == Some(true), "it comes round");
    }

    #[test]
    fn numbers_that_outrun_their_reports_are_refused() {
        let mut client = Client::new();
        let mut passed = 0;
        let mut number = 0_u16;
        for _ in 0..10_000 {
            client.wait(1);
            for _ in 0..20 {
                if client.sends(number) {
                    (passed, number) = (passed + 1, number.wrapping_add(1));
                }
            }
        }
        let most = 10 * TRANSPORT_WIDE_PER_SECOND + HALF;
        assert!((most - 100..=most).contains(&passed), "{passed}");
    }

    #[test]
    fn what_only_claims_to_be_the_clients_moves_nothing() {
        let mut client = Client::new();
        assert!(client.sends(1));
        for forged in 0..=u16::MAX {
            client.count.admits(&numbered(forged), true, client.now);
        }
        assert!(client.sends(2));
        assert!(client.sends(20_000));
    }

    #[test]
    fn who_offered_no_numbers_has_none_read() {
        let mut count = TransportWide::new(None);
        assert!(count.admits(&numbered(40_000), true, crate::testing::start()));
    }

    #[test]
    fn a_number_is_read_under_every_name_that_it_may_have() {
        let mut client = Client::new();
        client.count.named(16);
        client.count.named(WIDE);
        assert_eq!(client.count.extensions(), [WIDE, 16]);
        let parked = with_list(TWO_BYTES, 0, &[16, 2, 0xff, 0xff]);
        assert!(!client.count.admits(&parked, true, client.now));
        assert!(!client.sends(0xffff));
    }

    #[test]
    fn what_is_never_heard_of_goes_ahead_a_little_and_seldom_further() {
        let mut client = Client::new();
        assert!(client.sends(1_000));
        let near = 1_000 + NEAR as u16;
        assert!((1_000..=near).all(|number| client.pads(number)));
        let far = |client: &mut Client| {
            let passed = (0..1_000).filter(|n| client.pads(near + 10 + 2 * n));
            passed.count()
        };
        assert_eq!(far(&mut client), 128);
        client.wait(3_000);
        assert_eq!(far(&mut client), 3);
        assert!(client.sends(near), "media goes on");
        assert!((near..=near + 128).all(|number| client.pads(number)));
    }

    /// The first packets of a stream are not known to be media.
    #[test]
    fn a_stream_can_begin_after_much_padding() {
        let mut client = Client::new();
        for number in 0..2_000 {
            client.pads(number);
        }
        client.wait(1_000);
        assert!(client.count.admits(&numbered(2_001), false, client.now));
        client.count.learn(2_001, client.now);
        assert!(client.sends(2_002));
    }

    /// As `str0m` extends a number from the highest one before.
    fn transports(previous: Option<u64>, number: u16) -> Option<u64> {
        let Some(previous) = previous else {
            return Some(number.into());
        };
        let (round, place) = (previous >> 16, previous & 0xffff);
        let number = u64::from(number);
        let round = match place < 0x8000 {
            true if number > 0x8000 + place => round.checked_sub(1)?,
            false if place > number + 0x8000 => round + 1,
            _ => round,
        };
        Some(round << 16 | number)
    }

    proptest! {
        /// Whatever comes, in whatever order, whichever of it is padding that is never heard of:
        /// the transport counts as this does, never from below zero.
        #[test]
        fn the_transport_never_counts_below_zero(
            sent in proptest::collection::vec((any::<u16>(), 0..30_u64, any::<bool>(), 0..2_000_u64), 1..400),
            near in any::<bool>(),
        ) {
            let mut client = Client::new();
            let mut highest = None;
            let mut last = 0_u16;
            for (number, far, heard, wait) in sent {
                client.wait(wait);
                let number = match near {
                    true => last.wrapping_add((number >> 2).wrapping_mul(far as u16 % 4)),
                    false => number,
                };
                if !client.count.admits(&numbered(number), heard, client.now) {
                    continue;
                }
                let known = client.count.extended(number);
                let extended = transports(highest, number);
                prop_assert_eq!(extended, Some(known));
                highest = highest.max(extended);
                last = number;
                if heard {
                    client.count.learn(number, client.now);
                }
                prop_assert!(client.count.highest <= highest.unwrap_or(0));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(rtp in proptest::collection::vec(any::<u8>(), 0..64), extension in any::<u8>()) {
            prop_assert!(numbers(&rtp, extension).count() <= rtp.len());
        }
    }
}
